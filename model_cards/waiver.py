"""A waiver: that a version is to be published although something speaks against it, by whom, and why.

It is a part of the claim: signed with it, and on the card for as long as the version exists.
"""

import unicodedata
from dataclasses import dataclass
from typing import Literal, get_args

from .errors import InputError

# What can speak against a version that is what it says to be. Damage, forgery and missing proof cannot be waived.
RefusalKind = Literal["target", "lower-bound", "non-inferior", "classes", "leak", "convergence", "parent"]

_LONGEST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """``kind`` is what was waived; ``by`` who did it, a name that nobody proved; ``keyid`` the key they sign with."""

    kind: RefusalKind
    reason: str
    by: str
    keyid: str

    @staticmethod
    def parse(text: str, *, by: str, keyid: str) -> "Waiver":
        """Reads ``target=the sensor was exchanged``.

        Raises:
            InputError: of a kind that cannot be waived, or without a reason that can be read.
        """
        word, _, reason = text.partition("=")
        for kind in get_args(RefusalKind):
            if word.strip() == kind:
                return Waiver(kind=kind, reason=_reason(reason, kind), by=by, keyid=keyid)
        raise InputError(
            f"cannot waive {word.strip()!r}. Expected one of {', '.join(get_args(RefusalKind))}, and a reason: "
            "'target=the old camera is out of use'."
        )


def _reason(text: str, kind: str) -> str:
    reason = text.strip()
    if not reason or len(reason) > _LONGEST or any(unicodedata.category(letter)[0] == "C" for letter in reason):
        raise InputError(
            f"the waiver of {kind!r} has no reason that can be read: expected 1 to {_LONGEST} characters on one line, "
            f"as in '{kind}=the old camera is out of use'; it stays on the card."
        )
    return reason
