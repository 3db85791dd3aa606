"""Energies, equations of state and bands in the job graph; a fit that fails deletes no energies."""

import re

import pytest
import yaml
from graph import jobs_of

pytestmark = pytest.mark.workflow

EXPENSIVE = {"energies", "equation_of_state", "bands"}
CHEAP = {"draw_energies", "fit_equation_of_state", "draw_bands"}


@pytest.fixture
def config(clone):
    """A campaign with energies of all kinds."""
    found = yaml.safe_load((clone / "tests/data/tiny.yaml").read_text())
    found["energies"] = {"datasets": ["test"], "samples": 3}
    found["equation_of_state"] = {
        "systems": ["si8"],
        "samples": 4,
        "experiment": {"lattice_constant_bohr": 10.26, "bulk_modulus_gpa": 99},
    }
    found["bands"] = {"systems": ["si8"], "path": "GX,MR", "dos_kpoint_spacing_per_bohr": 0.2}
    (clone / "physics.yaml").write_text(yaml.safe_dump(found))
    return found


def test_what_an_engine_computes_is_no_output_beside_a_picture(root):
    """Snakemake deletes all outputs of a rule that fails, and drawing may fail."""
    text = "\n".join(path.read_text() for path in (root / "rules").glob("*.smk"))
    rules = [
        block for block in re.split(r"^rule ", text, flags=re.M) if "engine_environment" in block
    ]
    assert {block.partition(":")[0] for block in rules} >= EXPENSIVE | {"aimd", "scf"}
    assert not [block.partition(":")[0] for block in rules if ".png" in block]


def test_physics_is_planned_for_what_the_configuration_names(run, clone, config):
    options = ("-n", "-p", "--configfile", "physics.yaml")
    result = run("snakemake", "physics", *options, cwd=clone)
    assert result.returncode == 0, result.stdout + result.stderr
    counted = jobs_of(result.stdout)
    assert {rule: counted[rule] for rule in EXPENSIVE | CHEAP} == dict.fromkeys(
        EXPENSIVE | CHEAP, 1
    )
    assert "energies-test.tsv --samples 3 --engine" in result.stdout
    assert "0.03 --samples 4" in result.stdout
    assert "--against dft --path GX,MR --dos-kpoint-spacing-per-bohr 0.2" in result.stdout
    everything = jobs_of(run("snakemake", *options, cwd=clone).stdout)
    assert not (EXPENSIVE | CHEAP) & everything.keys()


def test_energies_remain_if_no_minimum_lies_within_them(run, clone, config):
    only = ("--cores", "1", "--configfile", "physics.yaml", "--allowed-rules")
    built = run("snakemake", "results/structures/si8.extxyz", *only, "structure", cwd=clone)
    assert built.returncode == 0, built.stderr
    table = clone / "results/physics/eos-si8.tsv"
    table.parent.mkdir()
    rows = [("strain", "volume_bohr3_per_atom", "predicted_ha_per_atom")]
    for strain in (-0.02, -0.01, 0.0, 0.01, 0.02):
        volume = 138.0 * (1.0 + strain) ** 3
        x = (120.0 / volume) ** (2.0 / 3.0)  # the minimum lies at 120 Bohr³
        rows.append(
            (strain, volume, -4.0 + 0.2 * ((x - 1.0) ** 3 * 4.5 + (x - 1.0) ** 2 * (6 - 4 * x)))
        )
    text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    table.write_text(text)
    fits = "results/physics/eos-si8.json"
    result = run("snakemake", fits, *only, "fit_equation_of_state", cwd=clone)
    assert result.returncode == 1
    told = (clone / "results/logs/fit_equation_of_state/si8.log").read_text()
    assert "lies outside the volumes" in told
    assert "the energies are kept in results/physics/eos-si8.tsv" in told
    assert table.read_text() == text


def test_a_configuration_without_physics_is_told_what_it_lacks(run, clone):
    result = run("snakemake", "physics", "-n", "--configfile", "tests/data/tiny.yaml", cwd=clone)
    assert result.returncode == 1
    told = result.stdout + result.stderr
    assert "none of the sections energies, equation_of_state and bands" in told
