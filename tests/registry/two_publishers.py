"""Processes that publish one version at the same moment: as near to it as two processes come."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_PUBLISH = """
import sys
from pathlib import Path
from roadworthy.model_cards.errors import CheckError
from roadworthy.registry import open_registry, publish, trusted_keys
root, folder, reference = sys.argv[1:]
registry, keys = open_registry(root), trusted_keys()
print("ready", flush=True)
sys.stdin.read()
try:
    print("won", publish(registry, Path(folder), reference, keys=keys).manifest.commit)
except CheckError as error:
    print("lost", error)
"""


def at_once(location: str, folders: Sequence[Path], reference: str) -> list[str]:
    """What each of them says, sorted: ``lost`` with the reason, or ``won`` with the commit."""
    publishers = [
        subprocess.Popen(
            [sys.executable, "-c", _PUBLISH, location, str(folder), reference],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for folder in folders
    ]
    for publisher in publishers:
        assert publisher.stdout is not None
        assert publisher.stdout.readline() == "ready\n"
    for publisher in publishers:
        assert publisher.stdin is not None
        publisher.stdin.close()
        publisher.stdin = None
    return sorted(publisher.communicate()[0] for publisher in publishers)
