"""Who measured a version: its publisher and the second parties, whom of them to count, and how far they lie apart.

A party is whoever signs under one name here, so a key and those it was rotated to are one; a key without a name is
a party of its own. Independent is whoever is not the party of a key that the certificate says has signed it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from securesystemslib.signer import Key

from roadworthy.model_cards.attestation import Attestation
from roadworthy.model_cards.certificate import Claim, Environment
from roadworthy.model_cards.errors import CheckError
from roadworthy.model_cards.keyring import Keyring
from roadworthy.model_cards.metric import Metric
from roadworthy.model_cards.second_answers import SecondAnswers

from . import certified
from .attestations import Attested, attestations
from .key_records import FINGERPRINT
from .policy import Verifiers
from .reference import Reference
from .registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One measurement of a version and whose it is. What does not count has a ``problem`` and no figures.

    ``said`` is the name that a verifier gives itself: shown, never believed. ``apart`` is why its answers lie beyond
    the tolerance, ``None`` for the publisher, and where no tolerance is known.
    """

    role: Literal["publisher", "verifier"]
    keyid: str
    name: str | None
    said: str | None
    trusted: bool
    independent: bool
    metric: Metric | None
    answers: SecondAnswers | None
    apart: tuple[str, ...] | None
    environment: Environment | None
    measured_at: str | None
    problem: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether it is a second party that counts, is independent, and keeps the tolerance."""
        return self.role == "verifier" and self.independent and self.problem is None and self.apart == ()

    def __str__(self) -> str:
        return self.name or self.keyid[:FINGERPRINT]


def parties(registry: Registry, reference: Reference | str, keys: Sequence[Key]) -> tuple[Party, ...]:
    """The publisher of a version, then every second party's measurement, the first one first. A draft has none.

    Raises:
        NotFoundError: no such version.
        DamagedError: its certificate or its evidence was changed.

    Example:
        >>> from roadworthy.registry import open_registry, parties, trusted_keys
        >>> [party.role for party in parties(open_registry("registry"), "team/xrays@1.0.0", trusted_keys())]
        ['publisher', 'verifier']
    """
    manifest = registry.resolve(reference)
    stated = certified.stated(registry, manifest)
    if stated is None:
        return ()
    problem = None
    try:
        certified.check(registry, manifest, keys)
    except CheckError as error:
        problem = str(error)
    names = keys.names if isinstance(keys, Keyring) else {}
    publisher = _publisher(stated.certificate.claim, stated.signers, names, problem)
    by = {_who(keyid, names) for keyid in stated.signers}
    found = [_verifier(one, by, names) for one in attestations(registry, manifest.reference, keys)]
    return (publisher, *sorted(found, key=lambda party: (party.measured_at or "", party.keyid)))


def agreeing(found: Sequence[Party]) -> tuple[Party, ...]:
    """The independent second parties that agree, each once: by the last that it has measured."""
    last = {party.name or party.keyid: party for party in found if party.role == "verifier" and party.problem is None}
    return tuple(party for party in last.values() if party.agrees)


def verifiers(registry: Registry, reference: Reference | str, keys: Sequence[Key]) -> Verifiers:
    """The second parties of a version, as a policy asks for them.

    Raises:
        NotFoundError: no such version.
        DamagedError: its certificate was changed.
    """
    found = parties(registry, reference, keys)
    counted = agreeing(found)
    others = [party for party in found if party.role == "verifier" and party not in counted]
    return Verifiers(agreeing=tuple(map(str, counted)), others=tuple(f"{party}, {_why_not(party)}" for party in others))


def _why_not(party: Party) -> str:
    if party.problem is not None:
        return party.problem
    if not party.independent:
        return "the publisher's own party"
    if party.agrees:
        return "who has measured it later again"
    return party.apart[0] if party.apart else "no tolerance is known for this protocol"


def spread(found: Sequence[Party]) -> tuple[float, float] | None:
    """The least and the greatest value of the metric that a party that counts has measured; ``None`` if none does."""
    values = [party.metric.value for party in found if party.metric is not None]
    return (min(values), max(values)) if values else None


def _who(keyid: str, names: Mapping[str, str]) -> str:
    return names.get(keyid) or keyid


def _publisher(claim: Claim, signers: Sequence[str], names: Mapping[str, str], problem: str | None) -> Party:
    keyid = next((key for key in signers if key in names), signers[0] if signers else "")
    return Party(
        role="publisher",
        keyid=keyid,
        name=names.get(keyid),
        said=None,
        trusted=problem is None,
        independent=False,
        metric=claim.metric if problem is None else None,
        answers=None,
        apart=None,
        environment=claim.environment if problem is None else None,
        measured_at=claim.measured_at if problem is None else None,
        problem=problem,
    )


def _verifier(one: Attested, publisher: set[str], names: Mapping[str, str]) -> Party:
    said: Attestation | None = one.attestation
    keyid = said.verifier.keyid if said else next(iter(one.signers or one.stated), "")
    return Party(
        role="verifier",
        keyid=keyid,
        name=names.get(keyid),
        said=said.verifier.name if said else None,
        trusted=bool(one.signers),
        independent=bool(one.signers) and _who(keyid, names) not in publisher,
        metric=said.metric if said else None,
        answers=said.answers if said else None,
        apart=one.apart,
        environment=said.environment if said else None,
        measured_at=said.measured_at if said else None,
        problem=one.problem,
    )
