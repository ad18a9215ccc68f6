"""How fast the server checks what a Xet client sends: xorbs as they arrive, and files put together from them.

    pip install ".[server]"
    python benchmarks/xet_ingest.py

Three kinds of content, 64 KiB to a chunk as a client cuts on average: noise (chunks that are not compressed), float32
weights (bytes grouped, then LZ4) and text (LZ4). Into a registry in a folder, disk and its flushes included, in one
thread and without HTTP. Bytes are those of the files, before compression; of several rounds the median.
"""

import argparse
import hashlib
import io
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import lz4.frame
import numpy as np

from roadworthy.registry import FolderStore, layout
from roadworthy.registry.server.rebuild import Progress, rebuild
from roadworthy.registry.server.xorbs import Xorbs
from roadworthy.registry.xet.hashes import Tree, hash_chunk, hash_range
from roadworthy.registry.xet.shard import File

CHUNK, CHUNKS = 64 * 2**10, 900  # bytes; chunks of a xorb, which are 59 MB: always below the bound of 64 MiB


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--xorbs", type=int, default=16, help="of 59 MB each, in every round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--to", type=Path, help="where the registry lies", default=None)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    asked = parser.parse_args()
    figures = {}
    for kind in ("noise", "weights", "text"):
        rounds = [measured(kind, asked.xorbs, seed, asked.to) for seed in range(asked.rounds)]
        figures[kind] = {name: round(median(one[name] for one in rounds), 1) for name in rounds[0]}
        print(kind, figures[kind], flush=True)
    if asked.json is not None:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def measured(kind: str, count: int, seed: int, to: Path | None) -> dict[str, float]:
    """MB/s of taking in xorbs, of putting the file together, and of SHA-256 alone, for comparison."""
    made = list(xorbs_of(kind, count, seed))
    size, digest, began = sum(len(data) for data, _, _ in made), hashlib.sha256(), time.perf_counter()
    for data, _, _ in made:
        digest.update(data)
    spent = {"sha256 alone": time.perf_counter() - began}
    with tempfile.TemporaryDirectory(dir=to) as folder:
        store = FolderStore(Path(folder))
        xorbs = Xorbs(store)
        began = time.perf_counter()
        for _, body, name in made:
            xorbs.add(name, io.BytesIO(body), len(body))
        spent["xorbs taken in"] = time.perf_counter() - began
        file = stated([data for data, _, _ in made], [name for *_, name in made], digest.hexdigest())
        began = time.perf_counter()
        rebuild(store, xorbs, (file,), Progress())
        spent["file put together"] = time.perf_counter() - began
        assert store.size(layout.blob_key(file.sha256)) == size
    spent["both"] = spent["xorbs taken in"] + spent["file put together"]
    sent = sum(len(body) for _, body, _ in made)
    return {f"{what} MB/s": size / seconds / 1e6 for what, seconds in spent.items()} | {"sent %": 100 * sent / size}


def xorbs_of(kind: str, count: int, seed: int) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Content, body and hash of each xorb."""
    pick = np.random.default_rng(seed)
    words = np.array([b"measured", b"again   ", b"before  ", b"it was  ", b"pushed. "])
    for _ in range(count):
        if kind == "weights":
            data = pick.normal(size=CHUNK * CHUNKS // 4).astype("float32").tobytes()
        elif kind == "text":
            data = pick.choice(words, CHUNK * CHUNKS // 8).tobytes()
        else:
            data = pick.bytes(CHUNK * CHUNKS)
        yield data, *xorb_of(kind, data)


def xorb_of(kind: str, data: bytes) -> tuple[bytes, bytes]:
    """Body and hash of a xorb."""
    scheme, tree, body = {"noise": 0, "text": 1, "weights": 2}[kind], Tree(), bytearray()
    for chunk in chunks_of(data):
        grouped = np.frombuffer(chunk, np.uint8).reshape(-1, 4).T.tobytes() if scheme == 2 else chunk
        packed = lz4.frame.compress(grouped) if scheme else chunk
        body += bytes([0]) + len(packed).to_bytes(3, "little") + bytes([scheme]) + len(chunk).to_bytes(3, "little")
        body += packed
        tree.add(hash_chunk(chunk), len(chunk))
    return bytes(body), tree.xorb_hash()


def stated(contents: list[bytes], names: list[bytes], sha256: str) -> File:
    """The file of all xorbs, as a shard states it."""
    tree, entries, proofs = Tree(), bytearray(), bytearray()
    for data, name in zip(contents, names, strict=True):
        hashes = [hash_chunk(chunk) for chunk in chunks_of(data)]
        for digest in hashes:
            tree.add(digest, CHUNK)
        entries += name + b"".join(number.to_bytes(4, "little") for number in (0, len(data), 0, CHUNKS))
        proofs += hash_range(hashes) + bytes(16)
    return File(file_hash=tree.file_hash(), sha256=sha256, entries=bytes(entries), proofs=bytes(proofs))


def chunks_of(data: bytes) -> Iterator[bytes]:
    """Equal pieces."""
    return (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))


if __name__ == "__main__":
    main()
