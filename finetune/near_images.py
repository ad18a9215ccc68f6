"""Images that are nearly the same: a perceptual hash, then the model's own pooled features.

pHash (Zauner 2010, as the library imagehash has it): the signs of the 64 lowest frequencies of a 32 x 32 grey copy
about their median. Encoding, size and brightness hardly move them; another picture moves half of them, unless all
pictures are alike, as X-rays are.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import interpolate

from roadworthy.model_cards import InputError

from .examples import Dataset, Example, Examples, Unreadable
from .image_data import decoded, read_images, unreadable_message
from .image_folder import Listing, list_folder
from .model_config import ModelConfig
from .near import Embed, LookAlike, Printed
from .pixel_store import PixelStore
from .pixels import Pixels
from .progress import Report

if TYPE_CHECKING:
    from .open_model import Opened

SIDE = 64  # pixels of the short side that is hashed: twice what the hash looks at
_KEPT = 4  # candidates for each test image that are looked at again
_COARSE = 64  # pixels of the side that features are taken at
_AT_ONCE = 16  # test images compared with all others at a time: with more, the cache is missed


class PerceptualHash:
    """64 bits for each image; candidates by their Hamming distance, confirmed by the cosine of features."""

    name = "phash-64@1"
    thresholds: Mapping[str, float] = {"distance": 8, "similarity": 0.93}
    alone = 4.0

    def read(self, data: Path, config: ModelConfig, options: Mapping[str, str | int], report: Report) -> Printed:
        """Decodes every image, and keeps its hash."""
        group = str(options["group_pattern"]) if "group_pattern" in options else None
        listing = list_folder(data, labels=config.labels, group=group)
        members: list[Example] = []
        prints: list[int] = []
        for number, (listed, outcome) in enumerate(decoded(listing, SIDE, "bilinear")):
            name = listed.path.relative_to(listing.root).as_posix()
            if isinstance(outcome, str):
                raise InputError(unreadable_message(listing.root, [Unreadable(name=name, found=outcome)]))
            part = listing.split.part_of(listed.part, outcome.identity, listed.group)
            members.append(
                Example(id=outcome.identity, truth=listed.label, part=part, name=name, row=number, group=listed.group)
            )
            prints.append(phash(outcome.pixels))
            report("hashing images", number + 1, len(listing.files))
        examples = Examples(
            labels=listing.labels, members=tuple(members), split=listing.split, origin=str(listing.root), noun="image"
        )
        return Printed(examples=examples, prints=np.array(prints, dtype=np.uint64), source=listing)

    def candidates(
        self, printed: Printed, test: Sequence[Example], train: Sequence[Example], report: Report
    ) -> Iterator[LookAlike]:
        """The nearest few within the distance."""
        hashes = np.asarray(printed.prints)
        asked, among = (hashes[[e.row for e in part]] for part in (test, train))
        for place, other, distance in within(asked, among, int(self.thresholds["distance"]), report):
            yield LookAlike(test=test[place], train=train[other], distance=float(distance), similarity=None)

    def embed(self, printed: Printed, opened: "Opened", cache: Path, report: Report) -> Embed | None:
        """By the packaged model, on the protocol's own crops of the candidates' files."""
        listing: Listing = printed.source

        def features(examples: Sequence[Example]) -> NDArray[np.float32]:
            files = tuple(listing.files[e.row] for e in examples)
            data = read_images(dataclasses.replace(listing, files=files), opened.config.protocol, cache, report)
            return pooled(opened, data, report)

        return features


def phash(pixels: Pixels) -> int:
    """The 64 bits of an image, uint8 [height, width, 3]."""
    import imagehash

    bits = imagehash.phash(Image.fromarray(pixels)).hash
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def hashes_of(store: PixelStore, n: int, report: Report) -> NDArray[np.uint64]:
    """The hashes of ``n`` images that were decoded already."""
    prints = np.zeros(n, dtype=np.uint64)
    for row in range(n):
        prints[row] = phash(store.image(row))
        report("hashing images", row + 1, n)
    return prints


def within(
    asked: NDArray[np.uint64], among: NDArray[np.uint64], most: int, report: Report
) -> Iterator[tuple[int, int, int]]:
    """(place in ``asked``, place in ``among``, distance), the nearest few for each of ``asked``.

    Every pair is compared: hashes of pictures of one kind crowd together, so that tables by parts of the hash would
    only help where they do not.
    """
    for start in range(0, len(asked), _AT_ONCE):
        distance = np.bitwise_count(asked[start : start + _AT_ONCE, None] ^ among[None])
        for place in np.flatnonzero((distance <= most).any(axis=1)):
            near = np.flatnonzero(distance[place] <= most)
            for other in near[np.argsort(distance[place][near], kind="stable")][:_KEPT]:
                yield start + int(place), int(other), int(distance[place, other])
        report("comparing hashes", min(len(asked), start + _AT_ONCE), len(asked))


@torch.inference_mode()
def pooled(opened: "Opened", data: Dataset[PixelStore], report: Report) -> NDArray[np.float32]:
    """float32 [N, D]: what the model's head is given of each example, in their order.

    Of a coarse copy, enlarged again: at full size the features of a picture that was encoded again differ as much as
    those of two X-rays.
    """
    as_one = tuple(dataclasses.replace(e, part="test") for e in data.examples.members)
    whole = dataclasses.replace(data, examples=dataclasses.replace(data.examples, members=as_one))
    work = opened.task.workload(whole, opened.config, None, opened.device)
    model = opened.model.eval()
    found, done = [], 0
    for numbers in work.plain_batches("test"):
        images = _coarse(work.plain_batch("test", numbers).images)
        features: torch.Tensor = model.forward_head(model.forward_features(images), pre_logits=True)  # type: ignore[operator]
        found.append(features.flatten(1).float().cpu().numpy())
        done += len(numbers)
        report("confirming near duplicates", done, len(as_one))
    return np.concatenate(found)


def _coarse(images_BCHW: torch.Tensor) -> torch.Tensor:
    if images_BCHW.shape[-1] <= _COARSE:
        return images_BCHW
    small = interpolate(images_BCHW, size=(_COARSE, _COARSE), mode="bilinear", antialias=True)
    return interpolate(small, size=images_BCHW.shape[-2:], mode="bilinear")
