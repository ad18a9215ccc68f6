"""The energy drawn over the run clock: NVML's counters for GPUs, else Intel's RAPL counters for the processor.

A counter gives microjoules since some moment, for each of its parts, and starts again at 0 after ``ranges``. A GPU's
counter is the board's alone, RAPL's the processor packages' alone; the log says which one was read.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

import torch

# Where Linux shows them: https://docs.kernel.org/power/powercap/powercap.html
POWERCAP = Path("/sys/class/powercap")


class Counter(Interface):
    """Energy counters of one kind."""

    @property
    def name(self) -> str:
        """What is counted, in words, for the log and the card."""

    @property
    def ranges(self) -> Sequence[int | None]:
        """Microjoules at which each part starts again; ``None``: never within a run."""

    def read(self) -> Sequence[int]:
        """Microjoules of each part.

        Raises:
            OSError: it cannot be read, or not any more.
        """


@dataclass(frozen=True, slots=True)
class RaplCounter:
    """Intel's running average power limit counters of whole processor packages, in ``zones`` of sysfs."""

    zones: tuple[Path, ...]
    ranges: tuple[int, ...]
    name = "RAPL, processor packages"

    def read(self) -> tuple[int, ...]:
        """One figure for each package."""
        return tuple(int((zone / "energy_uj").read_text()) for zone in self.zones)


def rapl_counter(root: Path = POWERCAP) -> RaplCounter | None:
    """The counters below ``root``; ``None`` where there are none or this user may not read them."""
    try:
        # intel-rapl:0 is a package, intel-rapl:0:1 a part of it; "psys" is the whole board, packages included.
        zones = tuple(
            zone
            for zone in sorted(root.glob("intel-rapl:*"))
            if re.fullmatch(r"intel-rapl:\d+", zone.name)
            and (zone / "name").read_text(encoding="utf-8").startswith("package-")
        )
        ranges = tuple(int((zone / "max_energy_range_uj").read_text(encoding="utf-8")) for zone in zones)
        counter = RaplCounter(zones, ranges)
        return counter if counter.read() else None
    except (OSError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class NvmlCounter:
    """NVML's total energy counters of whole GPUs, through ``library`` (``pynvml``) and its ``handles``."""

    library: Any
    handles: tuple[Any, ...]
    name = "NVML, GPU boards"

    @property
    def ranges(self) -> tuple[None, ...]:
        """64 bits of millijoules do not run over."""
        return (None,) * len(self.handles)

    def read(self) -> tuple[int, ...]:
        """One figure for each GPU."""
        try:
            return tuple(1000 * int(self.library.nvmlDeviceGetTotalEnergyConsumption(h)) for h in self.handles)
        except self.library.NVMLError as error:
            raise OSError(f"NVML: {error}") from error


def nvml_counter(uuids: Sequence[str]) -> NvmlCounter | None:
    """The counters of the GPUs with these ids; ``None`` without ``nvidia-ml-py``, or where one does not count."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        counter = NvmlCounter(pynvml, tuple(pynvml.nvmlDeviceGetHandleByUUID(uuid) for uuid in uuids))
        counter.read()
    except (OSError, pynvml.NVMLError):
        return None
    return counter


def counter_for(device: torch.device, processes: int) -> Counter | None:
    """What counts the energy of a run of so many processes; ``None`` where nothing does.

    Of a run on several machines a process could read only its own machine's.
    """
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if processes != here:
        return None
    if device.type != "cuda":
        return rapl_counter()
    used = range(here) if here > 1 else [torch.cuda.current_device()]
    return nvml_counter([f"GPU-{torch.cuda.get_device_properties(number).uuid}" for number in used])


def spent(before: int, now: int, full: int | None) -> int:
    """Microjoules between two readings of a counter that starts again at 0 after ``full``."""
    return now - before if now >= before or full is None else now - before + full
