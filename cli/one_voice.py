"""One voice for many processes: under torchrun each does the same, and one of them speaks."""

import hashlib
import os
import signal
from datetime import timedelta

from roadworthy.finetune.launch import launched


def leads() -> bool:
    """Whether this process shows progress and results."""
    return launched().leads


def is_one_of_many() -> bool:
    """Whether torchrun started others beside this process."""
    return launched().size > 1


def finish_undisturbed() -> None:
    """Lets this process end by itself, with its own words and exit code.

    torchrun ends all processes as soon as one has ended otherwise than well, even where all are about to.
    """
    if is_one_of_many():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def first_to_say(message: str, *, unless_another_was: bool = False) -> bool:
    """Whether no other process of this run has told this message before; asking counts as telling.

    ``unless_another_was``: no where any message was told, because this one only follows from it.
    """
    if not is_one_of_many():
        return True
    from torch.distributed import TCPStore  # type: ignore[attr-defined]  # public, but not typed as such

    try:
        # torchrun's own meeting place, which every process knows even before they have met.
        store = TCPStore(
            os.environ["MASTER_ADDR"],
            int(os.environ["MASTER_PORT"]),
            is_master=False,
            wait_for_workers=False,
            timeout=timedelta(seconds=5),
        )
        if unless_another_was and store.check(["roadworthy/told"]):
            return False
        store.set("roadworthy/told", "1")
        digest = hashlib.sha256(message.encode()).hexdigest()
        return int(store.add(f"roadworthy/told/{digest}", 1)) == 1
    except (KeyError, RuntimeError):  # nobody to ask: rather twice than never
        return True
