"""Running out of memory for real, in a process of its own."""

import subprocess
import sys

import pytest

CODE = """
import psutil, torch
from roadworthy.finetune.memory import bound_memory, is_out_of_memory
bound_memory()
# More than is free, and less than Linux would have granted; never touched, so that nothing is used.
wanted = int(psutil.virtual_memory().available * 1.02) + (64 << 20)
try:
    torch.empty(wanted, dtype=torch.uint8)
    print("granted")
except Exception as error:
    print(is_out_of_memory(error))
print(is_out_of_memory(RuntimeError("shapes do not match")), is_out_of_memory(MemoryError()))
print(torch.ones(1000).sum().item())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse, or swap, on their own")
def test_an_allocation_beyond_what_is_free_fails() -> None:
    """As an error that is recognised, and the process goes on; other errors are not taken for it."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "True", "1000.0"]
