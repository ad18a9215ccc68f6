"""What an adversary can do with a copy: with write access alone, or with a key that the reader trusts."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import audit, canonical, card, evidence
from roadworthy.model_cards.certificate import Certificate, Claim, from_statement, to_statement
from roadworthy.model_cards.envelope import payload_of, seal
from roadworthy.model_cards.errors import RoadworthyError
from roadworthy.model_cards.snapshot import CERTIFICATE, EVENTS, EVIDENCE, list_files, pictures_in
from roadworthy.model_cards.training_audit import road_of
from roadworthy.registry import layout, sealed
from roadworthy.registry.gate import decide
from roadworthy.registry.intake import inspect

Fields = dict[str, Any]
Way = tuple[str | int, ...]


def certified(folder: Path) -> Certificate:
    """What a snapshot's certificate says, its signature not looked at."""
    return from_statement(payload_of((folder / CERTIFICATE).read_bytes()))


def sign(folder: Path, claim: Claim, signer: CryptoSigner) -> None:
    """Signs the folder as it is now, under ``claim``."""
    (folder / CERTIFICATE).unlink(missing_ok=True)
    certificate = Certificate(files=list_files(folder), claim=claim)
    (folder / CERTIFICATE).write_bytes(seal(to_statement(certificate), signer))


def publish_lie(folder: Path, claim: Claim, signer: CryptoSigner) -> None:
    """The careful liar: the card and the certificate both tell ``claim``."""
    proof = (folder / EVIDENCE).read_bytes()
    found = road_of(folder / EVENTS)
    told = card.Proof(
        claim=claim,
        rows=evidence.load(proof),
        curve=found.curve if found else (),
        pictures=pictures_in(list_files(folder)),
    )
    for path in folder.glob(".eval_results/*"):
        path.unlink()
    for name, data in card.render(told).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    sign(folder, claim, signer)


def refused(folder: Path, keys: tuple[Key, ...]) -> tuple[str, ...]:
    """Why a publication would be refused, by whatever is asked: the audit, the intake and the gate."""
    return decide(audit(folder, keys), inspect(folder))


def leaves(value: Any, above: Way = ()) -> Iterator[tuple[Way, Any]]:
    """Every value of a document that holds no further ones, and every list, with the way to it."""
    if isinstance(value, dict):
        for name, held in value.items():
            yield from leaves(held, (*above, name))
        return
    yield above, value
    if isinstance(value, list):
        for place, held in enumerate(value):
            yield from leaves(held, (*above, place))


def with_value(document: Fields, way: Way, value: Any) -> Fields:
    """A copy of the document with another value at the end of the way."""
    copy: Fields = json.loads(json.dumps(document))
    place: Any = copy
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value
    return copy


def statement_of(folder: Path) -> Fields:
    """The statement that was signed, as plain JSON."""
    document: Fields = json.loads(payload_of((folder / CERTIFICATE).read_bytes()))
    return document


def read(document: Fields) -> Certificate | None:
    """The certificate that an edited statement is; ``None`` where it cannot be read as one."""
    try:
        return from_statement(canonical.dump(document))
    except (RoadworthyError, ValueError):
        return None


def rewrite(path: Path, change: Callable[[Fields], None]) -> None:
    """Edits a sealed document in a store (a manifest, a move of an alias) and puts the right digest on it."""
    body = json.loads(path.read_bytes())
    del body["commit"]
    change(body)
    path.write_bytes(sealed.dump(body))


def blob(registry: Path, sha256: str) -> Path:
    """Where the bytes of a digest lie."""
    return registry / layout.blob_key(sha256)


def put_blob(registry: Path, data: bytes) -> dict[str, Any]:
    """Stores bytes as whoever can write the store does; the fields that a manifest has for them."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = blob(registry, sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return {"sha256": sha256, "size": len(data)}
