"""What every store must do. A new backend joins by one more line in ``store``."""

import io
import threading
from pathlib import Path

import pytest

from roadworthy.model_cards.errors import InputError, NotFoundError, StorageError
from roadworthy.registry import ExistsError, FolderStore, MemoryStore, ObjectStore, Store, object_store


@pytest.fixture(
    params=["folder", "folder without hard links", "memory", "moto", "moto, in parts", "rclone", "rclone, in parts"]
)
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Each backend in turn, empty. rclone's server needs the word that nobody else writes there."""
    kind: str = request.param
    if kind.endswith("in parts"):
        monkeypatch.setattr(object_store, "_WHOLE", 200_000)
    if kind.startswith("moto"):
        return ObjectStore(request.getfixturevalue("moto").bucket(monkeypatch) + "/some/prefix")
    if kind.startswith("rclone"):
        location = request.getfixturevalue("rclone").bucket(monkeypatch)
        return ObjectStore(location + "/some/prefix", single_writer=True)
    stores: dict[str, Store] = {
        "folder": FolderStore(tmp_path / "store"),
        "folder without hard links": FolderStore(tmp_path / "store", hard_links=False),
        "memory": MemoryStore(),
    }
    return stores[kind]


class Stream(io.BytesIO):
    """A source that knows its size."""

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.getvalue())


class Failing(Stream):
    """A source that raises where it should end."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Everything, and then an error."""
        if chunk := super().read(size):
            return chunk
        raise StorageError("the digest is wrong")


def _read(store: Store, key: str) -> bytes:
    with store.open(key) as file:
        return file.read()


@pytest.mark.parametrize("data", [b"", b"x", b"\0" * 3_000_000])
def test_what_was_created_is_read_back(store: Store, data: bytes) -> None:
    """From bytes and from a stream, of any length."""
    store.create("a/bytes", data)
    store.create("a/stream", Stream(data))
    assert _read(store, "a/bytes") == _read(store, "a/stream") == data
    assert store.size("a/bytes") == store.size("a/stream") == len(data)


def test_a_stream_can_be_read_from_the_middle(store: Store) -> None:
    """That is how a killed pull resumes."""
    store.create("a", b"0123456789")
    with store.open("a") as file:
        file.seek(6)
        assert file.read() == b"6789"


def test_nothing_is_overwritten(store: Store) -> None:
    """A taken key is refused, and keeps its bytes."""
    store.create("a/b", b"first")
    with pytest.raises(ExistsError, match="a/b exists"):
        store.create("a/b", b"second")
    assert _read(store, "a/b") == b"first"


def test_of_many_creators_of_one_key_exactly_one_succeeds(store: Store) -> None:
    """Whoever wins, its bytes are there as a whole."""
    ready, won = threading.Barrier(8), []

    def create(number: int) -> None:
        ready.wait()
        try:
            store.create("a/b", Stream(bytes([number]) * 300_000))
        except ExistsError:
            return
        won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert _read(store, "a/b") == bytes([won[0]]) * 300_000


def test_a_source_that_fails_at_its_end_leaves_nothing(store: Store) -> None:
    """Bytes are checked on their way in by raising at their end."""
    with pytest.raises(StorageError, match="digest is wrong"):
        store.create("a/b", Failing(b"x" * 2_000_000))
    assert list(store.list("")) == []
    store.create("a/b", b"right")
    assert _read(store, "a/b") == b"right"


def test_keys_are_listed_by_prefix_and_sorted(store: Store) -> None:
    """The prefix is one of text, as in object stores."""
    for key in ("b", "a/2", "a/10", "a-b/c", "a/1/x"):
        store.create(key, b"")
    assert list(store.list("")) == ["a-b/c", "a/1/x", "a/10", "a/2", "b"]
    assert list(store.list("a/")) == ["a/1/x", "a/10", "a/2"]
    assert list(store.list("a/1")) == ["a/1/x", "a/10"]
    assert list(store.list("nothing/here/")) == []


def test_what_is_not_there_is_not_found(store: Store) -> None:
    """The same error from all three readers."""
    store.create("folder/file", b"")
    for key in ("nothing", "nothing/at/all", "folder", "folder/file/below"):
        for ask in (store.open, store.size, store.delete):
            with pytest.raises(NotFoundError, match="is not in"):
                ask(key)


def test_a_deleted_key_is_free_again(store: Store) -> None:
    """And is listed no more."""
    store.create("a", b"1")
    store.delete("a")
    assert list(store.list("")) == []
    store.create("a", b"2")
    assert _read(store, "a") == b"2"


@pytest.mark.parametrize("key", ["../a", "/a", "a/../../b", "", "a//b", "a\\b"])
def test_no_key_leaves_the_store(store: Store, key: str) -> None:
    """Whoever builds keys, no store follows one outside."""
    with pytest.raises(InputError, match="leaves its folder"):
        store.create(key, b"")
