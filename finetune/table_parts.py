"""Tables that processes share, on the disk: each process writes its rows, any number of them reads them.

Beside a checkpoint lie ``tables-MARK-RANK.safetensors``, one for each process that wrote. The checkpoint names the
mark, so that parts of two checkpoints are never mixed.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError

from roadworthy.model_cards import DamagedError, StorageError

from . import tensor_stream
from .shares import Shares
from .tensor_stream import Streamed
from .world import World

WEIGHT, AVERAGE = "weight", "average"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The files of ``processes`` that wrote in ``folder`` under one ``mark``; row r lies in that of r % processes."""

    folder: Path
    mark: str
    processes: int

    def file(self, rank: int) -> Path:
        """That of one process."""
        return self.folder / f"tables-{self.mark}-{rank}.safetensors"

    def rows(self, kind: str, name: str, start: int, stop: int) -> torch.Tensor:
        """Rows of the whole table, in order, whoever wrote them. ``kind``: its weight, a moment, an average.

        Raises:
            DamagedError: a part is missing or damaged.
        """
        found: torch.Tensor | None = None
        for rank in range(self.processes):
            first = start + (rank - start) % self.processes
            if first >= stop:
                continue
            places = range(first // self.processes, (stop - 1 - rank) // self.processes + 1)
            with _read(self.file(rank)) as file:
                part = tensor_stream.read(file, f"{kind}/{name}", places.start, places.stop)
            if found is None:
                found = part.new_empty(stop - start, *part.shape[1:])
            found[first - start :: self.processes] = part
        assert found is not None
        return found

    def fill(self, into: torch.Tensor, kind: str, name: str, rows: int, shares: Shares | None) -> None:
        """Puts a table of so many rows, or this process's share of it, into ``into``."""
        mine = range(rows)[shares.own(rows) if shares else slice(None)]
        for start, stop in tensor_stream.blocks(tuple(into.shape)):
            if shares is not None and shares.world.size == self.processes:
                with _read(self.file(shares.world.rank)) as file:
                    found = tensor_stream.read(file, f"{kind}/{name}", start, stop)
            else:
                some = mine[start:stop]
                found = self.rows(kind, name, some[0], some[-1] + 1)[:: mine.step]
            into[start:stop] = found.to(into.device)

    def remove(self) -> None:
        """Deletes those that this machine sees."""
        for rank in range(self.processes):
            self.file(rank).unlink(missing_ok=True)


@contextlib.contextmanager
def _read(path: Path) -> Iterator[Path]:
    try:
        yield path
    except (SafetensorError, OSError) as error:
        raise DamagedError(
            f"{path} is missing or damaged ({error}); expected the rows that a process of this run wrote beside its "
            "checkpoint. Put it back, or begin again with another --out."
        ) from error


def write_together(folder: Path, tables: Mapping[str, Mapping[str, torch.Tensor]], world: World) -> Parts | None:
    """Every process writes its rows of each table, of each kind; ``None`` where there are none.

    Raises:
        StorageError: the folder cannot be written.
    """
    if not tables:
        return None
    parts = Parts(folder=folder, mark=world.same(secrets.token_hex(4)), processes=world.size)
    with world.together():
        _write(parts.file(world.rank), tables)
    return parts


def _write(path: Path, tables: Mapping[str, Mapping[str, torch.Tensor]]) -> None:
    tensors = {f"{kind}/{name}": Streamed.of(value) for name, kinds in tables.items() for kind, value in kinds.items()}
    try:
        tensor_stream.write(path, tensors)
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise StorageError(
            f"cannot write {path}: {error}. The checkpoint before is kept; free space and run the same command again."
        ) from error


def forget(folder: Path, *, keep: Parts | None) -> None:
    """Deletes the parts of earlier checkpoints, and those of one that was never finished."""
    kept = {keep.file(rank) for rank in range(keep.processes)} if keep else set()
    for path in folder.glob("tables-*-*.safetensors"):
        if path not in kept:
            path.unlink(missing_ok=True)
