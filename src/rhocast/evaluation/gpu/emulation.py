"""The processor in a GPU's place: the kernels as C++.

It is slow, and there to try and to test what a GPU would do where there is none. A loop over all
threads, one after the other, is all it takes; of the network's, 32 that work together are one here.
"""

import ctypes
import os
import re
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
from rhocast.evaluation.gpu.devices import SOURCE, THREADS, Kernel

#: What CUDA's compiler brings along.
_PREAMBLE = """\
#include <cmath>
#include <cstdint>
#include <cstring>
#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
struct Index { unsigned x; };
static thread_local Index threadIdx, blockIdx;
static const Index blockDim{THREADS};
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
static unsigned __float_as_uint(float x) { unsigned y; std::memcpy(&y, &x, 4); return y; }
static float __uint_as_float(unsigned x) { float y; std::memcpy(&y, &x, 4); return y; }
"""

_KERNEL = re.compile(
    r'extern "C" __global__ void\s+(?:__launch_bounds__\(\w+\)\s+)?(\w+)\((.*?)\)\s*{', re.S
)

_LOOP = """
extern "C" void launch_NAME(int n, PARAMETERS) {
  for (int i = 0; i < n; ++i) {
    blockIdx.x = i / THREADS;
    threadIdx.x = i % THREADS;
    NAME(n, ARGUMENTS);
  }
}
"""


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
        return {name: _launcher(library[f"launch_{name}"]) for name in names}

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
    source = SOURCE.read_text(encoding="utf-8")
    parameters = dict(_KERNEL.findall(source))
    loops = [_loop(name, parameters[name]) for name in names]
    macros = [f"-D{name}={value}" for name, value in [*sizes, ("THREADS", THREADS)]]
    with tempfile.TemporaryDirectory() as folder:
        code, library = Path(folder, "kernels.cpp"), Path(folder, "kernels.so")
        code.write_text("\n".join([_PREAMBLE, source, *loops]), encoding="utf-8")
        flags = ["-std=c++17", "-O1", "-w", "-fPIC", "-shared", *macros]
        done = subprocess.run(
            [compiler, *flags, "-o", library, code], capture_output=True, text=True
        )
        if done.returncode:
            raise ModelError(f"device: {compiler} cannot compile {SOURCE.name}: {done.stderr}")
        return ctypes.CDLL(str(library))


def _loop(name: str, parameters: str) -> str:
    """Write what calls a kernel for all its threads."""
    _, *others = (" ".join(parameter.split()) for parameter in parameters.split(","))
    names = ", ".join(re.search(r"\w+$", other)[0] for other in others)  # type: ignore[index]
    text = _LOOP.replace("PARAMETERS", ", ".join(others)).replace("ARGUMENTS", names)
    return text.replace("NAME", name)


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
