"""The same by TLS: a certificate that is trusted, and one that is not."""

import datetime
import ipaddress
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from roadworthy.model_cards.snapshot import list_files
from roadworthy.registry import Registry, open_registry, publish, pull
from roadworthy.registry.direct import Direct
from roadworthy.registry.errors import UnreachableError
from roadworthy.registry.server.access import Access
from roadworthy.registry.server.app import app


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """One for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert, private


@pytest.fixture
def url(registry: Registry, certificate: tuple[Path, Path]) -> Iterator[str]:
    """A server by TLS that anybody may read."""
    config = uvicorn.Config(
        app(registry, Access(anonymous_read=True)),
        port=0,
        ws="none",
        lifespan="off",
        log_config=None,
        ssl_certfile=certificate[0],
        ssl_keyfile=str(certificate[1]),
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"https://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)


def test_a_pull_by_tls(
    url: str,
    registry: Registry,
    certificate: tuple[Path, Path],
    candidate: Any,
    keys: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Large ranges too, which take a way of their own; a certificate that nobody knows is not believed on either."""
    made = publish(registry, candidate(size=20_000_000), "demo/x@1.0.0", keys=keys).manifest
    straight, read = [], Direct.read

    def noted(self: Direct, path: str, start: int, buffer: memoryview) -> bool:
        straight.append(read(self, path, start, buffer))
        return straight[-1]

    monkeypatch.setattr(Direct, "read", noted)
    with pytest.raises(UnreachableError, match=r"cannot trust https://127\.0\.0\.1.*set SSL_CERT_FILE"):
        pull(open_registry(url), "demo/x", keys=keys, to=tmp_path / "out")
    assert not open_registry(url).store.client.direct.read("/keys", 0, memoryview(bytearray(1)))  # type: ignore[attr-defined]
    straight.clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert list_files(pull(open_registry(url), "demo/x", keys=keys, to=tmp_path / "out")) == made.files
    assert straight == [True] * 3
