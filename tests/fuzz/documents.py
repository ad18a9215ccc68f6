"""Parsers of documents that somebody else may have written: each is run, and the laws of what it accepts are checked.

A law that does not hold is an ``AssertionError``, which no target allows.
"""

import hashlib
import json

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from roadworthy.model_cards import artefact, attestation, canonical, certificate, evidence, near, performance, sketch
from roadworthy.model_cards.envelope import PAYLOAD_TYPE, open_envelope, payload_of, seal
from roadworthy.model_cards.errors import DamagedError, InputError
from roadworthy.model_cards.gate import Gate
from roadworthy.model_cards.keyring import Keyring
from roadworthy.model_cards.refusals import refusals
from roadworthy.model_cards.snapshot import FileEntry, check_path
from roadworthy.model_cards.target import Target as Goal
from roadworthy.model_cards.waiver import Waiver
from roadworthy.registry import aliases, chain, key_files, layout, manifest, rotation, sealed
from roadworthy.registry.memory_store import MemoryStore
from roadworthy.registry.policy import fits
from roadworthy.registry.policy_file import parse_policy
from roadworthy.registry.reference import Reference, Version, check_alias
from roadworthy.registry.revocation import in_force
from roadworthy.registry.revocation import read as read_revocation
from roadworthy.registry.revocation import write as write_revocation

# Known to everybody, so that fuzzers can sign. It signs nothing else.
SIGNER = CryptoSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
REFERENCE = Reference("demo", "x", "1.0.0")
REVOKED = FileEntry(path="certificate.json", size=10, sha256="0" * 64)


def text_of(data: bytes) -> str:
    """Any bytes as a text, lone surrogates included: as arguments of a command may hold them."""
    return data.decode("utf-8", errors="surrogateescape")


def reference(data: bytes) -> None:
    """A reference is itself when it is written and read again, and stays inside its folder."""
    found = Reference.parse(text_of(data))
    assert Reference.parse(str(found)) == found
    assert check_path(f"{found.namespace}/{found.name}/{found.selector}.json")
    assert "@" not in found.model
    if found.version is None:
        return
    assert Version.parse(str(found.version)) == found.version < found.version.next_patch()


def words(data: bytes) -> None:
    """Targets, gates, waivers and aliases as they are typed: one line, one form."""
    text = text_of(data)
    refused = 0
    for parse in (Goal.parse, Gate.parse):
        try:
            found = parse(text)
        except InputError:
            refused += 1
            continue
        assert parse(str(found)) == found
    try:
        waiver = Waiver.parse(text, by="somebody", keyid="0" * 64)
    except InputError:
        refused += 1
    else:
        assert "\n" not in waiver.reason
        assert Waiver.parse(f"{waiver.kind}={waiver.reason}", by=waiver.by, keyid=waiver.keyid) == waiver
    if refused == 3:
        check_alias(text)


def path(data: bytes) -> None:
    """A path that passes stays inside its folder, and has one spelling."""
    found = check_path(text_of(data))
    assert not found.startswith("/")
    assert ".." not in found.split("/")
    found.encode()


def resealed(data: bytes) -> bytes:
    """The document with the digest that fits it: what somebody with write access makes, and no accident."""
    try:
        body = json.loads(data)
        return sealed.dump({name: value for name, value in body.items() if name != "commit"})
    except (AttributeError, RecursionError, TypeError, ValueError):
        return data


def recanonical(data: bytes) -> bytes:
    """The same JSON in its canonical form."""
    try:
        return canonical.dump(json.loads(data))
    except (RecursionError, ValueError):
        return data


def a_manifest(data: bytes) -> None:
    """What is read as a manifest is written as the same bytes, and lists files that fit into one folder."""
    data = resealed(data)
    found = manifest.parse(data, REFERENCE)
    assert manifest.dump(found) == data
    assert found.reference == REFERENCE
    assert found.total >= 0
    assert len(found.commit) == 40


def alias(data: bytes) -> None:
    """A log of one move: it is that move, or it is damaged."""
    store, latest = MemoryStore(), REFERENCE.at("latest")
    data = resealed(data)
    store.create(layout.key("aliases", "demo", "x", "latest", 1), data)
    (move,) = aliases.history(store, latest)
    assert aliases.current(store, latest) == move.new
    # What was accepted is what a move would have written.
    assert sealed.parse(data, aliases.SCHEMA, "")["new"] == str(move.new)
    assert (type(move.number), type(move.who), type(move.when)) == (int, str, str)


def a_certificate(data: bytes) -> None:
    """What is read as a statement is signed as the same bytes, and the gate has an answer to it."""
    data = recanonical(data)
    found = certificate.from_statement(data)
    assert certificate.to_statement(found) == data
    refusals(found.claim)
    certificate.claim_to_dict(found.claim)
    str(found.claim.target), str(found.claim.gate)


def a_performance(data: bytes) -> None:
    """The same for a performance record, whose bands are told of each precision."""
    data = recanonical(data)
    found = performance.from_statement(data)
    assert performance.to_statement(found) == data
    for accuracy in found.performance.accuracies:
        found.performance.band(accuracy.precision)


def an_artefact(data: bytes) -> None:
    """The same for the record of an export."""
    data = recanonical(data)
    assert artefact.to_statement(artefact.from_statement(data)) == data


def an_attestation(data: bytes) -> None:
    """The same for what a second party states."""
    data = recanonical(data)
    assert attestation.to_statement(attestation.from_statement(data)) == data


def a_sketch(data: bytes) -> None:
    """A sketch of training data has one form, and answers whatever it is asked."""
    found = sketch.load(data)
    assert sketch.dump(found) == data
    sketch.overlap_with((found.own, *found.inherited), ["ab" * 32, ""])


def neighbours(data: bytes) -> None:
    """Near duplicates that are written again are the same lines."""
    found = near.load(data)
    assert near.dump(found).removesuffix(b"\n") == data.removesuffix(b"\n")


def log(data: bytes) -> None:
    """A log of one entry: a link of the chain, or a problem, and never an exception."""
    data = recanonical(data)
    found = chain.read({1: data}, [SIGNER.public_key])
    if found.problems:
        raise DamagedError(found.problems[0])
    (link,) = found.links
    assert (link.entry.number, link.entry.previous) == (1, None)
    assert link.sha256 == hashlib.sha256(data).hexdigest()


SIGNED = b"the one text that was signed"


def envelope(data: bytes) -> None:
    """Nothing opens but what was signed; what is only shown is the payload of a canonical envelope."""
    data = recanonical(data)
    payload_of(data)
    opened = open_envelope(data, [SIGNER.public_key])
    assert opened.payload == SIGNED, "a forgery"
    assert set(json.loads(data)) == {"payload", "payloadType", "signatures"}
    assert json.loads(data)["payloadType"] == PAYLOAD_TYPE


def signed(data: bytes) -> bytes:
    """An envelope that the fuzzer's own key has signed."""
    return seal(data, SIGNER)


def rows(data: bytes) -> None:
    """Evidence: rows that are written again are the same lines, sorted."""
    found = evidence.load(data)
    again = evidence.dump(found)
    assert sorted(again.splitlines()) == sorted(data.removesuffix(b"\n").split(b"\n") if data else [])
    assert evidence.load(again) == evidence.load(evidence.dump(reversed(found)))
    assert len(evidence.fingerprint_of(found)) == 64


def canonical_json(data: bytes) -> None:
    """One byte form for each document."""
    value = canonical.parse(data, "it")
    assert canonical.dump(value) == rfc8785.dumps(value) == data


def policy(data: bytes) -> None:
    """A policy decides for every namespace, in little time."""
    found = parse_policy(data, "it")
    for namespace in ("team", "a" * 96, "-._" * 32):
        found.rule_for(namespace)
    for rule in found.rules:
        for pattern in rule.protocols:
            fits(pattern, "image-top1-" * 500)


def key(data: bytes) -> None:
    """A public key is the same when it is written and read again."""
    found = key_files.parse_public(data, "it")
    assert key_files.parse_public(key_files.public_pem(found), "it").keyid == found.keyid


def a_rotation(data: bytes) -> None:
    """A rotation is followed only from a key that is trusted, to a key that has signed it."""
    data = recanonical(data)
    old, new = rotation.follow(data, Keyring([SIGNER.public_key]))
    assert old == SIGNER.public_key.keyid
    assert new.keyid in {signature["keyid"] for signature in json.loads(data)["signatures"]}


def a_revocation(data: bytes) -> None:
    """A revocation that counts is of this very version, signed by whom it names, and can be told in a line."""
    data = recanonical(data)
    found = read_revocation(data, 1, REFERENCE, REVOKED, Keyring([SIGNER.public_key]))
    if found.said is None:
        assert found.problem is not None
        assert found.problem.isprintable()
        raise DamagedError(found.problem)
    assert (found.said.reference, found.said.keyid) == (str(REFERENCE), SIGNER.public_key.keyid)
    assert str(found.said).isprintable()
    assert write_revocation(REVOKED, found.said, SIGNER)
    assert in_force([found], ()) == (found.said if found.said.word == "revoked" else None)
