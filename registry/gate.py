"""The gate: the decision whether a candidate becomes a version. Pure: it reads no file and asks nobody."""

from collections.abc import Iterator, Sequence

from roadworthy.model_cards.audit import Audit
from roadworthy.model_cards.certificate import Certificate
from roadworthy.model_cards.snapshot import EVIDENCE

from .intake import Objection


def decide(audit: Audit, objections: Sequence[Objection]) -> tuple[str, ...]:
    """The reasons to refuse; none means that the candidate may be published."""
    reasons = [str(objection) for objection in objections]
    if not audit.ok:
        reasons += audit.reasons or ("the audit failed without a reason",)
    if audit.certificate is None:
        if audit.ok:
            reasons.append("no certificate: measure it first with roadworthy verify DIR --data DIR")
    else:
        reasons += _of_certificate(audit.certificate)
    return tuple(dict.fromkeys(reasons))


def _of_certificate(certificate: Certificate) -> Iterator[str]:
    claim = certificate.claim
    if EVIDENCE not in (file.path for file in certificate.files):
        yield f"{EVIDENCE} is missing: expected the predictions that the metric is recomputed from"
    if not claim.verdicts.reproduced:
        yield f"the target was not met: expected {claim.target}, found {claim.metric.name} {claim.metric.value:.4f}"
    if claim.data.exact_duplicates:  # None: measured without a training run, so there is nothing to share
        yield (
            f"{claim.data.exact_duplicates} examples of the test data are in the training data too: expected 0. "
            "Remove them and measure again"
        )
    if claim.training is not None and (found := claim.training.convergence) is not None and found.faster:
        yield (
            f"it reached its target after {found.samples:,} samples, faster than its reference converges: expected at "
            f"least {found.bound:,.0f}. Look for a leak, or for another protocol"
        )
    parent = claim.parent
    if parent is not None and parent.comparison is None and not parent.not_compared:
        yield f"not compared with its parent {parent.reference} on the same examples"
