"""Pictures on a card: only where they were asked for, and only of errors of the test part."""

import io
from pathlib import Path

import pytest
from PIL import Image
from securesystemslib.signer import CryptoSigner

from roadworthy.finetune import finetune, verify
from roadworthy.finetune.example_pictures import check_can_show
from roadworthy.finetune.pixels import decode
from roadworthy.model_cards import InputError, audit, evidence

from .conftest import Lay

SIGNER = CryptoSigner.generate_ed25519()


@pytest.mark.slow
def test_only_what_was_asked_for(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Three of the surest errors, small JPEGs of test images, on a card that passes its audit; none by default."""
    data, run = lay(test=20), tmp_path / "run"
    finetune(snapshot, data=data, out=run, target="top1>=0.0", epochs=1)
    shown = verify(run, data=data, signer=SIGNER, show_examples=3).snapshot
    rows = evidence.load((shown / "evidence/test.jsonl").read_bytes())
    wrong = sorted((row for row in rows if row.prediction != row.truth), key=lambda row: -row.confidence)
    assert len(wrong) >= 3, "the small model was expected to be wrong more often"
    pictures = {path.stem: path.read_bytes() for path in (shown / "evidence/examples").iterdir()}
    assert set(pictures) == {row.id[:16] for row in wrong[:3]}
    tested = {
        decode(path, resize=8, interpolation="bilinear").identity[:16] for path in (data / "test").rglob("*.jpeg")
    }
    assert set(pictures) <= tested
    for picture in pictures.values():
        with Image.open(io.BytesIO(picture)) as image:
            assert max(image.size) <= 256
    card = (shown / "README.md").read_text()
    assert all(f"evidence/examples/{name}.jpg" in card for name in pictures)
    assert audit(shown, [SIGNER.public_key]).ok
    with pytest.raises(InputError, match="has its certificate, and nothing in it changes"):
        verify(shown, data=data, signer=SIGNER, show_examples=1)
    again = verify(run, data=data, signer=SIGNER).snapshot
    assert not list(again.rglob("*.jpg"))


def test_what_cannot_be_shown() -> None:
    """Texts are never published; a card tells of ten errors."""
    with pytest.raises(InputError, match="examples of text-classification are no pictures"):
        check_can_show("text-classification", 1)
    with pytest.raises(InputError, match="11 examples to show; expected 0 to 10"):
        check_can_show("image-classification", 11)
    check_can_show("text-classification", 0)
