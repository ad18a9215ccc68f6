"""What `roadworthy serve` withstands: memory under a large file, and five minutes of pulls, pushes and kills.

    python benchmarks/serve.py memory              # 10 GB up and down; the server's memory stays under 300 MB
    python benchmarks/serve.py storm               # 64 clients pull, 8 publish; ten kills: nothing lost or partial

``memory`` sends one safetensors file by git-lfs, commits it and gets it back, checked. ``storm`` kills the
server with SIGKILL and starts it again. Half of who publishes pushes drafts as stock clients do, half publishes
certified versions through the gate; of who pulls likewise. Afterwards every commit that was answered must be in the
history with its own file, every version that was answered must be there and all versions must pass the audit, every
body that a client took for whole must have had the right digest, and both logs must be chains.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil

from roadworthy.model_cards.errors import DamagedError, StorageError
from roadworthy.registry import (
    Registry,
    audit_registry,
    create_token,
    open_registry,
    publish,
    pull,
    trusted_keys,
    verify_audit_log,
)

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE / "tts")]
from audit import real_snapshot  # noqa: E402
from document import machine  # noqa: E402
from pull_speed import grown  # noqa: E402

CHUNK = 2**20
WANTED = 300  # MB of memory


def main() -> None:
    """Measures, prints, writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["memory", "storm"])
    parser.add_argument("--gb", type=float, default=10.0, help="of the large file")
    parser.add_argument("--seconds", type=float, default=300.0, help="of the storm")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--publishers", type=int, default=8)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--results", type=Path, default=HERE / "results", help="where to write")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ROADWORTHY_HOME"] = str(Path(folder) / "home")  # the server's and its clients': they trust a key
        server = Server(Path(folder))
        server.start()
        try:
            measured = memory(server, asked.gb) if asked.what == "memory" else storm(server, asked)
        finally:
            server.kill()
    document = {"date": time.strftime("%Y-%m-%d", time.gmtime()), "machine": machine("cpu"), "measured": measured}
    page = as_markdown(asked.what, document)
    print(page)
    asked.results.mkdir(parents=True, exist_ok=True)
    (asked.results / f"serve-{asked.what}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (asked.results / f"serve-{asked.what}.md").write_text(page, encoding="utf-8")


TITLES = {
    "memory": "The server's memory (MB, resident) under one large file, and its rates (MB/s) up and down by git-lfs",
    "storm": "Clients pull and publish while the server is killed: what was done, and what of it was lost or wrong",
}


def as_markdown(what: str, document: dict[str, Any]) -> str:
    """The figures as a page."""
    on = document["machine"]
    lines = [
        f"# {TITLES[what]}",
        "",
        f"Client and server on one machine ({on['cpu']}, {on['cores']} cores), {document['date']}. Made by "
        f"`benchmarks/serve.py {what}`.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {_told(value)} |" for name, value in document["measured"].items()),
        "",
    ]
    return "\n".join(lines)


def _told(value: float | bool) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else f"{value:,}"


class Server:
    """The server in a process of its own, always at the same port."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = create_token(root / "home" / "tokens.json", "bench", role="write", namespaces=["team"])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        command = [sys.executable, "-m", "roadworthy.cli.main", "serve", "--port", str(self.port), "--rate", "100000"]
        registry = ["--registry", str(self.root / "registry")]
        with (self.root / "server.txt").open("ab") as log:
            self.process = subprocess.Popen([*command, *registry], stdout=log, stderr=log)
        while True:
            try:
                httpx.get(f"{self.url}/api/models")
                return
            except httpx.TransportError:
                if self.process.poll() is not None:
                    raise SystemExit((self.root / "server.txt").read_text()) from None
                time.sleep(0.05)

    def kill(self) -> None:
        """Ends it at once."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def client(self) -> httpx.Client:
        """A client with the token."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=600)


def memory(server: Server, gigabytes: float) -> dict[str, Any]:
    """The server's memory (MB, its peak) and the rates (MB/s) of one large file up and down."""
    size = int(gigabytes * 1e9) // CHUNK * CHUNK
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    head = len(header).to_bytes(8, "little") + header
    block = random.Random(0).randbytes(CHUNK)

    def pieces() -> Iterator[bytes]:
        yield head
        for number in range(size // CHUNK):
            yield number.to_bytes(8, "little") + block[8:]

    digest, total = hashlib.sha256(), 0
    for piece in pieces():
        digest.update(piece)
        total += len(piece)
    oid, peak, done = digest.hexdigest(), Peak(server), threading.Event()
    watcher = threading.Thread(target=peak.watch, args=(done,))
    watcher.start()
    with server.client() as client:
        before = peak.megabytes()
        client.post("/api/repos/create", json={"name": "large", "organization": "team"}).raise_for_status()
        asked = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": oid, "size": total}]}
        (told,) = client.post("/team/large.git/info/lfs/objects/batch", json=asked).raise_for_status().json()["objects"]
        upload = told["actions"]["upload"]
        began = time.perf_counter()
        if "header" in upload:
            send_parts(client, upload, pieces(), oid)
        else:
            client.put(upload["href"], content=pieces(), headers={"Content-Length": str(total)}).raise_for_status()
        up = total / (time.perf_counter() - began) / 1e6
        push(client, "large", {"key": "lfsFile", "value": {"path": "model.safetensors", "oid": oid, "size": total}})
        began, back = time.perf_counter(), hashlib.sha256()
        with client.stream("GET", "/team/large/resolve/main/model.safetensors") as answer:
            for piece in answer.iter_raw(CHUNK):
                back.update(piece)
        down = total / (time.perf_counter() - began) / 1e6
    done.set()
    watcher.join()
    found = {"gb": gigabytes, "before": before, "peak": peak.most, "up": round(up), "down": round(down)}
    return {**found, "right": back.hexdigest() == oid, "met": peak.most < WANTED}


def send_parts(client: httpx.Client, upload: dict[str, Any], pieces: Iterator[bytes], oid: str) -> None:
    """Sends a file in the parts that the server asks for."""
    length = int(upload["header"]["chunk_size"])
    held = b""
    urls = [url for name, url in sorted(upload["header"].items()) if name.isdigit()]

    def part() -> Iterator[bytes]:
        nonlocal held
        left = length
        while left:
            held = held or next(pieces, b"")
            if not held:
                return
            piece, held = held[:left], held[left:]
            left -= len(piece)
            yield piece

    tags = [client.put(url, content=part()).raise_for_status().headers["ETag"] for url in urls]
    parts = [{"partNumber": number, "etag": tag} for number, tag in enumerate(tags, start=1)]
    client.post(upload["href"], json={"oid": oid, "parts": parts}).raise_for_status()


class Peak:
    """The most memory that the server's process has had (MB, resident)."""

    def __init__(self, server: Server) -> None:
        assert server.process is not None
        self._process = psutil.Process(server.process.pid)
        self.most = 0

    def megabytes(self) -> int:
        """What it has now."""
        return round(self._process.memory_info().rss / 1e6)

    def watch(self, done: threading.Event) -> None:
        """Looks twenty times in a second."""
        while not done.wait(0.05):
            self.most = max(self.most, self.megabytes())


def push(client: httpx.Client, name: str, *steps: dict[str, Any]) -> str:
    """Commits and returns the commit."""
    lines = [{"key": "header", "value": {"summary": "bench"}}, *steps]
    said = client.post(f"/api/models/team/{name}/commit/main", content="\n".join(map(json.dumps, lines)))
    commit: str = said.raise_for_status().json()["commitOid"]
    return commit


def storm(server: Server, asked: argparse.Namespace) -> dict[str, Any]:
    """Counts of what was done, and what was lost, partial or wrong: nothing may be."""
    counts: Counter[str] = Counter()
    over = threading.Event()
    os.environ["ROADWORTHY_TOKEN"] = server.token
    drafts = Drafts(server, counts, [f"m{n}" for n in range(asked.publishers // 2)])
    versions = Versions(server, counts, [f"v{n}" for n in range(asked.publishers - asked.publishers // 2)])

    def repeat(what: str, once: Callable[[int], None]) -> None:
        number = 0
        while not over.is_set():
            number += 1
            try:
                once(number)
                counts[what] += 1
            except (httpx.TransportError, httpx.HTTPStatusError, StorageError) as error:
                counts[f"{what}, not: {type(error).__name__}"] += 1
                counts["wrong"] += isinstance(error, DamagedError)
                time.sleep(0.1)

    doing: list[tuple[str, Callable[[int], None]]] = []
    for kind in (drafts, versions):
        doing += [(f"{kind.word} published", partial(kind.publish, name)) for name in kind.names]
    for seed in range(asked.clients):
        kind = (drafts, versions)[seed % 2]
        doing.append((f"{kind.word} pulled", partial(kind.pull, random.Random(seed))))
    workers = [threading.Thread(target=repeat, args=one) for one in doing]
    for worker in workers:
        worker.start()
    for _ in range(asked.kills):
        time.sleep(asked.seconds / (asked.kills + 1))
        server.kill()
        server.start()
        counts["kills"] += 1
    time.sleep(asked.seconds / (asked.kills + 1))
    over.set()
    for worker in workers:
        worker.join()
    drafts.look()
    versions.look()
    chain = verify_audit_log(server.root / "home" / "server-log.jsonl").lines
    tracebacks = (server.root / "server.txt").read_text(errors="replace").count("Traceback")
    asked_for = {"seconds": asked.seconds, "clients that pull": asked.clients, "that publish": asked.publishers}
    found = {**asked_for, "lost": 0, "wrong": 0, **dict(sorted(counts.items()))}
    return {**found, "log lines": chain, "tracebacks": tracebacks}


class Drafts:
    """Small files on the branch main, pushed and fetched as stock clients do."""

    word = "drafts"

    def __init__(self, server: Server, counts: Counter[str], names: list[str]) -> None:
        self._server, self._counts, self.names = server, counts, names
        self._answered: dict[str, list[tuple[str, str]]] = {name: [] for name in names}
        with server.client() as client:
            for name in names:
                client.post("/api/repos/create", json={"name": name, "organization": "team"}).raise_for_status()
                push(client, name, small("0.txt", name))

    def publish(self, name: str, number: int) -> None:
        """One more file of a hundred kilobytes or two."""
        with self._server.client() as client:
            path = f"{number}.txt"
            commit = push(client, name, small(path, f"{name} {number}" * 20_000))
            self._answered[name].append((commit, path))

    def pull(self, dice: random.Random, _: int) -> None:
        """Any file of any of them, checked."""
        name = dice.choice(self.names)
        with self._server.client() as client:
            tree = client.get(f"/api/models/team/{name}/tree/main").raise_for_status().json()
            entry = dice.choice(tree)
            said = client.get(f"/team/{name}/resolve/main/{entry['path']}").raise_for_status()
            if hashlib.sha1(b"blob %d\0" % len(said.content) + said.content).hexdigest() != entry["oid"]:
                self._counts["wrong"] += 1

    def look(self) -> None:
        """What was answered is there, and whole."""
        with self._server.client() as client:
            for name, commits in self._answered.items():
                history = {one["id"] for one in client.get(f"/api/models/team/{name}/commits/main").json()}
                files = {one["path"] for one in client.get(f"/api/models/team/{name}/tree/main").json()}
                self._counts["lost"] += sum(path not in files for _, path in commits)
                self._counts["lost"] += sum(commit not in history for commit, _ in commits[-500:])
                for path in files:
                    if client.get(f"/team/{name}/resolve/main/{path}").status_code != 200:
                        self._counts["wrong"] += 1


class Versions:
    """Certified versions of half a megabyte, published through the gate and pulled with every byte checked."""

    word = "versions"

    def __init__(self, server: Server, counts: Counter[str], names: list[str]) -> None:
        self._server, self._counts, self.names = server, counts, names
        self._root = server.root / "clients"
        self._root.mkdir()
        self._certified = real_snapshot(self._root)
        self._keys = trusted_keys()
        self._answered: list[str] = []
        for name in names:
            self.publish(name, 0)

    def _registry(self) -> Registry:
        return open_registry(self._server.url)

    def publish(self, name: str, number: int) -> None:
        """One more version, of other bytes."""
        with tempfile.TemporaryDirectory(dir=self._root) as folder:
            seed = int(name[1:]) * 1_000_000 + number
            made = grown(self._certified, Path(folder) / "made", 500_000, seed=seed)
            reference = f"team/{name}@1.{number}.0"
            publish(self._registry(), made, reference, keys=self._keys)
            self._answered.append(reference)

    def pull(self, dice: random.Random, _: int) -> None:
        """Any version that was answered; it raises where a byte is wrong."""
        with tempfile.TemporaryDirectory(dir=self._root) as folder:
            pull(self._registry(), dice.choice(self._answered), keys=self._keys, to=Path(folder) / "pulled")

    def look(self) -> None:
        """What was answered is there, and every version that is there passes the audit, which hashes every byte."""
        registry = open_registry(str(self._server.root / "registry"))
        log, audited = audit_registry(registry, keys=self._keys, processes=2)
        ok = {str(version.reference): version.ok for version in audited}
        self._counts["lost"] += sum(reference not in ok for reference in self._answered)
        self._counts["wrong"] += sum(not good for good in ok.values()) + (not log.ok)
        self._counts["versions there"] = len(ok)


def small(path: str, text: str) -> dict[str, Any]:
    """A change that adds a small file."""
    return {"key": "file", "value": {"path": path, "content": text, "encoding": "utf-8"}}


if __name__ == "__main__":
    main()
