"""What is read of a user's table of features, and of the file in a snapshot that says how rows become numbers."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from roadworthy.finetune.tabular.encoder import FILE, Encoder
from roadworthy.finetune.tabular.schema_file import read_overrides
from roadworthy.finetune.tabular.store_build import read_table


def _written(name: str, data: bytes, use: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        use(Path(folder))


def features(data: bytes) -> None:
    """An encoder that was read encodes a row, and is written as what is read again."""

    def use(folder: Path) -> None:
        encoder = Encoder.load(folder)
        row = {name: pa.array(["1", None]) for name in encoder.schema.features}
        if row:
            numeric, ids = encoder.encode(row)
            assert numeric.shape == (2, encoder.numeric_width)
            assert ids.shape == (2, encoder.schema.width)
        encoder.save(folder)
        assert Encoder.load(folder).to_dict() == encoder.to_dict()

    _written(FILE, data, use)


def schema(data: bytes) -> None:
    """What a user states."""
    _written("schema.toml", data, lambda folder: read_overrides(folder / "schema.toml"))


def rows(data: bytes) -> None:
    """A store has as many rows as it says."""

    def use(folder: Path) -> None:
        store, _ = read_table(folder / "rows.csv", folder / "store")
        assert len(store) == len(store.numeric) == len(store.ids) == len(store.digest)

    _written("rows.csv", data, use)
