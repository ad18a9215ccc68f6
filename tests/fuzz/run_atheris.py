"""The long search by coverage: ``python -m tests.fuzz.run_atheris TARGET --seconds N``.

Needs atheris (``pip install atheris``). libFuzzer reads and grows ``--found DIR``, by default a folder that is thrown
away; the kept corpus is read, and not written. An input that crashes is written to the current folder.
"""

import argparse
import sys
import tempfile

import atheris

with atheris.instrument_imports(include=["roadworthy"]):
    import roadworthy.finetune.foreign
    import roadworthy.finetune.tasks  # noqa: F401 — what targets import later is to be instrumented too

    from . import targets


def main() -> None:
    """Hands over to libFuzzer, which does not come back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=targets.TARGETS)
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--found", default=None, help="a folder for inputs that reached something new")
    asked = parser.parse_args()
    target = targets.TARGETS[asked.target]

    def look(data: bytes) -> None:
        target.accepts(data)

    options = [
        f"-max_total_time={asked.seconds}",
        "-timeout=20",
        "-rss_limit_mb=4096",
        "-max_len=20000",
        "-print_final_stats=1",
        f"-artifact_prefix=crash-{asked.target}-",
    ]
    found = asked.found or tempfile.mkdtemp(prefix=f"found-{asked.target}-")
    atheris.Setup([sys.argv[0], *options, found, str(targets.CORPUS / asked.target)], look)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
