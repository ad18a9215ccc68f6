"""Which certified series a run's convergence may be compared with: only one that drove the same road."""

from collections.abc import Iterator
from dataclasses import replace

from .certificate import Claim, Training
from .convergence import FEWEST, Convergence, compare_convergence
from .errors import InputError


def compare_with(reference: Claim, claim: Claim, certificate_sha256: str | None = None) -> Convergence:
    """Holds a claim's samples to target against those of a reference's series.

    ``certificate_sha256`` is that of the reference's certificate. Attempts of the reference that failed have no
    samples to the target, so they are not counted.

    Raises:
        InputError: the two cannot be compared; the message says in what they differ, or what is missing.
    """
    reasons = list(_differences(reference, claim))
    training = claim.training
    samples = _samples_to_target(reference.training)
    if not reasons and len(samples) < FEWEST:
        reasons.append(
            f"the reference has {len(samples)} attempts that reached the target; at least {FEWEST} are needed"
        )
    if not reasons and min(samples) < 1:
        reasons.append("an attempt of the reference reached the target without a step of training")
    if reasons or training is None:
        raise InputError(f"not comparable: {'; '.join(reasons)}.")
    return replace(compare_convergence(samples, training.clocks.samples), certificate_sha256=certificate_sha256)


def _samples_to_target(training: Training | None) -> tuple[int, ...]:
    if training is None or training.series is None:
        return ()
    attempts = training.series.attempts
    return tuple(a.clocks.samples for a in attempts if a.clocks is not None and a.clocks.target_met)


def _differences(reference: Claim, claim: Claim) -> Iterator[str]:
    ours, theirs = claim.training, reference.training
    if ours is None:
        yield "this snapshot was not trained here"
        return
    if not ours.clocks.target_met:
        yield "this run did not reach its target"
    if theirs is None or theirs.series is None:
        yield "the reference's certificate holds no series of attempts"
    elif str(ours.target) != str(theirs.target):
        yield f"the target ({ours.target} against {theirs.target})"
    if claim.protocol != reference.protocol:
        yield f"the protocol ({claim.protocol.name} against {reference.protocol.name}, or its parameters)"
    for part in ("train", "validation", "test"):
        one, other = getattr(claim.data, part), getattr(reference.data, part)
        if one is None or other is None or one.fingerprint != other.fingerprint:
            yield f"the {part} data"
    if (claim.start.kind == "scratch") != (reference.start.kind == "scratch"):
        yield f"the start ({claim.start.kind} against {reference.start.kind})"
    elif claim.start.weights_sha256 != reference.start.weights_sha256:
        yield "the start's weights"
    if claim.architecture_sha256 != reference.architecture_sha256:
        yield f"the architecture ({claim.architecture} against {reference.architecture})"
