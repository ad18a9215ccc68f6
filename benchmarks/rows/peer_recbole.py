"""RecBole's ``Trainer`` over its NeuMF, sampling its own negatives; names that numpy 2 removed are given back to it."""

import sys
import tempfile
from pathlib import Path

import numpy as np
from turns import told

np.float_, np.complex_, np.unicode_ = np.float64, np.complex128, np.str_  # type: ignore[attr-defined]
sys.modules["tensorflow"] = None  # type: ignore[assignment]  # tensorboard would import it, where it is installed

from recbole.config import Config  # noqa: E402
from recbole.data import create_dataset, data_preparation  # noqa: E402
from recbole.model.general_recommender import NeuMF  # noqa: E402
from recbole.trainer import Trainer  # noqa: E402


def main() -> None:
    """Trains until its turns are over."""
    asked, turns = told()
    sys.argv = sys.argv[:1]  # which RecBole would read
    width = asked["width"]
    with tempfile.TemporaryDirectory() as folder:
        lines = ["user_id:token\titem_id:token"] + [f"{u}\t{i}" for u, i in np.load(asked["arrays"])["ids"].tolist()]
        (Path(folder) / "rows").mkdir()
        (Path(folder) / "rows/rows.inter").write_text("\n".join(lines) + "\n")
        settings = {
            "data_path": folder,
            "checkpoint_dir": folder,
            "use_gpu": False,
            "train_batch_size": asked["samples"],
            "mf_embedding_size": width,
            "mlp_embedding_size": 2 * width,
            "mlp_hidden_size": [4 * width, 2 * width, width],
            "dropout_prob": 0.5,
            "train_neg_sample_args": {"distribution": "uniform", "sample_num": 4},
            "show_progress": False,
            "eval_args": {"split": {"RS": [0.98, 0.01, 0.01]}, "order": "RO", "mode": "uni100", "group_by": "user"},
        }
        config = Config(model="NeuMF", dataset="rows", config_dict=settings)
        train, _, _ = data_preparation(config, create_dataset(config))
        trainer = Trainer(config, NeuMF(config, train.dataset))
        trainer.optimizer.register_step_post_hook(lambda *_: turns.stepped(asked["samples"]))
        for epoch in range(50):
            trainer._train_epoch(train, epoch)


if __name__ == "__main__":
    main()
