"""Strategies of hypothesis: cells, meshes and atoms anywhere."""

import numpy as np
from hypothesis import strategies as st

from rhocast.structures import Structure


@st.composite
def cells(draw, shortest=4.0, longest=12.0) -> np.ndarray:
    """Lattice vectors as rows, Bohr: triclinic, of either handedness, never flat."""
    lengths = [draw(st.floats(shortest, longest)) for _ in range(3)]
    lean = st.floats(-0.4, 0.4)
    cell = np.diag(lengths)
    cell[1, 0], cell[2, 0], cell[2, 1] = (draw(lean) * shortest for _ in range(3))
    return cell[list(draw(st.permutations(range(3))))]


def shapes(most=40):
    """Mesh shapes, uneven ones too."""
    return st.tuples(*[st.integers(1, most)] * 3)


@st.composite
def structures(draw, numbers=(13, 14)) -> Structure:
    """Up to six atoms anywhere within and around a cell."""
    cell = draw(cells())
    places = draw(st.lists(st.tuples(*[st.floats(-1.5, 1.5)] * 3), min_size=1, max_size=6))
    kinds = [draw(st.sampled_from(numbers)) for _ in places]
    return Structure(np.array(places) @ cell, cell, kinds)
