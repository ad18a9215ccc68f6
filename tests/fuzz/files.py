"""Files that somebody else may have made: each is laid out as it would lie on a disk, and read as it would be read."""

import dataclasses
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import safetensors
import yaml

from roadworthy.model_cards import audit, card, clocks, evidence
from roadworthy.model_cards.card_front_matter import front_matter
from roadworthy.model_cards.certificate import Certificate, Claim, from_statement, to_statement
from roadworthy.model_cards.envelope import seal
from roadworthy.model_cards.errors import DamagedError
from roadworthy.model_cards.learning_curve import learning_curve
from roadworthy.model_cards.page import render_page
from roadworthy.model_cards.run_log import choices_of, energy_of
from roadworthy.model_cards.snapshot import check_path, list_files
from roadworthy.registry.intake import inspect
from roadworthy.registry.key_records import records
from roadworthy.registry.registry import Registry
from roadworthy.registry.safetensors_header import lie
from roadworthy.registry.tar_store import TarStore

from .documents import SIGNER, recanonical

CORPUS = Path(__file__).parent / "corpus"
_WEIGHTS = (2).to_bytes(8, "little") + b"{}"


@contextmanager
def folder_with(files: Mapping[str, bytes]) -> Iterator[Path]:
    """A folder that holds ``files``, by path."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        yield folder


def weights(data: bytes) -> None:
    """A header that is believed is one that the reference reader believes."""
    with folder_with({"w": data}) as folder:
        found = lie(folder / "w")
    if found is not None:
        raise DamagedError(f"expected {found[0]}, found {found[1]}")
    names = [name for name, _ in safetensors.deserialize(data)]  # type: ignore[no-untyped-call]
    assert len(names) == len(set(names))


def stored(data: bytes) -> None:
    """What may lie in a snapshot: whatever it is, there is an answer. The first byte says what it is called."""
    names = ("config.json", "notes.txt", "spiece.model", "a.svg", "b.yaml", "w.index.json", "README")
    name = names[data[0] % len(names)] if data else names[0]
    with folder_with({"config.json": b"{}", "model.safetensors": _WEIGHTS, name: data[1:]}) as folder:
        objections = inspect(folder)
    if objections:
        raise DamagedError(str(objections[0]))


def bundle(data: bytes) -> None:
    """A tar file is a store of names that are stored files', each as long as it says, or no bundle."""
    with folder_with({"b.tar": data}) as folder:
        store = TarStore(folder / "b.tar")
        names = list(store.list(""))
        for name in names:
            assert check_path(name) == name
            with store.open(name) as stream:
                assert len(stream.read()) == store.size(name)
        Registry(store, "it").models()
    assert len(names) == len(set(names))


def tombstones(data: bytes) -> None:
    """A key stays distrusted, whatever its tombstone says, and what it says is one line that a terminal can print."""
    keyid = "ab" * 32
    with folder_with({f"distrusted/{keyid}.json": recanonical(data)}) as folder:
        (record,) = records(folder)
    assert (record.keyid, record.status) == (keyid, "distrusted")
    assert str(record).isprintable()
    assert (record.reason or "").isprintable()
    assert record.since.isprintable()


def event_log(data: bytes) -> None:
    """An event log is read, or is damaged; its curve can be drawn."""
    events = clocks.parse(data.decode("utf-8", errors="replace"))
    try:
        road = clocks.read(events)
        energy_of(events), choices_of(events)
        learning_curve(road.curve, None, "top1", road.clocks.run if road.clocks else None)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # as `clocks.read` says
        raise DamagedError(str(error)) from error


@cache
def template() -> tuple[Claim, dict[str, bytes]]:
    """A true claim, and the files it is of, by path; the card is drawn as it is drawn today."""
    folder = CORPUS / "audit-template"
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    claim = from_statement(files.pop("statement")).claim
    curve = clocks.read(clocks.parse(files["log/events.log"].decode())).curve
    proof = card.Proof(claim=claim, rows=evidence.load(files["evidence/test.jsonl"]), curve=curve)
    return claim, files | dict(card.render(proof))


def audited(data: bytes) -> None:
    """Whoever signs anything gets an answer from the audit, and never an exception.

    The first byte says which file is exchanged; the certificate is made to fit it, and signed by a trusted key.
    """
    claim, files = template()
    exchanged = ("evidence/test.jsonl", "log/events.log", "evidence/parent.jsonl", "config.json", "README.md")
    path = exchanged[data[0] % len(exchanged)] if data else exchanged[0]
    changed = files | {path: data[1:]}
    proof = hashlib.sha256(changed["evidence/test.jsonl"]).hexdigest()
    claim = dataclasses.replace(claim, evidence_sha256=proof)
    with folder_with(changed) as folder:
        sealed = seal(to_statement(Certificate(files=list_files(folder), claim=claim)), SIGNER)
        (folder / "certificate.json").write_bytes(sealed)
        outcome = audit(folder, [SIGNER.public_key])
    if not outcome.ok:
        raise DamagedError(outcome.reasons[0])
    assert path != "README.md" or data[1:] == files[path]  # of a card, only the bytes that the certificate gives


def front(data: bytes) -> None:
    """Whatever things are called, the front matter says exactly that, and the card goes on right after it."""
    words = (data.decode("utf-8", errors="replace") + "\n\n").splitlines()
    claim, files = template()
    named = dataclasses.replace(claim.data, name=words[1], labels=(words[0], words[1]))
    claim = dataclasses.replace(claim, system=words[0], data=named)
    text = front_matter(claim)
    head = yaml.safe_load(text.removeprefix("---\n").removesuffix("---\n"))
    assert head["model-index"][0]["name"] == f"{words[0]} on {words[1]}"
    assert head["model-index"][0]["results"][0]["dataset"]["name"] == words[1]
    rows = evidence.load(files["evidence/test.jsonl"])
    whole = card.render(card.Proof(claim=claim, rows=rows, curve=()))["README.md"].decode()
    assert whole.startswith(text)
    assert whole.split("\n---\n", 1)[1].lstrip("\n").startswith("# ")
    assert "<script" not in render_page(whole, {}).lower()


def page(data: bytes) -> None:
    """A card of anybody's as a page: no script, no link that runs one, no picture from elsewhere in its place."""
    html = render_page(data.decode("utf-8", errors="replace"), {"plots/curve.svg": b"<svg/>"})
    body = html.split("<body>", 1)[1].lower()
    assert "<script" not in body
    assert 'href="javascript:' not in body
    assert 'src="javascript:' not in body
