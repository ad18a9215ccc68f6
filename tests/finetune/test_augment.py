"""Augmentation is a function of (seed, epoch, index), and draws what it says."""

import numpy as np

from roadworthy.finetune.augment import Augmentation, draw_crop, order, uniforms


def test_first_words_of_splitmix64() -> None:
    """The mixer is SplitMix64: its published first output for seed 0 (Vigna, splitmix64.c) is 0xE220A8397B1DCDAF."""
    from roadworthy.finetune.augment import _mix

    assert int(_mix(np.array([0x9E3779B97F4A7C15], dtype=np.uint64))[0]) == 0xE220A8397B1DCDAF


def test_draws_depend_on_every_argument() -> None:
    """Another seed, epoch or index draws other numbers; the same draw the same."""
    base = uniforms(1, 2, 3, 5)
    assert np.array_equal(base, uniforms(1, 2, 3, 5))
    for other in ((2, 2, 3), (1, 3, 3), (1, 2, 4), (2, 1, 3)):
        assert not np.array_equal(base, uniforms(*other, 5))


def test_draws_are_uniform() -> None:
    """Mean and variance of a million draws are those of the uniform distribution, within five deviations."""
    numbers = uniforms(7, 0, 0, 1_000_000)
    assert abs(numbers.mean() - 0.5) < 5 * np.sqrt(1 / 12 / 1e6)
    assert abs(numbers.var() - 1 / 12) < 5 * np.sqrt(1 / 180 / 1e6)


def test_an_epoch_has_each_example_once() -> None:
    """The order is a permutation, and another one in another epoch."""
    assert sorted(order(5, 0, 1000)) == list(range(1000))
    assert not np.array_equal(order(5, 0, 1000), order(5, 1, 1000))


def test_crops_stay_inside_and_keep_to_their_ranges() -> None:
    """Every window lies in the image; its area and aspect ratio are those that were asked for."""
    how = Augmentation(area=(0.3, 0.9), ratio=(0.75, 4 / 3), flip=0.5)
    flips = 0
    for index in range(2000):
        crop = draw_crop(how, 200, 200, uniforms(3, 0, index, 5))
        assert 0 <= crop.top <= 200 - crop.height
        assert 0 <= crop.left <= 200 - crop.width
        share, ratio = crop.height * crop.width / 200**2, crop.width / crop.height
        assert 0.28 < share < 0.92  # rounding to whole pixels moves the share by up to a pixel a side
        assert 0.73 < ratio < 1.36
        flips += crop.flipped
    assert 900 < flips < 1100
