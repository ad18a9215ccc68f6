"""Crops draw what they say, and are cut as torch cuts them one by one."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from roadworthy.finetune.crops import Augmentation, Crops, centre_crops, cut, draw_crops
from roadworthy.finetune.random_numbers import uniforms


def test_crops_stay_inside_and_keep_to_their_ranges() -> None:
    """Every window lies in the image; its area and aspect ratio are those that were asked for."""
    how = Augmentation(area=(0.3, 0.9), ratio=(0.75, 4 / 3), flip=0.5)
    side = np.full(2000, 200)
    crops = draw_crops(how, side, side, uniforms(3, 0, range(2000), 5))
    assert ((crops.top >= 0) & (crops.top + crops.height <= 200)).all()
    assert ((crops.left >= 0) & (crops.left + crops.width <= 200)).all()
    share, ratio = crops.height * crops.width / 200**2, crops.width / crops.height
    # Rounding to whole pixels moves the share by up to a pixel a side.
    assert 0.28 < share.min() < 0.32
    assert 0.88 < share.max() < 0.92
    assert ratio.min() > 0.73
    assert ratio.max() < 1.36
    assert 900 < crops.flipped.sum() < 1100


@settings(max_examples=30, deadline=None)
@given(data=st.data(), size=st.integers(4, 48))
def test_a_batch_is_cut_as_torch_cuts_each_window(data: st.DataObject, size: int) -> None:
    """The two matrix products equal torch's antialiased bilinear interpolation of each window, mirrored or not."""
    height, width = data.draw(st.integers(8, 64)), data.draw(st.integers(8, 64))
    count = 3
    numbers = np.random.default_rng(data.draw(st.integers(0, 1000))).random((count, 5))
    images = torch.randint(0, 256, (count, height, width, 3), dtype=torch.uint8)
    how = Augmentation(area=(0.1, 1.0), ratio=(0.5, 2.0), flip=0.5)
    crops = draw_crops(how, np.full(count, height), np.full(count, width), numbers)
    found = cut(images, crops, size)
    for n in range(count):
        top, left = int(crops.top[n]), int(crops.left[n])
        window = images[n, top : top + int(crops.height[n]), left : left + int(crops.width[n])]
        expected = interpolate(
            window.permute(2, 0, 1)[None].float(), size=(size, size), mode="bilinear", antialias=True
        )[0]
        expected = expected.flip(2) if crops.flipped[n] else expected
        assert torch.allclose(found[n], expected, atol=2e-3)


def test_images_of_different_sizes_share_a_batch() -> None:
    """A smaller image's padding is never seen: each centre crop is the image's own pixels."""
    images = torch.zeros(2, 9, 11, 3, dtype=torch.uint8)
    images[0] = torch.randint(0, 256, (9, 11, 3))
    images[1, :7, :7] = torch.randint(0, 256, (7, 7, 3))
    found = cut(images, centre_crops(np.array([9, 7]), np.array([11, 7]), 5), 5)
    assert torch.equal(found[0], images[0, 2:7, 3:8].permute(2, 0, 1).float())
    assert torch.equal(found[1], images[1, 1:6, 1:6].permute(2, 0, 1).float())


def test_one_window_for_all_is_a_slice() -> None:
    """Evaluation's centre crop of equal images changes no pixel."""
    images = torch.randint(0, 256, (4, 10, 10, 3), dtype=torch.uint8)
    found = cut(images, centre_crops(np.full(4, 10), np.full(4, 10), 6), 6)
    assert torch.equal(found, images[:, 2:8, 2:8].permute(0, 3, 1, 2).float())


def test_a_mirrored_window_is_the_window_reversed() -> None:
    """A flip turns left and right around and nothing else."""
    images = torch.randint(0, 256, (1, 8, 8, 3), dtype=torch.uint8)
    one = Crops(
        top=np.array([1]), left=np.array([2]), height=np.array([5]), width=np.array([4]), flipped=np.array([False])
    )
    other = Crops(top=one.top, left=one.left, height=one.height, width=one.width, flipped=np.array([True]))
    assert torch.allclose(cut(images, one, 6).flip(3), cut(images, other, 6), atol=1e-3)
