"""The file of a policy (TOML), read strictly: what is not understood is never taken for a demand of nothing.

schema = "roadworthy/policy/1"

[[rule]]
namespace = "team"                  # the first rule that fits decides
certifiers = ["alice", "own"]       # names of trusted keys, whole key ids, or your own
protocols = ["image-top1-*"]
min_n = 500
verdicts = ["reproduced", "generalises"]
max_age_days = 365
safetensors_only = true
compared_with_parent = true
without_waivers = true
verifiers = 1                       # independent parties that measured it again, and agree
revokers = ["security", "own"]      # whose revocations alone are heard; as certifiers

[[rule]]
namespace = "*"
drafts = true                       # and nothing else is demanded
"""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from securesystemslib.signer import Key

from roadworthy.model_cards.certificate import Certificate
from roadworthy.model_cards.errors import InputError, StorageError

from .key_records import OWN, check_name, is_key_id
from .keys import home
from .policy import Policy, Rule, Verdict, Verifiers, fits, signers_of, violations
from .reference import Reference

SCHEMA = "roadworthy/policy/1"
FILE = "policy.toml"

# A policy, none, or the one that this home, or ROADWORTHY_POLICY, has.
Asked = Policy | None | Literal["home"]

_NAMESPACE = re.compile(r"[A-Za-z0-9._*?-]{1,96}")
_PROTOCOL = re.compile(r"[A-Za-z0-9._*?@-]{1,200}")


def load_policy(path: Path) -> Policy:
    """The policy in a file.

    Raises:
        InputError: not TOML, another schema, an unknown, repeated or wrong field, or a rule that never decides.
        StorageError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(
            f"cannot read the policy {path}: {error.strerror or error}. Nothing is done without it; restore the file, "
            "or name another (--policy FILE, ROADWORTHY_POLICY)."
        ) from error
    return parse_policy(data, str(path))


def home_policy(home_folder: Path | None = None) -> Policy | None:
    """The policy of ``ROADWORTHY_POLICY``, else that of the home's ``policy.toml``, else none.

    Raises:
        InputError: it is not understood.
        StorageError: it is there, or is named, and cannot be read.
    """
    named = os.environ.get("ROADWORTHY_POLICY")
    path = Path(named) if named else (home_folder or home()) / FILE
    # A link that leads nowhere is a policy that was lost, not none.
    return load_policy(path) if named or os.path.lexists(path) else None


def in_force(asked: Asked) -> Policy | None:
    """The policy that is asked for.

    Raises:
        InputError: the home's is not understood.
        StorageError: the home's cannot be read.
    """
    return home_policy() if isinstance(asked, str) else asked


def without_verifiers(asked: Asked) -> Policy | None:
    """The policy, but for the second parties that it demands: what whoever wants to be one is held to.

    Raises:
        InputError: the home's is not understood.
        StorageError: the home's cannot be read.
    """
    policy = in_force(asked)
    return replace(policy, rules=tuple(replace(rule, verifiers=None) for rule in policy.rules)) if policy else None


def unmet(
    asked: Asked,
    reference: Reference,
    certificate: Certificate | None,
    signers: Sequence[str],
    keys: Sequence[Key],
    verifiers: Callable[[], Verifiers] | None = None,
) -> tuple[str, ...]:
    """Why a version, or a draft where there is no certificate, does not meet a policy; none where it does.

    ``signers`` are the ids of the keys whose signatures hold; ``keys`` say what those are called here; ``verifiers``
    as in `violations`.

    Raises:
        InputError: the home's policy is not understood.
        StorageError: the home's policy cannot be read.
    """
    policy = in_force(asked)
    if policy is None:
        return ()
    reasons = violations(policy, reference, certificate, signers_of(signers, keys), datetime.now(UTC), verifiers)
    return tuple(f"the policy {policy.source} is not met: {reason}" for reason in reasons)


def parse_policy(data: bytes, source: str) -> Policy:
    """The policy that ``data`` holds; ``source`` is where it stands, for messages.

    Raises:
        InputError: not TOML, another schema, an unknown, repeated or wrong field, or a rule that never decides.
    """
    try:
        document = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"cannot read the policy {source}: {error}. Expected TOML, each key once.") from error
    if (schema := document.pop("schema", None)) != SCHEMA:
        raise InputError(
            f"cannot read the policy {source}: its schema is {schema!r}; expected schema = {SCHEMA!r} at its top. If "
            "it is newer, upgrade roadworthy."
        )
    tables = document.pop("rule", None)
    if document:
        raise InputError(f"cannot read the policy {source}: {_unknown(min(document), ('schema', 'rule'))}")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise InputError(f"the policy {source} has no rule: expected at least one [[rule]] with a namespace.")
    rules = tuple(_rule(table, f"rule {number} of {source}") for number, table in enumerate(tables, start=1))
    _refuse_covered(rules, source)
    return Policy(rules=rules, source=source)


def _refuse_covered(rules: tuple[Rule, ...], source: str) -> None:
    for number, rule in enumerate(rules):
        for earlier in rules[:number]:
            if fits(earlier.namespace, rule.namespace):
                raise InputError(
                    f"rule {number + 1} of {source}, for {rule.namespace!r}, never decides: the rule for "
                    f"{earlier.namespace!r} comes first and fits all of it. Move it up, or remove it."
                )


def _rule(table: Mapping[str, Any], where: str) -> Rule:
    fields: dict[str, Any] = {}
    for name, value in table.items():
        if name not in _FIELDS:
            raise InputError(f"{where}: {_unknown(name, tuple(_FIELDS))}")
        expected, read = _FIELDS[name]
        try:
            fields[name] = read(value)
        except (TypeError, ValueError, InputError):
            raise InputError(f"{where}: the field {name!r} is {value!r}; expected {expected}.") from None
    if "namespace" not in fields:
        raise InputError(f"{where} has no namespace: expected a pattern, such as namespace = 'team'.")
    return Rule(**fields)


def _unknown(name: str, known: tuple[str, ...]) -> str:
    meant = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {meant[0]!r}?" if meant else f"expected one of {', '.join(known)}."
    return f"the field {name!r} is unknown; {hint}"


def _pattern(form: re.Pattern[str]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not form.fullmatch(value):
            raise ValueError(value)
        return str(value)

    return read


def _list(read: Callable[[Any], str]) -> Callable[[Any], tuple[str, ...]]:
    # An empty list could mean nobody or anybody; leaving the field out says the one, and nothing need say the other.
    def read_all(values: Any) -> tuple[str, ...]:
        if type(values) is not list or not values or len(set(values)) != len(values):
            raise ValueError(values)
        return tuple(read(value) for value in values)

    return read_all


def _certifier(value: Any) -> str:
    return value if value == OWN or is_key_id(value) else check_name(value)


def _verdict(value: Any) -> str:
    if value not in get_args(Verdict):
        raise ValueError(value)
    return str(value)


def _count(value: Any) -> int:
    # True is an int to Python, and no age is greater than a float that is no number.
    if type(value) is not int or value < 1:
        raise ValueError(value)
    return int(value)


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(value)
    return bool(value)


_WHOLE = "a whole number of at least 1"
_EITHER = "true or false"
_FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "namespace": ("ASCII letters, digits, '.', '_', '-', '*' and '?'", _pattern(_NAMESPACE)),
    "certifiers": ("a list of names of trusted keys, of whole key ids, or 'own'; each once", _list(_certifier)),
    "protocols": ("a list of patterns of protocols, such as 'image-top1-*'; each once", _list(_pattern(_PROTOCOL))),
    "min_n": (_WHOLE, _count),
    "verdicts": ("a list of 'reproduced' and 'generalises'; each once", _list(_verdict)),
    "max_age_days": (_WHOLE, _count),
    "safetensors_only": (_EITHER, _flag),
    "compared_with_parent": (_EITHER, _flag),
    "without_waivers": (_EITHER, _flag),
    "verifiers": (_WHOLE, _count),
    "revokers": ("a list of names of trusted keys, of whole key ids, or 'own'; each once", _list(_certifier)),
    "drafts": (_EITHER, _flag),
}
