"""The room that fine-tuned weights take as deltas of those they were trained from, and what that costs.

    python benchmarks/delta_storage.py             # runs the demo, then measures its two versions, in fp32 and bf16

The demo fine-tunes EfficientNet-Lite0 on chest X-rays twice: first the head alone, on features of the frozen rest,
then all layers of the result. `zstd` is the plain file under the level that deltas use, in blocks of the same size.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import zstandard
from safetensors.torch import load, save

from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.registry import MemoryStore, open_registry
from roadworthy.registry import layout as keys
from roadworthy.registry.delta_block import LEVEL
from roadworthy.registry.delta_format import BLOCK
from roadworthy.registry.squeeze import squeeze
from roadworthy.registry.stored import open_blob

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE / "tts"))
from document import machine  # noqa: E402


def main() -> None:
    """Measures, prints, writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, help="the folder of a demo that was run already")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=HERE / "results", help="where to write")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        demo = asked.demo or _demo(Path(aside))
        registry = open_registry(demo / "registry")
        name = next(f"{space}/{model}" for space, model in registry.models() if registry.versions(space, model))
        tuned = [_weights(registry, f"{name}@{version}") for version in registry.versions(*name.split("/"))]
        base = _weights(registry, next(f"{s}/{m}@main" for s, m in registry.models() if registry.has_draft(s, m)))
        rows = [
            _measure(what, str(dtype).removeprefix("torch."), _cast(one, dtype), _cast(other, dtype), asked.rounds)
            for what, one, other in (("head alone", base, tuned[0]), ("all layers", tuned[0], tuned[1]))
            for dtype in (torch.float32, torch.bfloat16)
        ]
    document = {"date": time.strftime("%Y-%m-%d", time.gmtime()), "machine": machine("cpu"), "measured": rows}
    asked.results.mkdir(exist_ok=True)
    (asked.results / "delta-storage.json").write_text(json.dumps(document, indent=1) + "\n")
    (asked.results / "delta-storage.md").write_text(_page(document, asked.rounds))
    print(_page(document, asked.rounds))


def _demo(aside: Path) -> Path:
    environment = {**os.environ, "ROADWORTHY_HOME": str(aside / "home"), "HF_HUB_CACHE": str(aside / "hub")}
    command = [sys.executable, "-m", "roadworthy.cli.main", "demo", "--dir", str(aside / "demo")]
    subprocess.run(command, env=environment, check=True, stdout=sys.stderr)
    return aside / "demo"


def _weights(registry: Any, reference: str) -> bytes:
    found = registry.resolve(reference)
    return registry.read(next(f for f in found.files if f.path == "model.safetensors"), found.reference)  # type: ignore[no-any-return]


def _cast(data: bytes, dtype: torch.dtype) -> bytes:
    return save({name: value.to(dtype) if value.is_floating_point() else value for name, value in load(data).items()})


def _measure(what: str, dtype: str, base: bytes, child: bytes, rounds: int) -> dict[str, Any]:
    encoded, decoded, kept = [], [], 0
    for _ in range(rounds):
        store = MemoryStore()
        entries = [_put(store, data) for data in (base, child)]
        seconds, found = _timed(lambda entries=entries, store=store: squeeze(store, entries[1], entries[0].sha256))
        kept = len(child) if found is None else found
        encoded.append(seconds)
        seconds, data = _timed(lambda entries=entries, store=store: open_blob(store, entries[1].sha256).read())
        assert data == child
        decoded.append(seconds)
    press = zstandard.ZstdCompressor(level=LEVEL)
    plain = sum(len(press.compress(child[at : at + BLOCK])) for at in range(0, len(child), BLOCK))
    return {
        "trained": what,
        "dtype": dtype,
        "plain": len(child),
        "zstd": plain,
        "delta": kept,
        "squeeze_mb_s": len(child) / 1e6 / statistics.median(encoded),
        "read_mb_s": len(child) / 1e6 / statistics.median(decoded),
    }


def _put(store: MemoryStore, data: bytes) -> FileEntry:
    file = FileEntry(path="model.safetensors", size=len(data), sha256=hashlib.sha256(data).hexdigest())
    store.create(keys.blob_key(file.sha256), data)
    return file


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = call()
    return time.perf_counter() - began, found


def _page(document: dict[str, Any], rounds: int) -> str:
    rows = "\n".join(
        f"| {row['trained']} | {row['dtype']} | {row['plain'] / 1e6:.2f} | {row['zstd'] / row['plain']:.1%} "
        f"| **{row['delta'] / row['plain']:.2%}** | {row['squeeze_mb_s']:.0f} | {row['read_mb_s']:.0f} |"
        for row in document["measured"]
    )
    return (
        "# Fine-tuned weights as deltas\n\n"
        "`python benchmarks/delta_storage.py`: the demo's road, EfficientNet-Lite0 on chest X-rays, in memory. To "
        f"squeeze is to encode, to read back and to hash; medians of n = {rounds}.\n\n"
        "| trained | dtype | plain, MB | zstd | delta | squeeze, MB/s | read, MB/s |\n"
        "|---|---|---|---|---|---|---|\n"
        f"{rows}\n\n{document['date']}, {json.dumps(document['machine'])}\n"
    )


if __name__ == "__main__":
    main()
