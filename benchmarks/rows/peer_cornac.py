"""cornac's ``NeuMF`` on its torch backend; it has no dropout."""

import numpy as np
from cornac.data import Dataset
from cornac.models import NeuMF
from torch.optim.optimizer import register_optimizer_step_post_hook
from turns import told


def main() -> None:
    """Trains until its turns are over."""
    asked, turns = told()
    width = asked["width"]
    taken = [(user, item, 1.0) for user, item in np.load(asked["arrays"])["ids"].tolist()]
    model = NeuMF(
        num_factors=width,
        layers=(4 * width, 4 * width, 2 * width, width),
        num_epochs=50,
        batch_size=asked["batch"],
        num_neg=4,
        lr=1e-3,
        learner="adam",
        backend="pytorch",
        verbose=False,
        seed=asked["seed"],
    )
    register_optimizer_step_post_hook(lambda *_: turns.stepped(asked["samples"]))
    model.fit(Dataset.from_uir(taken))


if __name__ == "__main__":
    main()
