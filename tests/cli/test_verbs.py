"""The verbs as scripts rely on them: arguments, figures, exit codes."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import ase.io
import h5py
import numpy as np
import pytest
from ase.build import bulk
from matplotlib.image import imread
from small_model import make_negative_model

import rhocast.cli.main
from rhocast.cli.main import VERBS, main
from rhocast.density import read_snapshot, write_snapshot
from rhocast.model import DensityModel

FIGURES = {
    "nmae",
    "mean_squared_z",
    "mean_std",
    "spearman",
    "spearman_possible",
    "rmse",
    "nrmse",
    "l1_per_electron",
    "rmse_scaled",
    "l1_per_electron_scaled",
    "electron_count_error",
    "coverage_1sigma",
    "coverage_2sigma",
    "coverage_3sigma",
    "calibration_error",
    "sharpness",
    "points_per_second",
}
DISTRIBUTION = {"snapshots", "mean", "median", "p90", "p99"}
REPORT = FIGURES | {"snapshots", "kinds", "nmae_of_snapshots", "kpoints", "settings"}


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Leave logging to pytest."""
    monkeypatch.setattr(rhocast.cli.main, "start_logging", lambda: None)


@pytest.fixture(scope="module")
def densities(root):
    return root / "tests/data/densities"


@pytest.fixture(scope="module")
def models(root, densities, tmp_path_factory):
    """Train and transfer by the verbs, on stored densities; gives both model files."""
    folder = tmp_path_factory.mktemp("models")
    config = ["--config", str(root / "tests/data/tiny.yaml")]
    small, large = (sorted(densities.glob(f"{name}/[39]00K/*.h5")) for name in ("si8", "si16"))
    for name, snapshots in (("small", small), ("large", large)):
        assert main(["features", *map(str, snapshots), "-o", f"{folder}/{name}.h5", *config]) == 0
    base, transferred = f"{folder}/base.safetensors", f"{folder}/transferred.safetensors"
    assert main(["train", f"{folder}/small.h5", "-o", base, *config]) == 0
    assert main(["transfer", base, f"{folder}/large.h5", "-o", transferred, *config]) == 0
    return base, transferred


@pytest.fixture(scope="module")
def structure(tmp_path_factory):
    atoms = bulk("Si", "diamond", a=5.466, cubic=True)
    atoms.rattle(0.05, seed=0)
    path = tmp_path_factory.mktemp("structure") / "silicon.cif"
    atoms.write(path)
    return str(path)


def test_evaluate_reports_the_figures_of_the_contract(models, densities, capsys):
    paths = [str(densities / "si16/600K/0.h5"), str(densities / "si8/300K/0.h5")]
    assert main(["evaluate", models[1], *paths, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report) == REPORT
    # files of the same name are told apart by their paths
    assert set(report["snapshots"]) == set(paths)
    for figures in report["snapshots"].values():
        assert set(figures) == FIGURES
    errors = [figures["l1_per_electron"] for figures in report["snapshots"].values()]
    assert min(errors) < report["l1_per_electron"] < max(errors) < 0.2
    assert report["nmae"] == report["l1_per_electron"]
    assert report["nmae_of_snapshots"]["mean"] == pytest.approx(np.mean(errors))
    assert report["nmae_of_snapshots"]["p90"] == pytest.approx(np.quantile(errors, 0.9))
    assert list(report["kinds"]) == ["si16/600K", "si8/300K"]
    for path, figures in zip(paths, report["kinds"].values(), strict=True):
        assert set(figures) == FIGURES | {"nmae_of_snapshots"}
        assert set(figures["nmae_of_snapshots"]) == DISTRIBUTION
        assert figures["nmae"] == report["snapshots"][path]["nmae"]
    assert report["kpoints"] == report["settings"] == {}  # those of training and transfer
    assert main(["evaluate", models[1], paths[0], "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["snapshots"]) == {"0.h5"}


def test_evaluate_prints_a_row_for_each_kind(models, densities, capsys):
    paths = [str(densities / "si16/600K/0.h5"), str(densities / "si8/300K/0.h5")]
    assert main(["evaluate", models[1], *paths, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert main(["evaluate", models[1], *paths]) == 0
    heading, names, *rows = capsys.readouterr().out.partition("\n\n")[0].splitlines()
    assert names.split()[:6] == ["kind", "n", "mean", "median", "p90", "p99"]
    assert {len(line) for line in (heading, names, *rows)} == {100}
    for row, (kind, figures) in zip(rows, [*report["kinds"].items(), ("all", report)], strict=True):
        cells = row.split()
        assert cells[:2] == [kind, str(figures["nmae_of_snapshots"]["snapshots"])]
        assert float(cells[2]) == pytest.approx(
            100 * figures["nmae_of_snapshots"]["mean"], abs=6e-3
        )
        spearman = [float(value) for value in cells[-2].split("/")]
        expected = [figures["spearman"], figures["spearman_possible"]]
        assert spearman == pytest.approx(expected, abs=6e-3)


def test_evaluate_compares_with_another_density_and_tells_of_kpoints(
    models, densities, capsys, tmp_path, caplog
):
    path = densities / "si16/600K/0.h5"
    snapshot = read_snapshot(path)
    shifted = np.roll(snapshot.density, 1, axis=0)
    nmae = float(np.abs(shifted - snapshot.density).sum() / shifted.sum())
    record = snapshot.record | {"smearing_K": 300.0}
    kpoints = "9 9 9 shift 0 0 0"
    other = replace(snapshot, density=shifted, kpoints=kpoints, record=record)
    write_snapshot(tmp_path / "other.h5", other)
    options = ["--against", str(tmp_path / "other.h5"), "--uncertainty", "fast", "--json"]
    assert main(["evaluate", models[1], str(path), *options]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["against"]["label"]["nmae"] == pytest.approx(nmae, rel=1e-3)
    assert 0.0 < report["against"]["model"]["nmae"] != report["nmae"]
    assert main(["evaluate", models[1], str(tmp_path / "other.h5"), *options[2:]]) == 0
    report = json.loads(capsys.readouterr().out)
    assert "k-points 9 9 9 shift 0 0 0 lie" in report["kpoints"][str(tmp_path / "other.h5")]
    assert "other than in the model's data" in caplog.text
    told = "the smearing temperature (K) is 300, 631.554 in the model's data"
    assert report["settings"] == {str(tmp_path / "other.h5"): told}
    assert f"other.h5: {told}" in caplog.text
    several = [str(path), str(densities / "si8/300K/0.h5")]
    assert main(["evaluate", models[1], *several, *options]) != 0
    assert "--against: expected one snapshot" in caplog.text


def test_a_card_tells_origin_and_errors(models, densities, capsys, tmp_path):
    judged = str(densities / "si16/600K/0.h5")
    options = ["--uncertainty", "fast", "--card", str(tmp_path / "card.md"), "--json"]
    assert main(["evaluate", models[1], judged, *options]) == 0
    report = json.loads(capsys.readouterr().out)
    card = (tmp_path / "card.md").read_text()
    assert f"| hash of the model | {DensityModel.load(models[1]).hash} |" in card
    assert f"| si16/600K | Si16 | 1 | {report['l1_per_electron']:.2%} |" in card
    trained = DensityModel.load(models[1]).metadata["training"]["snapshots"]
    assert trained
    assert all(f"- {name}, SHA-256 {sha256}" in card for name, sha256 in trained.items())


def test_error_bars_are_calibrated_anew_with_other_cells(models, root, tmp_path):
    folder, new = Path(models[0]).parent, str(tmp_path / "new.safetensors")
    config = ["--config", str(root / "tests/data/tiny.yaml")]
    features = [str(folder / "small.h5"), "--other-cells", str(folder / "large.h5")]
    assert main(["calibrate", models[0], *features, "-o", new, *config]) == 0
    before, after = DensityModel.load(models[0]), DensityModel.load(new)
    assert after.without_reference().calibrations == before.calibrations
    assert after.metadata == before.metadata
    assert after.calibrations["fast"].reference > 0.0  # a model of eight atoms, judged on sixteen


def test_evaluate_judges_the_fast_error_bars_and_draws_them(models, densities, capsys, tmp_path):
    path, picture = str(densities / "si16/600K/0.h5"), str(tmp_path / "e.png")
    options = ["--uncertainty", "fast", "--picture", picture, "--json"]
    assert main(["evaluate", models[1], path, *options]) == 0
    assert set(json.loads(capsys.readouterr().out)) == REPORT
    assert imread(picture)[..., :3].std() > 0.05


def test_transfer_helps_on_the_larger_cells(models, densities, capsys):
    found = []
    for model in models:
        assert main(["evaluate", model, str(densities / "si16/600K/0.h5"), "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out)["rmse"])
    assert found[1] < found[0]


def test_info_tells_where_a_model_comes_from(models, capsys):
    assert main(["info", models[1], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["valence"] == {"Si": 4.0}
    assert told["training"]["temperatures_K"] == [300.0, 900.0]
    assert "si8/300K/0.h5" in told["training"]["snapshots"]
    assert main(["info", models[1]]) == 0
    assert "temperatures_K" in capsys.readouterr().out


def test_predict_scales_to_the_electrons(models, structure, tmp_path):
    out = tmp_path / "density.h5"
    arguments = ["predict", models[1], structure, "-o", str(out), "--mesh-spacing-bohr", "0.9"]
    assert main([*arguments, "--uncertainty", "sampled", "--samples", "3"]) == 0
    with h5py.File(out) as file:
        voxel = abs(np.linalg.det(file["cell"])) / file["density"].size
        assert file["density"][()].sum() * voxel == pytest.approx(32.0, rel=1e-6)
        assert file["density"].shape == (12, 12, 12)
        assert set(file) >= {"density", "epistemic_std", "aleatoric_std"}
        before = file.attrs["electron_count_before_scaling"]
    assert main([*arguments, "--unscaled", "--uncertainty", "none"]) == 0
    with h5py.File(out) as file:
        assert file["density"][()].sum() * voxel == pytest.approx(before, rel=1e-6)
        assert "epistemic_std" not in file


def test_predict_ends_with_the_lowest_density(structure, tmp_path, caplog):
    """Of a file, a shard and a reduction; before negative ones were set to zero."""
    model, mesh = tmp_path / "model.safetensors", ["--mesh-spacing-bohr", "0.9"]
    make_negative_model(species=("Si",)).save(model)
    wanted = r" is written; lowest density before the bound at zero -\S+ e/Bohr³, at \S+ of 1,728 p"
    for options in ([], ["--shard", "0/1"], ["--reduce"]):
        caplog.clear()
        caplog.set_level("INFO")
        out = str(tmp_path / f"{len(options)}.h5")
        assert main(["predict", str(model), structure, "-o", out, *mesh, *options]) == 0
        assert re.search(wanted, caplog.messages[-1])


def test_shards_merge_to_the_whole(models, structure, tmp_path):
    arguments = ["predict", models[1], structure, "--mesh-spacing-bohr", "0.5"]
    shards = [str(tmp_path / f"{k}.h5") for k in range(3)]
    for number, shard in enumerate(shards):
        assert main([*arguments, "-o", shard, "--shard", f"{number}/3"]) == 0
    assert main(["merge", *shards, "-o", str(tmp_path / "merged.h5")]) == 0
    assert main([*arguments, "-o", str(tmp_path / "whole.h5")]) == 0
    with h5py.File(tmp_path / "merged.h5") as one, h5py.File(tmp_path / "whole.h5") as other:
        np.testing.assert_array_equal(one["density"], other["density"])
    assert main(["export", str(tmp_path / "merged.h5"), str(tmp_path / "field.cube")]) == 0
    assert len(ase.io.read(tmp_path / "field.cube")) == 8


@pytest.mark.mpi
def test_ranks_give_the_same_file(models, structure, tmp_path, run):
    arguments = ["predict", models[1], structure, "--mesh-spacing-bohr", "0.5"]
    assert main([*arguments, "-o", str(tmp_path / "one.h5")]) == 0
    result = run(
        "mpirun", "-n", "2", "rhocast", *arguments, "-o", tmp_path / "two.h5", "--ranks", "2"
    )
    assert result.returncode == 0, result.stderr
    with h5py.File(tmp_path / "one.h5") as one, h5py.File(tmp_path / "two.h5") as two:
        np.testing.assert_array_equal(one["density"], two["density"])


@pytest.mark.mpi
def test_every_rank_ends_on_bad_input(models, tmp_path, run):
    result = run("mpirun", "-n", "2", "rhocast", "predict", models[1], "none.xyz", "-o", "x.h5")
    assert result.returncode == 3
    assert "none.xyz" in result.stderr
    assert "Traceback" not in result.stderr


def refuse(caplog, code, *words):
    """Run a verb that must fail; returns its message."""
    caplog.clear()
    assert main([str(word) for word in words]) == code
    return caplog.records[-1].getMessage()


class TestBadInput:
    """Each message names the file, what was found and what to do."""

    def test_a_model_without_fast_uncertainty(self, structure, tmp_path, caplog):
        out = tmp_path / "x.h5"
        told = refuse(
            caplog, 6, "predict", "sige-demo", structure, "-o", out, "--uncertainty", "fast"
        )
        assert "no `fast` one" in told
        assert not list(tmp_path.iterdir())

    def test_an_element_never_seen(self, models, tmp_path, caplog):
        bulk("Al", cubic=True).write(tmp_path / "al.xyz")
        told = refuse(caplog, 6, "predict", models[1], tmp_path / "al.xyz", "-o", tmp_path / "x.h5")
        assert "al.xyz" in told
        assert "Al" in told
        assert "Si" in told

    def test_a_cell_without_volume(self, models, tmp_path, caplog):
        (tmp_path / "molecule.xyz").write_text("1\n\nSi 0 0 0\n")
        told = refuse(
            caplog, 3, "predict", models[1], tmp_path / "molecule.xyz", "-o", tmp_path / "x.h5"
        )
        assert "molecule.xyz" in told
        assert "singular" in told

    def test_a_position_that_is_no_number(self, models, tmp_path, caplog):
        atoms = bulk("Si", cubic=True)
        atoms.positions[3, 1] = np.nan
        ase.io.write(tmp_path / "nan.xyz", atoms, format="extxyz")
        told = refuse(
            caplog, 3, "predict", models[1], tmp_path / "nan.xyz", "-o", tmp_path / "x.h5"
        )
        assert "nan.xyz" in told
        assert "atom 3" in told

    def test_a_mesh_that_cannot_be(self, models, tmp_path, caplog):
        bulk("Si", "diamond", a=400.0, cubic=True).write(tmp_path / "huge.xyz")
        told = refuse(
            caplog, 7, "predict", models[1], tmp_path / "huge.xyz", "-o", tmp_path / "x.h5",
            "--mesh-spacing-bohr=0.01",
        )  # fmt: skip
        assert "mesh" in told
        assert [path.name for path in tmp_path.iterdir()] == ["huge.xyz"]

    def test_a_truncated_snapshot(self, models, densities, tmp_path, caplog):
        path = tmp_path / "cut.h5"
        content = (densities / "si8/300K/0.h5").read_bytes()
        path.write_bytes(content[: len(content) // 2])
        assert "cut.h5: cannot be read as HDF5" in refuse(caplog, 4, "evaluate", models[1], path)

    def test_a_damaged_snapshot(self, models, densities, tmp_path, caplog):
        path = tmp_path / "damaged.h5"
        shutil.copy(densities / "si8/300K/0.h5", path)
        with h5py.File(path, "r+") as file:
            file["density"][3, 4, 5] = 1.0
        assert "density does not match its checksum" in refuse(
            caplog, 4, "evaluate", models[1], path
        )

    def test_what_is_no_model(self, densities, caplog):
        path = densities / "si8/300K/0.h5"
        assert "0.h5" in refuse(caplog, 6, "info", path)

    def test_a_shard_that_is_not_there(self, models, structure, tmp_path, caplog):
        told = refuse(
            caplog, 7, "predict", models[1], structure, "-o", tmp_path / "x.h5", "--shard", "4/4"
        )
        assert "shard 4 of 4" in told

    def test_ranks_that_nobody_launched(self, models, structure, tmp_path, caplog):
        told = refuse(
            caplog, 7, "predict", models[1], structure, "-o", tmp_path / "x.h5", "--ranks", "2"
        )
        assert "expected 2 ranks" in told

    def test_an_error_reaches_the_shell(self, run):
        result = run("rhocast", "info", "none.safetensors")
        assert result.returncode == 6
        assert "none.safetensors" in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert "usage: rhocast" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("word", "told"), [("predcit", "did you mean `predict`?"), ("xylophone", "lists all verbs")]
)
def test_a_verb_that_is_none_gets_the_closest_one(word, told, caplog):
    assert main([word, "al"]) == 2
    assert f"{word}: no verb of rhocast; " in caplog.text
    assert told in caplog.text


def test_no_verb_lists_all(capsys):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert all(verb in told for verb in VERBS)


def test_a_dry_run_tells_what_it_would_take_and_writes_nothing(models, structure, tmp_path, capsys):
    out = tmp_path / "density.h5"
    arguments = ["predict", models[1], structure, "-o", str(out), "--mesh-spacing-bohr", "0.9"]
    assert main([*arguments, "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["points"] == 12**3
    assert told["file_bytes"] == (4 + 2 + 2) * 12**3
    assert told["seconds"] > 0
    assert not out.exists()


def test_refine_gives_a_finer_mesh_and_a_part(models, structure, tmp_path):
    out = str(tmp_path / "density.h5")
    arguments = ["predict", models[1], structure, "-o", out, "--mesh-spacing-bohr", "0.9"]
    assert main([*arguments, "--uncertainty", "sampled", "--samples", "2"]) == 0
    fine, part = tmp_path / "fine.h5", tmp_path / "part.h5"
    assert main(["refine", out, "-o", str(fine), "--mesh-spacing-bohr", "0.4"]) == 0
    with h5py.File(out) as coarse, h5py.File(fine) as file:
        assert file["density"].size > 8 * coarse["density"].size
        means = [f["density"][()].mean(dtype=np.float64) for f in (coarse, file)]
        assert means[1] == pytest.approx(means[0], rel=1e-7)
        assert (file["epistemic_std"][()] >= 0).all()
    box = ["--box", "0", "0.5", "0", "1", "0", "1"]
    assert main(["refine", out, "-o", str(part), "--mesh-spacing-bohr", "0.4", *box]) == 0
    with h5py.File(fine) as file, h5py.File(part) as other:
        assert other["density"].shape[0] in (14, 13)
        assert other["density"].shape[1:] == file["density"].shape[1:]


def test_acquire_writes_the_most_telling_first(models, tmp_path):
    """Crystals like those trained on, and one that is squeezed."""
    crystal = bulk("Si", "diamond", a=5.466, cubic=True)
    pool = [crystal.copy() for _ in range(4)]
    for seed, atoms in enumerate(pool):
        atoms.rattle(0.05, seed=seed)
    pool[1].set_cell(pool[1].cell * 0.93, scale_atoms=True)
    ase.io.write(tmp_path / "pool.extxyz", pool)
    command = ["acquire", models[0], f"{tmp_path}/pool.extxyz", "-o", f"{tmp_path}/list.tsv"]
    assert main([*command, "-n", "2"]) == 0
    header, *rows = [line.split("\t") for line in (tmp_path / "list.tsv").read_text().splitlines()]
    assert header[:2] == ["source", "frame"]
    assert len(rows) == 2
    assert rows[0][:2] == [f"{tmp_path}/pool.extxyz", "1"]
    assert float(rows[0][2]) > float(rows[1][2]) > 0.0
    assert main([*command, "-n", "5"]) == 2
