"""The card: README.md, `.eval_results/` and the plots, rendered from the certificate and nothing else.

`render` is a pure function, so that an audit renders again and compares bytes. Change what it writes and
you change FORMAT: cards of another format are bound by their digests only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .card_classes import classes_section
from .card_data import data_section
from .card_front_matter import eval_results, front_matter, title
from .card_origin import origin_section
from .card_time import machine, time_section
from .card_verdicts import headline
from .certificate import Claim
from .clocks import Point
from .evidence import Row
from .flops import told
from .learning_curve import learning_curve
from .markdown import code, plain, settings
from .protocol import is_classification
from .protocols_of_scores import OF_SCORES

FORMAT = 3
CURVE = "plots/curve.svg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a card is rendered from: the claim, and the evidence and log that the claim binds.

    ``pictures`` are the paths of the examples' pictures that lie in the snapshot; without one the card shows none,
    so that nobody's images are published by accident.
    """

    claim: Claim
    rows: Sequence[Row]
    curve: Sequence[Point]
    pictures: frozenset[str] = frozenset()


def render(proof: Proof) -> Mapping[str, bytes]:
    """Every file of the card, by path.

    Raises:
        IndexError, TypeError: evidence of a classification whose classes have no label.
    """
    claim = proof.claim
    training = claim.training
    crossing = training.clocks.run if training and training.clocks.target_met else None
    files = {
        CURVE: learning_curve(proof.curve, training.target if training else None, claim.metric.name, crossing),
        f".eval_results/{claim.metric.name}.yaml": eval_results(claim),
    }
    classes = ""
    if is_classification(claim.protocol) and proof.rows and claim.data.labels:
        classes, plots = classes_section(proof.rows, claim.data.labels, proof.pictures)
        files |= plots
    elif claim.protocol.family in OF_SCORES and proof.rows:
        from .card_scores import scores_section  # it needs numpy, and cards of classifiers do not

        classes, plots = scores_section(claim.protocol, proof.rows)
        files |= plots
    files["README.md"] = _readme(claim, classes).encode()
    return files


def _readme(claim: Claim, classes: str) -> str:
    sections = [
        front_matter(claim),
        f"# {plain(title(claim))}\n",
        headline(claim),
        time_section(claim),
        f"![Learning curve with the target and the moment it held]({CURVE})\n",
        data_section(claim),
        classes,
        origin_section(claim),
        _measurement(claim),
        _check(),
    ]
    return "\n".join(section for section in sections if section)


def _measurement(claim: Claim) -> str:
    recipe = "" if claim.training is None else f"\nRecipe: {settings(claim.training.recipe)}.\n"
    return (
        "## How it was measured\n\n"
        f"Protocol {code(claim.protocol.name)} ({settings(claim.protocol.parameters)}). "
        f"Architecture {plain(claim.architecture)}, {claim.parameters:,} parameters{_cost(claim)}. "
        f"Measured {plain(claim.measured_at)} on: {machine(claim.environment)}\n{recipe}"
    )


def _cost(claim: Claim) -> str:
    return "" if claim.flops is None else f", {told(claim.flops.example)} for a forward pass of one example"


def _check() -> str:
    return (
        "## Check it yourself\n\n"
        "`roadworthy audit .` replays every digest, the signature and the metric from "
        "`evidence/test.jsonl` in seconds, without a GPU; "
        "`roadworthy verify . --data DIR` runs the evaluation again.\n"
    )
