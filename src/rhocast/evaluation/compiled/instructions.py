"""Which instruction sets the compiled kernels can use here."""

import importlib
import os
from typing import Any

from rhocast.errors import ConfigError

#: Environment variable that names the instruction set to use.
VARIABLE = "RHOCAST_ISA"


def native() -> Any:
    """Return the extension module; None where it was not built."""
    try:
        return importlib.import_module("rhocast.evaluation.compiled._native")
    except ImportError:
        return None


def isas() -> tuple[str, ...]:
    """Name the instruction sets that were compiled in and that this processor has, best first."""
    module = native()
    return tuple(module.supported()) if module else ()


def available() -> bool:
    """Tell whether there are compiled kernels, and they are not switched off.

    The environment variable ``RHOCAST_ISA`` with the value ``none`` switches them off.
    """
    return bool(isas()) and os.environ.get(VARIABLE) != "none"


def isa(name: str | None = None) -> str:
    """Choose the instruction set.

    Parameters
    ----------
    name
        One of `isas`; by default what the environment variable ``RHOCAST_ISA`` names, else the
        best.

    Raises
    ------
    ConfigError
        If the kernels were not built for it, or this processor does not have it.
    """
    found = isas()
    asked = name or os.environ.get(VARIABLE) or (found[0] if found else "compiled")
    if asked not in found:
        raise ConfigError(
            f"instruction set: no {asked} kernels here, expected one of {', '.join(found)}"
            if found
            else "the compiled kernels were not built; install a C++ compiler, then rhocast again"
        )
    return asked


def measure_peaks(name: str | None = None, seconds: float = 0.5) -> tuple[float, float]:
    """Measure the peak of one core, multiply-adds that never leave the registers.

    Parameters
    ----------
    name
        The instruction set, as in `isa`.
    seconds
        CPU time to spend on each of the two.

    Returns
    -------
    fp32, bf16 : float
        GFLOP/s; the second is 0 where there is no such instruction.
    """
    chosen = isa(name)
    fp32, bf16 = native().measure_peaks(chosen, seconds)
    return fp32, bf16
