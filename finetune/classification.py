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
from .world import World

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
    """The most probable class of each example, with its probability and how likely the truth was."""
    confidence_B, prediction_B = (t.tolist() for t in logits_BC.float().softmax(1).max(1))
    truth_B = torch.tensor([e.truth for e in examples], device=logits_BC.device)
    likelihood_B = (-cross_entropy(logits_BC.float(), truth_B, reduction="none")).tolist()
    return [
        # "+ 0.0" for -0.0, which canonical JSON does not have.
        Row(id=e.id, truth=e.truth, prediction=p, confidence=round(c, 6), log_likelihood=round(ll, 6) + 0.0)
        for e, p, c, ll in zip(examples, prediction_B, confidence_B, likelihood_B, strict=True)
    ]


@torch.no_grad()  # not inference_mode: its tensors may not enter the solver's graph
def fit_head_progressively(
    layer: nn.Linear,
    features: Features,
    parts: Mapping[Part, Sequence[Example]],
    batches: Mapping[Part, Sequence[Sequence[int]]],
    weights_C: torch.Tensor,
    report: Report,
    world: World,
    first_look: int | None = None,
) -> Iterator[Look]:
    """Fits ``layer`` on more and more of the train part, doubling it, and looks at validation after each fit.

    ``batches``: every example of train, shuffled, and of validation, in the batches that features are computed in.
    A caller that has seen its target hold stops here, and the features of the rest are never computed. Each process
    computes some of them, and has all of them for the fit.
    """
    total, done = len(parts["train"]) + len(parts["validation"]), 0

    def computed(part: Part, cut: Sequence[Sequence[int]]) -> torch.Tensor:
        nonlocal done
        sizes = [len(batch) for batch in cut]
        found_ND = torch.zeros(sum(sizes), layer.in_features, device=layer.weight.device)
        # Rows that other processes compute stay 0 here, so that the sum puts all of them together, bit for bit.
        for batch, rows_BD in world.share(list(zip(cut, torch.split(found_ND, sizes), strict=True))):
            rows_BD.copy_(features(part, batch))
            done += len(batch)
            report("features of the frozen trunk", min(total, done * world.size), total)
        return world.summed(found_ND)

    unseen_ND = computed("validation", batches["validation"])
    unseen = [parts["validation"][number] for batch in batches["validation"] for number in batch]
    x_ND, seen = unseen_ND[:0], list[Example]()
    for group in _between_looks(batches["train"], max(_FIRST_LOOK, _PER_CLASS * len(weights_C), first_look or 0)):
        x_ND = torch.cat([x_ND, computed("train", group)])
        seen += [parts["train"][number] for batch in group for number in batch]
        labels_N = torch.tensor([example.truth for example in seen], device=x_ND.device)
        head = fit(x_ND, labels_N, weights_C)
        head.copy_to(layer)
        scores_NC, unseen_scores_VC = out_of_fold(x_ND, labels_N, weights_C), head.scores(unseen_ND)
        yield Look(
            samples=len(seen),
            out_of_fold=rows(seen, scores_NC),
            validation=rows(unseen, unseen_scores_VC),
            held_out=held_out([*seen, *unseen], torch.cat([scores_NC, unseen_scores_VC])),
        )


def _between_looks(batches: Sequence[Sequence[int]], first: int) -> Iterator[list[Sequence[int]]]:
    """Batches in the groups after which to look: ``first`` examples, and then each time twice as many as before."""
    n, size, done = sum(map(len, batches)), first, 0
    group: list[Sequence[int]] = []
    for batch in batches:
        group.append(batch)
        done += len(batch)
        # What would be left over for a last look of less than half its size is taken along.
        if done == n or (done >= size and n - done >= done // 2):
            yield group
            size, group = 2 * done, []
