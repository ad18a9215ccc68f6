"""The card's section on time-to-solution: clocks, attempts, convergence, energy, and what the run chose."""

from .certificate import Claim, Environment, Training
from .clocks import Clocks
from .convergence import Convergence
from .markdown import code, plain, settings
from .series import FEWEST, Attempt, Clock, Middle, Series

NOT_MEASURED = "not measured"


def seconds(value: float | None) -> str:
    """A duration for people."""
    if value is None:
        return NOT_MEASURED
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.2f} h"


def time_section(claim: Claim) -> str:
    """The section, from the claim alone."""
    training = claim.training
    if training is None:
        return f"## Time-to-solution\n\n{NOT_MEASURED.capitalize()}: these weights were not trained here.\n"
    clocks = training.clocks
    parts = [
        "## Time-to-solution\n",
        "| clock | time | from → to |\n|---|---|---|\n"
        f"| run | **{seconds(clocks.run)}** | first touch of the data → {_end(clocks)}, evaluations included |\n"
        f"| total | {seconds(clocks.total)} | process start → {_end(clocks)}: what a user waits |\n"
        f"| train_only | {seconds(clocks.train_only)} | the optimizer's steps alone |\n",
        _conditions(training),
    ]
    if training.choices:
        parts.append(f"The run chose, after measuring: {settings(training.choices)}.\n")
    if training.series is not None and len(training.series.attempts) > 1:
        parts.append(_attempts(training.series))
    if training.convergence is not None:
        parts.append(_convergence(training.convergence))
    return "\n".join(parts)


def machine(environment: Environment) -> str:
    """The machine and the libraries, on one line."""
    device = ", ".join(environment.accelerators) or "no accelerator"
    libraries = ", ".join(f"{name} {version}" for name, version in sorted(environment.libraries.items()))
    return plain(
        f"{environment.cpu}, {environment.threads} of {environment.cores} cores, "
        f"{environment.memory_gib:g} GiB, {device}, {environment.precision}; "
        f"Python {environment.python}, {libraries}, {environment.os}."
    )


def _end(clocks: Clocks) -> str:
    return "the target held" if clocks.target_met else "the end (the target was not reached)"


def _conditions(training: Training) -> str:
    clocks, series = training.clocks, training.series
    goal = f"{code(str(training.target))} on validation" if training.target else "no target: the whole budget was used"
    seed = f"One seed ({training.seed}"
    if series is not None and len(series.attempts) > 1:
        seed = f"Attempt {series.shipped} of {len(series.attempts)} (seed {training.seed}"
    joules = training.energy_joules
    return (
        f"Goal: {goal}. Samples to it: {clocks.samples:,} ({clocks.epochs:.2f} epochs). "
        f"{seed}{', a replay' if clocks.replayed_seed else ''}); "
        f"decoded-image cache {clocks.cache}; {'resumed, so never ranked' if clocks.resumed else 'not resumed'}. "
        f"Energy: {NOT_MEASURED if joules is None else f'{joules:,.0f} J{_read_off(training)}'}. "
        f"{machine(training.environment)}\n"
    )


def _read_off(training: Training) -> str:
    return "" if training.energy_counter is None else f" ({plain(training.energy_counter)})"


def _attempts(series: Series) -> str:
    n = len(series.attempts)
    table = "\n".join(
        f"| {_mark(number, series)} | {attempt.seed} | {_clock(attempt, 'run')} | {_clock(attempt, 'total')} | "
        f"{_clock(attempt, 'train_only')} | {_samples(attempt)} |"
        for number, attempt in enumerate(series.attempts, start=1)
    )
    # A mean of the rest needs a rest; and what is infinite twice has no mean.
    missing = "invalid" if series.failures > 1 else f"none of fewer than {FEWEST} attempts"
    return (
        f"### All {n} attempts\n\n"
        "| attempt | seed | run | total | train_only | samples |\n|---|---|---|---|---|---|\n"
        f"{table}\n"
        f"| median | | {_middles(series, 'median', 'infinite')} | |\n"
        f"| olympic mean | | {_middles(series, 'olympic_mean', missing)} | |\n\n"
        f"{n - series.failures} of {n} attempts reached the target ({100 * series.pass_rate:.0f} %). These weights are "
        f"of attempt {series.shipped}, the one nearest the median on the run clock. The olympic mean drops the fastest "
        "and the slowest; a failure counts as the slowest, two make it invalid. Each attempt ran in a process of its "
        "own, with a seed from the system's entropy, and read its data itself: no attempt used another's decoded data. "
        f"The operating system's cache of files was not emptied in between.{_pieces(series)}\n"
    )


def _pieces(series: Series) -> str:
    resumed = [str(n) for n, a in enumerate(series.attempts, start=1) if a.clocks is not None and a.clocks.resumed]
    if not resumed:
        return ""
    return f" Resumed, so that this series is never ranked: {', '.join(resumed)}."


def _mark(number: int, series: Series) -> str:
    return f"**{number}, shipped**" if number == series.shipped else str(number)


def _clock(attempt: Attempt, clock: Clock) -> str:
    if attempt.clocks is None:
        return "failed"
    told = seconds(getattr(attempt.clocks, clock))
    return f"failed after {told}" if attempt.failed else told


def _samples(attempt: Attempt) -> str:
    return NOT_MEASURED if attempt.clocks is None else f"{attempt.clocks.samples:,}"


def _middles(series: Series, which: str, missing: str) -> str:
    clocks: tuple[Middle, ...] = (series.run, series.total, series.train_only)
    values = [getattr(middle, which) for middle in clocks]
    return " | ".join(missing if value is None else f"**{seconds(value)}**" for value in values)


def _convergence(found: Convergence) -> str:
    runs = ", ".join(f"{one:,}" for one in found.reference)
    digest = found.certificate_sha256
    proof = "" if digest is None else f"; certificate {code(digest[:16])}"
    reached = f"the target was reached after {found.samples:,} samples"
    bound = (
        f"{found.bound:,.0f}, which one more run of the reference exceeds with {100 * found.confidence:g} % confidence "
        f"(its runs took {runs}{proof})"
    )
    if found.faster:
        return (
            f"**Faster than its reference converges**: {reached}, fewer than {bound}. "
            "Look for a leak, or for another protocol.\n"
        )
    return f"Convergence as its reference's: {reached}, not fewer than {bound}.\n"
