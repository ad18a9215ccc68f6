"""The card: README.md, `.eval_results/` and the plots, rendered from the certificate and nothing else.

`render` is a pure function, so that an audit renders again and compares bytes. Change what it writes and
you change FORMAT: cards of another format are bound by their digests only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from . import canonical
from .certificate import Claim, Clocks, Environment
from .clocks import Point
from .evidence import Row
from .markdown import code, plain
from .plots import confusion_matrix, learning_curve
from .protocol import Metric

FORMAT = 1
CURVE = "plots/curve.svg"
CONFUSION = "plots/confusion.svg"
_NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a card is rendered from: the claim, and the evidence and log that the claim binds."""

    claim: Claim
    rows: Sequence[Row]
    curve: Sequence[Point]


def render(proof: Proof) -> Mapping[str, bytes]:
    """Every file of the card, by path."""
    claim = proof.claim
    training = claim.training
    crossing = training.clocks.run if training and training.clocks.target_met else None
    files = {
        CURVE: learning_curve(proof.curve, training.target if training else None, claim.metric.name, crossing),
        f".eval_results/{claim.metric.name}.yaml": _eval_results(claim),
    }
    confusion = confusion_matrix(proof.rows, claim.data.labels)
    if confusion is not None:
        files[CONFUSION] = confusion
    files["README.md"] = _readme(claim, has_confusion=confusion is not None).encode()
    return files


def percent(value: float) -> str:
    """A share with two decimals, as cards and terminals print it."""
    return f"{100 * value:.2f} %"


def seconds(value: float | None) -> str:
    """A duration for people."""
    if value is None:
        return _NOT_MEASURED
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.2f} h"


def title(claim: Claim) -> str:
    """What the version is called on its card."""
    return f"{claim.system} on {claim.data.name}"


def _yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)
    return text


def _eval_results(claim: Claim) -> bytes:
    # `verifyToken` is the Hub's own signature, so it is left out: ours is certificate.json.
    entry = {
        "dataset": {"id": claim.data.name, "task_id": claim.task, "revision": claim.data.test.fingerprint},
        "value": claim.metric.value,
        "date": claim.measured_at,
        "notes": f"{claim.metric.protocol}, n={claim.metric.n}, proven by certificate.json",
    }
    return _yaml([entry]).encode()


def _front_matter(claim: Claim) -> str:
    metric = claim.metric
    head = {
        "library_name": "timm",
        "pipeline_tag": claim.task,
        "tags": ["roadworthy", "certified", claim.task],
        "model-index": [
            {
                "name": title(claim),
                "results": [
                    {
                        "task": {"type": claim.task},
                        "dataset": {
                            "name": claim.data.name,
                            "type": claim.data.name,
                            "split": "test",
                            "revision": claim.data.test.fingerprint,
                        },
                        "metrics": [
                            {
                                "type": "accuracy" if metric.name == "top1" else metric.name,
                                "name": f"{metric.name} ({metric.protocol})",
                                "value": metric.value,
                            }
                        ],
                    }
                ],
            }
        ],
    }
    return f"---\n{_yaml(head)}---\n"


def _readme(claim: Claim, *, has_confusion: bool) -> str:
    metric, verdicts = claim.metric, claim.verdicts
    lines = [
        _front_matter(claim),
        f"# {plain(title(claim))}\n",
        f"**{plain(metric.name)} {percent(metric.value)}** "
        f"({_confidence(metric)} {percent(metric.low)} to {percent(metric.high)}, n = {metric.n}) "
        f"under {code(metric.protocol)}, re-measured in a clean process from the packaged bytes.\n",
        f"| verdict | | what it means |\n|---|---|---|\n"
        f"| reproduced | **{_yes(verdicts.reproduced)}** | the point estimate on the fixed test set meets "
        f"the target {code(str(claim.target))} |\n"
        f"| generalises | **{_yes(verdicts.generalises)}** | the {_confidence(metric)} interval lies wholly on "
        f"the target's side |\n",
        _time(claim),
        f"![Learning curve with the target and the moment it held]({CURVE})\n",
        _data(claim),
    ]
    if has_confusion:
        lines.append(f"![Confusion matrix on the test data]({CONFUSION})\n")
    lines += [_origin(claim), _measurement(claim), _check()]
    return "\n".join(lines)


def _confidence(metric: Metric) -> str:
    return f"{100 * metric.confidence:g} %"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _time(claim: Claim) -> str:
    training = claim.training
    if training is None:
        return f"## Time-to-solution\n\n{_NOT_MEASURED.capitalize()}: these weights were not trained here.\n"
    clocks = training.clocks
    goal = f"{code(str(training.target))} on validation" if training.target else "no target: the whole budget was used"
    return (
        "## Time-to-solution\n\n"
        "| clock | time | from → to |\n|---|---|---|\n"
        f"| run | **{seconds(clocks.run)}** | first touch of the data → {_end(clocks)}, evaluations included |\n"
        f"| total | {seconds(clocks.total)} | process start → {_end(clocks)}: what a user waits |\n"
        f"| train_only | {seconds(clocks.train_only)} | the optimizer's steps alone |\n\n"
        f"Goal: {goal}. Samples to it: {clocks.samples:,} ({clocks.epochs:.2f} epochs). "
        f"One seed ({training.seed}{', a replay' if clocks.replayed_seed else ''}); "
        f"decoded-image cache {clocks.cache}; {'resumed, so never ranked' if clocks.resumed else 'not resumed'}. "
        f"{_machine(training.environment)}\n"
    )


def _end(clocks: Clocks) -> str:
    return "the target held" if clocks.target_met else "the end (the target was not reached)"


def _machine(environment: Environment) -> str:
    device = ", ".join(environment.accelerators) or "no accelerator"
    libraries = ", ".join(f"{name} {version}" for name, version in sorted(environment.libraries.items()))
    return plain(
        f"{environment.cpu}, {environment.threads} of {environment.cores} cores, "
        f"{environment.memory_gib:g} GiB, {device}, {environment.precision}; "
        f"Python {environment.python}, {libraries}, {environment.os}."
    )


def _data(claim: Claim) -> str:
    data = claim.data
    rows = [("test", data.test), ("validation", data.validation), ("train", data.train)]
    table = "\n".join(
        f"| {name} | {record.n:,} | {code(record.fingerprint[:16])} |" if record else f"| {name} | {_NOT_MEASURED} | |"
        for name, record in rows
    )
    shown = plain(", ".join(data.labels[:20])) + (f" and {len(data.labels) - 20} more" if len(data.labels) > 20 else "")
    return (
        f"## Data: {plain(data.name)}\n\n"
        f"| part | examples | fingerprint |\n|---|---|---|\n{table}\n\n"
        f"{len(data.labels)} classes: {shown}. Split: {plain(data.split_rule)}. "
        f"Exact duplicates between train and test: {_count(data.exact_duplicates)}; "
        f"near duplicates: {_count(data.near_duplicates)}.\n"
    )


def _count(value: int | None) -> str:
    return _NOT_MEASURED if value is None else f"{value:,}"


def _origin(claim: Claim) -> str:
    start, parent = claim.start, claim.parent
    text = f"## Where it comes from\n\nStart: {start.kind}"
    text += f", {code(start.reference)}" if start.reference else ""
    text += f" (weights {code(start.weights_sha256[:16])})" if start.weights_sha256 else ""
    text += ".\n"
    if start.upstream is not None:
        claimed = f"claims {plain(start.upstream.claim)}" if start.upstream.claim else "makes no claim"
        licence = plain(start.upstream.licence or "not stated")
        text += (
            f"\nIts upstream ({plain(start.upstream.source)}; licence: {licence}) {claimed}: **not verified here**.\n"
        )
    if parent is not None and parent.comparison is not None and parent.metric is not None:
        c = parent.comparison
        text += (
            f"\n| on the same {c.n:,} examples | parent {code(parent.reference)} | this version |\n|---|---|---|\n"
            f"| {plain(claim.metric.name)} | {percent(parent.metric.value)} | {percent(claim.metric.value)} |\n\n"
            f"Difference {100 * c.difference:+.2f} points (95 % {100 * c.low:+.2f} to {100 * c.high:+.2f}); "
            f"{c.gained} examples gained, {c.lost} lost; exact McNemar p = {c.p_value:.3g}.\n"
        )
    elif parent is not None:
        why = plain(parent.not_compared or "no reason was recorded")
        text += f"\nNot compared with {code(parent.reference)}: {why}.\n"
    return text


def _measurement(claim: Claim) -> str:
    recipe = "" if claim.training is None else f"\nRecipe: {_settings(claim.training.recipe)}.\n"
    return (
        "## How it was measured\n\n"
        f"Protocol {code(claim.protocol.name)} ({_settings(claim.protocol.parameters)}). "
        f"Architecture {plain(claim.architecture)}, {claim.parameters:,} parameters. "
        f"Measured {plain(claim.measured_at)} on: {_machine(claim.environment)}\n{recipe}"
    )


def _settings(settings: Mapping[str, Any]) -> str:
    # In canonical form, because a claim that was read back has 1 where its maker may have had 1.0.
    return ", ".join(
        code(f"{key} {value if isinstance(value, str) else canonical.dump(value).decode()}")
        for key, value in sorted(settings.items())
    )


def _check() -> str:
    return (
        "## Check it yourself\n\n"
        "`roadworthy audit .` replays every digest, the signature and the metric from "
        "`evidence/test.jsonl` in seconds, without a GPU; "
        "`roadworthy verify . --data DIR` runs the evaluation again.\n"
    )
