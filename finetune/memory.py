"""Running out of memory as an error that can be caught, instead of a process that is killed."""

import sys

import psutil
import torch


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
    """Whether ``error`` is torch's, or Python's, way to say that an allocation failed."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    # The CPU's allocator has no error class of its own.
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
