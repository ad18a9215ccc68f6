"""A file that is larger than the memory it is read with."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

_ROWS, _TIMES = 200_000, 20
_READ = """
import resource, sys
from pathlib import Path
from roadworthy.finetune.tabular.store_build import read_table
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
store, _ = read_table(Path(sys.argv[1]), Path(sys.argv[2]))
print(len(store), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.slow
def test_a_log_of_clicks_takes_less_memory_than_its_size(tmp_path: Path) -> None:
    """750 MB of CSV are read with less than 600 MB, most of it the reader's blocks ahead; mapped pages count too."""
    path, random = tmp_path / "clicks.csv", np.random.default_rng(0)
    with path.open("wb") as file:
        for time in range(_TIMES):
            columns = {"click": random.integers(0, 2, _ROWS), "ts": time * _ROWS + np.arange(_ROWS)}
            columns |= {f"I{n}": random.geometric(0.02, _ROWS) for n in range(13)}
            columns |= {f"C{n}": random.zipf(1.3, _ROWS) % 10**5 * 2654435761 % 2**32 for n in range(14)}
            options = pyarrow.csv.WriteOptions(include_header=not time)
            pyarrow.csv.write_csv(pa.table(columns), file, options)
    command = [sys.executable, "-c", _READ, str(path), str(tmp_path / "store")]
    read = subprocess.run(command, check=True, capture_output=True, text=True)
    rows, mebibytes = map(int, read.stdout.split())
    assert rows == _ROWS * _TIMES
    assert mebibytes < 600 < path.stat().st_size / 2**20
