"""Manifests: every byte counts, and no file leaves its folder."""

import dataclasses
import json

import pytest

from roadworthy.model_cards import canonical
from roadworthy.model_cards.errors import DamagedError, InputError, RoadworthyError
from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.registry import Manifest, Reference, manifest, sealed

ZERO = "0" * 64


def _files(*paths: str) -> tuple[FileEntry, ...]:
    return tuple(FileEntry(path=path, size=1, sha256=ZERO) for path in sorted(paths))


@pytest.fixture
def made() -> Manifest:
    """A version's manifest."""
    return Manifest(
        namespace="demo",
        name="x",
        version="1.0.0",
        files=_files("certificate.json", "model.safetensors", "plots/curve.svg"),
        created="2026-01-02T03:04:05Z",
        certificate_sha256=ZERO,
        parent="demo/x@0.9.0",
    )


def _draft(**changes: object) -> Manifest:
    draft = Manifest(
        namespace="demo",
        name="x",
        version=None,
        files=_files("a"),
        created="2026-01-02T03:04:05Z",
        note={"source": "é"},
    )
    return dataclasses.replace(draft, **changes)  # type: ignore[arg-type]  # wrong values are the point


def test_a_manifest_is_read_back_as_it_was_written(made: Manifest) -> None:
    """``parse(dump(m), m.reference) == m``, for a version and for a draft."""
    for one in (made, _draft()):
        assert manifest.parse(manifest.dump(one), one.reference) == one


def test_every_flipped_byte_is_refused(made: Manifest) -> None:
    """Each byte of the file in turn, each with one bit and with all bits flipped."""
    data = manifest.dump(made)
    for at in range(len(data)):
        for mask in (1, 0x20, 0xFF):
            flipped = data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
            with pytest.raises(DamagedError):
                manifest.parse(flipped, made.reference)


def test_a_shortened_or_lengthened_manifest_is_refused(made: Manifest) -> None:
    """A write that was cut short, and bytes appended."""
    data = manifest.dump(made)
    for wrong in (b"", data[:-1], data[: len(data) // 2], data + b"\n", data + data, b"null", b"[]"):
        with pytest.raises(DamagedError):
            manifest.parse(wrong, made.reference)


def test_the_commit_is_forty_hex_digits_of_the_content(made: Manifest) -> None:
    """Hub clients take anything else for a branch; other content is another commit."""
    assert len(made.commit) == 40
    assert int(made.commit, 16)
    assert json.loads(manifest.dump(made))["commit"] == made.commit
    assert dataclasses.replace(made, created="2026-01-02T03:04:06Z").commit != made.commit


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/x", "a//b", "./a", "a\\b", "C:x", "a\0b", "", "a/."])
def test_a_path_that_leaves_its_folder_is_refused(path: str, made: Manifest) -> None:
    """In a manifest that somebody wrote with a right digest, as in one that is to be written."""
    files = _files("certificate.json", path)
    body = json.loads(manifest.dump(made))
    del body["commit"]
    body["files"] = [dataclasses.asdict(file) for file in files]
    with pytest.raises(DamagedError, match=r"leaves its folder.*Nothing was written"):
        manifest.parse(sealed.dump(body), made.reference)
    with pytest.raises(InputError, match="leaves its folder"):
        manifest.dump(dataclasses.replace(made, files=files))


@pytest.mark.parametrize(
    "paths", [("a", "a"), ("README.md", "readme.MD"), ("caf\u00e9", "cafe\u0301"), ("a", "a/b"), ("A/b", "a/B"), ()]
)
def test_files_that_cannot_lie_in_one_folder_are_refused(paths: tuple[str, ...]) -> None:
    """Equal names, also where case or accents fold; a file that is a folder; no file at all."""
    with pytest.raises(InputError):
        manifest.dump(_draft(files=_files(*paths)))


@pytest.mark.parametrize(
    "change",
    [
        {"files": (FileEntry(path="a", size=-1, sha256=ZERO),)},
        {"files": (FileEntry(path="a", size=1, sha256="0" * 63 + "G"),)},
        {"files": (FileEntry(path="a", size=1, sha256="../../x"),)},
        {"files": (FileEntry(path="a", size=True, sha256=ZERO),)},
        {"files": tuple(reversed(_files("a", "b")))},
        {"created": "yesterday"},
        {"note": {"source": 1}},
        {"note": []},
        {"parent": 1},
        {"certificate_sha256": ZERO},
        {"version": "1.0.0"},
        {"version": "01.0.0"},
        {"version": 1},
        {"namespace": "other"},
        {"schema": "roadworthy/manifest/2"},
        {"more": 1},
    ],
)
def test_a_manifest_with_a_right_digest_and_wrong_fields_is_refused(change: dict[str, object]) -> None:
    """The digest proves that nobody slipped, not that nobody lied."""
    body = json.loads(manifest.dump(_draft()))
    del body["commit"]
    if isinstance(files := change.get("files"), tuple):
        change = {"files": [dataclasses.asdict(file) for file in files]}
    with pytest.raises(DamagedError):
        manifest.parse(sealed.dump({**body, **change}), Reference.parse("demo/x@main"))


def test_a_manifest_of_another_version_is_refused(made: Manifest) -> None:
    """A file that was moved within the registry."""
    with pytest.raises(DamagedError, match=r"is that of demo/x@1\.0\.0"):
        manifest.parse(manifest.dump(made), Reference.parse("demo/x@1.0.1"))


def test_the_written_form_is_canonical(made: Manifest) -> None:
    """So that equal manifests are equal bytes."""
    data = manifest.dump(made)
    assert canonical.dump(json.loads(data)) == data
    with pytest.raises(RoadworthyError):
        manifest.parse(json.dumps(json.loads(data)).encode(), made.reference)
