"""Packages that only some work needs, and the sentence that says how to install them."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from rhocast.errors import MissingExtraError

#: Extra of ``pyproject.toml`` and name of the package, by the name that it is imported by.
EXTRAS = {
    "baderkit": ("bader", "baderkit"),
    "matplotlib": ("figures", "matplotlib"),
    "matscipy": ("dft", "matscipy"),
    "netCDF4": ("dft", "netCDF4"),
    "pymatgen": ("bader", "pymatgen"),
    "plotly": ("figures", "plotly"),
    "sparc": ("dft", "sparc-x-api"),
    "torch": ("train", "torch"),
}


@contextmanager
def needed_for(work: str) -> Iterator[None]:
    """Name the extra that is missing if an import within this context fails for the lack of it.

    Parameters
    ----------
    work
        What cannot be done without the package; the subject of the sentence. Of nested contexts
        the outermost is named: the verb that a user typed.

    Raises
    ------
    MissingExtraError
        In place of the ModuleNotFoundError, if the missing module belongs to an extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in EXTRAS:
            raise
        raise _missing(work, module) from None


def require(module: str, work: str) -> None:
    """Raise MissingExtraError if a module cannot be found, before work that will import it begins.

    Nothing is imported.
    """
    if find_spec(module) is None:
        raise _missing(work, module)


def _missing(work: str, module: str) -> MissingExtraError:
    extra, package = EXTRAS[module]
    return MissingExtraError(f"{work} needs {package}: pip install 'rhocast[{extra}]'", name=module)
