"""Running out of memory as an error that can be caught, instead of a process that is killed."""

import sys

import psutil
import torch

_SAID = ("can't allocate memory", "out of memory", "ALLOC_FAILED")


def bound_memory() -> None:
    """Lets an allocation beyond what this machine has free fail. Linux only; elsewhere it does nothing.

    Linux grants more than it has and kills whoever uses it, which would lose what was already measured.
    """
    if sys.platform == "linux":
        import resource

        used = psutil.Process().memory_info().data
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (used + psutil.virtual_memory().available, hard))


def is_out_of_memory(error: Exception) -> bool:
    """Whether ``error`` is torch's, a GPU library's, or Python's way to say that an allocation failed."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    # The CPU's allocator and cuBLAS have no error class of their own.
    return isinstance(error, RuntimeError) and any(said in str(error) for said in _SAID)
