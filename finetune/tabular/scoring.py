"""Scoring rows that nobody has seen, with the numbers and categories that the model was trained on."""

from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import nn

from roadworthy.finetune.placement import device_of
from roadworthy.model_cards import InputError

from .encoder import Encoder
from .rows_workload import padded

_AT_ONCE = 8192  # rows in a forward pass


@torch.inference_mode()
def score(model: nn.Module, encoder: Encoder, rows: Any) -> NDArray[np.float64]:
    """The probability of the label's second value for each row, [R].

    ``rows``: a table of pandas, polars or pyarrow, or a list of dictionaries. Columns that the model does not know are
    passed over.

    Raises:
        InputError: no table, or one without a column that the model needs.
    """
    if isinstance(rows, list) and not rows:
        return np.empty(0)
    try:
        table = pa.Table.from_pylist(rows) if isinstance(rows, list) else rows
    except (pa.ArrowException, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"cannot read these rows: {error}. Expected dictionaries with the same names.") from error
    numeric, ids = encoder.encode(table)
    device = device_of(model)
    found = [np.empty(0)]
    for start in range(0, len(ids), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        categories = padded(torch.from_numpy(ids[part]).long().to(device), encoder.schema)
        logits = model(torch.from_numpy(numeric[part]).to(device), categories)
        found.append(logits.double().sigmoid().cpu().numpy())
    return np.concatenate(found)
