"""Where the processes of one attempt find one another, whatever an earlier attempt left lying there.

torchrun keeps one store of keys over all its restarts, and a new process may read where an old one listened
(pytorch/pytorch issues 135712 and 167288); its count of restarts is not the same on every machine either. So each
attempt agrees on a name of its own, and keeps its keys below it.
"""

import secrets
import time

from torch.distributed import PrefixStore, Store  # type: ignore[attr-defined]  # public, but not typed as such

_BETWEEN_LOOKS = 0.05  # seconds


def own_corner(store: Store, rank: int, size: int) -> Store:
    """The part of ``store`` that only the ``size`` processes of this attempt know; waits for all of them."""
    meeting = PrefixStore("roadworthy/meeting", store)
    me = secrets.token_hex(8)
    name = _called(meeting, me, size) if rank == 0 else _answered(meeting, me, rank)
    return PrefixStore(f"roadworthy/{name}", store)


def _called(meeting: Store, me: str, size: int) -> str:
    """The leading process: its own name is the attempt's; says who has answered to it."""
    meeting.set("name", me)
    present = [meeting.get(f"{me}/{rank}").decode() for rank in range(1, size)]
    meeting.set(f"{me}/present", " ".join(present))
    return me


def _answered(meeting: Store, me: str, rank: int) -> str:
    """The others: answer to the name that is there until it is one whose owner has seen the answer."""
    while True:
        name: str = meeting.get("name").decode()
        meeting.set(f"{name}/{rank}", me)
        present = f"{name}/present"
        if meeting.check([present]) and me in meeting.get(present).decode().split():
            return name
        time.sleep(_BETWEEN_LOOKS)
