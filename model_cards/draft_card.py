"""The card of a draft: it says what upstream claims, and that nothing of it was measured here."""

import yaml

from .card_front_matter import library_of
from .certificate import Upstream
from .markdown import plain


def render_draft(*, system: str, task: str, parameters: int, upstream: Upstream | None) -> bytes:
    """README.md of a snapshot that has no certificate."""
    head = yaml.safe_dump(
        {**library_of(task), "pipeline_tag": task, "tags": ["roadworthy", "uncertified-draft", task]},
        sort_keys=False,
    )
    claim = "Upstream makes no claim that was recorded."
    if upstream is not None:
        said = plain(upstream.claim or "makes no claim that was recorded")
        licence = plain(upstream.licence or "not stated")
        claim = (
            f"| upstream | claim | here |\n|---|---|---|\n"
            f"| {plain(upstream.source)} (licence: {licence}) | {said} | **not verified here** |"
        )
    return (
        f"---\n{head}---\n\n# {plain(system)} (uncertified draft)\n\n"
        f"{parameters:,} parameters. Accuracy: not measured. Time-to-solution: not measured.\n\n{claim}\n\n"
        "A draft becomes a version when it is measured: `roadworthy verify DIR --data DIR --target 'top1>=…'`, "
        "then `roadworthy publish DIR team/name@1.0.0`.\n"
    ).encode()
