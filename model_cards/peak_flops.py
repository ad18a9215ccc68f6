"""The most arithmetic that a machine can do in a second: an upper bound, so that only what cannot be is refused."""

import re
from dataclasses import dataclass

from .certificate import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """FLOPs a second, and in words what they were taken from."""

    rate: float
    source: str


# Dense FLOPs a second of the tensor cores at 16 bits (bf16, or fp16 accumulated in fp16 where that is faster), as
# NVIDIA gives them; half of what its data sheets print "with sparsity". The first pattern that fits decides.
_ACCELERATORS: tuple[tuple[str, float], ...] = (
    (r"\bB200\b", 2250e12),  # Blackwell architecture brief: 4.5 PFLOPS with sparsity
    (r"\bGH200\b|\bH200\b", 989.5e12),  # H200 data sheet: 1,979 TFLOPS with sparsity
    (r"\bH100\b.*\bPCIe\b", 756.5e12),  # H100 data sheet: 1,513
    (r"\bH100\b.*\bNVL\b", 835.5e12),  # H100 data sheet: 1,671
    (r"\bH100\b", 989.5e12),  # H100 data sheet, SXM5: 1,979
    (r"\bA100\b", 312e12),  # A100 data sheet, both forms: 312 dense
    (r"\bA40\b", 149.7e12),  # A40 data sheet
    (r"\bA30\b", 165e12),  # A30 data sheet
    (r"\bA10G?\b", 125e12),  # A10 data sheet; the A10G has fewer tensor cores
    (r"\bL40S\b", 366.5e12),  # L40S data sheet: 733
    (r"\bL40\b", 181.1e12),  # L40 data sheet: 362.1
    (r"\bL4\b", 121e12),  # L4 data sheet: 242
    (r"\bT4\b", 65e12),  # T4 data sheet
    (r"\bV100S?\b", 130e12),  # V100 data sheet: 125 for SXM2, 130 for V100S
    (r"\bP100\b", 21.2e12),  # P100 data sheet, SXM2, half precision
    (r"\bRTX 6000 Ada\b", 364.3e12),  # Ada architecture white paper: 728.5 at 8 bits, dense
    (r"\bRTX A6000\b", 154.8e12),  # RTX A6000 data sheet: 309.7
    (r"\bRTX 5090\b", 419e12),  # Blackwell RTX architecture white paper, fp16 accumulate, dense
    (r"\bRTX 4090\b", 330.4e12),  # Ada architecture white paper, fp16 accumulate, dense
    (r"\bRTX 3090\b", 160e12),  # Ampere GA102 white paper: 142.3; 160 for the 3090 Ti
)

_CLOCK = 6.2e9  # Hz: the fastest that any processor on sale turns, Intel's Core i9-14900KS at its peak
# FLOPs that a core can do in a cycle. float32: two AVX-512 units, 16 lanes each, a multiplication and an addition
# (Intel 64 and IA-32 Architectures Optimization Reference Manual). bfloat16: Intel AMX (same manual, TMUL: 16 x 16 x 32
# multiplications and additions in 16 cycles).
_A_CYCLE = {"float32": 64, "bfloat16": 1024}


def peak_of(environment: Environment, *, precision: str, processes: int = 1) -> Peak | None:
    """What all accelerators of a run, or without any all its processors, can do together; ``None``: one is not known.

    ``environment`` describes one machine; ``processes`` may have run on as many machines.
    """
    if environment.accelerators:
        rates = [_rate(name) for name in environment.accelerators]
        known = [rate for rate in rates if rate is not None]
        if len(known) < len(rates):
            return None
        return Peak(rate=sum(known), source=_counted(environment.accelerators))
    a_cycle = _A_CYCLE["float32" if precision == "float32" else "bfloat16"]
    cores = environment.cores * max(1, processes)
    return Peak(
        rate=cores * _CLOCK * a_cycle, source=f"{cores} cores at {_CLOCK / 1e9:g} GHz, {a_cycle} FLOPs in a cycle"
    )


def unknown_in(environment: Environment) -> str:
    """The accelerators whose rate is not known, for messages."""
    return ", ".join(sorted({name for name in environment.accelerators if _rate(name) is None}))


def _rate(name: str) -> float | None:
    return next((rate for pattern, rate in _ACCELERATORS if re.search(pattern, name)), None)


def _counted(names: tuple[str, ...]) -> str:
    return ", ".join(f"{names.count(name)} x {name}" for name in dict.fromkeys(names))
