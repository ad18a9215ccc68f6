"""The head of a card: the metric, both verdicts, the gate it passed, and what was waived."""

from .certificate import Claim
from .markdown import code, plain
from .metric import Metric, kind_of, told
from .refusals import refusals
from .sample_size import n_for_target


def headline(claim: Claim) -> str:
    """The metric and the verdicts, from the claim alone."""
    metric, verdicts = claim.metric, claim.verdicts
    value, low, high = (told(metric.name, figure) for figure in (metric.value, metric.low, metric.high))
    return (
        f"**{plain(metric.name)} {value}** ({_confidence(metric)} {low} to {high}, n = {metric.n}) "
        f"under {code(metric.protocol)}, re-measured in a clean process from the packaged bytes.\n\n"
        f"| verdict | | what it means |\n|---|---|---|\n"
        f"| reproduced | **{_yes(verdicts.reproduced)}** | the point estimate on the fixed test set meets "
        f"the target {code(str(claim.target))} |\n"
        f"| generalises | **{_yes(verdicts.generalises)}** | the {_confidence(metric)} interval lies wholly on "
        f"the target's side{_needed(claim)} |\n\n"
        f"Gate {code(str(claim.gate))}, stated before it was measured: {_outcome(claim)}.\n" + _waivers(claim)
    )


def _confidence(metric: Metric) -> str:
    return f"{100 * metric.confidence:g} %"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _needed(claim: Claim) -> str:
    """How many examples would tell this accuracy from the target, where that is known by Wilson's interval."""
    metric, threshold = claim.metric, claim.target.threshold
    short = claim.verdicts.reproduced and not claim.verdicts.generalises
    share = kind_of(metric.name).share and metric.interval == "wilson" and 0 < threshold < 1
    if not short or not share or metric.value == threshold:
        return ""
    n = n_for_target(metric.value, threshold, metric.confidence)
    return f"; at this accuracy that takes {n:,} test examples"


def _outcome(claim: Claim) -> str:
    found = refusals(claim)
    waived = {waiver.kind for waiver in claim.waivers}
    if not found:
        return "passed"
    return "passed by waiver" if all(refusal.kind in waived for refusal in found) else "**not passed**"


def _waivers(claim: Claim) -> str:
    if not claim.waivers:
        return ""
    against = {refusal.kind: refusal.reason for refusal in refusals(claim)}
    rows = "".join(
        f"| {plain(against.get(waiver.kind, waiver.kind))} | {plain(waiver.reason)} | {plain(waiver.by)}, key "
        f"{code(waiver.keyid[:16])} |\n"
        for waiver in claim.waivers
    )
    return f"\n| speaks against it | and was waived, because | by |\n|---|---|---|\n{rows}"
