"""Electron densities of millions of atoms, learnt from Kohn-Sham DFT of small cells."""

TYPE_CHECKING = False  # `typing` takes longer to import than all else that the program starts with
if TYPE_CHECKING:
    from pathlib import Path

    from rhocast.inference import Predictor

__version__ = "0.1.0"


def load(model: "str | Path") -> "Predictor":
    """Load a model file, or a shipped model by its name, to predict densities with.

    >>> field = rhocast.load("sige-demo").predict(atoms, mesh_spacing_bohr=0.4)  # doctest: +SKIP
    """
    from rhocast.inference import Predictor

    return Predictor.load(model)
