"""`roadworthy verify --attest`: a second party, with a home of its own, measures what the first has published."""

import shutil
from pathlib import Path

import pytest

from .conftest import Answer, Command, Place, call

pytestmark = pytest.mark.slow


def as_bob(root: Path, registry: Path, *words: str | Path) -> Answer:
    """Runs the command in bob's home, on a registry that both use."""
    return call(root, *words, "--registry", registry)


@pytest.fixture(scope="module")
def registry(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the road's registry, for this module alone."""
    folder = tmp_path_factory.mktemp("shared") / "registry"
    shutil.copytree(place.root / "registry", folder)
    return folder


@pytest.fixture(scope="module")
def bob(place: Place, registry: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    """(bob's home, what his measurement said): he trusts the publisher, and his policy asks for a second party."""
    root = tmp_path_factory.mktemp("bob")
    (root / "home").mkdir()
    (root / "home/policy.toml").write_text(
        'schema = "roadworthy/policy/1"\n[[rule]]\nnamespace = "team"\nverifiers = 1\n'
    )
    assert call(root, "keys", "trust", place.root / "home/keys/ed25519.pub", "--name", "ana").code == 0
    return root, as_bob(root, registry, "verify", "team/xrays@latest", "--data", place.data, "--attest", "--json")


def test_it_is_measured_and_kept_beside_the_version(
    place: Place, registry: Path, bob: tuple[Path, Answer], roadworthy: Command
) -> None:
    """As JSON; the version's files in the registry are what they were."""
    root, answer = bob
    assert answer.code == 0, answer.err
    said = answer.json
    assert (said["reference"], said["within_tolerance"], said["independent"]) == ("team/xrays@1.0.0", True, True)
    assert said["agreement"] == 1.0
    assert said["metric"]["value"] == place.answers["verify"].json["metric"]["value"]
    for before in (place.root / "registry").rglob("*"):
        if before.is_file():
            assert (registry / before.relative_to(place.root / "registry")).read_bytes() == before.read_bytes()
    assert not (root / "hub").exists()


def test_it_counts_for_whoever_trusts_bob(registry: Path, bob: tuple[Path, Answer], roadworthy: Command) -> None:
    """The publisher lists it as not trusted, trusts bob, and lists it as independent; bob himself may pull now."""
    root, _ = bob
    told = roadworthy("show", "team/xrays@1.0.0", "--registry", registry)
    assert "0 independent verifiers agree" in told.out
    assert "a key you have not trusted" in told.out
    key = root / "home/keys/ed25519.pub"
    told = roadworthy("show", "team/xrays@1.0.0", "--registry", registry, "--key", key)
    assert "1 independent verifier agrees" in told.out
    assert "100.00 % of answers" in told.out
    assert as_bob(root, registry, "pull", "team/xrays", "--to", root / "pulled").code == 0
