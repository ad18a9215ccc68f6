"""A policy: what a version must prove, and to whom, before it is pulled or published. Pure: it reads no file.

The first rule whose pattern fits the namespace is the one that decides; where no rule fits, the answer is no.
In patterns ``*`` stands for any letters and ``?`` for one; case does not count, so that a rule for ``team`` is
one for ``Team`` too.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from securesystemslib.signer import Key

from roadworthy.model_cards.certificate import Certificate, Claim
from roadworthy.model_cards.keyring import Keyring
from roadworthy.model_cards.protocol import Protocol

from .intake import may_run_code
from .key_records import FINGERPRINT
from .reference import Reference

Verdict = Literal["reproduced", "generalises"]

_SLOW_CLOCK = timedelta(minutes=10)  # so far may this machine's clock lag behind the measuring one's
_MEASURE = "roadworthy verify DIR --data DIR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is demanded of the namespaces that fit ``namespace``. A field at its default demands nothing.

    ``certifiers`` are whole key ids, names of trusted keys, or ``own``: the signature of one of them must hold.
    ``protocols`` are patterns of a protocol's id, or of its name (``id@version``). ``verifiers``: how many independent
    parties whose keys count here must have measured it again and agree. ``revokers``: whose revocations alone are
    heard, as in ``certifiers``; by default those of every key that counts here. ``drafts``: whether what has no
    certificate at all may be pulled.
    """

    namespace: str
    certifiers: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    min_n: int | None = None
    verdicts: tuple[Verdict, ...] = ()
    max_age_days: int | None = None
    safetensors_only: bool = False
    compared_with_parent: bool = False
    without_waivers: bool = False
    verifiers: int | None = None
    revokers: tuple[str, ...] = ()
    drafts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules in the order in which they are asked, and where they stand, for messages."""

    rules: tuple[Rule, ...]
    source: str

    def rule_for(self, namespace: str) -> Rule | None:
        """The rule that decides for a namespace."""
        return next((rule for rule in self.rules if fits(rule.namespace, namespace)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A key whose signature holds: its id, and what it is called here."""

    keyid: str
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.keyid[:FINGERPRINT]} ({self.name or 'without a name here'})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifiers:
    """The second parties of a version: what those are called that agree, and why each of the others does not count.

    ``helps`` is what to do, where that is not to have it measured.
    """

    agreeing: tuple[str, ...]
    others: tuple[str, ...] = ()
    helps: str | None = None


def signers_of(keyids: Sequence[str], keys: Sequence[Key]) -> tuple[Signer, ...]:
    """Who made the signatures that hold, called as a keyring calls them."""
    names: Mapping[str, str] = keys.names if isinstance(keys, Keyring) else {}
    return tuple(Signer(keyid=keyid, name=names.get(keyid)) for keyid in keyids)


def fits(pattern: str, text: str) -> bool:
    """Whether ``text`` is what a pattern with ``*`` and ``?`` describes, in ASCII letters of either case."""
    # A wildcard of the pattern never stands in for one of the text: so this tells too whether one pattern covers
    # another ("?" does not cover "*"), and no name holds either.
    first, *rest = ("".join("[^*]" if c == "?" else re.escape(c) for c in part) for part in pattern.split("*"))
    if rest:
        # Between two stars the first place that fits is as good as any later one. Without that, which an atomic group
        # says, many stars would try all of them together: for ever, on a text that somebody chose for it.
        *between, last = rest
        first += "".join(f"(?>.*?{part})" for part in between) + f".*{last}"
    # ASCII: else the Kelvin sign would be a "k" and the long s an "s".
    return re.fullmatch(first, text, re.IGNORECASE | re.ASCII | re.DOTALL) is not None


def violations(
    policy: Policy,
    reference: Reference,
    certificate: Certificate | None,
    signers: Sequence[Signer],
    now: datetime,
    verifiers: Callable[[], Verifiers] | None = None,
) -> tuple[str, ...]:
    """Why a version, or a draft where there is no certificate, does not meet the policy; none where it does.

    ``signers`` are those whose signatures were found to hold; what a certificate merely names is none of them.
    ``verifiers`` finds the second parties, and is called only where a rule demands some; ``None`` where there cannot
    be any yet, because the version is not in a registry: then none is demanded.
    Each reason says what was expected, what was found, and what helps.
    """
    rule = policy.rule_for(reference.namespace)
    if rule is None:
        patterns = ", ".join(rule.namespace for rule in policy.rules)
        return (
            f"no rule of {policy.source} is for the namespace {reference.namespace!r}: expected one of {patterns}. "
            "Add a [[rule]] for it",
        )
    if certificate is None:
        if rule.drafts:
            return ()
        return (
            f"{reference} is an uncertified draft: expected a certificate. Pull a version of it (roadworthy models "
            f"{reference.model}), or measure and publish one: {_MEASURE}",
        )
    claim = certificate.claim
    return (
        *_signed(rule, signers),
        *_measured(rule, claim),
        *_aged(rule, claim, now),
        *_files(rule, certificate),
        *(
            _measured_again(rule, reference, verifiers())
            if rule.verifiers is not None and verifiers is not None
            else ()
        ),
    )


def _signed(rule: Rule, signers: Sequence[Signer]) -> Iterator[str]:
    wanted = set(rule.certifiers)
    if wanted and not any(signer.keyid in wanted or signer.name in wanted for signer in signers):
        expected = ", ".join(word if len(word) <= 32 else word[:FINGERPRINT] for word in rule.certifiers)
        yield (
            f"signed by {', '.join(map(str, signers)) or 'nobody'}: expected one of {expected}. Have one of them "
            f"measure and sign it ({_MEASURE}); if this key is theirs, say so: roadworthy keys trust FILE --name NAME"
        )


def _measured(rule: Rule, claim: Claim) -> Iterator[str]:
    if rule.protocols and not any(_is_under(pattern, claim.protocol) for pattern in rule.protocols):
        yield (
            f"measured under {claim.protocol.name}: expected {' or '.join(rule.protocols)}. Measure it under that: "
            f"{_MEASURE}"
        )
    if rule.min_n is not None and claim.metric.n < rule.min_n:
        yield (
            f"measured on {claim.metric.n:,} examples: expected at least {rule.min_n:,}. Measure it on more: {_MEASURE}"
        )
    given = {"reproduced": claim.verdicts.reproduced, "generalises": claim.verdicts.generalises}
    for verdict in rule.verdicts:
        if not given[verdict]:
            yield (
                f"the verdict {verdict!r} is no: expected yes, for {claim.target}; found {claim.metric.name} "
                f"{claim.metric.value:.4f} ({claim.metric.low:.4f} to {claim.metric.high:.4f}). Measure a better "
                f"version, or on more examples: {_MEASURE}"
            )
    if rule.without_waivers:
        for waiver in claim.waivers:
            yield (
                f"{waiver.kind!r} was waived by {waiver.by!r}: {waiver.reason!r}; expected no waiver. Pull another "
                f"version, or mend what was waived and measure it: {_MEASURE}"
            )
    parent = claim.parent
    if rule.compared_with_parent and parent is not None and parent.comparison is None:
        yield (
            f"not compared with its parent {parent.reference}: expected both on the same examples, found the waiver "
            f"{parent.not_compared!r}. Measure it on data that the parent can answer: {_MEASURE}"
        )


def _is_under(pattern: str, protocol: Protocol) -> bool:
    return fits(pattern, protocol.name if "@" in pattern else protocol.id)


def _aged(rule: Rule, claim: Claim, now: datetime) -> Iterator[str]:
    if rule.max_age_days is None:
        return
    try:
        measured = datetime.strptime(claim.measured_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        yield (
            f"measured at {claim.measured_at!r}: expected a moment such as 2026-01-31T12:00:00Z. Measure it: {_MEASURE}"
        )
        return
    if measured > now + _SLOW_CLOCK:
        yield (
            f"measured at {claim.measured_at}, in the future: expected a moment before {now:%Y-%m-%dT%H:%M:%SZ}. Set "
            f"the clock of this machine, or measure it anew: {_MEASURE}"
        )
    if (now - measured).total_seconds() > rule.max_age_days * 86400:
        yield (
            f"measured {(now - measured).days} days ago, at {claim.measured_at}: expected at most {rule.max_age_days} "
            f"days. Measure it anew: {_MEASURE}"
        )


def _files(rule: Rule, certificate: Certificate) -> Iterator[str]:
    if rule.safetensors_only and (wrong := may_run_code(file.path for file in certificate.files)):
        yield (
            f"it has files that may run code: {', '.join(wrong)}: expected weights as .safetensors. Convert them: "
            "roadworthy import FILE team/name --system SYSTEM"
        )


def _measured_again(rule: Rule, reference: Reference, found: Verifiers) -> Iterator[str]:
    if rule.verifiers is not None and len(found.agreeing) < rule.verifiers:
        names = f" ({', '.join(found.agreeing)})" if found.agreeing else ""
        who = "party that agrees" if len(found.agreeing) == 1 else "parties that agree"
        others = f" Not counted: {'; '.join(found.others)}." if found.others else ""
        measure = f"Have one whose key you trust measure it: roadworthy verify {reference} --data DIR --attest"
        yield (
            f"measured again by {len(found.agreeing)} independent {who}{names}: expected at least "
            f"{rule.verifiers}.{others} {found.helps or measure}"
        )
