"""Bundles: one version in one tar file, to be carried to where no network goes.

The members are the keys of a store (`layout`), so that a bundle is read as the registry it was taken from: manifest,
files, performance records, attestations and revocations byte for byte, with their digests and signatures.
"""

import io
import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from securesystemslib.signer import Key

from roadworthy.model_cards.errors import InputError, StorageError

from . import certified, layout
from .checked import CheckedReader
from .fetch import Meter
from .folder_store import explain
from .manifest import Manifest
from .reference import Reference
from .registry import Registry
from .storing import Progress
from .tar_store import TarStore


def open_bundle(file: Path) -> Registry:
    """The registry that a bundle holds; only to be read.

    Raises:
        DamagedError: it is truncated, or no bundle.
        StorageError: it cannot be read.
    """
    return Registry(TarStore(file), str(file))


def write_bundle(
    registry: Registry,
    reference: Reference | str,
    file: Path,
    *,
    keys: Sequence[Key],
    progress: Progress | None = None,
) -> Manifest:
    """Writes a version, certified by one of ``keys``, with what others measured of it, into the new tar file ``file``.

    Equal versions with equal records give equal bytes. A kill leaves ``.NAME.partial`` beside it and no ``file``.

    Raises:
        CheckError: it is not signed by one of ``keys``, or not for these files.
        DamagedError: stored bytes do not match their digest; nothing is left behind.
        InputError: a draft, or ``file`` is there already.
        NotFoundError: no such version.
        StorageError: it cannot be written; nothing is left behind.

    Example:
        >>> from pathlib import Path
        >>> from roadworthy.registry import open_bundle, open_registry, trusted_keys, write_bundle
        >>> made = write_bundle(open_registry("registry"), "team/xrays", Path("xrays.tar"), keys=trusted_keys())
        >>> open_bundle(Path("xrays.tar")).resolve("team/xrays@1.0.0") == made
        True
    """
    found = registry.resolve(reference)
    if found.version is None:
        raise InputError(f"{found.reference} is an uncertified draft: expected a version. Verify and publish it first.")
    certified.check(registry, found, keys)
    meter = Meter(found.total, progress)
    partial = file.with_name(f".{file.name}.partial")
    try:
        _refuse_existing(file)
        try:
            with (
                partial.open("wb") as out,
                tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar,
            ):
                for key, size, stream in _parts(registry, found, meter):
                    info = tarfile.TarInfo(key)
                    info.size = size
                    tar.addfile(info, cast("BinaryIO", stream))
                tar.close()
                out.flush()
                os.fsync(out.fileno())
            _refuse_existing(file)
            partial.rename(file)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(explain(error, f"write {file}", found.total, file.absolute().parent)) from error
    return found


def _refuse_existing(file: Path) -> None:
    if os.path.lexists(file):
        raise InputError(f"{file} is there already and is not overwritten. Choose another file.")


def _parts(registry: Registry, made: Manifest, meter: Meter) -> Iterator[tuple[str, int, object]]:
    """Key, size and bytes of everything that belongs to a version; the bytes of its files are checked as they pass."""
    written = set()
    for file in made.files:
        key = layout.blob_key(file.sha256)
        if key in written:
            meter.passed(file.size)
            continue
        written.add(key)
        with registry.open(file, made.reference) as stream:
            yield key, file.size, _Whole(CheckedReader(stream, file, f"{file.path} of {made.reference}", meter.passed))
    version = made.reference.selector
    place = (made.namespace, made.name, version)
    beside = (
        *layout.documents(registry.store, "performance", *place),
        *layout.documents(registry.store, "revocations", *place),
        *registry.store.list("/".join(("attestations", *place)) + "/"),
    )
    for key in (*beside, layout.key("versions", *place)):
        with registry.store.open(key) as stream:
            data = stream.read()
        yield key, len(data), io.BytesIO(data)


class _Whole:
    """Reads on past short reads, and once more at the end, where the digest is checked."""

    def __init__(self, reader: CheckedReader) -> None:
        self._reader = reader
        self._left = reader.size

    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes, as tarfile expects them."""
        parts: list[bytes] = []
        while size and (chunk := self._reader.read(size)):
            parts.append(chunk)
            size -= len(chunk)
            self._left -= len(chunk)
        if not self._left:
            self._reader.read(1)
        return b"".join(parts)
