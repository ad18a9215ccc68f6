"""torchrec's DLRM on fused tables: FBGEMM looks rows up, and steps them by row-wise Adagrad during backward."""

import fbgemm_gpu  # noqa: F401  # registers the operators
import numpy as np
import torch
from torch.nn import functional
from torchrec import EmbeddingBagConfig, KeyedJaggedTensor
from torchrec.models.dlrm import DLRM
from torchrec.modules.fused_embedding_modules import FusedEmbeddingBagCollection
from torchrec.optim.rowwise_adagrad import RowWiseAdagrad
from turns import told


def main() -> None:
    """Trains until its turns are over."""
    asked, turns = told()
    arrays = np.load(asked["arrays"])
    numeric, ids, labels = (torch.from_numpy(arrays[name]) for name in ("numeric", "ids", "labels"))
    keys, width = [f"c{k}" for k in range(ids.shape[1])], asked["width"]
    tables = FusedEmbeddingBagCollection(
        tables=[
            EmbeddingBagConfig(name=key, embedding_dim=width, num_embeddings=size, feature_names=[key])
            for key, size in zip(keys, arrays["sizes"].tolist(), strict=True)
        ],
        optimizer_type=RowWiseAdagrad,
        optimizer_kwargs={"lr": 0.01},
        device=torch.device("cpu"),
    )
    model = DLRM(
        embedding_bag_collection=tables,
        dense_in_features=numeric.shape[1],
        dense_arch_layer_sizes=[4 * width, 2 * width, width],
        over_arch_layer_sizes=[1024, 1024, 512, 256, 1],
    )
    rest = [p for name, p in model.named_parameters() if "embedding_bags" not in name]
    optimizer = torch.optim.Adagrad(rest, lr=0.01)
    one_each = torch.ones(asked["samples"] * len(keys), dtype=torch.int32)
    while True:
        for chosen in torch.randperm(len(labels)).split(asked["samples"]):
            if len(chosen) < asked["samples"]:
                continue
            jagged = KeyedJaggedTensor.from_lengths_sync(keys, ids[chosen].T.reshape(-1), one_each)
            scores = model(numeric[chosen], jagged).squeeze(1)
            loss = functional.binary_cross_entropy_with_logits(scores, labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
            turns.stepped(len(chosen))


if __name__ == "__main__":
    main()
