"""The protocol of a device, and the source of the kernels that it compiles.

A `Device` hands out arrays, compiles and launches; nothing else of this package knows what it is.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

#: Threads of a block, as the kernels count on.
THREADS = 128

_FOLDER = Path(__file__).parent

#: What is compiled as one, in this order.
SOURCES = (
    _FOLDER.parent / "polynomials.h",
    *(_FOLDER / f"{part}.cu" for part in ("geometry", "features", "baseline", "network")),
)

#: Takes the number of threads, which is also the kernel's first argument, and its further ones:
#: arrays (None for a null pointer), int, float, or NumPy's numbers for other sizes.
Kernel = Callable[..., None]


def source() -> str:
    """Return the text of all kernels; compilers name the file of an error and its line."""
    parts = [f'#line 1 "{path.name}"\n{path.read_text(encoding="utf-8")}' for path in SOURCES]
    return "".join(parts)


class Device(Protocol):
    """What computes.

    Attributes
    ----------
    name
        Of the hardware.
    xp
        NumPy, or what has its functions for arrays there.
    """

    name: str
    xp: Any

    def using(self) -> AbstractContextManager:
        """Within it this thread's arrays and launches are there, in the order of the calls."""

    def compile(self, names: Iterable[str], sizes: Mapping[str, int]) -> dict[str, Kernel]:
        """Compile kernels for a model's sizes."""

    def fetch(self, array: Any) -> np.ndarray:
        """Copy an array to the host."""

    def wait(self) -> None:
        """Wait for all that this thread has asked for: only then may others use it."""
