"""Waivers: of what, and with a reason that people can read."""

import pytest

from roadworthy.model_cards import InputError
from roadworthy.model_cards.waiver import Waiver


def test_a_waiver_is_read_with_its_reason() -> None:
    """The reason may hold the sign that parts it from the kind."""
    waiver = Waiver.parse("target=sensor A = out of use", by="ana", keyid="ab" * 32)
    assert (waiver.kind, waiver.reason, waiver.by) == ("target", "sensor A = out of use", "ana")


@pytest.mark.parametrize("kind", ["", "digest", "signature", "evidence", "Target", "target leak"])
def test_what_cannot_be_waived(kind: str) -> None:
    """Damage, forgery, missing proof, and what there is no name for."""
    with pytest.raises(InputError, match="cannot waive"):
        Waiver.parse(f"{kind}=because", by="ana", keyid="ab" * 32)


@pytest.mark.parametrize("reason", ["", "   ", "two\nlines", "red \x1b[31m", "hidden \u202e text", "x" * 501])
def test_a_reason_can_be_read(reason: str) -> None:
    """Not empty, on one line, nothing that commands a terminal or turns the text around."""
    with pytest.raises(InputError, match="no reason that can be read"):
        Waiver.parse(f"target={reason}", by="ana", keyid="ab" * 32)
