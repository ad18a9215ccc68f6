"""Versions by nobody, with a real certificate's words and other figures: what lists are made of, and no more."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

from roadworthy.model_cards.certificate import Certificate, Claim, to_statement
from roadworthy.model_cards.envelope import seal
from roadworthy.model_cards.metric import Metric
from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.registry import (
    Entry,
    MemoryStore,
    Reference,
    Registry,
    layout,
    log,
    manifest,
)
from roadworthy.registry.entries import entry_at
from roadworthy.registry.manifest import Manifest


def listed(registry: Registry) -> list[Entry]:
    """Every version and draft, read one by one where it lies, in the order that `models` promises."""
    found = []
    for namespace, name in registry.models():
        model = Reference(namespace, name, "main")
        for version in reversed(registry.versions(namespace, name)):
            found.append(entry_at(registry, model.at(version)))
        if registry.has_draft(namespace, name):
            found.append(entry_at(registry, model))
    return [one[0] for one in found if one is not None]


class Counting:
    """A store in memory that counts what it is asked, and has an index in a file, as stores that last have."""

    def __init__(self) -> None:
        self.inner = MemoryStore()
        self.asked: Counter[str] = Counter()
        self.prefixes: set[str] = set()
        self.create, self.size, self.delete = self.inner.create, self.inner.size, self.inner.delete

    def open(self, key: str) -> BinaryIO:
        self.asked[f"open {key.split('/')[0]}"] += 1
        return self.inner.open(key)

    def list(self, prefix: str) -> Iterator[str]:
        self.asked["list"] += 1
        self.prefixes.add(prefix)
        return self.inner.list(prefix)


def bytes_at(registry: Registry, key: str) -> bytes:
    """What is stored."""
    with registry.store.open(key) as file:
        return file.read()


def write(registry: Registry, claim: Claim, reference: str, *, announced: bool = True, stored: bool = True) -> None:
    """A version as a publisher leaves it, with a certificate by nobody and no other file."""
    asked = Reference.parse(reference)
    weights = FileEntry(path="model.safetensors", size=0, sha256="0" * 64)
    data = seal(to_statement(Certificate(files=(weights,), claim=claim)))
    signed = FileEntry(path="certificate.json", size=len(data), sha256=hashlib.sha256(data).hexdigest())
    parent = claim.parent.reference if claim.parent else None
    made = Manifest(
        namespace=asked.namespace,
        name=asked.name,
        version=asked.selector,
        files=(signed, weights),
        created=claim.measured_at,
        certificate_sha256=signed.sha256,
        parent=parent,
    )
    key, body = layout.key("versions", asked.namespace, asked.name, asked.selector), manifest.dump(made)
    if layout.blob_key(signed.sha256) not in registry.store.list(layout.blob_key(signed.sha256)):
        registry.store.create(layout.blob_key(signed.sha256), data)
    if announced:
        log.announce(registry.store, "publish", asked, key, body)
    if stored:
        registry.store.create(key, body)


def measured(claim: Claim, value: float, **changes: Any) -> Claim:
    """The claim with another figure."""
    metric: Metric = dataclasses.replace(claim.metric, value=value)
    return dataclasses.replace(claim, metric=metric, **changes)


def counting(name: str = "counting:") -> tuple[Registry, Counting]:
    """A registry over a store that counts."""
    store = Counting()
    return Registry(store, name), store
