"""What every single-label classifier shares: the loss, the rows of evidence, and the progressive head.

Shapes: B batch, N examples, D features, C classes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from roadworthy.model_cards import Row

from .examples import Example, Examples
from .head_fit import fit, out_of_fold
from .held_out import held_out
from .progress import Report
from .split import Part
from .task import Look

_FIRST_LOOK = 256  # training examples; fewer tell too little to stop on
_PER_CLASS = 16  # and at least so many for each class

# The features of examples of a part, [len(numbers), D], from the trunk that stays as it is.
Features = Callable[[Part, Sequence[int]], torch.Tensor]


def class_weights(examples: Examples, kind: str, device: torch.device) -> torch.Tensor:
    """[C] weights whose mean over the training examples is 1: all 1, or inverse to each class's size."""
    n_classes = len(examples.labels)
    if kind == "equal":
        return torch.ones(n_classes, device=device)
    counts = examples.counts()
    total = sum(counts.values())
    return torch.tensor([total / (n_classes * max(1, counts[c])) for c in range(n_classes)], device=device)


def summed_loss(
    logits_BC: torch.Tensor, labels_B: torch.Tensor, weights_C: torch.Tensor, smoothing: float
) -> torch.Tensor:
    """Cross-entropy with label smoothing, added up over the batch, each class's examples at its weight."""
    return cross_entropy(logits_BC.float(), labels_B, weight=weights_C, label_smoothing=smoothing, reduction="sum")


def rows(examples: Sequence[Example], logits_BC: torch.Tensor) -> list[Row]:
    """The most probable class of each example, with its probability."""
    confidence_B, prediction_B = (t.tolist() for t in logits_BC.float().softmax(1).max(1))
    return [
        Row(id=e.id, truth=e.truth, prediction=p, confidence=round(c, 6))
        for e, p, c in zip(examples, prediction_B, confidence_B, strict=True)
    ]


@torch.no_grad()  # not inference_mode: its tensors may not enter the solver's graph
def fit_head_progressively(
    layer: nn.Linear,
    features: Features,
    parts: Mapping[Part, Sequence[Example]],
    batches: Mapping[Part, Sequence[Sequence[int]]],
    weights_C: torch.Tensor,
    report: Report,
    first_look: int | None = None,
) -> Iterator[Look]:
    """Fits ``layer`` on more and more of the train part, doubling it, and looks at validation after each fit.

    ``batches``: every example of train, shuffled, and of validation, in the batches that features are computed in.
    A caller that has seen its target hold stops here, and the features of the rest are never computed.
    """
    total = len(parts["train"]) + len(parts["validation"])
    seen: dict[Part, list[int]] = {"train": [], "validation": []}
    found: dict[Part, list[torch.Tensor]] = {"train": [], "validation": []}

    def compute(part: Part, batch: Sequence[int]) -> None:
        found[part].append(features(part, batch).float())
        seen[part] += batch
        report("features of the frozen trunk", sum(map(len, seen.values())), total)

    for batch in batches["validation"]:
        compute("validation", batch)
    unseen_ND = torch.cat(found["validation"])
    size, n = max(_FIRST_LOOK, _PER_CLASS * len(weights_C), first_look or 0), len(parts["train"])
    for batch in batches["train"]:
        compute("train", batch)
        done = len(seen["train"])
        # What would be left over for a last look of less than half its size is taken along.
        if done < n and (done < size or n - done < done // 2):
            continue
        size = 2 * done
        x_ND = torch.cat(found["train"])
        labels_N = torch.tensor([parts["train"][number].truth for number in seen["train"]], device=x_ND.device)
        head = fit(x_ND, labels_N, weights_C)
        head.copy_to(layer)
        answered, asked = ([parts[part][number] for number in seen[part]] for part in ("train", "validation"))
        scores_NC, asked_scores_VC = out_of_fold(x_ND, labels_N, weights_C), head.scores(unseen_ND)
        yield Look(
            samples=done,
            out_of_fold=rows(answered, scores_NC),
            validation=rows(asked, asked_scores_VC),
            held_out=held_out([*answered, *asked], torch.cat([scores_NC, asked_scores_VC])),
        )
