"""Drafts, references that lead nowhere, and where the registry is."""

from pathlib import Path
from typing import Any

import pytest

from roadworthy.model_cards.errors import CheckError, InputError, NotFoundError
from roadworthy.registry import (
    Registry,
    import_draft,
    open_registry,
    publish,
    pull,
)


def test_a_draft_is_imported_without_a_certificate(registry: Registry, candidate: Any, tmp_path: Path) -> None:
    """Numbered; the newest one is ``@main``; a note of its upstream is kept."""
    folder = candidate()
    (folder / "certificate.json").unlink()
    assert str(import_draft(registry, folder, "demo/x", note={"claim": "75 %"})) == "demo/x@main"
    assert registry.resolve("demo/x@main").note == {"claim": "75 %"}
    (folder / "config.json").write_text('{"architecture": "other"}')
    import_draft(registry, folder, "demo/x@main")
    newest = registry.resolve("demo/x@main")
    assert newest.version is None
    assert len(list(registry.store.list("drafts/"))) == 2
    pulled = pull(registry, "demo/x@main", keys=(), to=tmp_path / "pulled")
    assert (pulled / "config.json").read_text() == '{"architecture": "other"}'
    with pytest.raises(NotFoundError, match=r"demo/x@latest is not in .*main \(an uncertified draft\)"):
        registry.resolve("demo/x")


def test_a_draft_that_can_run_code_is_refused(registry: Registry, candidate: Any) -> None:
    """The intake is the same for everybody."""
    folder = candidate()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02")
    with pytest.raises(CheckError, match=r"demo/x was not imported: pytorch_model\.bin: expected") as caught:
        import_draft(registry, folder, "demo/x")
    assert len(caught.value.reasons) == 1
    assert list(registry.store.list("")) == []


def test_a_draft_has_no_version(registry: Registry, candidate: Any) -> None:
    """It is refused before anything is read."""
    with pytest.raises(InputError, match="a draft has no version"):
        import_draft(registry, candidate(), "demo/x@1.0.0")


def test_an_unknown_reference_lists_what_there_is(registry: Registry, candidate: Any, keys: Any) -> None:
    """Versions and aliases of the model, or names that are near."""
    folder = candidate()
    for version in ("1.0.0", "1.1.0"):
        publish(registry, folder, f"demo/lungs@{version}", keys=keys)
    with pytest.raises(NotFoundError, match=r"demo/lungs@9\.0\.0 is not in .* one of: 1\.1\.0, 1\.0\.0, latest\."):
        registry.resolve("demo/lungs@9.0.0")
    with pytest.raises(NotFoundError, match=r"demo/lungs@nightly is not in .*Expected one of: 1\.1\.0"):
        registry.resolve("demo/lungs@nightly")
    with pytest.raises(NotFoundError, match=r"no model is called demo/lung in .* Did you mean demo/lungs\?"):
        registry.resolve("demo/lung@1.0.0")
    with pytest.raises(NotFoundError, match="roadworthy models"):
        registry.resolve("q/z")


@pytest.mark.parametrize("location", ["ftp://example.org/r", "s4://bucket/r"])
def test_a_location_of_another_kind_is_refused(location: str) -> None:
    """Until there is a store for it."""
    with pytest.raises(InputError, match=r"not yet in this release\. Expected a folder"):
        open_registry(location)


def test_the_default_registry_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """``ROADWORTHY_REGISTRY``, else a folder in the home."""
    assert open_registry().location == str(home / "registry")
    monkeypatch.setenv("ROADWORTHY_REGISTRY", "memory:")
    assert open_registry().location == "memory:"
