"""The race in words and tables, as Markdown: who won by how much, all raw times, and what was the same for all."""

from .card_time import machine, seconds
from .markdown import code, plain
from .metric import told
from .race import Contender, Race
from .series import Attempt

PICTURE = "race.svg"


def race_report(race: Race) -> str:
    """The report; its picture is ``race.svg``."""
    return "\n".join([_title(race), _table(race), f"![Accuracy over time, each crossing marked]({PICTURE})\n",
                      _times(race), _recipes(race), _conditions(race)])  # fmt: skip


def _title(race: Race) -> str:
    names = " against ".join(plain(contender.name) for contender in race.contenders)
    return f"# {names}, to {code(str(race.target))} on {plain(race.data.name)}\n"


def _table(race: Race) -> str:
    head = (
        "| contender | median, run | median, total | time by the first's | reached | on validation when it stopped |\n"
    )
    rows = "\n".join(_row(race, contender) for contender in race.contenders)
    return f"{head}|---|---|---|---|---|---|\n{rows}\n"


def _row(race: Race, contender: Contender) -> str:
    series, ratio = contender.series, race.ratio(contender)
    run, total = (_middle(middle.median) for middle in (series.run, series.total))
    by_first = "none" if ratio is None else f"{ratio:.2f} ×"
    reached = f"{len(series.attempts) - series.failures} of {len(series.attempts)}"
    return f"| {code(contender.name)} | **{run}** | {total} | {by_first} | {reached} | {_accuracy(contender)} |"


def _middle(value: float | None) -> str:
    return "infinite" if value is None else seconds(value)


def _accuracy(contender: Contender) -> str:
    metric = contender.metric
    if metric is None:
        return "not measured"
    value, low, high = (told(metric.name, figure) for figure in (metric.value, metric.low, metric.high))
    return f"{plain(metric.name)} {value} ({100 * metric.confidence:g} % {low} to {high}, n = {metric.n})"


def _times(race: Race) -> str:
    rows = []
    for contender in race.contenders:
        series = contender.series
        times = ", ".join(map(_time, series.attempts))
        mean = series.run.olympic_mean
        rows.append(f"| {code(contender.name)} | {times} | {'none' if mean is None else seconds(mean)} |")
    return (
        "## All times on the run clock\n\n| contender | attempts, in the order they were made | olympic mean |\n"
        "|---|---|---|\n"
        + "\n".join(rows)
        + "\n\nThe run clock goes from the first touch of the data until the target "
        "held, evaluations included; the total clock from the process's start. A failed attempt took infinitely long.\n"
    )


def _time(attempt: Attempt) -> str:
    if attempt.clocks is None:
        return "failed"
    took = f"{'failed after ' if attempt.failed else ''}{seconds(attempt.clocks.run)}"
    return f"{took}, resumed" if attempt.clocks.resumed else took


def _recipes(race: Race) -> str:
    fields = race.differing()
    if not fields:
        return "## What differs\n\nNothing: the recipes are the same.\n"
    head = "| field | " + " | ".join(code(contender.name) for contender in race.contenders) + " |"
    rows = "\n".join(
        f"| {field} | " + " | ".join(code(str(c.recipe.get(field))) for c in race.contenders) + " |" for field in fields
    )
    return f"## What differs\n\n{head}\n|{'---|' * (1 + len(race.contenders))}\n{rows}\n"


def _conditions(race: Race) -> str:
    data = race.data
    parts = [
        f"{name} {record.n:,} ({code(record.fingerprint[:16])})"
        for name, record in (("train", data.train), ("validation", data.validation), ("test", data.test))
        if record is not None
    ]
    return (
        "## What was the same\n\n"
        f"Start: {plain(race.start)}. Data: {plain(data.name)}; {', '.join(parts)}. Target: {code(str(race.target))}, "
        "held on validation; the figures above are of the data the runs stopped on, not of the test part. Contenders "
        "took turns, each attempt in a process of its own with a seed from the system's entropy and its own decoded "
        f"data (cold). {machine(race.environment)}\n"
    )
