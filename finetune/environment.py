"""The machine and the libraries, as a certificate records them. No host name, no user, no paths."""

import platform
from importlib import metadata
from pathlib import Path

import psutil
import torch

from roadworthy.model_cards import InputError
from roadworthy.model_cards.certificate import Environment

_LIBRARIES = ("torch", "timm", "transformers", "tokenizers", "pillow", "numpy", "safetensors", "roadworthy")


def describe(device: torch.device, precision: str) -> Environment:
    """What this process runs on."""
    libraries = {name: str(metadata.version(name)) for name in _LIBRARIES}
    if device.type == "cuda":
        libraries |= {"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())}  # type: ignore[no-untyped-call]
        precision += ", tf32" if torch.backends.cuda.matmul.allow_tf32 else ""
    return Environment(
        os=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        cpu=_cpu(),
        cores=psutil.cpu_count() or 1,
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        accelerators=accelerators(device),
        libraries=libraries,
        precision=precision,
        threads=torch.get_num_threads(),
    )


def accelerators(device: torch.device) -> tuple[str, ...]:
    """The names of what this process computes on besides the CPU."""
    return (torch.cuda.get_device_name(device),) if device.type == "cuda" else ()


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.split(":", 1)[1].split())
    return platform.processor() or platform.machine()


def choose_device(name: str | None) -> torch.device:
    """The device to run on: what was asked for, or a GPU where there is one.

    Raises:
        InputError: a GPU was asked for and torch sees none.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise InputError(f"device {name!r} is not known. Expected cpu or cuda.")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(
            f"--device cuda was asked for, but torch {torch.__version__} sees no GPU. "
            "Use --device cpu, or install the driver and a CUDA build of torch."
        )
    return torch.device(name)


def make_deterministic(device: torch.device) -> None:
    """Same machine, same bits: no autotuned kernels, no atomics in reductions where torch has a choice.

    On a CPU torch's kernels have none; asking for determinism there costs a sixth of the training speed
    and changes no bit (tests/finetune/test_resume.py).
    """
    torch.backends.cudnn.benchmark = False
    if device.type == "cuda":
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Guards kernels that read fresh memory before they write it; costs time and no reproducibility else.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
