"""A version in one tar file, from whoever carries it: what tar can do besides names and bytes, and what it holds."""

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from securesystemslib.signer import Key

from roadworthy.model_cards.errors import CheckError, DamagedError, NotFoundError
from roadworthy.registry import Registry, layout, open_bundle, open_registry, replicate, write_bundle

from .forgery import Fields, rewrite

Keys = tuple[Key, ...]
Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def bundle(registry: Registry, keys: Keys, tmp_path: Path) -> Path:
    """A true bundle of the first version."""
    write_bundle(registry, "team/xrays@1.0.0", tmp_path / "xrays.tar", keys=keys)
    return tmp_path / "xrays.tar"


@pytest.fixture
def receiver(tmp_path: Path) -> Registry:
    """An empty registry."""
    return open_registry(tmp_path / "receiver")


def members_of(bundle: Path) -> Members:
    """Headers and bytes."""
    with tarfile.open(bundle) as tar:
        return [(info, file.read() if (file := tar.extractfile(info)) else b"") for info in tar.getmembers()]


def write(path: Path, members: Members, form: int = tarfile.GNU_FORMAT) -> None:
    """A tar file of them."""
    with tarfile.open(path, "w", format=form) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))


def member(
    name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    """One entry."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    return info, data


def refuse(bundle: Path, receiver: Registry, keys: Keys, error: type[Exception], match: str) -> None:
    """Nothing of it comes to be visible."""
    with pytest.raises(error, match=match):
        replicate(open_bundle(bundle), "team/xrays@1.0.0", receiver, keys=keys, policy=None)
    assert receiver.models() == ()


@pytest.mark.parametrize(
    "entry",
    [
        member("../escaped.txt", b"x"),
        member("/tmp/escaped.txt", b"x"),
        member("blobs/../../escaped.txt", b"x"),
        member("C:\\escaped.txt", b"x"),
        member("blobs/link", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        member("blobs/link", kind=tarfile.LNKTYPE, link="../../id_ed25519"),
        member("blobs/device", kind=tarfile.CHRTYPE),
        member("blobs/pipe", kind=tarfile.FIFOTYPE),
        member("blobs/folder", kind=tarfile.DIRTYPE),
        member("blobs/sparse", kind=tarfile.GNUTYPE_SPARSE),
    ],
    ids=["up", "absolute", "up inside", "drive", "link", "hard link", "device", "pipe", "folder", "sparse"],
)
def test_an_entry_that_is_no_file_of_its_own(
    bundle: Path, receiver: Registry, keys: Keys, tmp_path: Path, entry: tuple[tarfile.TarInfo, bytes]
) -> None:
    """Beside a version that is all right: the whole bundle is refused, and nothing is written anywhere."""
    write(bundle, [*members_of(bundle), entry])
    refuse(bundle, receiver, keys, DamagedError, "is not a whole bundle")
    assert not list(tmp_path.rglob("*escaped*"))


def test_one_name_twice(bundle: Path, receiver: Registry, keys: Keys) -> None:
    """Readers of tar take the last; which one was checked must be which one is used."""
    members = members_of(bundle)
    write(bundle, [*members, members[0]])
    refuse(bundle, receiver, keys, DamagedError, "each name once")


@pytest.mark.parametrize("form", ["pax", "gzip"])
def test_another_kind_of_archive(bundle: Path, receiver: Registry, keys: Keys, form: str) -> None:
    """Headers that override names and sizes, and compression, are not read at all."""
    members = members_of(bundle)
    if form == "pax":
        for info, _ in members:
            info.pax_headers = {"path": "blobs/other", "comment": "x"}
        write(bundle, members, tarfile.PAX_FORMAT)
    else:
        with tarfile.open(bundle, "w:gz") as tar:
            for info, data in members:
                tar.addfile(info, io.BytesIO(data))
    refuse(bundle, receiver, keys, DamagedError, "is not a whole bundle")


def _cut(data: bytes) -> Iterator[bytes]:
    yield from (data[:100], data[: len(data) // 2], data[:1024], b"")


def test_a_bundle_cut_short(bundle: Path, receiver: Registry, keys: Keys) -> None:
    """Wherever it breaks off."""
    for data in _cut(bundle.read_bytes()):
        bundle.write_bytes(data)
        with pytest.raises((DamagedError, NotFoundError)):
            replicate(open_bundle(bundle), "team/xrays@1.0.0", receiver, keys=keys, policy=None)
    assert receiver.models() == ()


@pytest.mark.parametrize("size", [8**11 - 1, 2**60])
def test_an_entry_of_terabytes(bundle: Path, receiver: Registry, keys: Keys, size: int) -> None:
    """Its header says so, and the file ends before."""
    info, _ = member("blobs/huge")
    info.size = size
    bundle.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bundle.read_bytes())
    refuse(bundle, receiver, keys, DamagedError, "is not a whole bundle")


def test_a_flipped_bit_of_each_member(bundle: Path, receiver: Registry, keys: Keys) -> None:
    """In the middle of each: its digest, its signature or its form tells."""
    members = members_of(bundle)
    for number, (info, data) in enumerate(members):
        if not data:
            continue
        changed = bytearray(data)
        changed[len(data) // 2] ^= 1
        write(bundle, [*members[:number], (info, bytes(changed)), *members[number + 1 :]])
        refuse(bundle, receiver, keys, DamagedError, r"damaged|canonical|readable|missing")


@pytest.mark.parametrize("what", ["certificate of another version", "another name"])
def test_a_bundle_put_together_anew(
    registry: Registry, receiver: Registry, keys: Keys, tmp_path: Path, what: str
) -> None:
    """By whoever can write it, with every digest right and no key: the certificate covers other files."""
    forged = Path(shutil.copytree(registry.location, tmp_path / "forged"))
    path = forged / layout.key("versions", "team", "xrays", "1.0.0")
    other = json.loads((forged / layout.key("versions", "team", "xrays", "1.1.0")).read_bytes())

    def change(body: Fields) -> None:
        if what == "another name":
            body["files"][0]["path"] = ".eval_results/top9.yaml"
            return
        theirs = next(file for file in other["files"] if file["path"] == "certificate.json")
        next(file for file in body["files"] if file["path"] == "certificate.json").update(theirs)
        body["certificate_sha256"] = theirs["sha256"]

    rewrite(path, change)
    bundle = tmp_path / "forged.tar"
    write(bundle, [member(p.relative_to(forged).as_posix(), p.read_bytes()) for p in _plain(forged)])
    refuse(bundle, receiver, keys, CheckError, "certif")


def _plain(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and "tmp" not in path.parts[len(root.parts) :])
