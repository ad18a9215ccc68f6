"""The card of a draft: it says what upstream claims, and that nothing of it was measured here."""

import yaml

from .certificate import Upstream


def render_draft(*, system: str, task: str, parameters: int, upstream: Upstream | None) -> bytes:
    """README.md of a snapshot that has no certificate."""
    head = yaml.safe_dump(
        {"library_name": "timm", "pipeline_tag": task, "tags": ["roadworthy", "uncertified-draft", task]},
        sort_keys=False,
    )
    claim = "Upstream makes no claim that was recorded."
    if upstream is not None:
        said = upstream.claim or "makes no claim that was recorded"
        claim = (
            f"| upstream | claim | here |\n|---|---|---|\n"
            f"| {upstream.source} (licence: {upstream.licence or 'not stated'}) | {said} | **not verified here** |"
        )
    return (
        f"---\n{head}---\n\n# {system} (uncertified draft)\n\n"
        f"{parameters:,} parameters. Accuracy: not measured. Time-to-solution: not measured.\n\n{claim}\n\n"
        "A draft becomes a version when it is measured: `roadworthy verify DIR --data DIR --target 'top1>=…'`, "
        "then `roadworthy publish DIR team/name@1.0.0`.\n"
    ).encode()
