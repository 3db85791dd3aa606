"""Threads of NumPy's matrix products: one each where the program's own threads compute."""

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

#: Functions that set and tell the number of threads, as BLAS libraries call them.
_NAMES = (
    ("scipy_openblas_set_num_threads64_", "scipy_openblas_get_num_threads64_"),
    ("scipy_openblas_set_num_threads", "scipy_openblas_get_num_threads"),
    ("openblas_set_num_threads64_", "openblas_get_num_threads64_"),
    ("openblas_set_num_threads", "openblas_get_num_threads"),
    ("MKL_Set_Num_Threads", "MKL_Get_Max_Threads"),
)


def available_threads() -> int:
    """Return how many threads a process that is alone computes on.

    As many as ``OMP_NUM_THREADS`` says, else as the processors that it may use.
    """
    told = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(told)) if told.isdigit() else len(os.sched_getaffinity(0))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Have NumPy's matrix products compute on the thread that calls them.

    The same product then gives the same bits on any number of processors. Of a BLAS library that
    this function does not know, the threads stay as they are: set ``OMP_NUM_THREADS=1`` then.
    """
    found = _thread_functions()
    if found is None:
        yield
        return
    set_threads, get_threads = found
    before = get_threads()
    set_threads(1)
    try:
        yield
    finally:
        set_threads(before)


def _thread_functions() -> tuple[Callable[[int], None], Callable[[], int]] | None:
    """Find the functions in the library that NumPy is linked to; None if they are not known."""
    # A handle of NumPy's extension finds the symbols of what that was linked to.
    library = ctypes.CDLL(import_module("numpy.linalg._umath_linalg").__file__)
    for setter, getter in _NAMES:
        if hasattr(library, setter) and hasattr(library, getter):
            return getattr(library, setter), getattr(library, getter)
    return None
