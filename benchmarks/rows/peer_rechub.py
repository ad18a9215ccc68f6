"""torch-rechub's ``CTRTrainer`` over its Wide & Deep, with its own data generator."""

import numpy as np
from torch_rechub.basic.features import DenseFeature, SparseFeature
from torch_rechub.models.ranking import WideDeep
from torch_rechub.trainers import CTRTrainer
from torch_rechub.utils.data import DataGenerator
from turns import told


def main() -> None:
    """Trains until its turns are over."""
    asked, turns = told()
    arrays = np.load(asked["arrays"])
    numeric, ids, sizes = arrays["numeric"], arrays["ids"], arrays["sizes"].tolist()
    table = {f"c{k}": ids[:, k] for k in range(len(sizes))} | {f"n{k}": numeric[:, k] for k in range(numeric.shape[1])}
    numbers = [DenseFeature(f"n{k}") for k in range(numeric.shape[1])]
    deep = [SparseFeature(f"c{k}", vocab_size=size, embed_dim=asked["width"]) for k, size in enumerate(sizes)]
    model = WideDeep(numbers, deep, {"dims": [1024] * 5, "dropout": 0.1, "activation": "relu"})
    trainer = CTRTrainer(model, n_epoch=50)
    trainer.optimizer.register_step_post_hook(lambda *_: turns.stepped(asked["samples"]))
    train, _, _ = DataGenerator(table, arrays["labels"]).generate_dataloader(
        split_ratio=[0.99, 0.005], batch_size=asked["samples"]
    )
    trainer.fit(train)


if __name__ == "__main__":
    main()
