"""The card's section on where the weights come from: start, upstream, and the parent on the same examples."""

from .certificate import Claim, Parent, Upstream
from .markdown import code, plain
from .metric import told, told_change
from .noninferiority import NonInferiority
from .protocol_family import Comparison
from .score_comparison import ScoreComparison, ScoreNonInferiority


def origin_section(claim: Claim) -> str:
    """The section, from the claim alone."""
    start, parent = claim.start, claim.parent
    text = f"## Where it comes from\n\nStart: {start.kind}"
    text += f", {code(start.reference)}" if start.reference else ""
    text += f" (weights {code(start.weights_sha256[:16])})" if start.weights_sha256 else ""
    text += ".\n"
    if start.upstream is not None:
        text += _upstream(start.upstream)
    if parent is not None:
        text += _parent(claim, parent)
    return text


def _upstream(upstream: Upstream) -> str:
    claimed = f"claims {plain(upstream.claim)}" if upstream.claim else "makes no claim"
    licence = plain(upstream.licence or "not stated")
    return f"\nIts upstream ({plain(upstream.source)}; licence: {licence}) {claimed}: **not verified here**.\n"


def _parent(claim: Claim, parent: Parent) -> str:
    return _on_this_test(claim, parent) + _on_its_own_test(parent)


def _on_this_test(claim: Claim, parent: Parent) -> str:
    if parent.comparison is None or parent.metric is None:
        why = plain(parent.not_compared or "no reason was recorded")
        return f"\nNot compared with {code(parent.reference)}: {why}.\n"
    c, name = parent.comparison, claim.metric.name
    return (
        f"\n| on the same {c.n:,} examples | parent {code(parent.reference)} | this version |\n|---|---|---|\n"
        f"| {plain(name)} | {told(name, parent.metric.value)} | {told(name, claim.metric.value)} |\n\n"
        f"{_difference(c)}{_regression(parent)}\n"
    )


def _difference(c: Comparison) -> str:
    if isinstance(c, ScoreComparison):
        by = "paired t-test" if c.method == "paired-t" else "DeLong's test"
        low, high = (told_change(c.metric, end) for end in (c.low, c.high))
        return (
            f"Difference in {plain(c.metric)} {told_change(c.metric, c.difference)} (95 % {low} to {high}) on the same "
            f"{c.n:,} units; {by} p = {c.p_value:.3g}."
        )
    return (
        f"Difference in right answers {100 * c.difference:+.2f} points (95 % {100 * c.low:+.2f} to "
        f"{100 * c.high:+.2f}); {c.gained} examples gained, {c.lost} lost; exact McNemar p = {c.p_value:.3g}."
    )


def _regression(parent: Parent) -> str:
    found = parent.non_inferior
    if found is None:
        return ""
    if isinstance(found, ScoreNonInferiority):
        return (
            f" Worse by less than {told_change(found.metric, found.margin).lstrip('+')}: {_shown(found)} (one-sided "
            f"{100 * found.confidence:g} % bound {told_change(found.metric, found.low)}, p = {found.p_value:.3g})."
        )
    worse = ", ".join(
        f"{plain(label)} ({change.gained} gained, {change.lost} lost, p = {change.p_value:.3g})"
        for label, change in parent.worse_classes.items()
    )
    return (
        f" Worse by less than {100 * found.margin:g} points: {_shown(found)} (one-sided "
        f"{100 * found.confidence:g} % bound {100 * found.low:+.2f}, Tango's test p = {found.p_value:.3g}). Classes "
        f"shown to have got worse (Holm's correction): {worse or 'none'}."
    )


def _shown(found: NonInferiority | ScoreNonInferiority) -> str:
    return "**shown**" if found.holds else "**not shown**"


def _on_its_own_test(parent: Parent) -> str:
    own = parent.own_test
    if own is None:
        return "\nOn the parent's own test data: not measured.\n"
    name = own.metric.name
    return (
        f"\n| on the parent's own test data, {own.comparison.n:,} examples under {code(own.protocol.name)} | parent | "
        f"this version |\n|---|---|---|\n"
        f"| {plain(name)} | {told(name, own.parent_metric.value)} | {told(name, own.metric.value)} |\n\n"
        f"{_difference(own.comparison)}\n"
    )
