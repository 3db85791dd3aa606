"""The verb `new`: a crystal becomes a campaign that the workflow takes as it is."""

import os
import shutil
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from cif import cubic_cif
from graph import jobs_of

from rhocast.cli.main import main
from rhocast.config import load_config, seed_for
from rhocast.density import read_density, read_snapshot
from rhocast.structures import build_system, read_structure
from rhocast.workflow.campaign import Campaign

CRYSTALS = {
    "SiC.cif": bulk("SiC", "zincblende", a=4.36, cubic=True),
    "Na.cif": bulk("Na", cubic=True),
    "LiF.cif": bulk("LiF", "rocksalt", a=4.03, cubic=True),
    "POSCAR": bulk("Mg"),
}


@pytest.fixture(params=CRYSTALS)
def structure_file(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / request.param
    ase.io.write(path, CRYSTALS[request.param])
    return path


def test_a_crystal_becomes_a_campaign(structure_file, capsys):
    assert (
        main(["new", structure_file.name, "--frames", "3", "--goal", "0.02", "--hours", "20"]) == 0
    )
    settings = load_config("campaign.yaml")
    assert settings.descriptor.kind == "smooth"
    assert settings.baseline is not None
    assert settings.baseline.multipoles is not None
    seen = settings.trajectories("round-3") | settings.trajectories("large")
    assert not seen & settings.trajectories("test")
    assert settings.goal is not None
    assert settings.goal.nmae == 0.02
    assert settings.goal.core_hours == 20.0
    counts = [len(settings.snapshots(name)) for name in settings.goal.rounds]
    assert counts == [6, 12, 24]
    for name in ("small", "large"):
        cell = build_system(settings.systems[name], 300.0, seed=0)
        assert len(cell) >= 8
    assert "campaign.yaml is written" in capsys.readouterr().out


def test_a_magnetic_crystal_is_drafted_with_a_warning(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ase.io.write("NiO.cif", bulk("NiO", "rocksalt", a=4.18))
    assert main(["new", "NiO.cif"]) == 0
    assert "not spin-polarised" in capsys.readouterr().err
    text = Path("campaign.yaml").read_text()
    assert "# Warning: Ni may carry a magnetic moment" in text
    assert "treated as a metal, undecided" in text


def test_a_round_is_added_as_the_manual_says(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ase.io.write("LiF.cif", CRYSTALS["LiF.cif"])
    assert main(["new", "LiF.cif"]) == 0
    manual = (root / "docs/my-material.md").read_text()
    added = manual[manual.index("  round-4:\n") :]
    draft = Path("campaign.yaml").read_text()
    for old, new in {
        "  small-3: *small\n": "  small-3: *small\n  small-4: *small\n",
        "  large:\n    -": added[: added.index("\n\n")] + "\n  large:\n    -",
        "round-3]": "round-3, round-4]",
        "dataset: round-3": "dataset: round-4",
    }.items():
        assert draft.count(old) == 1
        draft = draft.replace(old, new)
    Path("campaign.yaml").write_text(draft)
    settings = load_config("campaign.yaml")
    assert [len(settings.snapshots(name)) for name in settings.goal.rounds] == [4, 8, 16, 32]


def shared_cif(aluminium):
    sites = f"Al1 Al 0 0 0 {aluminium}\nGa1 Ga 0 0 0 0.7\nAs1 As 0.25 0.25 0.25 1"
    return cubic_cif(sites, 5.65, "F -4 3 m", 216)


def test_sites_that_elements_share_become_random_alloys(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("AlGaAs.cif").write_text(shared_cif(0.3))
    assert main(["new", "AlGaAs.cif"]) == 0
    said = capsys.readouterr().out
    assert "Al1Ga3As4, Al2Ga6As8, Al5Ga11As16" in said
    assert "4 of 8 sites hold Al 0.3, Ga 0.7" in said
    settings = load_config("campaign.yaml")
    assert settings.name == "algaas"
    seeds = {name: seed_for(settings.seed, "structure", name) for name in settings.systems}
    cells = {
        name: build_system(settings.systems[name], 300.0, seeds[name])
        for name in ("unit", "small", "small-2", "held-out")
    }
    assert [len(cell) for cell in cells.values()] == [8, 16, 16, 32]
    assert cells["small"].counts == cells["small-2"].counts == {"Al": 2, "Ga": 6, "As": 8}
    assert (cells["small"].numbers != cells["small-2"].numbers).any()
    kelvin = max(kelvin for _, kelvin in settings.trajectories("round-1"))
    springs = Campaign(settings, "campaign.yaml").trajectory_settings("small", kelvin)["springs"]
    assert springs["on_lattice"]  # unlike atoms make room


def test_vacant_sites_are_refused_in_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("vacant.cif").write_text(shared_cif(0.2))
    assert main(["new", "vacant.cif"]) == 3
    assert "not occupied by one atom on average (Al 0.2, Ga 0.7)" in capsys.readouterr().err
    assert not Path("campaign.yaml").exists()


@pytest.fixture
def alloys(root, tmp_path, monkeypatch):
    """Draft silicon-germanium over all compositions; return its configuration."""
    monkeypatch.chdir(tmp_path)
    file = root / "data/pseudopotentials/Ge-low.psp8"
    command = ["new", "--composition", "Si,Ge", "--pseudopotential", f"Ge={file}"]
    assert main([*command, "--judge-by-aimd", "--hours", "2"]) == 0
    return load_config("campaign.yaml")


def test_elements_become_a_campaign_over_their_compositions(alloys, capsys):
    assert alloys.name == "sige"
    assert [len(alloys.snapshots(name)) for name in alloys.goal.rounds] == [4, 12, 24]
    assert "# 12 densities, 8 of them new" in Path("campaign.yaml").read_text()
    assert alloys.evaluation == ("test", "ends", "dynamics")
    seeds = {name: seed_for(alloys.seed, "structure", name) for name in alloys.systems}
    cells = {
        name: build_system(system, 300.0, seeds[name])
        for name, system in alloys.systems.items()
        if name != "vacancy"
    }
    assert cells["si12ge4"].counts == cells["si12ge4-2"].counts == {"Si": 12, "Ge": 4}
    assert (cells["si12ge4"].numbers != cells["si12ge4-2"].numbers).any()
    assert cells["si10ge22"].counts == {"Si": 10, "Ge": 22}
    assert cells["ge16"].counts == {"Ge": 16}
    assert cells["dynamics"].counts == {"Si": 8, "Ge": 8}
    assert cells["ge16"].volume > cells["si4ge12"].volume > cells["si16"].volume
    seen = {system for system, _ in alloys.trajectories("round-3")}
    judged = {system for name in ("test", "ends") for system, _ in alloys.trajectories(name)}
    assert not seen & judged


@pytest.mark.workflow
def test_the_workflow_takes_a_campaign_over_compositions_as_it_is(alloys, tmp_path, run, root):
    snakemake = ("snakemake", "-s", root / "Snakefile", "--configfile", "campaign.yaml")
    result = run(*snakemake, "-n", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    # The first round, transfer, test and ends; dynamics.
    assert jobs_of(result.stdout)["scf"] == 4 + 2 + 2 + 2 + 3
    frame = "results/sige/snapshots/si4ge12/910K/0.extxyz"
    result = run(*snakemake, "--cores", "1", frame, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert read_structure(frame).counts == {"Si": 4, "Ge": 12}


def test_a_file_and_elements_exclude_each_other(structure_file, capsys):
    with pytest.raises(SystemExit):
        main(["new", structure_file.name, "--composition", "Si,Ge"])
    assert "not allowed with" in capsys.readouterr().err


def test_elements_without_a_common_lattice_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "--composition", "Al,Si"]) == 2
    assert "Al (fcc), Si (diamond)" in capsys.readouterr().err
    assert main(["new", "--composition", "Ce,Yb"]) == 5
    assert "--pseudopotential: the SPMS table holds no Ce" in capsys.readouterr().err
    assert not Path("campaign.yaml").exists()


def test_nothing_is_overwritten(structure_file, capsys):
    (structure_file.parent / "campaign.yaml").write_text("mine")
    assert main(["new", structure_file.name]) == 2
    assert (structure_file.parent / "campaign.yaml").read_text() == "mine"
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--frames=0", "--frames: expected a whole number from 1 to 100000, found 0"),
        ("--frames=1e99", "--frames: expected a whole number from 1 to 100000, found 1e99"),
        ("--frames=" + "9" * 5000, "--frames: expected a whole number from 1 to 100000, found 99"),
        ("--goal=1", "--goal: expected a share between 0 and 1, such as 0.01 for 1 %, found 1"),
        ("--hours=nan", "--hours: expected a number from 0.001 to 1000000000, found nan"),
        ("--melting-K=-5", "--melting-K: expected a number from 1 to 10000 K, found -5"),
        ("--melting-K=1e300", "--melting-K: expected a number from 1 to 10000 K, found 1e300"),
        ("--debye-K=high", "--debye-K: expected a number from 1 to 10000 K, found high"),
        ("--temperature-K=99999", "--temperature-K: expected a whole number from 1 to 10000 K, fo"),
    ],
)
def test_a_wrong_option_is_named(option, told, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["new", "--composition", "Si,Ge", option])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_a_draft_that_is_not_valid_is_not_left_behind(tmp_path, monkeypatch, capsys):
    """Temperatures that are rounded to zero."""
    monkeypatch.chdir(tmp_path)
    assert main(["new", "--composition", "Si,Ge", "--melting-K", "1"]) == 2
    assert capsys.readouterr().err.count("expected a value greater than 0, found 0") <= 5
    assert not Path("campaign.yaml").exists()


def test_a_pseudopotential_without_a_file_is_refused(structure_file, capsys):
    assert main(["new", structure_file.name, "--pseudopotential", "Si"]) == 2
    assert "expected ELEMENT=FILE, found Si" in capsys.readouterr().err


def test_an_element_without_pseudopotential_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ase.io.write("Nd.cif", bulk("Nd", "fcc", a=5.0))
    assert main(["new", "Nd.cif"]) == 5
    assert "--pseudopotential: the SPMS table holds no Nd" in capsys.readouterr().err
    assert not (tmp_path / "campaign.yaml").exists()


def test_a_pseudopotential_of_ones_own(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ase.io.write("Ge.cif", bulk("Ge", cubic=True))
    file = root / "data/pseudopotentials/Ge-low.psp8"
    assert main(["new", "Ge.cif", "--pseudopotential", f"Ge={file}"]) == 0
    assert load_config("campaign.yaml").material.pseudopotentials["Ge"].endswith("Ge-low.psp8")
    assert main(["new", "Ge.cif", "-o", "b.yaml", "--pseudopotential", f"Si={file}"]) == 2
    capsys.readouterr()
    assert main(["new", "Ge.cif", "-o", "b.yaml", "--pseudopotential", "Ge=absent.psp8"]) == 5
    said = capsys.readouterr().err
    assert "--pseudopotential: absent.psp8, the pseudopotential of Ge, cannot be read" in said
    assert "material.pseudopotentials" not in said


def test_a_campaign_in_another_folder(root, tmp_path, monkeypatch):
    """Paths in a configuration start at its own folder, wherever it is written or read from."""
    work = tmp_path / "here"
    work.mkdir()
    monkeypatch.chdir(work)
    ase.io.write("Ge.cif", bulk("Ge", cubic=True))
    own = Path(os.path.relpath(root / "data/pseudopotentials/Ge-low.psp8"))
    command = ["new", "Ge.cif", "-o", "elsewhere/campaign.yaml", "--pseudopotential", f"Ge={own}"]
    assert main(command) == 0
    text = (work / "elsewhere/campaign.yaml").read_text()
    assert str(tmp_path) not in text  # the folders can be moved together
    assert "../Ge.cif" in text
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    settings = load_config("../here/elsewhere/campaign.yaml")
    read = [settings.systems["small"].file, settings.material.pseudopotentials["Ge"]]
    written = [work / "Ge.cif", root / "data/pseudopotentials/Ge-low.psp8"]
    assert [Path(path).resolve() for path in read] == written
    assert len(build_system(settings.systems["small"], 300.0, seed=0)) >= 8


@pytest.fixture
def densities(root, tmp_path, monkeypatch):
    """Densities of three runs as another program writes them."""
    monkeypatch.chdir(tmp_path)
    for run, name in (("a", "si8/300K"), ("b", "si8/900K"), ("c", "si16/600K")):
        (tmp_path / "runs" / run).mkdir(parents=True)
        source = root / "tests/data/densities" / name / "0.h5"
        assert main(["convert", str(source), f"runs/{run}/CHGCAR"]) == 0
    return tmp_path


def test_densities_become_a_campaign_that_computes_none(densities):
    assert main(["new", "--from-densities", "runs/*/CHGCAR"]) == 0
    settings = load_config("campaign.yaml")
    campaign = Campaign(settings, "campaign.yaml")
    assert campaign.runs() == []
    assert campaign.sampled() == ["vacancy"]
    files = [Path(file) for file in campaign.all_densities()]
    assert len(files) == 3
    assert not settings.trajectories("training") & settings.trajectories("test")
    given, read = read_density("runs/a/CHGCAR"), read_snapshot(files[0])
    np.testing.assert_allclose(read.density, given.density, atol=1e-7)
    assert len(build_system(settings.systems["vacancy"], 300.0, seed=0)) > 9000


def test_one_run_is_not_enough_to_judge_by(densities, capsys):
    assert main(["new", "--from-densities", "runs/a/CHGCAR"]) == 2
    assert "two runs or more" in capsys.readouterr().err
    assert not (densities / "campaign.yaml").exists()


@pytest.mark.workflow
def test_the_workflow_learns_from_imported_densities_alone(densities, run, root):
    assert main(["new", "--from-densities", "runs/*/CHGCAR"]) == 0
    snakefile, files = root / "Snakefile", ("--configfile", "campaign.yaml")
    result = run("snakemake", "-n", "-s", snakefile, *files, cwd=densities)
    assert result.returncode == 0, result.stderr
    assert set(jobs_of(result.stdout)) == {
        "all", "choose", "evaluate", "features", "figures", "merge", "predict", "structure",
        "summary", "total", "train", "transfer", "worst_snapshot",
    }  # fmt: skip
    next(densities.glob("results/si/densities/a-1/*/0.h5")).unlink()
    missing = run("snakemake", "-n", "-s", snakefile, *files, cwd=densities)
    assert missing.returncode != 0
    assert "a-1/300K/0.h5" in missing.stdout + missing.stderr


@pytest.mark.workflow
def test_frames_of_a_draft_are_drawn_without_dynamics(tmp_path, monkeypatch, run, root):
    monkeypatch.chdir(tmp_path)
    ase.io.write("LiF.cif", CRYSTALS["LiF.cif"])
    assert main(["new", "LiF.cif"]) == 0
    snakemake = ("snakemake", "-s", root / "Snakefile", "--configfile", "campaign.yaml")
    result = run(*snakemake, "-n", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    jobs = jobs_of(result.stdout)
    assert "aimd" not in jobs
    assert "dynamics" not in jobs
    names = [f"results/lif/snapshots/small/{t}K/{n}.extxyz" for t, n in ((720, 0), (720, 1))]
    result = run(*snakemake, "--cores", "1", *names, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    first, second = (read_structure(name) for name in names)
    assert first.record["sampler"] == "springs"
    assert not np.allclose(first.positions, second.positions)


def test_dynamics_are_drafted_where_they_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ase.io.write("Na.cif", CRYSTALS["Na.cif"])
    assert main(["new", "Na.cif", "--aimd"]) == 0
    settings = load_config("campaign.yaml")
    assert settings.aimd is not None
    assert settings.sampler(*min(settings.trajectories("test"))) == "aimd"


def test_dynamics_can_be_held_out_to_judge_springs_by(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ase.io.write("Na.cif", CRYSTALS["Na.cif"])
    assert main(["new", "Na.cif", "--judge-by-aimd"]) == 0
    settings = load_config("campaign.yaml")
    assert settings.evaluation == ("test", "dynamics")
    ((system, kelvin),) = settings.trajectories("dynamics")
    assert settings.sampler(system, kelvin) == "aimd"
    assert kelvin in {kelvin for _, kelvin in settings.trajectories("test")}
    assert {settings.sampler(*run) for run in settings.trajectories("round-3")} == {"springs"}


@pytest.mark.parametrize("name", ["SiC", "Li", "LiF"])
def test_the_examples_are_what_new_writes(name, root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(root / f"examples/{name}.cif", tmp_path)
    own = f"{name.lower()}.yaml"
    assert main(["new", f"{name}.cif", "-o", own]) == 0
    assert Path(own).read_text() == (root / "examples" / own).read_text()
