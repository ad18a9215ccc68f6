"""The long search by structure: ``python -m tests.fuzz.run_hypothesis TARGET|all --seconds N``.

Each target gets the same share of the time. What crashes is shrunk and written to ``corpus/<target>/crash-…``, and the
search of that target ends; a line for each target tells what was run.
"""

import argparse
import hashlib
import sys
import time
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings

from .mutations import mutations
from .targets import CORPUS, TARGETS, corpus


class _TimeIsUpError(BaseException):
    """Ends a search from inside; no crash."""


@dataclass(kw_only=True, slots=True)
class Search:
    """What came of the search of one target."""

    run: int = 0
    accepted: int = 0
    last: bytes = b""
    crash: str = "no crash"


def search(name: str, seconds: float, first: int) -> Search:
    """Runs edited documents until the time is up, or one crashes."""
    target, found = TARGETS[name], Search()
    strategy = mutations([path.read_bytes() for path in corpus(name)], as_json=target.json)
    end = time.monotonic() + seconds

    @settings(
        max_examples=2000,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def look(data: bytes) -> None:
        if time.monotonic() > end:
            raise _TimeIsUpError
        found.run, found.last = found.run + 1, data
        found.accepted += target.accepts(data)

    for number in range(first, sys.maxsize):
        try:
            seed(number)(look)()
        except _TimeIsUpError:
            break
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of Rust's is no Exception
            path = CORPUS / name / f"crash-{hashlib.sha256(found.last).hexdigest()[:12]}"
            path.write_bytes(found.last)
            found.crash = f"{path.name}: {type(error).__name__}: {error}"[:300]
            break
    return found


def main() -> int:
    """Searches, and says how far it got."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    asked = parser.parse_args()
    names = list(TARGETS) if asked.target == "all" else [asked.target]
    crashes = 0
    for name in names:
        begun = time.monotonic()
        found = search(name, asked.seconds / len(names), asked.seed)
        crashes += found.crash != "no crash"
        spent = f"{time.monotonic() - begun:.0f} s"
        print(f"{name}: {found.run:,} inputs, {found.accepted:,} accepted, {spent}, {found.crash}", flush=True)
    return min(crashes, 1)


if __name__ == "__main__":
    sys.exit(main())
