"""Two machines, as two network namespaces with a cable between them: own addresses, own loopback, nothing else."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from roadworthy.model_cards.snapshot import sha256_of

from .conftest import Lay
from .many import environment, fine_tuned, logged, started, torchrun, training

# Addresses that exist inside the namespaces only.
ADDRESSES = ("10.99.0.1", "10.99.0.2")
SETTINGS = {"epochs": 2, "micro_batch": 3}


def ip(*words: str) -> None:
    """iproute2, as root."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"ip {' '.join(words)}: {done.stderr.strip()}. This test makes network namespaces: it needs root "
        "(CAP_SYS_ADMIN, CAP_NET_ADMIN) and iproute2."
    )


@contextmanager
def machines() -> Iterator[tuple[str, str]]:
    """The names of two namespaces joined by a pair of veth devices; they are gone afterwards."""
    names = tuple(f"roadworthy-{os.getpid()}-{end}" for end in "ab")
    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", "cable", "netns", names[0], "type", "veth", "peer", "name", "cable", "netns", names[1])
        for name, address in zip(names, ADDRESSES, strict=True):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield names[0], names[1]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def launch(number: int, name: str, arguments: list[str]) -> list[str]:
    """torchrun on one of the two machines; the first is where they meet."""
    options = [
        *("--nnodes", "2", "--nproc-per-node", "1", "--rdzv-backend", "c10d", "--rdzv-id", "test"),
        *("--rdzv-endpoint", f"{ADDRESSES[0]}:29400", "--local-addr", ADDRESSES[number]),
        # Both namespaces have one host name, so torchrun cannot tell by it where the meeting place is.
        *("--rdzv-conf", f"is_host={int(number == 0)}"),
    ]
    return ["ip", "netns", "exec", name, *torchrun(*options), *arguments]


@pytest.mark.slow
def test_two_machines_are_two_processes(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Over the cable, the same bits as two processes of one machine."""
    data = lay()
    arguments, env = training(snapshot, data, tmp_path / "two", **SETTINGS), environment(GLOO_SOCKET_IFNAME="cable")
    with (
        machines() as names,
        started(launch(0, names[0], arguments), env) as first,
        started(launch(1, names[1], arguments), env) as second,
    ):
        said = [launcher.communicate(timeout=300)[0] for launcher in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), "\n".join(said)
    assert [event.value for event in logged(tmp_path / "two", "processes")] == [2]
    one = fine_tuned(snapshot, data, tmp_path / "one", **SETTINGS)
    assert sha256_of(tmp_path / "two/candidate/model.safetensors") == sha256_of(one / "candidate/model.safetensors")
