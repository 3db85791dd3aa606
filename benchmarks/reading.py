"""What it costs to verify a density field while it is read, against h5py reading it.

    python benchmarks/reading.py [--side 256] [--repeat 7] [--numpy]

Whole fields and slabs of 32 layers, from the page cache (the least time that a reading can take,
so the largest share) and from the disk, with the page cache dropped. Opening the file counts. Each
way of reading takes turns with the other; the medians of their wall and processor times are
compared. ``--numpy`` verifies as an installation without a compiler does.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from rhocast import checked_field
from rhocast.checked_field import CheckedField
from rhocast.density import Density, write_density
from rhocast.structures import Structure


def main() -> None:
    """Write a field, read it in both ways and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--side", type=int, default=256, help="points along each axis")
    parser.add_argument("--repeat", type=int, default=7, help="readings of each kind")
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary folder)")
    parser.add_argument("--numpy", action="store_true", help="verify without the compiled module")
    options = parser.parse_args()
    if options.numpy:
        checked_field.native = lambda: None
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "field.h5"
        write_density(path, _field(options.side))
        _tell(f"float32, {options.side}³ points, {path.stat().st_size / 1e6:.0f} MB")
        _tell("| read | from | h5py, ms | verified, ms | wall, ratio | processor, ratio |")
        _tell("|---|---|---|---|---|---|")
        for layers in (options.side, 32):
            for cached in (True, False):
                _compare(path, layers, cached, options.repeat)


def _field(side: int) -> Density:
    values = np.random.default_rng(0).random((side, side, side), dtype=np.float32)
    atom = Structure(np.zeros((1, 3)), 0.3 * side * np.eye(3), np.array([14]))
    return Density.of(atom, {"density": values}, {})


def _compare(path: Path, layers: int, cached: bool, repeat: int) -> None:
    def read(verified: bool) -> int:
        with h5py.File(path, "r") as file:
            plain = file["density"]
            way = CheckedField(path, file, "density", "write it again") if verified else plain
            for start in range(0, len(plain), layers):
                way[start : start + layers]
            return len(plain)

    side = read(False)
    taken = [[_timed(path, lambda way=way: read(way), cached) for way in (False, True)]
             for _ in range(repeat)]  # fmt: skip
    wall, cpu = ([statistics.median(turn[w][part] for turn in taken) for w in (0, 1)]
                 for part in (0, 1))  # fmt: skip
    what = "all" if layers == side else f"{layers} layers at a time"
    _tell(
        f"| {what} | {'page cache' if cached else 'disk'} | {1e3 * wall[0]:.1f} | "
        f"{1e3 * wall[1]:.1f} | {wall[1] / wall[0]:.2f} | {cpu[1] / cpu[0]:.2f} |"
    )


def _timed(path: Path, read: Callable[[], object], cached: bool) -> tuple[float, float]:
    """Return wall and processor seconds of a reading."""
    if not cached:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    start = time.perf_counter(), time.process_time()
    read()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
