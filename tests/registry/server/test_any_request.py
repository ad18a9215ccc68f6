"""Whatever is sent, the server answers with a sentence and a status below 500, and goes on."""

import itertools
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route

from roadworthy.registry import Registry, import_draft
from roadworthy.registry.server.access import Access
from roadworthy.registry.server.app import app

from .conftest import Serve, Served

PARTS = {
    "namespace": ["team", "demo", "no", "..", "%2e%2e", "a%2fb", "%ff", "%00", "a" * 300],
    "name": ["x", "x.git", "no", "..", "%2e", "%ff"],
    "revision": ["main", "latest", "v1.0.0", "9" * 40, "a%2Fb", "refs%2Fpr%2F1", "%ff", "%0a", "..", "a" * 500],
    "path": ["config.json", "", "/", "..", "%2e%2e%2fx", "%ff", "a" * 5000],
    "oid": ["0" * 64, "x", ".."],
    "size": ["0", "-1", "9" * 15, "x"],
    "tag": ["v1.0.0", "a%2Fb", "%ff", "a" * 300, ".", "a."],
    "branch": ["main", "a%2Fb", "%ff", "a" * 300, ".", "a.", "*"],
    "alias": ["latest", "main", "%ff", "a"],
    "hash": ["0" * 64, "x"],
    "part": ["1", "0", "-1", "x", "9" * 30],
}
BODIES = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b"\xff\xfe",
    b'{"files": [{"path": "a", "size": 1e999}]}',
    b'{"files": 3}',
    b'{"files": [3]}',
    b'{"tag": {}}',
    b'{"tag": "\\ud800"}',
    b'{"name": 3, "organization": []}',
    b'{"name": "x", "organization": "team", "type": {}}',
    b'{"operation": "upload", "objects": [{"oid": 3, "size": "x"}]}',
    b'{"operation": "upload", "objects": [{"oid": "' + b"0" * 64 + b'", "size": 100000000000000}]}',
    b'{"paths": 3}',
    b"paths=%ff&expand=x",
    b'{"startingPoint": {"a": 1}}',
    b'{"to": 1, "expected": []}',
    b'{"key": "header", "value": {"summary": {"a": "\\ud800"}}}\n'
    b'{"key": "file", "value": {"path": "\\ud800", "content": ""}}',
    b'{"key": "header", "value": {"summary": "\\ud800"}}\n'
    b'{"key": "file", "value": {"path": "surrogate.txt", "content": ""}}',
    b"[" * 200_000,
]
WRITE = ("POST", "PUT", "PATCH", "DELETE")
QUERIES = ["", "?limit=x", "?cursor=-1", "?cursor=99999999", "?expand=nothing", "?grant=x.y", "?filter=%00&search=%ff"]


def routes(registry: Registry) -> Iterator[tuple[str, str]]:
    """Every method and path of the application."""
    for route in app(registry, Access()).routes:
        assert isinstance(route, Route)
        for method in sorted(route.methods or ()):
            yield method, route.path


def filled(path: str, parts: dict[str, str]) -> str:
    """A route's path with ``parts`` in it, and something wherever there is none."""
    return re.sub(r"\{(\w+)(:path)?\}", lambda found: parts.get(found[1], "a"), path)


@pytest.mark.parametrize("role", ["admin", None])
def test_nothing_is_a_server_error(serve: Serve, registry: Registry, model: Path, role: str | None) -> None:
    """Every endpoint, with parts that are right, wrong, or meant to lead astray."""
    import_draft(registry, model, "team/x")
    served = serve()
    dice = random.Random(0)
    with served.client(served.token("any", role, ()) if role else None) as client:
        for method, path in routes(registry):
            names = [name for name in PARTS if f"{{{name}" in path]
            every = list(itertools.product(*(PARTS[name] for name in names)))
            for chosen in dice.sample(every, min(12, len(every))):
                url = filled(path, dict(zip(names, chosen, strict=True)))
                body = dice.choice(BODIES) if method in WRITE else b""
                said = client.request(method, url + dice.choice(QUERIES), content=body)
                assert said.status_code < 500, (method, url, body[:100], said.text[:300])
            # Each wrong part, with all others right.
            right = {"namespace": "team", "name": "x", "revision": "main", "oid": "0" * 64, "size": "0"}
            for name in names:
                for value in PARTS[name]:
                    url = filled(path, {**right, name: value})
                    said = client.request(method, url, content=b'{"tag": "t"}' if method in WRITE else b"")
                    assert said.status_code < 500, (method, url, said.text[:300])
        for body, (method, path) in itertools.product(BODIES, routes(registry)):
            if method in WRITE and "{path" not in path:
                url = filled(path, {"namespace": "team", "name": "x", "revision": "main", "oid": "0" * 64, "size": "0"})
                said = client.request(method, url, content=body)
                assert said.status_code < 500, (method, url, body[:100], said.text[:300])
        assert client.get("/api/models").status_code == 200


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_as_a_commit(served: Served, token: str, body: bytes) -> None:
    """Lines that are nothing at all."""
    with served.client(token) as client:
        assert client.post("/api/models/team/x/commit/main", content=body).status_code in (400, 404, 413)


@pytest.fixture
def token(served: Served) -> str:
    """One that may write."""
    return served.token()
