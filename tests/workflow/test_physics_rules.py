"""Energies, equations of state and bands in the job graph, without running a job."""

import pytest
import yaml
from graph import jobs_of

pytestmark = pytest.mark.workflow


def test_physics_is_planned_for_what_the_configuration_names(run, clone):
    config = yaml.safe_load((clone / "tests/data/tiny.yaml").read_text())
    config["energies"] = {"datasets": ["test"], "samples": 3}
    config["equation_of_state"] = {
        "systems": ["si8"],
        "samples": 4,
        "experiment": {"lattice_constant_bohr": 10.26, "bulk_modulus_gpa": 99},
    }
    config["bands"] = {"systems": ["si8"], "path": "GX,MR", "dos_kpoint_spacing_per_bohr": 0.2}
    (clone / "physics.yaml").write_text(yaml.safe_dump(config))
    options = ("-n", "-p", "--configfile", "physics.yaml")
    result = run("snakemake", "physics", *options, cwd=clone)
    assert result.returncode == 0, result.stdout + result.stderr
    counted = jobs_of(result.stdout)
    assert (counted["energies"], counted["equation_of_state"], counted["bands"]) == (1, 1, 1)
    assert "energies-test.png --samples 3 --engine" in result.stdout
    assert "--experiment 10.26 99 --samples 4" in result.stdout
    assert "--lattice-constant-bohr 10.33 --experiment 10.26 99" in result.stdout
    assert "--against dft --path GX,MR --dos-kpoint-spacing-per-bohr 0.2" in result.stdout
    assert (
        not {"energies", "equation_of_state", "bands"}
        & jobs_of(run("snakemake", *options, cwd=clone).stdout).keys()
    )
