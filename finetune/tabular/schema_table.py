"""A schema as a table for people: every column, what it is taken for, and what was seen of it."""

from collections.abc import Iterator, Sequence

from .infer import unread_time
from .profile import Profile
from .schema import Schema

_WIDEST = 28  # letters of a name or an example
_HEAD = ("column", "role", "kind", "distinct", "missing", "example")


def schema_table(profiles: Sequence[Profile], schema: Schema) -> Iterator[str]:
    """A line for each column, and how to change what it says."""
    rows = [_HEAD, *(_row(one, schema) for one in profiles)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEAD))]
    for row in rows:
        cells = [
            cell.rjust(width) if n in (3, 4) else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(cells).rstrip()
    most = max(one.rows for one in profiles)
    unread = unread_time(profiles, schema)
    if unread is not None:
        yield f"  {unread.name!r} is not taken as the timestamp: {unread.example!r} is no date of ISO 8601 (2013-01-31)"
    yield f"  as the first {most:,} rows have it; to change a role, name the column in schema.toml beside the data"


def _row(one: Profile, schema: Schema) -> tuple[str, ...]:
    values = f"{one.distinct:,}"
    missing = f"{one.missing:,}" if one.missing else "none"
    return _short(one.name), role(one, schema), one.kind, values, missing, _short(one.example)


def role(one: Profile, schema: Schema) -> str:
    """What a column is taken for, in words; why, where it is not looked at."""
    keys = ("label", "group", "user", "item", "rating", "timestamp")
    roles = [key for key in keys if getattr(schema, key) == one.name]
    if roles == ["label"]:
        return f"label, {schema.positive} = 1"
    if one.name in schema.numeric:
        roles.append("numeric")
    hot = next((each for each in schema.categorical if each.name == one.name), None)
    if hot is not None and schema.shape != "ratings":
        roles.append("categorical" if hot.hotness == 1 else f"categorical, {hot.hotness} of a list")
    return ", ".join(roles) or f"ignored ({_why(one, schema)})"


def _why(one: Profile, schema: Schema) -> str:
    if one.distinct < 2:
        return "one value" if one.distinct else "empty"
    if schema.shape == "ratings":
        return "who took what is all that is learned"
    return "each row has another" if one.unique else "as stated"


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
