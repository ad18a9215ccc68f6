"""What the Hub's own tools read of a card: the front matter, and the evaluation results in their YAML form."""

from collections.abc import Mapping
from typing import Any

import yaml

from .certificate import Claim
from .metric import kind_of

# The library that opens a snapshot of this task; a task that is not here names none.
_LIBRARIES: Mapping[str, str] = {"image-classification": "timm", "text-classification": "transformers"}

# The Hub's name for a task of ours, where it has one; `None`: it has none, and the card states none.
_PIPELINES: Mapping[str, str | None] = {
    "click-through": "tabular-classification",
    "recommendation": None,
    "ranking": None,
}


def library_of(task: str) -> dict[str, str]:
    """The front matter's line on the library; empty where no library is known for ``task``."""
    return {"library_name": _LIBRARIES[task]} if task in _LIBRARIES else {}


def title(claim: Claim) -> str:
    """What the version is called on its card."""
    return f"{claim.system} on {claim.data.name}"


def front_matter(claim: Claim) -> str:
    """The YAML between the lines of three dashes, those lines included."""
    metric, pipeline = claim.metric, _PIPELINES.get(claim.task, claim.task)
    result = {
        "task": {"type": pipeline or claim.task},
        "dataset": {
            "name": claim.data.name,
            "type": claim.data.name,
            "split": "test",
            "revision": claim.data.test.fingerprint,
        },
        "metrics": [
            {
                "type": kind_of(metric.name).hub_type,
                "name": f"{metric.name} ({metric.protocol})",
                "value": metric.value,
            }
        ],
    }
    head = {
        **library_of(claim.task),
        **({"pipeline_tag": pipeline} if pipeline is not None else {}),
        "tags": ["roadworthy", "certified", claim.task],
        "model-index": [{"name": title(claim), "results": [result]}],
    }
    return f"---\n{_yaml(head)}---\n"


def eval_results(claim: Claim) -> bytes:
    """The file that the Hub reads from `.eval_results/`."""
    # `verifyToken` is the Hub's own signature, so it is left out: ours is certificate.json.
    entry = {
        "dataset": {"id": claim.data.name, "task_id": claim.task, "revision": claim.data.test.fingerprint},
        "value": claim.metric.value,
        "date": claim.measured_at,
        "notes": f"{claim.metric.protocol}, n={claim.metric.n}, proven by certificate.json",
    }
    return _yaml([entry]).encode()


def _yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)
    return text
