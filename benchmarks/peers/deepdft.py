"""DeepDFT (PaiNN, random weights) against Rhocast's prediction.

    git clone https://github.com/peterbjorgensen/DeepDFT
    pip install asap3 lz4
    PYTHONPATH=DeepDFT python benchmarks/peers/deepdft.py

Sizes as in its README: cutoff 4 Å, 3 interactions, 128 features. Timed are the graph of the mesh
points and the network on it.
"""

import sys

import torch
from comparison import Action, compare

from rhocast.grid import Mesh
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR

try:
    import asap3
    import dataset
    from densitymodel import PainnDensityModel
except ImportError as missing:
    sys.exit(
        f"DeepDFT is not here ({missing}): clone github.com/peterbjorgensen/DeepDFT, set "
        "PYTHONPATH to it, and pip install asap3 lz4"
    )

CUTOFF_ANGSTROM = 4.0

#: Mesh points that are timed.
N_POINTS = 2000


def prepare(structure: Structure, mesh: Mesh) -> tuple[int, Action]:
    """Make the network and its representation of the atoms."""
    torch.manual_seed(0)
    model = PainnDensityModel(num_interactions=3, hidden_state_size=128, cutoff=CUTOFF_ANGSTROM)
    atoms = structure.to_ase()
    whole = (slice(0, mesh.shape[0]), slice(0, mesh.shape[1]), slice(0, mesh.shape[2]))
    places = ANGSTROM_PER_BOHR * mesh.offsets(whole).reshape(*mesh.shape, 3)
    neighbours = asap3.FullNeighborList(CUTOFF_ANGSTROM, atoms)
    batch = dataset.CollateFuncAtoms(CUTOFF_ANGSTROM, pin_memory=False)([{"atoms": atoms}])
    with torch.inference_mode():
        represented = model.atom_model(batch)

    def compute() -> torch.Tensor:
        part = dataset.DensityGridIterator.static_get_slice(
            0, atoms, places, N_POINTS, CUTOFF_ANGSTROM, neighbours
        )
        tensors = {name: torch.as_tensor(value) for name, value in part.items()}
        probes = dataset.collate_list_of_dicts([tensors])
        with torch.inference_mode():
            return model.probe_model(batch | probes, *represented)

    return N_POINTS, compute


if __name__ == "__main__":
    compare("DeepDFT, PaiNN", prepare)
