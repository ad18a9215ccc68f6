"""The draws of the bootstrap: Philox by the book, each unit as often, whatever the size of a block."""

import numpy as np
import pytest
import scipy.stats

from roadworthy.model_cards import resampling
from roadworthy.model_cards.resampling import Resampling, draw

QUICK = Resampling(resamples=2_000)


def philox(counter: int, key: int) -> list[int]:
    """Four 64-bit words of Philox4x64-10, as Salmon et al. 2011 write it (section 3.3, table 2)."""
    mask = 2**64 - 1
    c, k = [counter & mask, counter >> 64, 0, 0], [key & mask, key >> 64]
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [second >> 64 ^ c[1] ^ k[0], second & mask, first >> 64 ^ c[3] ^ k[1], first & mask]
        k = [k[0] + 0x9E3779B97F4A7C15 & mask, k[1] + 0xBB67AE8584CAA73B & mask]
    return c


def test_the_second_philox_gives_the_published_words() -> None:
    """The known answer for a counter and key of zeros: Random123's kat_vectors."""
    assert philox(0, 0) == [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]


@pytest.mark.parametrize("seed", [0, 7, 2**64 + 3])
def test_the_draws_are_philox_by_the_book(seed: int) -> None:
    """Another implementation of the same definition gives the same indices, from counter 1 on."""
    words = [word for counter in range(1, 176) for word in philox(counter, seed)]
    expected = [(word >> 32) * 7 >> 32 for word in words]
    drawn = np.concatenate(list(draw(7, Resampling(resamples=100, seed=seed))))
    assert drawn.shape == (100, 7)
    assert drawn.ravel().tolist() == expected[:700]


def test_the_size_of_a_block_changes_no_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a matter of memory alone."""
    whole = np.concatenate(list(draw(30, QUICK)))
    monkeypatch.setattr(resampling, "_BLOCK", 70)
    assert (np.concatenate(list(draw(30, QUICK))) == whole).all()


def test_every_unit_is_drawn_equally_often() -> None:
    """600,000 draws of 300 units: chi-squared."""
    drawn = np.bincount(np.concatenate(list(draw(300, QUICK))).ravel(), minlength=300)
    assert len(drawn) == 300
    assert 0.001 < scipy.stats.chisquare(drawn).pvalue < 0.999
