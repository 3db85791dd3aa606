"""The verb `plot`: each kind from files alone, by real predictions."""

import numpy as np
import pytest
from ase.build import bulk

import rhocast.cli.main
from rhocast.cli.main import main
from rhocast.properties import (
    EnergyComparison,
    VolumeEnergies,
    write_energies,
    write_equation_of_state,
    write_volume_energies,
)
from rhocast.speed import Scaling, write_scaling


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A field, its reduction, and another program's density of the same cell."""
    folder = tmp_path_factory.mktemp("plot")
    atoms = bulk("SiGe", "zincblende", a=5.53, cubic=True)
    atoms.write(folder / "atoms.xyz")
    options = ["sige-demo", str(folder / "atoms.xyz"), "--mesh-spacing-bohr", "0.8"]
    for name, more in (("d.h5", []), ("r.h5", ["--reduce", "--coarse-bohr", "3"])):
        assert main(["predict", *options, "-o", str(folder / name), *more]) == 0
    assert main(["convert", str(folder / "d.h5"), str(folder / "dft.cube")]) == 0
    values = EnergyComparison("0.h5", "Al32", 32, 0.01, -2.0, -2.1, 1e-5, 0.2, 0.3, None, 0.5, 1.0)
    write_energies(folder / "energies.tsv", [values])
    volumes = np.linspace(100.0, 124.0, 7)
    energies = 1e-5 * (volumes - 112.0) ** 2 - 2.0
    strains = np.cbrt(volumes / 112.0) - 1.0
    found = VolumeEnergies("Al4", 4, strains, volumes, energies, None, None)
    write_volume_energies(folder / "eos.tsv", found)
    write_equation_of_state(folder / "eos.tsv", found.fitted(), 7.65)
    row = {"atoms": 864, "points": 10**6, "points_per_core_second": 2e6, "peak_rss_bytes": 10**8}
    write_scaling(folder / "scaling.tsv", Scaling("al", [row], [], []))
    return folder


@pytest.fixture(autouse=True)
def inside(folder, monkeypatch):
    monkeypatch.setattr(rhocast.cli.main, "start_logging", lambda: None)
    monkeypatch.chdir(folder)


@pytest.mark.parametrize(
    "words",
    [
        "slice d.h5 --axis a --at 0.25 --cut 0.5 --reference dft.cube",
        "line d.h5 --start 0 0 0 --end 1 1 0 --reference dft.cube",
        "compare dft.cube d.h5",
        "defect d.h5 --place 0.5 0.5 0.5 --reference dft.cube",
        "defect dft.cube",
        "render d.h5 --end 0.5 1 1",
        "render r.h5",
        "histogram d.h5 r.h5 dft.cube",
        "reduction r.h5",
        "energies energies.tsv energies.tsv",
        "eos eos.tsv eos.tsv --experiment 7.65 76",
        "timing scaling.tsv",
    ],
)
def test_every_kind_is_drawn(words, folder):
    assert main(["plot", *words.split(), "-o", "picture.svg"]) == 0
    picture = folder / "picture.svg"
    assert "<svg" in picture.read_text()
    picture.unlink()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("slice d.h5 --reference dft.cube", "expected --cut as well"),
        ("energies eos.tsv", "has no column snapshot"),
        ("timing energies.tsv", "has no column curve, atoms"),
        ("histogram nothing.h5", "nothing.h5"),
        ("render nothing.h5", "nothing.h5"),
        ("eos energies.tsv", "has no column strain"),
    ],
)
def test_what_cannot_be_drawn_is_told(words, told, folder, caplog):
    assert main(["plot", *words.split(), "-o", "picture.png"]) > 1  # not a defect of the program
    assert told in caplog.text
    assert not (folder / "picture.png").exists()


@pytest.mark.parametrize("kind", ["energies", "eos", "timing"])
def test_an_empty_table_is_refused(kind, tmp_path, caplog):
    (tmp_path / "empty.tsv").touch()
    assert main(["plot", kind, str(tmp_path / "empty.tsv"), "-o", str(tmp_path / "p.png")]) == 4
    assert "has no column" in caplog.text


@pytest.mark.parametrize("words", ["defect d.h5 --place nan 0 0", "line d.h5 --end inf 0 0"])
def test_a_place_is_finite(words, capsys):
    with pytest.raises(SystemExit):
        main(["plot", *words.split(), "-o", "picture.png"])
    assert "expected a finite number" in capsys.readouterr().err
