"""Performance records: signed, read back as they were, and banded as MLPerf Inference does."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import (
    CheckError,
    Claim,
    DamagedError,
    FileEntry,
    Latency,
    Performance,
    PerformanceRecord,
    PrecisionAccuracy,
    canonical,
)
from roadworthy.model_cards.agreement import Agreement
from roadworthy.model_cards.certificate import SplitRecord
from roadworthy.model_cards.envelope import open_envelope, seal
from roadworthy.model_cards.performance import band, from_statement, subjects_of, to_statement

FILES = (
    FileEntry(path="certificate.json", size=9, sha256="a" * 64),
    FileEntry(path="model.safetensors", size=7, sha256="b" * 64),
)
FIGURES = st.floats(0, 1e9)
LATENCIES = st.builds(
    Latency,
    precision=st.sampled_from(["float32", "bfloat16"]),
    batch_size=st.integers(1, 2**40),
    warmup=st.integers(0, 9),
    n=st.integers(0, 2**40),
    p50_ms=FIGURES | st.none(),
    p99_ms=FIGURES | st.none(),
    per_second=FIGURES | st.none(),
    problem=st.none() | st.just("out of memory"),
)


@pytest.fixture
def record(claim: Claim) -> PerformanceRecord:
    """Two precisions, one of them measured on data."""
    lower = dataclasses.replace(claim.metric, value=0.85)
    return PerformanceRecord(
        files=FILES,
        performance=Performance(
            system=claim.system,
            protocol=claim.protocol,
            example="224 x 224 pixels",
            latencies=(
                Latency(
                    precision="float32",
                    batch_size=8,
                    warmup=3,
                    n=10,
                    p50_ms=5,
                    p99_ms=6.5,
                    per_second=1600,
                    problem=None,
                ),
            ),
            accuracies=(
                PrecisionAccuracy(precision="float32", method="as stored", metric=claim.metric),
                PrecisionAccuracy(
                    precision="bfloat16",
                    method="autocast",
                    metric=lower,
                    agreement=Agreement(n=20, same=0.95, largest_difference=0.01),
                ),
                PrecisionAccuracy(precision="float16", method="autocast"),
            ),
            test=SplitRecord(n=20, fingerprint="f" * 64),
            environment=claim.environment,
            measured_at="2026-01-02T03:04:05Z",
        ),
    )


def test_what_is_read_is_what_was_signed(
    record: PerformanceRecord, signer: CryptoSigner, keys: tuple[Key, ...]
) -> None:
    """Through the statement, the envelope and back."""
    envelope = seal(to_statement(record), signer)
    assert from_statement(open_envelope(envelope, keys).payload) == record


@given(latencies=st.lists(LATENCIES, max_size=5))
def test_any_figures_survive(latencies: list[Latency]) -> None:
    """Whole numbers where floats are meant, cells without figures, none at all."""
    given_ = json.loads(_TEMPLATE)
    performance = from_statement(canonical.dump(given_)).performance
    made = PerformanceRecord(files=FILES, performance=dataclasses.replace(performance, latencies=tuple(latencies)))
    assert from_statement(to_statement(made)) == made
    assert to_statement(from_statement(to_statement(made))) == to_statement(made)


# A complete statement, written by hand.
_TEMPLATE = (
    '{"_type":"https://in-toto.io/Statement/v1","predicate":{"accuracies":[{"agreement":null,"method":"autocast",'
    '"metric":null,"precision":"bfloat16"}],"environment":{"accelerators":["NVIDIA H100"],"cores":2,"cpu":"c",'
    '"libraries":{},"memory_gib":8,"os":"o","precision":"p","python":"3","threads":1},"example":"48 x 48 pixels",'
    '"latencies":[{"batch_size":8,"n":10,"p50_ms":5,"p99_ms":6.5,"per_second":1600,"precision":"bfloat16",'
    '"problem":null,"warmup":3}],"measured_at":"2026-01-02T03:04:05Z","protocol":{"family":"image-top1","id":"p",'
    '"metric":"top1","parameters":{},"relation":">=","version":1},"system":"s","test":null},'
    '"predicateType":"urn:roadworthy:performance:v1","subject":[{"annotations":{"size":7},'
    '"digest":{"sha256":"' + "b" * 64 + '"},"name":"model.safetensors"}]}'
)


def test_a_statement_written_by_hand_is_read() -> None:
    """So that the format is this, and not whatever the writer writes."""
    record = from_statement(_TEMPLATE.encode())
    assert record.files == FILES[1:]
    assert record.performance.latencies[0].p99_ms == 6.5
    assert record.performance.environment.accelerators == ("NVIDIA H100",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("performance:v1", "certificate:v1", "expected 'urn:roadworthy:performance:v1'"),
        ('"n":10', '"n":"ten"', "field 'latencies.0.n' is wrong"),
        ('"n":10', '"n":"10"', "values of a type"),
        ('"warmup":3', '"warmup":3,"watts":300', "fields"),
        ('"warmup":3', '"warmup": 3', "not in canonical form"),
    ],
)
def test_another_form_is_damage(old: str, new: str, said: str) -> None:
    """Another type, a wrong or converted value, an unknown field, other bytes for the same values."""
    with pytest.raises(DamagedError, match=said):
        from_statement(_TEMPLATE.replace(old, new).encode())


def test_an_edited_record_is_not_believed(
    record: PerformanceRecord, signer: CryptoSigner, keys: tuple[Key, ...]
) -> None:
    """Faster than it was: the signature is of another text, and the message names the record."""
    envelope = json.loads(seal(to_statement(record), signer))
    faster = dataclasses.replace(
        record, performance=dataclasses.replace(record.performance, measured_at="2027-01-02T03:04:05Z")
    )
    envelope["payload"] = json.loads(seal(to_statement(faster), CryptoSigner.generate_ed25519()))["payload"]
    with pytest.raises(CheckError, match="the third record's signature does not match its text"):
        open_envelope(canonical.dump(envelope), keys, "the third record")


@pytest.mark.parametrize(
    ("value", "reference", "expected"),
    [
        # ResNet-50's float32 reference in MLPerf Inference, 76.46 %: 99.9 % of it is 76.38354, 99 % 75.6954.
        (0.7646, 0.7646, "99.9 %"),
        (0.7639, 0.7646, "99.9 %"),
        (0.7638, 0.7646, "99 %"),
        (0.7570, 0.7646, "99 %"),
        (0.7569, 0.7646, "neither"),
        (0.8, 0.7646, "99.9 %"),
        (0.0, 0.0, "99.9 %"),
    ],
)
def test_bands(value: float, reference: float, expected: str) -> None:
    """By the share of the float32 accuracy, unrounded."""
    assert band(value, reference, ">=") == expected


@pytest.mark.parametrize(("value", "expected"), [(18.11, "99.9 %"), (18.2, "99 %"), (18.3, "neither")])
def test_bands_where_less_is_better(value: float, expected: str) -> None:
    """A perplexity of 18.1: up to 18.118 it keeps 99.9 %, up to 18.283 99 %."""
    assert band(value, 18.1, "<=") == expected


def test_a_band_needs_both_accuracies(record: PerformanceRecord) -> None:
    """0.85 of 0.9 is 94.4 %; what was not measured has none; without float32 nothing has."""
    performance = record.performance
    assert performance.band("float32") == "99.9 %"
    assert performance.band("bfloat16") == "neither"
    assert performance.band("float16") is None
    alone = dataclasses.replace(performance, accuracies=performance.accuracies[1:])
    assert alone.band("bfloat16") is None


def test_a_record_speaks_of_weights_and_certificate() -> None:
    """All weights of a model in several files; nothing that the certificate binds anyway."""
    names = ["README.md", "certificate.json", "config.json", "model-1.safetensors", "model-2.safetensors"]
    files = [FileEntry(path=name, size=1, sha256="0" * 64) for name in names]
    assert [file.path for file in subjects_of(files)] == [names[1], names[3], names[4]]
