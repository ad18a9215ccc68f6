"""Who may do what on a server, and what is kept of it."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from roadworthy.model_cards.errors import CheckError, DamagedError, InputError
from roadworthy.registry import (
    Manifest,
    Registry,
    create_token,
    list_tokens,
    publish,
    revoke_token,
    verify_audit_log,
)
from roadworthy.registry.server.limits import Rate
from roadworthy.registry.server.surround import Limits

from .conftest import Serve, Served

FOREIGN = "hf_" + "a" * 34


def test_reading_needs_a_token_unless_anybody_may(serve: Serve, version: Manifest) -> None:
    """Where others can reach it, 401; with any token of the namespace, 200."""
    closed = serve(anonymous_read=False)
    mine, other = closed.token("mine", "read", ("demo",)), closed.token("other", "read", ("team",))
    paths = ("/api/models/demo/x", "/demo/x/resolve/v1.0.0/config.json", "/api/models/demo/x/refs")
    for path in paths:
        with closed.client() as client:
            assert client.get(path).status_code == 401
        with closed.client(other) as client:
            assert client.get(path).status_code == 403
        with closed.client(mine) as client:
            assert client.get(path).status_code == 200
    with closed.client() as client:
        assert client.get("/api/models").status_code == 401
    with closed.client(other) as client:
        assert client.get("/api/models").json() == []
    with closed.client(mine) as client:
        assert [one["id"] for one in client.get("/api/models").json()] == ["demo/x"]


WRITES = [
    ("POST", "/api/repos/create", {"name": "y", "organization": "team"}),
    ("DELETE", "/api/repos/delete", {"name": "x", "organization": "team"}),
    ("POST", "/api/models/team/x/commit/main", {"key": "header", "value": {}}),
    ("POST", "/api/models/team/x/preupload/main", {"files": []}),
    ("POST", "/api/models/team/x/tag/main", {"tag": "t"}),
    ("DELETE", "/api/models/team/x/tag/t", None),
    ("POST", "/api/models/team/x/branch/b", {}),
    ("DELETE", "/api/models/team/x/branch/b", None),
    ("POST", "/team/x.git/info/lfs/objects/batch", {"operation": "upload", "objects": []}),
    ("PUT", f"/team/x.git/info/lfs/objects/{'0' * 64}/0", None),
    ("POST", f"/team/x.git/info/lfs/objects/{'0' * 64}/0/verify", {}),
    ("POST", f"/team/x.git/info/lfs/objects/{'0' * 64}/0/parts", {}),
    ("POST", "/api/roadworthy/v1/aliases", {"reference": "team/x@stable", "to": "1.0.0"}),
    ("GET", "/api/models/team/x/xet-write-token/main", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_every_write_needs_a_token_that_may(served: Served, method: str, path: str, body: Any) -> None:
    """Of this server, in force, with the role, in the namespace."""
    reader = served.token("reader", "read", ("team",))
    elsewhere = served.token("elsewhere", "admin", ("other",))
    ended = served.token("ended")
    revoke_token(served.tokens, "ended")
    for token, status in (
        (None, 401),
        (reader, 403),
        (elsewhere, 403),
        (ended, 401),
        ("rw_" + "A" * 43, 401),
        ("rwg_W10.00", 401),
        (FOREIGN, 401),
    ):
        with served.client(token) as client:
            said = client.request(method, path, json=body)
        assert said.status_code == status, (token, said.text)
    assert list(served.registry.store.list("")) == []


def test_a_token_of_huggingface_co_is_neither_kept_nor_logged(
    served: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And its sender is told where it went."""
    caplog.set_level("DEBUG")
    with served.client(FOREIGN) as client:
        said = client.post("/api/models/team/x/commit/main", json={})
    assert "token of huggingface.co" in said.json()["error"]
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        HfApi(endpoint=served.url, token=FOREIGN).whoami()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert FOREIGN.encode() not in kept
    assert FOREIGN not in caplog.text


def test_tokens(tmp_path: Path) -> None:
    """Kept by digest, in a file of their owner's; made once, listed, revoked."""
    file = tmp_path / "tokens.json"
    token = create_token(file, "ci", role="write", namespaces=["team"])
    assert re.fullmatch(r"rw_[A-Za-z0-9_-]{43}", token)
    assert token not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(CheckError, match="there is a token called ci"):
        create_token(file, "ci", role="read")
    with pytest.raises(InputError, match="needs a namespace"):
        create_token(file, "x", role="write")
    with pytest.raises(InputError, match="no role"):
        create_token(file, "x", role="root")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="cannot call"):
        create_token(file, "a\nb", role="read")
    assert revoke_token(file, "ci").revoked is not None
    with pytest.raises(InputError, match="no token in force"):
        revoke_token(file, "ci")
    assert create_token(file, "ci", role="read") != token
    assert [(one.name, one.role, one.revoked is None) for one in list_tokens(file)] == [
        ("ci", "write", False),
        ("ci", "read", True),
    ]


def test_a_damaged_file_of_tokens_lets_nobody_in(served: Served) -> None:
    """Nor does it say what stands in it."""
    token = served.token()
    served.tokens.write_text(json.dumps({"schema": "?", "tokens": [token]}))
    with served.client(token) as client:
        said = client.get("/api/whoami-v2")
    assert said.status_code == 503
    assert token not in said.text
    with pytest.raises(DamagedError):
        list_tokens(served.tokens)


def test_a_grant_ends_with_its_token(served: Served, registry: Registry) -> None:
    """Also where another token takes its name; and it counts in its namespace alone."""
    token = served.token()
    with served.client(token) as client:
        for name in ("team/x", "team/y"):
            client.post("/api/repos/create", json={"name": name.partition("/")[2], "organization": "team"})
        lent = client.get("/api/models/team/x/xet-write-token/main").json()["accessToken"]
    with served.client(lent) as client:
        assert client.post("/api/models/team/y/branch/b").status_code == 409  # it may, and the model is empty
        assert client.post("/api/models/other/y/branch/b").status_code == 403
        revoke_token(served.tokens, "ci")
        assert client.post("/api/models/team/y/branch/b").status_code == 401
        time.sleep(1.1)  # tokens are dated to the second
        served.token()
        assert client.post("/api/models/team/y/branch/b").status_code == 401


def test_whoami(api: HfApi) -> None:
    """The name of the token, and its namespaces as organisations."""
    said = api.whoami()
    assert (said["name"], [one["name"] for one in said["orgs"]]) == ("ci", ["team"])


def test_a_caller_who_asks_too_much(serve: Serve) -> None:
    """429 with the time to wait, whatever tokens it tries; others are not held up."""
    slow = serve(limits=Limits(per_second=0.5, burst=3))
    token = slow.token()
    with slow.client() as client:
        said = [client.get("/api/models", headers={"Authorization": f"Bearer rw_{n}"}) for n in range(4)]
    assert [one.status_code for one in said] == [401, 401, 401, 429]
    assert 1 <= int(said[-1].headers["Retry-After"]) <= 3
    with slow.client(token) as client:
        assert client.get("/api/models").status_code == 200


def test_a_bucket_fills_again() -> None:
    """By hand: two at once, then one each half second."""
    now = [0.0]
    rate = Rate(2.0, 2.0, clock=lambda: now[0])
    assert [rate.wait("a"), rate.wait("a"), rate.wait("a")] == [0.0, 0.0, 0.5]
    now[0] = 0.5
    assert [rate.wait("a"), rate.wait("a")] == [0.0, 0.5]
    assert rate.wait("b") == 0.0


def test_bodies_and_headers_are_bounded(serve: Serve) -> None:
    """Whether a length is promised or not."""
    small = serve(limits=Limits(body=1000))
    with small.client(small.token()) as client:
        assert client.post("/api/repos/create", content=bytes(1001)).status_code == 413

        def unpromised() -> Any:
            for _ in range(20):
                yield bytes(100)

        assert client.post("/api/repos/create", content=unpromised()).status_code == 413
        assert client.get("/api/models", headers={"X-Long": "a" * 100_000}).status_code in (400, 431)
        assert client.get("/api/models", headers={"X-Long": "a" * 32_768}).status_code in (400, 431)
        assert client.get("/api/models").status_code == 200


def test_every_write_is_in_the_log(served: Served, api: HfApi, tmp_path: Path) -> None:
    """Who, what, when and the outcome, those refused too; the query, which may hold a grant, never."""
    api.create_repo("team/x")
    reader = served.token("reader", "read", ("team",))
    with pytest.raises(HfHubHTTPError):
        HfApi(endpoint=served.url, token=reader).create_repo("team/y")
    with served.client() as client:
        client.put(f"/team/x.git/info/lfs/objects/{'0' * 64}/0?grant=secret")
    api.model_info("team/x")
    lines = [json.loads(line) for line in served.audit.read_text().splitlines()]
    assert [(one["who"], one["what"], one["path"], one["about"], one["status"]) for one in lines] == [
        ("ci", "POST", "/api/repos/create", "team/x", 200),
        ("reader", "POST", "/api/repos/create", "team/y", 403),
        ("nobody", "PUT", f"/team/x.git/info/lfs/objects/{'0' * 64}/0", None, 401),
    ]
    assert "secret" not in served.audit.read_text()
    head = verify_audit_log(served.audit)
    assert (head.lines, head.sha256) == (3, lines[-1]["sha256"])


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0], lines[2]],
        lambda lines: lines[1:],
        lambda lines: [lines[0], lines[1].replace("team", "teem"), lines[2]],
        lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [*lines, lines[2]],
        lambda lines: [*lines[:2], lines[2][:-20]],
        lambda lines: ["null\n", *lines],
    ],
)
def test_a_log_that_was_changed(served: Served, api: HfApi, change: Callable[[list[str]], list[str]]) -> None:
    """A line edited, taken out, moved, doubled or cut."""
    for name in ("a", "b", "c"):
        api.create_repo(f"team/{name}")
    lines = served.audit.read_text().splitlines(keepends=True)
    verify_audit_log(served.audit)
    served.audit.write_text("".join(change(lines)))
    with pytest.raises(DamagedError):
        verify_audit_log(served.audit)


def test_a_line_that_was_cut_off_by_a_power_cut(served: Served, api: HfApi) -> None:
    """Goes when the next one is written, which follows the last whole one."""
    api.create_repo("team/a")
    with served.audit.open("a") as file:
        file.write('{"half')
    api.create_repo("team/b")
    assert verify_audit_log(served.audit).lines == 2


def test_aliases_over_http(
    served: Served, registry: Registry, version: Manifest, candidate: Callable[..., Path], keys: Any
) -> None:
    """By compare-and-swap; a protected one needs the role ``promote``; the log says who it was."""
    publish(registry, candidate("later", seed=1), "demo/x@1.1.0", keys=keys)

    def move(token: str, alias: str, to: Any, expected: Any) -> int:
        with served.client(token) as client:
            asked = {"reference": f"demo/x@{alias}", "to": to, "expected": expected}
            return client.post("/api/roadworthy/v1/aliases", json=asked).status_code

    writer = served.token("writer", "write", ("demo",))
    boss = served.token("boss", "promote", ("demo",))
    assert move(writer, "production", "1.0.0", None) == 403
    assert move(writer, "latest", "1.0.0", "1.1.0") == 403
    assert move(writer, "try", "1.0.0", None) == 201
    assert move(boss, "production", "1.0.0", None) == 201
    assert move(boss, "production", "1.1.0", None) == 422  # it was moved meanwhile
    assert move(boss, "production", "9.0.0", "1.0.0") == 404
    assert move(boss, "main", "1.0.0", None) == 400
    assert move(boss, "production", "1.1.0", "1.0.0") == 201
    moves = registry.history("demo/x@production")
    assert [(one.who, str(one.new)) for one in moves] == [("boss", "1.0.0"), ("boss", "1.1.0")]
