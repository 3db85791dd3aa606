import numpy as np
import pytest

from rhocast.engines.psp8 import (
    core_density,
    local_potential,
    read_psp8,
    resolve_pseudopotentials,
    spms_file,
)
from rhocast.errors import EngineError


@pytest.mark.parametrize(("element", "valence"), [("Al", 3), ("Si", 4), ("Ge", 14)])
def test_valence_of_the_spms_table(element, valence):
    file = resolve_pseudopotentials({element: "spms"})[element]
    assert file.valence == valence
    assert file.pspxc == 11
    assert not file.fortran_exponents


def test_an_own_file_is_known_by_its_hash(tmp_path):
    text = spms_file("Al").read_text()
    (tmp_path / "own.psp8").write_text(text)
    own = resolve_pseudopotentials({"Al": str(tmp_path / "own.psp8")})["Al"]
    assert own.name == "own.psp8"
    assert own.sha256 == resolve_pseudopotentials({"Al": "spms"})["Al"].sha256
    (tmp_path / "own.psp8").write_text(text + "\n")
    assert read_psp8(own.path, "Al").sha256 != own.sha256


def test_element_that_the_table_lacks():
    with pytest.raises(EngineError, match=r"pseudopotentials: the SPMS table holds no U.*path"):
        resolve_pseudopotentials({"U": "spms"})


def test_file_of_another_element():
    with pytest.raises(EngineError, match="pseudopotential of Si, expected one of Al"):
        read_psp8(spms_file("Si"), "Al")


@pytest.mark.parametrize(
    ("functional", "pspxc"),
    [("pbe", 11), ("pbe", -101130), ("pbesol", -116133), ("lda", 7), ("lda", -1012)],
)
def test_file_is_of_the_functional_that_is_asked_for(tmp_path, functional, pspxc):
    lines = spms_file("Al").read_text().splitlines(keepends=True)
    lines[2] = lines[2].replace("11", str(pspxc), 1)
    own = tmp_path / "own.psp8"
    own.write_text("".join(lines))
    assert resolve_pseudopotentials({"Al": str(own)}, functional)["Al"].pspxc == pspxc
    other = "lda" if functional == "pbe" else "pbe"
    with pytest.raises(EngineError, match=rf"own\.psp8: made for .*{pspxc}\), expected {other} "):
        resolve_pseudopotentials({"Al": str(own)}, other)


def test_missing_file_and_file_that_is_none(tmp_path):
    with pytest.raises(EngineError, match=r"^material.pseudopotentials: .*cannot be read"):
        read_psp8(tmp_path / "absent.psp8", "Al")
    (tmp_path / "notes.txt").write_text("no pseudopotential\n")
    with pytest.raises(EngineError, match="no psp8 file"):
        read_psp8(tmp_path / "notes.txt", "Al")


def test_fortran_exponents_are_seen_also_in_the_header(tmp_path):
    text = spms_file("Al").read_text().replace("E-0", "D-0")
    (tmp_path / "fortran.psp8").write_text(text)
    assert read_psp8(tmp_path / "fortran.psp8", "Al").fortran_exponents


@pytest.mark.parametrize(("element", "valence"), [("Al", 3.0), ("Si", 4.0), ("Ge", 14.0)])
def test_the_local_potential_ends_as_that_of_its_charge(element, valence):
    radii, potential = local_potential(read_psp8(spms_file(element), element))
    assert radii[0] == 0.0
    assert len(radii) == len(potential) == 600
    np.testing.assert_allclose(radii[-50:] * potential[-50:], -valence, rtol=1e-5)
    assert potential.min() < potential[-1] < 0.0


def test_a_file_without_its_local_potential_is_refused(tmp_path):
    lines = spms_file("Al").read_text().splitlines()
    (tmp_path / "cut.psp8").write_text("\n".join(lines[:1000]))
    with pytest.raises(EngineError, match=r"cut\.psp8: its local potential cannot be read"):
        local_potential(read_psp8(tmp_path / "cut.psp8", "Al"))


@pytest.mark.parametrize(("element", "electrons"), [("Al", 10.0), ("Si", 10.0), ("Ge", 18.0)])
def test_the_core_holds_the_electrons_that_are_not_valence(element, electrons):
    radii, density = core_density(read_psp8(spms_file(element), element))
    count = np.trapezoid(4.0 * np.pi * radii**2 * density, radii)
    assert count == pytest.approx(electrons, rel=1e-3)
