"""A data report as a page: classes, sizes, copies, what cannot be read, suspected labels, with pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .pages import Tile, rendered, write

if TYPE_CHECKING:
    from roadworthy.finetune import DataReport

_CLASSES, _COPIES, _NEAR, _SUSPECTS = 100, 36, 24, 60  # shown at most


def write_data_page(report: "DataReport", data: Path, page: Path, options: Mapping[str, str | int]) -> None:
    """Writes the page, with the examples that it speaks of as far as they can be read from ``data``."""
    from roadworthy.finetune.showing import show

    suspects = report.label_check.suspects[:_SUSPECTS] if report.label_check else ()
    copies = report.copies[:_COPIES]
    near = report.near.pairs[:_NEAR] if report.near else ()
    names = {one.name for one in suspects} | {one.places[0].name for one in copies}
    names |= {name for one in near for name in (one.test, one.other)}
    classes = sorted(report.classes, key=lambda one: one.total)[:_CLASSES]
    html = rendered(
        "data_page.html",
        report=report,
        name=data.resolve().name,
        tiles=tiles(report),
        classes=[one for one in report.classes if one in classes],
        largest=max((one.total for one in classes), default=0) or 1,
        copies=copies,
        near=near,
        suspects=suspects,
        shown=show(data, names, options=options),
    )
    write(page, html)


def tiles(report: "DataReport") -> list[Tile]:
    """The figures that stand out."""
    check = report.label_check
    found = [
        Tile(value=f"{report.n:,}", label=f"{report.noun}s that can be read"),
        Tile(value=f"{len(report.classes):,}", label="classes"),
        Tile(
            value=f"{report.imbalance:.1f} : 1" if report.imbalance else "∞",
            label="largest to smallest class, training",
            kind="" if report.imbalance and report.imbalance < 10 else "bad",
        ),
        _counted(len(report.unreadable), "files or rows cannot be read"),
        _counted(len(report.leaks), "contents in the test part and in training"),
        _counted(len(report.contradictions), "contents under different labels"),
    ]
    if report.near is not None:
        found.append(_counted(len(report.near.pairs), f"test {report.noun}s with a near copy in another part"))
    if report.groups is not None:
        found.append(_counted(len(report.groups.crossing), f"test {report.noun}s of a group that is trained on"))
    if check is not None:
        found.append(Tile(value=f"{len(check.suspects):,}", label="labels to look at again"))
        found += [
            Tile(value=f"{100 * one.value:.1f} %", label=f"of {one.part} right with a fitted head alone")
            for one in check.head_accuracy
        ]
    return found


def _counted(n: int, label: str) -> Tile:
    return Tile(value=f"{n:,}", label=label, kind="bad" if n else "good")
