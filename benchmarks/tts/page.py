"""The result as a page: the tables, what they were measured on, and what differs between the contenders."""

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import Any

from contenders import Benchmark
from document import Document
from table import HEAD, median_run, ratio, rows

WANTED = {"documented": 5.0, "tuned": 2.0}  # times our median


def as_markdown(benchmark: Benchmark, document: Document) -> str:
    """The page beside the JSON."""
    of = document.conditions
    dates = sorted({run["date"] for run in _all_runs(document)})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    bullets = "\n".join(_bullet(text) for text in _remarks(benchmark, document))
    return f"""# {benchmark.title}

Seconds from the start of the process until `{of["target"]}` held on validation: two evaluations in a
row at or above it. Imports, reading and evaluations are on the clock; the test afterwards is not.
Measured {when}, one run at a time. On a GPU: {"this table" if of["device"] == "cuda" else "not measured"}.

{_table(HEAD, rows(benchmark, document))}

{_verdicts(benchmark, document)}

{bullets}

## Where our time goes

{_parts(document)}

## What differs

{_table(("", "epochs at most", "evaluations", "batch", "optimizer", "examples"), _hows(benchmark, document))}

{fill(benchmark.notes, 116)}

Again: `pip install ".[bench]" && python benchmarks/tts/run.py --set {of["set"]} --seeds {_seeds(document)} \
--target "{of["target"]}" --device {of["device"]}{_partial(document)}`
"""


def _remarks(benchmark: Benchmark, document: Document) -> Iterable[str]:
    """What has to be known to read the table."""
    data, machine = document.conditions["data"], document.conditions["machine"]
    loads = [run["load_before"] for run in _all_runs(document)]
    yield (
        "**`> x`**: the target was not reached in x seconds. A contender is given up at its first evaluation after "
        f"{_limits(document)}, or at the end of its epochs. In a median such a run counts as longer than all that "
        "reached the target, and `÷ ours` is a lower bound then."
    )
    yield (
        f"**Data**: {benchmark.data}. {data['n_train']:,} to train on, {data['n_validation']} to stop on, "
        f"{data['n_test']:,} to test on; {data['split']}."
    )
    yield (
        f"**Accuracy**: of the weights at the moment of stopping, on the whole test part, `{data['protocol']}`. Where "
        "the intervals overlap widely, the contenders are level in accuracy."
    )
    if "ours_early" in document.runs:
        yield (
            "**Ours and the rule**: a look at a newly fitted head is two evaluations, of the training examples "
            "(answered by fits that had not seen them) and of validation. By default three in a row must meet the "
            "target, so that validation was met twice in a row, which is the rule of the others. With `hold=2` one "
            "look may do."
        )
    yield (
        f"**Machine**: {machine['os']}, {_machine(machine)}, threads: {machine['threads']}; Python "
        f"{machine['python']}, {_versions(machine)}. Files and libraries were in the page cache. Load before the "
        f"runs: {min(loads)} to {max(loads)}."
    )
    yield (
        "**s to first at target**: median time of the first single evaluation at the target, which shows how much of "
        "the difference comes from how often a contender evaluates. In the JSON: every run, every evaluation."
    )


def _limits(document: Document) -> str:
    """After which time runs were given up."""
    limits = sorted({run["limit"] for run in _all_runs(document)})
    return f"{limits[0]:g} s" if len(limits) == 1 else f"{limits[0]:g} to {limits[-1]:g} s (the JSON has each run's)"


def _machine(machine: dict[str, Any]) -> str:
    return ", ".join(
        [machine["cpu"], f"{machine['cores']} cores", f"{machine['memory_gib']} GiB", *machine["accelerators"]]
    )


def _versions(machine: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())


def _bullet(text: str) -> str:
    return fill(text, 116, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body])


def _verdicts(benchmark: Benchmark, document: Document) -> str:
    """What was wanted, and whether it was reached: told the same way in both cases."""
    ours = document.runs.get("ours", [])
    lines = []
    for contender in benchmark.contenders:
        runs, wanted = document.runs.get(contender.name), WANTED.get(contender.kind)
        if wanted is None or not runs or (found := ratio(runs, ours)) is None:
            continue
        times, at_least = found
        said = "reached" if times >= wanted else "not decided: its runs ended before" if at_least else "not reached"
        lines.append(f"- {contender.title}: wanted {wanted:g} times our median, {said}.")
    return "\n".join(lines)


def _parts(document: Document) -> str:
    measured = {name: [r for r in document.runs.get(name, []) if r["parts"]] for name in ("ours", "ours_early")}
    found = {name: median_run(runs)["parts"] for name, runs in measured.items() if runs}
    if not found:
        return "Not measured."
    names = list(next(iter(found.values())))
    title = {"ours": "median run", "ours_early": "median run with hold=2"}
    head = ("", *(f"{name}, s" for name in names))
    return _table(head, [(title[name], *(f"{parts[part]:.1f}" for part in names)) for name, parts in found.items()])


def _hows(benchmark: Benchmark, document: Document) -> list[tuple[str, ...]]:
    return [(c.title, *c.how) for c in benchmark.contenders if c.name in document.runs]


def _all_runs(document: Document) -> list[dict[str, Any]]:
    return [run for found in document.runs.values() for run in found]


def _seeds(document: Document) -> int:
    return max(len(runs) for runs in document.runs.values())


def _partial(document: Document) -> str:
    of = document.conditions
    limit = f" --limit {of['limit']}" if of["limit"] else ""
    return limit + (f" --epochs {of['epochs']}" if of["epochs"] else "")
