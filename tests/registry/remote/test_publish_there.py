"""What changes a registry, asked of its server: the same functions, the same refusals, and nothing believed."""

import hashlib
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.registry.second_party import measured
from tests.registry.test_performance import measured as record_of

from roadworthy.model_cards import audit
from roadworthy.model_cards.envelope import seal
from roadworthy.model_cards.errors import CheckError, DamagedError, InputError, StorageError
from roadworthy.model_cards.snapshot import entry_of, list_files
from roadworthy.registry import (
    Manifest,
    Registry,
    Version,
    add_performance,
    attest,
    attestations,
    audit_log,
    audit_registry,
    home,
    import_draft,
    layout,
    performance,
    promote,
    publish,
    pull,
    revocation,
    revoke,
    show,
    signing_key,
    trusted_keys,
)
from roadworthy.registry.folder_store import FolderStore
from roadworthy.registry.http_store import HttpStore


def _listed(folder: Path) -> list[dict[str, Any]]:
    return [{"path": f.path, "size": f.size, "sha256": f.sha256} for f in list_files(folder)]


def _send(registry: Registry, data: bytes, sha256: str | None = None) -> None:
    assert isinstance(registry.store, HttpStore)
    digest = sha256 or hashlib.sha256(data).hexdigest()
    registry.store.client.send(
        "PUT", f"/blobs/{digest}", content=lambda: [data], headers={"Content-Length": str(len(data))}
    )


def test_a_certified_candidate_becomes_a_version(
    remote: Registry, registry: Registry, candidate: Any, keys: Any, tmp_path: Path
) -> None:
    """Published, shown, pulled, audited over HTTP; the same as if it had been published there."""
    folder = candidate(size=2_500_000)
    seen: list[tuple[int, int]] = []
    done = publish(remote, folder, "demo/x@1.0.0", keys=keys, progress=lambda *b: seen.append(b))
    assert done.moved == ("latest",)
    assert done.manifest == registry.resolve("demo/x@1.0.0") == remote.resolve("demo/x")
    assert done.manifest.files == list_files(folder)
    assert done.checks
    assert seen[-1] == (done.manifest.total, done.manifest.total)
    pulled = pull(remote, "demo/x", keys=keys, to=tmp_path / "pulled")
    assert list_files(pulled) == list_files(folder)
    assert audit(pulled, keys).ok
    assert show(remote, "demo/x").reference == "demo/x@1.0.0"
    assert [one.reasons for one in audit_registry(remote, keys=keys)[1]] == [()]
    (entry, moved) = (link.entry for link in audit_log(remote, keys).chain.links)
    assert (entry.what, moved.what) == ("publish", "alias")
    assert entry.who == moved.who
    assert entry.who.startswith("promote-all-"), "the log says whose token it was"
    assert list((Path(registry.location) / "tmp").iterdir()) == []


def test_what_the_server_has_is_not_sent_again(
    remote: Registry, wire: Any, served: Any, candidate: Any, keys: Any
) -> None:
    """A second version of the same weights sends its other files."""
    up: list[int] = []

    def count(_: int, data: bytes) -> bytes:
        up.append(len(data))
        return data

    wire.up = count
    there = served.remote("write", url=wire.url)
    publish(there, candidate("a", size=2_500_000), "demo/x@1.0.0", keys=keys)
    assert sum(up) > 2_500_000
    up.clear()
    publish(there, candidate("b", size=2_500_000, right=96), "demo/x@1.1.0", keys=keys)
    assert sum(up) < 200_000


def test_what_was_hashed_when_it_came_is_not_hashed_twice(
    remote: Registry, registry: Registry, candidate: Any, keys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But whatever lay there before is: a version does not come to rest on a blob that was damaged since."""
    opened: list[str] = []
    openly = FolderStore.open

    def spy(store: FolderStore, key: str) -> Any:
        opened.append(key)
        return openly(store, key)

    monkeypatch.setattr(FolderStore, "open", spy)
    folder = candidate("a", size=2_500_000)
    weights = layout.blob_key(entry_of(folder / "model.safetensors", "model.safetensors").sha256)
    publish(remote, folder, "demo/x@1.0.0", keys=keys)
    assert weights not in opened
    assert isinstance(registry.store, FolderStore)
    stored = registry.store.root / weights
    stored.chmod(0o644)
    with stored.open("r+b") as file:
        file.seek(2_000_000)
        file.write(b"!")
    with pytest.raises(DamagedError, match="delete that blob, then publish again"):
        publish(remote, candidate("b", size=2_500_000, right=96), "demo/x@1.1.0", keys=keys)
    assert weights in opened


def test_the_server_refuses_for_all_its_reasons(
    remote: Registry, registry: Registry, build_candidate: Any, tmp_path: Path
) -> None:
    """What this machine would let pass: it trusts a key that the server does not."""
    folder = build_candidate(tmp_path / "theirs", signing_key(tmp_path / "stranger"))
    with pytest.raises(CheckError, match=r"demo/x@1\.0\.0 was not published: .*not trusted") as refused:
        publish(remote, folder, "demo/x@1.0.0", keys=trusted_keys(tmp_path / "stranger"))
    with pytest.raises(CheckError) as there:
        publish(registry, folder, "demo/x@1.0.0", keys=trusted_keys())
    assert refused.value.reasons == there.value.reasons
    assert list(registry.store.list("versions/")) == list(registry.store.list("log/")) == []


def test_who_skips_the_checks_here_meets_them_there(remote: Registry, registry: Registry, candidate: Any) -> None:
    """An edited accuracy, a pickle and a missed target, sent by hand: every reason comes back."""
    assert isinstance(remote.store, HttpStore)
    folder = candidate(right=80)
    card = folder / "README.md"
    card.write_text(card.read_text().replace("80.0", "99.9"))
    (folder / "extra.bin").write_bytes(b"\x80\x04.")
    for path in (path for path in folder.rglob("*") if path.is_file()):
        _send(remote, path.read_bytes())
    with pytest.raises(CheckError) as refused:
        remote.store.client.post(
            "/versions", {"reference": "demo/x@1.0.0", "alias": "latest", "files": _listed(folder)}
        )
    told = " ".join(refused.value.reasons)
    assert "README.md" in told
    assert "extra.bin" in told
    assert "0.9" in told
    assert list(registry.store.list("versions/")) == []


def test_the_servers_policy_holds_whatever_the_publishers_is(
    remote: Registry, registry: Registry, candidate: Any, keys: Any
) -> None:
    """A publisher who asks for none sends it all the same, and is told what the server's asks for."""
    folder = candidate()
    rule = 'schema = "roadworthy/policy/1"\n[[rule]]\nnamespace = "demo"\nmin_n = 101\n'
    (home() / "policy.toml").write_text(rule)
    with pytest.raises(CheckError) as refused:
        publish(remote, folder, "demo/x@1.0.0", keys=keys, policy=None)
    (reason,) = refused.value.reasons
    assert "101" in reason
    assert "100" in reason
    assert list(registry.store.list("versions/")) == []
    (home() / "policy.toml").write_text(rule.replace("101", "100"))
    publish(remote, folder, "demo/x@1.0.0", keys=keys, policy=None)


def test_a_version_that_exists_is_refused(remote: Registry, registry: Registry, candidate: Any, keys: Any) -> None:
    """With the next one's name, whoever finds it out."""
    publish(registry, candidate("a"), "demo/x@1.0.0", keys=keys)
    with pytest.raises(CheckError, match=r"versions never change; publish demo/x@1\.0\.1"):
        publish(remote, candidate("b", seed=1), "demo/x@1.0.0", keys=keys)


def test_of_two_publishers_of_one_version_one_wins(
    served: Any, registry: Registry, candidate: Any, keys: Any, tmp_path: Path
) -> None:
    """Over HTTP, at once; what is there is whole, and one of the two."""
    folders = [candidate(name, size=500_000, seed=seed) for seed, name in enumerate(("a", "b", "c"))]
    ready = threading.Barrier(3)
    outcomes: list[Path | str] = []

    def one(folder: Path, there: Registry) -> None:
        ready.wait()
        try:
            publish(there, folder, "demo/x@1.0.0", keys=keys)
            outcomes.append(folder)
        except CheckError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=one, args=(folder, served.remote("write", "demo"))) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (won,) = (outcome for outcome in outcomes if isinstance(outcome, Path))
    assert all("exists" in outcome for outcome in outcomes if isinstance(outcome, str))
    assert list_files(pull(registry, "demo/x", keys=keys, to=tmp_path / "pulled")) == list_files(won)


def test_a_flipped_byte_on_the_way_up_is_refused(
    served: Any, wire: Any, registry: Registry, candidate: Any, keys: Any
) -> None:
    """And leaves no blob under a wrong name."""

    def flip(at: int, data: bytes) -> bytes:
        if at <= 1_000_000 < at + len(data):
            spot = 1_000_000 - at
            return data[:spot] + bytes([data[spot] ^ 1]) + data[spot + 1 :]
        return data

    wire.up = flip
    with pytest.raises(DamagedError, match=r"was sent as .* is damaged: expected sha256"):
        publish(served.remote("write", url=wire.url), candidate(size=2_500_000), "demo/x@1.0.0", keys=keys)
    assert list(registry.store.list("versions/")) == []
    for key in registry.store.list("blobs/"):
        with registry.store.open(key) as stream:
            assert hashlib.sha256(stream.read()).hexdigest() == key.rpartition("/")[2]


@pytest.mark.parametrize("there_already", [False, True])
def test_a_large_file_that_is_not_the_certified_one_is_refused(
    remote: Registry, candidate: Any, keys: Any, monkeypatch: pytest.MonkeyPatch, there_already: bool
) -> None:
    """It is not hashed before it is sent; whether it is sent or not, it is hashed then."""
    monkeypatch.setattr("roadworthy.registry.remote._LARGE", 1_000_000)
    if there_already:
        publish(remote, candidate("first", size=2_500_000), "demo/x@1.0.0", keys=keys)
    folder = candidate("second", size=2_500_000, right=96)
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[1_234_567] ^= 1
    weights.write_bytes(data)
    with pytest.raises((CheckError, DamagedError), match=r"model\.safetensors .*Nothing was published"):
        publish(remote, folder, "demo/x@1.1.0", keys=keys)
    assert [str(version) for version in remote.versions("demo", "x")] == (["1.0.0"] if there_already else [])


def test_a_draft_is_imported_and_pulled(remote: Registry, registry: Registry, candidate: Any, tmp_path: Path) -> None:
    """With what its upstream says of it; what may run code is refused there too."""
    folder = candidate()
    (folder / "certificate.json").unlink()
    note = {"source": "elsewhere", "claim": "99 %"}
    assert str(import_draft(remote, folder, "demo/base", note=note)) == "demo/base@main"
    assert registry.resolve("demo/base@main").note == note
    assert list_files(pull(remote, "demo/base@main", keys=(), to=tmp_path / "out")) == list_files(folder)
    assert isinstance(remote.store, HttpStore)
    _send(remote, b"\x80\x04.")
    pickle: dict[str, Any] = {"path": "model.bin", "size": 3, "sha256": hashlib.sha256(b"\x80\x04.").hexdigest()}
    listed = sorted([*_listed(folder), pickle], key=lambda file: str(file["path"]))
    with pytest.raises(CheckError, match=r"model\.bin"):
        remote.store.client.post("/drafts", {"reference": "demo/base@main", "note": None, "files": listed})


def test_records_and_attestations_lie_beside_the_version(
    served: Any, registry: Registry, candidate: Any, keys: Any, tmp_path: Path
) -> None:
    """As if they had been added there; one of another version is refused by the server."""
    folder, there = candidate(), served.remote("write", "demo")
    publish(there, folder, "demo/x@1.0.0", keys=keys)
    assert add_performance(there, "demo/x@1.0.0", seal(record_of(folder), signing_key()), keys) == 1
    assert [one.problem for one in performance(there, "demo/x", keys)] == [None]
    name = attest(there, "demo/x", *measured(folder, signing_key()), keys)
    assert [(one.name, one.problem) for one in attestations(registry, "demo/x", keys)] == [(name, None)]
    assert attestations(there, "demo/x", keys) == attestations(registry, "demo/x", keys)
    assert audit_log(there, keys).chain.links[-1].entry.who.startswith("write-demo-")


def test_a_version_is_revoked_there(served: Any, registry: Registry, version: Manifest, keys: Any) -> None:
    """Signed here, stored there, and heard by who reads it."""
    there = served.remote("write", "demo")
    revoke(there, "demo/x@1.0.0", reason="a patient withdrew", signer=signing_key(), keys=keys)
    for one in (there, registry):
        said = revocation(one, "demo/x@1.0.0", keys)
        assert said is not None
        assert said.reason == "a patient withdrew"
    with pytest.raises(CheckError, match="a patient withdrew"):
        pull(there, "demo/x@1.0.0", keys=keys)
    with pytest.raises(StorageError, match="may not write"):
        revoke(served.remote("read"), "demo/x@1.0.0", reason="no", signer=signing_key(), keys=keys)


def test_an_alias_moves_by_compare_and_swap(served: Any, registry: Registry, candidate: Any, keys: Any) -> None:
    """By who may promote; another's move is not lost."""
    there = served.remote("promote", "demo")
    for number, name in enumerate(("a", "b")):
        publish(there, candidate(name, seed=number), f"demo/x@1.{number}.0", keys=keys)
    move = promote(there, "demo/x@production", "1.0.0", keys=keys)
    assert move is not None
    assert (move.number, move.old, str(move.new)) == (1, None, "1.0.0")
    assert move.who.startswith("promote-demo-")
    assert promote(there, "demo/x@production", "1.0.0", keys=keys) is None
    with pytest.raises(CheckError, match=r"expected it at nothing, found it at 1\.0\.0"):
        there.move("demo/x@production", Version.parse("1.1.0"), expected=None)
    assert there.move("demo/x@production", Version.parse("1.1.0"), expected=Version.parse("1.0.0")).number == 2
    assert there.history("demo/x@production") == registry.history("demo/x@production")
    with pytest.raises(StorageError, match="may not promote in the namespace demo"):
        promote(served.remote("write", "demo"), "demo/x@production", "1.0.0", keys=keys)


@pytest.mark.parametrize("role", [("read",), ("write", "other")])
def test_a_token_of_too_low_a_role_publishes_nothing(
    served: Any, registry: Registry, candidate: Any, keys: Any, role: tuple[str, ...]
) -> None:
    """Nor does one of another namespace; the message says what it may."""
    with pytest.raises(StorageError, match=r"may not write.*it may (read|write) in"):
        publish(served.remote(*role), candidate(), "demo/x@1.0.0", keys=keys)
    assert list(registry.store.list("versions/")) == list(registry.store.list("log/")) == []


def test_a_token_that_is_missing_or_wrong_is_told(served: Any, candidate: Any, keys: Any) -> None:
    """And what to set."""
    for token in ("", "rw_wrong"):
        there = Registry(HttpStore(served.url, token), served.url)
        with pytest.raises(StorageError, match=r"refused: .*Set ROADWORTHY_TOKEN to a token of that server"):
            publish(there, candidate(f"with{token}"), "demo/x@1.0.0", keys=keys)


def test_bytes_that_were_not_sent_cannot_be_claimed(
    served: Any, registry: Registry, version: Manifest, candidate: Any
) -> None:
    """Who may not read a namespace does not get its files by naming their digests in a draft of another."""
    there = served.remote("write", "mine")
    assert isinstance(there.store, HttpStore)
    secret = next(file for file in version.files if file.path == "model.safetensors")
    wanted = {
        "reference": "mine/copy@main",
        "note": None,
        "files": [{"path": secret.path, "size": secret.size, "sha256": secret.sha256}],
    }
    with pytest.raises(InputError, match=r"are not here\. Send them first"):
        there.store.client.post("/drafts", wanted)
    with registry.store.open(layout.blob_key(secret.sha256)) as stream:
        _send(there, stream.read())
    with pytest.raises(CheckError, match=r"config\.json"):  # who has sent them may; the draft lacks a file
        there.store.client.post("/drafts", wanted)
