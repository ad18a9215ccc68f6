"""The table of fuzz targets: what is run on any bytes, and with which errors it may refuse them.

Seeds, and what the fuzzers found worth keeping, lie in ``corpus/<name>/``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from roadworthy.model_cards.errors import CheckError, DamagedError, InputError, RoadworthyError

from . import documents, files, models, tables, xet

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """``run`` raises one of ``refuses``, or accepts; anything else is a crash. ``json``: it reads JSON documents."""

    run: Callable[[bytes], None]
    refuses: tuple[type[RoadworthyError], ...]
    json: bool = False

    def accepts(self, data: bytes) -> bool:
        """Whether ``data`` was accepted."""
        try:
            self.run(data)
        except self.refuses:
            return False
        return True


def _target(run: Callable[[bytes], None], *refuses: type[RoadworthyError], json: bool = False) -> Target:
    return Target(run=run, refuses=refuses, json=json)


TARGETS: Mapping[str, Target] = {
    "reference": _target(documents.reference, InputError),
    "words": _target(documents.words, InputError),
    "path": _target(documents.path, InputError),
    "canonical": _target(documents.canonical_json, DamagedError, json=True),
    "manifest": _target(documents.a_manifest, DamagedError, json=True),
    "alias": _target(documents.alias, DamagedError, json=True),
    "certificate": _target(documents.a_certificate, DamagedError, json=True),
    "performance": _target(documents.a_performance, DamagedError, json=True),
    "artefact": _target(documents.an_artefact, DamagedError, json=True),
    "attestation": _target(documents.an_attestation, DamagedError, CheckError, json=True),
    "sketch": _target(documents.a_sketch, DamagedError),
    "near": _target(documents.neighbours, DamagedError),
    "log": _target(documents.log, DamagedError, json=True),
    "envelope": _target(documents.envelope, DamagedError, CheckError, json=True),
    "evidence": _target(documents.rows, DamagedError),
    "policy": _target(documents.policy, InputError),
    "key": _target(documents.key, InputError),
    "rotation": _target(documents.a_rotation, DamagedError, CheckError, InputError, json=True),
    "revocation": _target(documents.a_revocation, DamagedError, json=True),
    "tombstone": _target(files.tombstones, json=True),
    "event-log": _target(files.event_log, DamagedError),
    "audit": _target(files.audited, DamagedError),
    "front-matter": _target(files.front),
    "page": _target(files.page),
    "safetensors": _target(files.weights, DamagedError),
    "intake": _target(files.stored, DamagedError),
    "bundle": _target(files.bundle, DamagedError),
    "xet-shard": _target(xet.a_shard, InputError),
    "xet-xorb": _target(xet.a_xorb, InputError),
    "config": _target(models.configuration, InputError, json=True),
    "tokenizer": _target(models.tokenizer, InputError, json=True),
    "table": _target(models.table, InputError),
    "image": _target(models.image, InputError),
    "checkpoint": _target(models.checkpoint, InputError),
    "features": _target(tables.features, InputError, json=True),
    "schema": _target(tables.schema, InputError),
    "rows": _target(tables.rows, InputError),
}


def corpus(name: str) -> list[Path]:
    """The kept inputs of a target, the seeds first."""
    return sorted((CORPUS / name).iterdir(), key=lambda path: (not path.name.startswith("seed"), path.name))
