"""The gate: the decision whether a candidate becomes a version. Pure: it reads no file and asks nobody."""

from collections.abc import Sequence

from roadworthy.model_cards.audit import Audit
from roadworthy.model_cards.gate import Gate
from roadworthy.model_cards.refusals import standing
from roadworthy.model_cards.snapshot import EVIDENCE

from .intake import Objection


def decide(audit: Audit, objections: Sequence[Objection], gate: Gate | None = None) -> tuple[str, ...]:
    """The reasons to refuse; none means that the candidate may be published.

    It has to pass the gate that its certificate states, and ``gate`` besides, if one is asked for here.
    """
    reasons = [str(objection) for objection in objections]
    if not audit.ok:
        reasons += audit.reasons or ("the audit failed without a reason",)
    if audit.certificate is None:
        if audit.ok:
            reasons.append("no certificate: measure it first with roadworthy verify DIR --data DIR")
        return tuple(dict.fromkeys(reasons))
    if EVIDENCE not in (file.path for file in audit.certificate.files):
        reasons.append(f"{EVIDENCE} is missing: expected the predictions that the metric is recomputed from")
    claim = audit.certificate.claim
    for asked in (claim.gate, gate or claim.gate):
        reasons += (str(refusal) for refusal in standing(claim, asked))
    return tuple(dict.fromkeys(reasons))
