"""Lays out the photographs, converts the start weights, and writes who trains, stops and tests on what.

Every contender gets the files of these lists and no others. Train and validation images that are also in
the test part, pixel for pixel, are left out for everybody.
"""

import argparse
import json
from pathlib import Path

from case import PARTS
from image_files import SIZE

from roadworthy.cli.demo_data import UPSTREAM, WEIGHTS, carried, lay_out
from roadworthy.finetune import import_checkpoint
from roadworthy.finetune.image_data import read_images
from roadworthy.finetune.image_folder import list_folder
from roadworthy.finetune.protocols import at_size
from roadworthy.finetune.timm_snapshot import read_config


def main() -> None:
    """Fills ``root`` with data/, snapshot/ and lists.json."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--cache", type=Path, help="unused: the photographs come with a package")
    parser.add_argument("--limit", type=int, help="keep so many train images, and half as many to test on")
    asked = parser.parse_args()
    root: Path = asked.root
    data = lay_out(root / "data", lambda stage, done, total: None).first
    if asked.limit:
        thin_out(data / "train", asked.limit)
        thin_out(data / "test", asked.limit // 2)
    checkpoint = carried(WEIGHTS, ".pth")[0]
    snapshot = import_checkpoint(
        checkpoint, system="timm:tf_efficientnet_lite0", out=root / "snapshot", upstream=UPSTREAM
    ).snapshot
    protocol = at_size(read_config(snapshot).protocol, SIZE)
    assert protocol.name.startswith("image-top1-bicubic-146-128"), protocol.name
    examples = read_images(list_folder(data), protocol, root / "decoded").examples.without_leaked()
    lists = {
        "kind": "image",
        "data": str(data.resolve()),
        "labels": examples.labels,
        "snapshot": str(snapshot.resolve()),
        "protocol": protocol.name,
        "split": examples.split.rule,
        "fingerprints": {part: examples.record(part).fingerprint for part in PARTS},
        **{part: [(example.name, example.truth) for example in examples.part(part)] for part in PARTS},
    }
    (root / "lists.json").write_text(json.dumps(lists, indent=1), encoding="utf-8")
    print(", ".join(f"{len(lists[part])} {part}" for part in PARTS))


def thin_out(part: Path, keep: int) -> None:
    """Keeps the first ``keep`` images of a part, the same number of each class."""
    classes = [folder for folder in part.iterdir() if folder.is_dir()]
    for folder in classes:
        for path in sorted(folder.iterdir())[keep // len(classes) :]:
            path.unlink()


if __name__ == "__main__":
    main()
