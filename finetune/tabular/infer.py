"""Which role each column has, from its name, its kind and how many values it has.

The rules, in this order; whatever the user states goes before them:

1. Names that the field uses say which column is the label, the group, the user, the item, the rating, the time.
   A user and an item without a label are ratings; a label with a group is a ranking; a label alone, clicks.
2. A column of one value, and one whose values all differ and are text or named as an id, says nothing: ignored.
3. Text, lists and dates are categorical, fractions numeric.
4. Whole numbers are categorical if there are at most 32 of them (hours, months, days of a month, codes: a table
   that small costs nothing and need not be monotone), if the name is that of a thing or an id and not of a quantity
   (``flight``, ``store``, ``zip``, ``…_id``, ``…_code``), or if one is 2^31 or more (hashes: nothing counts so far).
   Numeric otherwise.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from roadworthy.model_cards import InputError

from .profile import Profile
from .schema import Schema
from .schema_file import Overrides
from .values import Kind

LABEL = ("label", "click", "clicked", "is_click", "is_clicked", "target", "converted", "conversion", "purchased", "y")
GROUP = ("display_id", "query_id", "qid", "group_id", "group", "search_id", "srch_id", "impression_id", "request_id")
USER = ("user_id", "userid", "user", "uid", "customer_id", "customerid", "customer", "visitor_id", "member_id")
ITEM = ("item_id", "itemid", "item", "iid", "movie_id", "movieid", "product_id", "productid", "article_id", "sku")
RATING = ("rating", "ratings", "stars", "score")
TIME = ("timestamp", "time", "datetime", "date", "ts", "event_time", "time_hour", "created_at", "transaction_dt")
_IDS = ("id", "ids", "code", "codes", "key", "hash", "number", "no", "zip", "zipcode", "postcode", "phone", "account")
_WHO_AND_WHAT = ("user", "customer", "item", "product", "movie", "sku", "ean", "upc", "isbn", "store", "shop", "site")
_OTHERS = ("app", "device", "ad", "advertiser", "publisher", "flight", "train", "route")
_THINGS = frozenset((*_IDS, *_WHO_AND_WHAT, *_OTHERS))
_FEW = 32  # whole numbers up to which they are categories: what a calendar numbers
_HASHED = 2.0**31
_MOST_HOT = 8  # values of a list that are taken, unless the user states more
_YES = {"1": "0", "true": "false", "yes": "no", "y": "n", "t": "f"}
_TIMES = ("integer", "number", "date")


def infer(profiles: Sequence[Profile], stated: Overrides | None = None) -> Schema:
    """The schema of a table with these columns.

    Raises:
        InputError: a stated column that is not there or cannot be what it is said to be; a label that is not there,
            or has other than two values.
    """
    stated = stated or Overrides()
    known = {one.name: one for one in profiles}
    stated.check(known)
    roles = {
        role: stated.role(role) or _named(profiles, words, taken=stated.stated)
        for role, words in (("label", LABEL), ("group", GROUP), ("user", USER), ("item", ITEM))
    }
    time = stated.timestamp or _time(profiles, stated.stated)
    if roles["label"] is None and roles["user"] and roles["item"]:
        return _ratings(profiles, stated, roles["user"], roles["item"], time)
    if roles["label"] is None:
        raise InputError(_no_label(profiles))
    label = known[roles["label"]]
    positive, negative = _truth(label, stated.positive)
    schema = Schema(
        shape="ranking" if roles["group"] else "clicks",
        label=label.name,
        positive=positive,
        negative=negative,
        group=roles["group"],
        user=roles["user"],
        item=roles["item"],
        timestamp=time,
        timestamp_kind=_time_kind(known, time),
    )
    return _with_features(schema, profiles, stated)


def _with_features(schema: Schema, profiles: Sequence[Profile], stated: Overrides) -> Schema:
    numeric, categorical, ignored = [], [], []
    for one in profiles:
        if one.name in (schema.label, schema.group, schema.timestamp) and one.name not in stated.features:
            continue
        kind = stated.feature(one.name) or feature_kind(one)
        if kind == "numeric":
            numeric.append(one.name)
        elif kind == "categorical":
            categorical.append(stated.categorical_of(one.name, hotness=min(one.hotness, _MOST_HOT)))
        else:
            ignored.append(one.name)
    if not numeric and not categorical:
        raise InputError(
            "no column is left to learn from: all are the label, of one value, or unique for each row. Expected at "
            'least one feature. Add one, or state it: categorical = ["NAME"] in schema.toml.'
        )
    return replace(schema, numeric=tuple(numeric), categorical=tuple(categorical), ignored=tuple(ignored))


def feature_kind(one: Profile) -> str:
    """``numeric``, ``categorical`` or ``ignored``, by the rules 2 to 4."""
    named = _is_thing(one.name)
    if one.distinct < 2 and not (one.distinct == 1 and one.missing):
        return "ignored"
    if one.unique and one.rows > _FEW and (one.kind in ("text", "date") or named):
        return "ignored"
    if one.kind == "number":
        return "numeric"
    if one.kind != "integer" or one.distinct <= _FEW or named:
        return "categorical"
    largest = max(abs(one.low or 0), abs(one.high or 0))
    return "categorical" if largest >= _HASHED else "numeric"


def _is_thing(name: str) -> bool:
    """Whether a name, or the last word of it, is that of a thing or an id: user_id, movieId, flight."""
    words = re.findall(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+", name)
    return bool(words) and (words[-1].lower() in _THINGS or name.lower() in _THINGS)


def _ratings(profiles: Sequence[Profile], stated: Overrides, user: str, item: str, time: str | None) -> Schema:
    rating = stated.rating or _named(profiles, RATING, taken=stated.stated)
    used = {user, item, rating, time}
    return Schema(
        shape="ratings",
        # One interaction makes a user or an item known: the reference keeps all of them.
        categorical=tuple(replace(stated.categorical_of(name), min_count=1) for name in (user, item)),
        user=user,
        item=item,
        rating=rating,
        timestamp=time,
        timestamp_kind=_time_kind({one.name: one for one in profiles}, time),
        ignored=tuple(one.name for one in profiles if one.name not in used),
    )


def called_user(name: str) -> bool:
    """Whether a column of this name is taken for users by itself."""
    return _folded(name) in USER


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.casefold())


def _named(profiles: Sequence[Profile], words: Sequence[str], taken: frozenset[str]) -> str | None:
    folded = {_folded(one.name): one.name for one in profiles if one.name not in taken}
    return next((folded[word] for word in words if word in folded), None)


def _time(profiles: Sequence[Profile], taken: frozenset[str]) -> str | None:
    return _named([one for one in profiles if one.kind in _TIMES], TIME, taken)


def unread_time(profiles: Sequence[Profile], schema: Schema) -> Profile | None:
    """A column that is named as a timestamp and cannot be read as one, where the table has no other."""
    name = _named(profiles, TIME, frozenset()) if schema.timestamp is None else None
    return next((one for one in profiles if one.name == name and one.kind not in _TIMES), None)


def _time_kind(known: dict[str, Profile], name: str | None) -> Kind | None:
    if name is None:
        return None
    one = known[name]
    if one.kind not in _TIMES:
        raise InputError(
            f"column {name!r} is no timestamp: found {one.example!r}. Expected numbers, or dates as ISO 8601 writes "
            "them (2013-01-31 or 2013-01-31 17:05:00). Convert it, or state another column."
        )
    return one.kind


def _truth(label: Profile, positive: str | None) -> tuple[str, str]:
    """The values for yes and for no.

    Raises:
        InputError: there are not two, or which of them is yes does not go without saying.
    """
    found = ", ".join(repr(value) for value in label.values) + (", …" if label.distinct > 3 else "")
    if label.distinct != 2:
        count = "one value in all rows" if label.distinct == 1 else f"{label.distinct:,} different values"
        raise InputError(
            f"the label {label.name!r} has {count} (found: {found or 'nothing'}); expected two, "
            'such as 0 and 1. Is it the label? State another one: label = "NAME" in schema.toml, or --label-column.'
        )
    first, second = label.values
    if positive is not None:
        meant = [value for value in label.values if value == positive] or [
            value for value in label.values if value.casefold() == positive.casefold()
        ]
        if not meant:
            raise InputError(f"the label {label.name!r} is never {positive!r}. Found: {found}. State one of them.")
        return meant[0], second if meant[0] == first else first
    for yes, no in ((first, second), (second, first)):
        if _YES.get(yes.casefold()) == no.casefold() or (yes, no) == ("1", "-1"):
            return yes, no
    raise InputError(
        f"the label {label.name!r} is {first!r} or {second!r}; which of them is the event to be predicted does not go "
        f'without saying. State it: positive = "{second}" in schema.toml.'
    )


def _no_label(profiles: Sequence[Profile]) -> str:
    names = ", ".join(repr(one.name) for one in profiles)
    two = [one.name for one in profiles if one.distinct == 2]
    hint = f" Columns of two values: {', '.join(map(repr, two))}." if two else ""
    return (
        f"no column is called 'label', 'click' or a word for it, and there are no user and item columns. Found: "
        f'{names}.{hint} Say which one it is: label = "NAME" in schema.toml, or --label-column NAME.'
    )
