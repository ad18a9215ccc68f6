"""deepctr-torch's ``fit``: its WDL, and its PNN, whose inner products of embeddings are the nearest to DLRM's."""

import numpy as np
from deepctr_torch.inputs import DenseFeat, SparseFeat
from deepctr_torch.models import PNN, WDL
from turns import told


def main() -> None:
    """Trains until its turns are over."""
    asked, turns = told()
    arrays = np.load(asked["arrays"])
    numeric, ids, sizes = arrays["numeric"], arrays["ids"], arrays["sizes"].tolist()
    table = {f"c{k}": ids[:, k] for k in range(len(sizes))} | {f"n{k}": numeric[:, k] for k in range(numeric.shape[1])}
    columns = [SparseFeat(f"c{k}", size, embedding_dim=asked["width"]) for k, size in enumerate(sizes)]
    columns += [DenseFeat(f"n{k}", 1) for k in range(numeric.shape[1])]
    if asked["system"] == "dlrm":
        model = PNN(columns, dnn_hidden_units=(1024, 1024, 512, 256), l2_reg_embedding=0)
    else:
        layers = (1024,) * 5
        model = WDL(columns, columns, dnn_hidden_units=layers, l2_reg_linear=0, l2_reg_embedding=0, dnn_dropout=0.1)
    model.compile("adam", "binary_crossentropy")
    model.optim.register_step_post_hook(lambda *_: turns.stepped(asked["samples"]))
    model.fit(table, arrays["labels"], batch_size=asked["samples"], epochs=50, verbose=0)


if __name__ == "__main__":
    main()
