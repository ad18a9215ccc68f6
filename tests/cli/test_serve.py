"""`roadworthy serve`, `tokens` and `log`, as a user runs them: in processes of their own."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Run = Callable[..., subprocess.CompletedProcess[str]]
ROADWORTHY = [sys.executable, "-m", "roadworthy.cli.main"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home and a registry of its own."""
    return {**os.environ, "ROADWORTHY_HOME": str(tmp_path / "home"), "ROADWORTHY_REGISTRY": str(tmp_path / "registry")}


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Runs ``roadworthy``."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*ROADWORTHY, *arguments], env=environment, capture_output=True, text=True)

    return call


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def serving(environment: dict[str, str], port: int, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A server, from the moment at which it greets."""
    command = [*ROADWORTHY, "serve", "--port", str(port), *options]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as server:
        try:
            yield server
        finally:
            server.kill()


def test_from_the_greeting_to_ctrl_c(environment: dict[str, str], run: Run, tmp_path: Path) -> None:
    """The two lines to copy; a line for each request; an end without a word of error; a log that holds."""
    token = run("tokens", "create", "me", "--role", "write", "--namespace", "team").stdout.strip()
    port = free_port()
    with serving(environment, port) as server:
        assert server.stdout is not None
        greeting = [server.stdout.readline() for _ in range(3)]
        url = f"http://127.0.0.1:{port}"
        assert url in greeting[0]
        assert greeting[1].strip() == f"export HF_ENDPOINT={url}"
        assert greeting[2].strip().startswith("export HF_TOKEN=")
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}) as client:
            assert client.get("/api/models").json() == []
            assert client.post("/api/repos/create", json={"name": "x"}).json()["id"] == "team/x"
            run("tokens", "revoke", "me")
            assert client.post("/api/repos/create", json={"name": "y"}).status_code == 401
        server.send_signal(signal.SIGINT)
        _, told = server.communicate(timeout=20)
        assert server.returncode == 0
    assert [line.split(" ", 1)[1].rsplit(" ", 2)[0] for line in told.splitlines()] == [
        "me GET /api/models 200",
        "me POST /api/repos/create 200",
        "nobody POST /api/repos/create 401",
    ]
    assert token not in told
    assert run("log", "verify").stdout.startswith("lines in one chain: 1;")


def test_by_https(environment: dict[str, str], tmp_path: Path) -> None:
    """With a certificate and its key."""
    certificate, key = tls(tmp_path)
    port = free_port()
    with serving(environment, port, "--tls-cert", str(certificate), "--tls-key", str(key)) as server:
        assert server.stdout is not None
        assert f"https://127.0.0.1:{port}" in server.stdout.readline()
        trusted = ssl.create_default_context(cafile=str(certificate))
        assert httpx.get(f"https://127.0.0.1:{port}/api/models", verify=trusted).json() == []


def tls(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "tls.crt").write_bytes(made.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "tls.key").write_bytes(private)
    return folder / "tls.crt", folder / "tls.key"


def test_what_cannot_be_served(run: Run) -> None:
    """A port in use, half of TLS, another server; no log yet: a sentence and an exit code, no traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 3
    assert "the port may be in use" in done.stderr
    assert "Traceback" not in done.stderr
    done = run("serve", "--tls-cert", "nothing.pem")
    assert done.returncode == 2
    assert "together" in done.stderr
    done = run("serve", "--registry", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert "is a server's already" in done.stderr
    done = run("log", "verify")
    assert done.returncode == 2
    assert "begins with the first write" in done.stderr


def test_tokens(run: Run) -> None:
    """Shown once; listed without what would let anybody in."""
    token = run(
        "tokens", "create", "ci", "--role", "write", "--namespace", "team", "--namespace", "demo"
    ).stdout.strip()
    assert token.startswith("rw_")
    listed = run("tokens", "list", "--json")
    (record,) = json.loads(listed.stdout)
    assert (record["name"], record["role"], record["namespaces"]) == ("ci", "write", ["team", "demo"])
    assert "sha256" not in record
    assert run("tokens", "create", "x", "--role", "write").returncode == 2
    assert run("tokens", "create", "ci").returncode == 1
    assert "revoked" in run("tokens", "revoke", "ci").stdout
    assert run("tokens", "revoke", "ci").returncode == 2


def test_a_log_that_was_changed(run: Run, tmp_path: Path) -> None:
    """Storage that cannot be trusted: 3."""
    (tmp_path / "log.jsonl").write_text('{"number": 1}\n')
    done = run("log", "verify", str(tmp_path / "log.jsonl"))
    assert done.returncode == 3
    assert "was changed" in done.stderr
