"""The processor in a GPU's place: the kernels as C++.

It is slow, and there to try and to test what a GPU would do where there is none. A loop over all
threads, one after the other, is all it takes; of the network's, 32 that work together are one here.
"""

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from rhocast.errors import ModelError
from rhocast.evaluation.gpu.device import THREADS, Kernel, source

#: What CUDA's compiler brings along, and how kernels are launched.
_PREAMBLE = Path(__file__).with_name("emulation.hpp")


class Emulation:
    """The processor as a `rhocast.evaluation.gpu.Device`."""

    name = "emulated"
    xp: Any = np

    def using(self) -> AbstractContextManager:
        """See `rhocast.evaluation.gpu.Device`: there is nothing to do."""
        return nullcontext()

    def compile(self, names: Iterable[str], sizes: Mapping[str, int]) -> dict[str, Kernel]:
        """See `rhocast.evaluation.gpu.Device`."""
        library = _compiled(tuple(names), tuple(sizes.items()))
        return {name: _launcher(_function(library, name)) for name in names}

    def fetch(self, array: Any) -> np.ndarray:
        """See `rhocast.evaluation.gpu.Device`."""
        return array

    def wait(self) -> None:
        """See `rhocast.evaluation.gpu.Device`: there is nothing to wait for."""


@cache
def _compiled(names: tuple[str, ...], sizes: tuple[tuple[str, int], ...]) -> ctypes.CDLL:
    """Compile the kernels of these names."""
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise ModelError("device: `emulated` needs a C++ compiler, such as g++")
    text = _PREAMBLE.read_text(encoding="utf-8") + source()
    text += "".join(f"LAUNCHABLE({name})\n" for name in names)
    macros = [f"-D{name}={value}" for name, value in [*sizes, ("THREADS", THREADS)]]
    with tempfile.TemporaryDirectory() as folder:
        code, library = Path(folder, "kernels.cpp"), Path(folder, "kernels.so")
        code.write_text(text, encoding="utf-8")
        flags = ["-std=c++17", "-O1", "-w", "-fPIC", "-shared", *macros]
        done = subprocess.run(
            [compiler, *flags, "-o", library, code], capture_output=True, text=True
        )
        if done.returncode:
            raise ModelError(f"device: {compiler} cannot compile the kernels: {done.stderr}")
        return ctypes.CDLL(str(library))


def _function(library: ctypes.CDLL, name: str) -> Any:
    """Return the function whose address the library holds; it takes what the kernel takes."""
    address = ctypes.c_void_p.in_dll(library, f"launch_{name}").value
    return ctypes.CFUNCTYPE(None)(address or 0)


def _launcher(function: Any) -> Kernel:
    def launch(threads: int, *arguments: Any) -> None:
        function(threads, *map(_passed, arguments))

    return launch


def _passed(argument: Any) -> Any:
    """Turn a kernel's argument into one of C."""
    if argument is None or isinstance(argument, np.ndarray):
        return ctypes.c_void_p(None if argument is None else argument.ctypes.data)
    if isinstance(argument, np.float64):
        return ctypes.c_double(argument)
    return ctypes.c_float(argument) if isinstance(argument, float) else ctypes.c_int(argument)
