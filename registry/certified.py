"""The certificate of a stored version: read to show it, or checked to rely on it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from securesystemslib.signer import Key

from roadworthy.model_cards.certificate import Certificate, from_statement
from roadworthy.model_cards.envelope import open_envelope, payload_of
from roadworthy.model_cards.errors import CheckError
from roadworthy.model_cards.model_signature import refuse_other_files
from roadworthy.model_cards.snapshot import MODEL_SIGNATURE

from .manifest import Manifest
from .registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a stored certificate says, and the ids of the keys that it says have signed it. Nobody checked them."""

    certificate: Certificate
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A certificate that covers the files as they are stored, and the ids of the keys whose signatures hold."""

    certificate: Certificate
    signers: tuple[str, ...]


def stated(registry: Registry, manifest: Manifest) -> Stated | None:
    """The certificate of a version, its bytes checked but not its signatures; ``None`` for a draft.

    Raises:
        DamagedError: its bytes do not match their digest, or it is no certificate.
    """
    if manifest.certificate is None:
        return None
    data = registry.read(manifest.certificate, manifest.reference)
    certificate = from_statement(payload_of(data))
    return Stated(certificate=certificate, signers=tuple(sorted(s["keyid"] for s in json.loads(data)["signatures"])))


def check(registry: Registry, manifest: Manifest, keys: Sequence[Key]) -> Proven | None:
    """What one of ``keys`` has signed for exactly the files of ``manifest``. A draft proves nothing, and passes.

    Raises:
        CheckError: no such signature, or it is for other files, or a model.sig is.
        DamagedError: the bytes of the certificate or of a model.sig do not match their digest.
    """
    if manifest.certificate is None:
        return None
    opened = open_envelope(registry.read(manifest.certificate, manifest.reference), keys)
    certificate = from_statement(opened.payload)
    signed = {*certificate.files, manifest.certificate}
    extra = next((file for file in manifest.files if file.path == MODEL_SIGNATURE and file not in signed), None)
    if extra is not None:
        refuse_other_files(registry.read(extra, manifest.reference), manifest.files)
        signed.add(extra)
    if different := sorted({file.path for file in signed ^ set(manifest.files)}):
        raise CheckError(
            f"the certificate of {manifest.reference} does not cover these files as they are stored: "
            f"{', '.join(different)}. Nothing was written; do not use this version.",
            tuple(f"{path} is not what was certified" for path in different),
        )
    return Proven(certificate=certificate, signers=opened.signers)
