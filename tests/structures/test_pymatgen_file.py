"""JSON as pymatgen and the Materials Project write it."""

import json

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from rhocast.errors import StructureError
from rhocast.structures import Structure, read_structure, read_structures

CARBIDE = bulk("SiC", "zincblende", a=4.36)


def as_json(atoms, **occupied):
    """A crystal as `pymatgen.core.Structure.as_dict` gives it."""
    sites = [
        {
            "species": [
                {"element": element, "oxidation_state": 0, "occu": share}
                for element, share in occupied.get(symbol, {symbol: 1}).items()
            ],
            "abc": position.tolist(),
            "properties": {},
            "label": symbol,
        }
        for symbol, position in zip(atoms.symbols, atoms.get_scaled_positions(), strict=True)
    ]
    lattice = {"matrix": atoms.cell.array.tolist(), "pbc": [True, True, True]}
    return {"@class": "Structure", "charge": 0, "lattice": lattice, "sites": sites}


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: [{"material_id": "mp-0", "structure": s}]])
def test_a_structure_is_read_alone_or_as_part_of_an_entry(tmp_path, wrap):
    path = tmp_path / "SiC.json"
    path.write_text(json.dumps(wrap(as_json(CARBIDE))))
    found, wanted = read_structure(path), Structure.from_ase(CARBIDE)
    np.testing.assert_allclose(found.positions, wanted.positions, atol=1e-9)
    np.testing.assert_allclose(found.cell, wanted.cell)
    assert found.formula == wanted.formula
    assert list(read_structures(path)) == [0]


def test_a_shared_site_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "alloy.json"
    path.write_text(json.dumps(as_json(CARBIDE, Si={"Si": 0.5, "Ge": 0.5})))
    with pytest.raises(StructureError, match=r"site 1 is shared \(Si 0\.5, Ge 0\.5\).*composition"):
        read_structure(path)


def test_what_is_no_structure_is_said(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"lattice": {}, "sites": [{}]}')
    with pytest.raises(StructureError, match="not as pymatgen writes them"):
        read_structure(path)
    path.write_text("{")
    with pytest.raises(StructureError, match=r"x\.json: cannot be read as JSON"):
        read_structure(path)


def test_json_of_ase_is_read_as_before(tmp_path):
    path = tmp_path / "ase.json"
    ase.io.write(path, CARBIDE)
    assert read_structure(path).formula == Structure.from_ase(CARBIDE).formula
