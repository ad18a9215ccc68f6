"""What a look, and a way in or out, asks of a store: nothing that grows with the registry."""

from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import Key

from roadworthy.model_cards.certificate import Claim, Parent, from_statement
from roadworthy.model_cards.envelope import payload_of
from roadworthy.model_cards.errors import NotFoundError
from roadworthy.registry import (
    import_draft,
    models,
    promote,
    publish,
    pull,
    revoke,
    show,
    signing_key,
)

from .synthetic import counting, measured, write

Keys = tuple[Key, ...]


@pytest.fixture
def claim(candidate: Any) -> Claim:
    """What a real certificate says."""
    return from_statement(payload_of((candidate("real") / "certificate.json").read_bytes())).claim


def test_only_what_is_new_is_read(claim: Claim, keys: Keys) -> None:
    """A look at 40 versions reads the last entry that it knows; one at a new version that one; nothing is listed."""
    registry, store = counting()
    for number in range(40):
        write(registry, measured(claim, number / 100), f"demo/m{number % 4}@1.{number}.0")
    assert len(models(registry)) == 40
    store.asked.clear()
    assert len(models(registry)) == 40
    assert store.asked == {"open log": 1}
    write(registry, measured(claim, 0.5), "demo/m1@2.0.0")
    store.asked.clear()
    assert models(registry, "m1")[0].reference == "demo/m1@2.0.0"
    assert store.asked["list"] == 0
    assert store.asked["open versions"] <= 2
    assert store.asked["open log"] <= 6


def test_a_mistyped_name_lists_nothing_where_there_is_an_index(claim: Claim, keys: Keys) -> None:
    """Nor does a parent that is another registry's."""
    registry, store = counting("counting:likely")
    write(registry, claim, "demo/photographs@1.0.0")
    with pytest.raises(NotFoundError, match="Did you mean demo/photographs"):
        registry.resolve("demo/photograph")
    models(registry)
    store.prefixes.clear()
    with pytest.raises(NotFoundError, match="Did you mean demo/photographs"):
        registry.resolve("demo/photograph")
    assert store.prefixes == {f"{kind}/demo/photograph{end}" for kind, end in _LISTED}
    assert registry.find("elsewhere/base@1.0.0") is None
    assert store.prefixes <= {f"{kind}/demo/photograph{end}" for kind, end in _LISTED}


_LISTED = (("aliases", "/latest/"), ("versions", "/"), ("drafts", "/"))


def test_no_way_in_or_out_lists_the_other_models(claim: Claim, candidate: Any, keys: Keys, tmp_path: Path) -> None:
    """Publish (of a child too), alias, pull, show, revoke, import: what they list is the model's own, or the log."""
    registry, store = counting("counting:cost")
    write(registry, claim, "other/x@1.0.0")
    parent = Parent(
        reference="elsewhere/base@1.0.0", certificate_sha256=None, metric=None, comparison=None, not_compared="absent"
    )
    folder = candidate("child", parent=parent)
    store.prefixes.clear()
    for version in ("1.0.0", "1.0.1"):
        publish(registry, folder, f"demo/new@{version}", keys=keys)
    promote(registry, "demo/new@production", "1.0.0", keys=keys)
    pull(registry, "demo/new", keys=keys, to=tmp_path / "pulled")
    show(registry, "demo/new@1.0.0")
    revoke(registry, "demo/new@1.0.0", reason="x", signer=signing_key(), keys=keys)
    (folder / "certificate.json").unlink()
    import_draft(registry, folder, "demo/new")
    others = {
        prefix for prefix in store.prefixes if prefix.split("/")[1:3] not in (["demo", "new"], ["elsewhere", "base"])
    }
    assert others <= {"log/", "sweeping/sweeps/"}  # the second is empty unless somebody sweeps at that moment
