"""How fast a snapshot is pulled from a server, and published to one, beside `hf` on the same server and `cp` + sha256.

    pip install ".[bench,server]"
    python benchmarks/pull_speed.py                                     # 2 GiB, five rounds; needs a quiet machine
    python benchmarks/pull_speed.py --gib 0.25 --rounds 2 --results DIR # to try it

Client and server run on this machine, over loopback. Every contender runs in a process of its own, which takes its own
time after its imports; they take turns, each into a new folder, with nothing left to be written by the one before.
`cp` + sha256 copies the blob out of the registry's folder, then hashes the copy: with the tool of that name, and with
OpenSSL by Python's hashlib, which uses the processor's own instructions, as Roadworthy does. Neither waits for the
disk, as Roadworthy does. huggingface_hub checks no digest.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
sys.path += [str(HERE), str(HERE / "tts")]
from audit import certify, claim_of, real_snapshot  # noqa: E402
from document import machine  # noqa: E402

PULL = """
import sys, time
from pathlib import Path
from roadworthy.registry import open_registry, pull, trusted_keys
keys, began = trusted_keys(), time.perf_counter()
pull(open_registry(sys.argv[1]), "bench/model@1.0.0", keys=keys, cache=Path(sys.argv[2]))
print(time.perf_counter() - began)
"""
DOWNLOAD = """
import sys, time
from huggingface_hub import snapshot_download
began = time.perf_counter()
snapshot_download("bench/model", revision="v1.0.0", endpoint=sys.argv[1], cache_dir=sys.argv[2])
print(time.perf_counter() - began)
"""
COPY = """
import subprocess, sys, time
began = time.perf_counter()
subprocess.run(["cp", sys.argv[1], sys.argv[2]], check=True)
subprocess.run(["sha256sum", sys.argv[2]], check=True, stdout=subprocess.DEVNULL)
print(time.perf_counter() - began)
"""
COPY_FAST = """
import hashlib, subprocess, sys, time
began = time.perf_counter()
subprocess.run(["cp", sys.argv[1], sys.argv[2]], check=True)
with open(sys.argv[2], "rb") as file:
    hashlib.file_digest(file, "sha256")
print(time.perf_counter() - began)
"""
PUBLISH = """
import sys, time
from pathlib import Path
from roadworthy.registry import open_registry, publish, trusted_keys
keys, began = trusted_keys(), time.perf_counter()
publish(open_registry(sys.argv[1]), Path(sys.argv[2]), "bench/model@1.0.0", keys=keys)
print(time.perf_counter() - began)
"""
UPLOAD = """
import sys, time
from huggingface_hub import HfApi
api, began = HfApi(endpoint=sys.argv[1]), time.perf_counter()
api.create_repo("bench/model", exist_ok=True)
api.upload_folder(repo_id="bench/model", folder_path=sys.argv[2])
print(time.perf_counter() - began)
"""
NO_XET = {"HF_HUB_DISABLE_XET": "1"}


def main() -> None:
    """Measures, prints a table, and writes it with the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gib", type=float, default=2.0, help="size of the weights")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write")
    asked = parser.parse_args()
    if asked.results.resolve() == RESULTS and (asked.gib < 2 or asked.rounds < 5):
        parser.error("less is for trying things out: give --results DIR too")
    size = int(asked.gib * 2**30)
    load = [round(os.getloadavg()[0], 2)]
    asked.results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.results if asked.results.resolve() != RESULTS else None) as folder:
        root = Path(folder)
        os.environ["ROADWORTHY_HOME"] = str(root / "home")
        certified = real_snapshot(root)
        pulls = measured_pulls(certified, root / "pull", size, asked.rounds)
        publications = measured_publications(certified, root / "publish", size, asked.rounds)
    load.append(round(os.getloadavg()[0], 2))
    document = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine("cpu"),
        "libraries": {name: version(name) for name in ("huggingface_hub", "hf_xet", "httpx", "uvicorn", "starlette")},
        "load": load,
        "bytes": size,
        "seconds": {"pull": pulls, "publish": publications},
    }
    (asked.results / "pull-speed.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (asked.results / "pull-speed.md").write_text(as_markdown(document), encoding="utf-8")
    print(as_markdown(document))


def measured_pulls(certified: Path, root: Path, size: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of every pull, by contender."""
    snapshot = grown(certified, root / "snapshot", size, seed=0)
    with serving(root) as url:
        timed(PUBLISH, [url, str(snapshot)])
        blob = next(p for p in (root / "registry/blobs").rglob("*") if p.is_file() and p.stat().st_size > size)
        contenders: dict[str, tuple[str, str, dict[str, str]]] = {
            "roadworthy": (PULL, url, {}),
            "hf download": (DOWNLOAD, url, {}),
            "hf download, Xet off": (DOWNLOAD, url, NO_XET),
            "roadworthy, of a folder on this disk": (PULL, str(root / "registry"), {}),
            "cp + sha256sum": (COPY, str(blob), {}),
            "cp + sha256 of OpenSSL": (COPY_FAST, str(blob), {}),
        }
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(rounds):
            for name, (code, source, more) in in_turn(contenders, number):
                to = root / "out"
                seconds[name].append(timed(code, [source, str(to)], more))
                print(f"pull {number + 1}, {name}: {seconds[name][-1]:.2f} s", flush=True)
                shutil.rmtree(to) if to.is_dir() else to.unlink()
    return seconds


def measured_publications(certified: Path, root: Path, size: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of every publication, by contender: new bytes each time, into a new registry."""
    contenders = {"roadworthy": (PUBLISH, {}), "hf upload": (UPLOAD, {}), "hf upload, Xet off": (UPLOAD, NO_XET)}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for seed, (name, (code, more)) in enumerate(in_turn(contenders, number)):
            snapshot = grown(certified, root / "snapshot", size, seed=1 + 10 * number + seed)
            with serving(root) as url:
                seconds[name].append(timed(code, [url, str(snapshot)], more))
            print(f"publish {number + 1}, {name}: {seconds[name][-1]:.2f} s", flush=True)
            shutil.rmtree(root)
    return seconds


def in_turn(contenders: dict[str, Any], number: int) -> list[tuple[str, Any]]:
    """Another one begins in every round."""
    listed = list(contenders.items())
    first = number % len(listed)
    return listed[first:] + listed[:first]


def grown(certified: Path, folder: Path, size: int, *, seed: int) -> Path:
    """The snapshot with ``size`` random bytes as weights, certified again."""
    shutil.copytree(certified, folder)
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    dice = np.random.default_rng(seed)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for at in range(0, size, 1 << 20):
            file.write(dice.bytes(min(1 << 20, size - at)))
    certify(folder, claim_of(folder))
    return folder


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """A server of the registry in ``root``, in a process of its own, and where it answers. Who asks may do all."""
    from roadworthy.registry import create_token

    root.mkdir(parents=True, exist_ok=True)
    tokens = root / "tokens.json"
    os.environ["ROADWORTHY_TOKEN"] = os.environ["HF_TOKEN"] = create_token(
        tokens, "bench", role="admin", namespaces=("*",)
    )
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "roadworthy.cli.main", "serve", "--port", str(port)]
    command += ["--registry", str(root / "registry"), "--tokens", str(tokens)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert server.poll() is None, f"the server did not start: {' '.join(command)}"
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def timed(code: str, arguments: list[str], more: dict[str, str] | None = None) -> float:
    """The seconds that a process says it took."""
    os.sync()
    with tempfile.TemporaryDirectory() as home:  # no cache of an earlier run
        quiet = {"HF_HOME": home, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env={**os.environ, **quiet, **(more or {})},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(done.stderr)
    return round(float(done.stdout.split()[-1]), 3)


def as_markdown(document: dict[str, Any]) -> str:
    """The tables."""
    gib = document["bytes"] / 2**30
    lines = [
        "# Pulling and publishing over HTTP",
        "",
        f"{gib:g} GiB, client and server on one machine ({document['machine']['cpu']}, {document['machine']['cores']} "
        f"cores), {document['date']}; huggingface_hub {document['libraries']['huggingface_hub']}, hf_xet "
        f"{document['libraries']['hf_xet']}. Load before and after: {document['load']}. Made by "
        "`benchmarks/pull_speed.py`.",
        "",
    ]
    for what, seconds in document["seconds"].items():
        ours = median(seconds["roadworthy"])
        lines += [f"| {what} | n | median | least | most | MB/s | ÷ ours |", "|---|---|---|---|---|---|---|"]
        for name, taken in seconds.items():
            middle = median(taken)
            rate = document["bytes"] / middle / 1e6
            lines.append(
                f"| {name} | {len(taken)} | {middle:.2f} s | {min(taken):.2f} s | {max(taken):.2f} s | {rate:,.0f} | "
                f"{middle / ours:.2f} |"
            )
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
