import re

import h5py
import numpy as np
import pytest
from ase.build import bulk
from known_density import DESCRIPTOR, RECORD, VALENCE, make_snapshot, write_dataset

from rhocast import config, descriptors
from rhocast.checksums import seal_dataset
from rhocast.density import read_snapshot, write_snapshot
from rhocast.errors import FileFormatError, ModelError
from rhocast.learning import read_features, sample_features


@pytest.fixture
def dataset(tmp_path):
    return write_dataset(tmp_path / "densities")


def sample(path, snapshots, **changes):
    options = {
        "descriptor": DESCRIPTOR,
        "valence": VALENCE,
        "points_per_snapshot": 100,
        "seed": 1,
        "max_rejected_share": 0.25,
    }
    sample_features(path, snapshots, **(options | changes))
    return read_features(path)


def test_points_are_mesh_points_with_their_density(dataset, tmp_path):
    data = sample(tmp_path / "f.h5", dataset)
    assert data.features.shape == (400, 10)
    np.testing.assert_array_equal(np.bincount(data.snapshot), 100)
    for index, path in enumerate(dataset):
        snapshot = read_snapshot(path)
        bound = descriptors.make(DESCRIPTOR, ("Al",)).bind(snapshot.structure)
        every = bound(snapshot.mesh.points(np.arange(snapshot.mesh.n_points)))
        rows = np.flatnonzero(data.snapshot == index)
        match = np.abs(every[None] - data.features[rows, None]).max(axis=-1) < 1e-5
        assert (match.sum(axis=1) == 1).all()
        assert (match.sum(axis=0) <= 1).all()
        found = snapshot.density.reshape(-1)[match.argmax(axis=1)]
        np.testing.assert_array_equal(data.target[rows], found)


def test_what_is_remembered_of_a_snapshot(dataset, tmp_path):
    data = sample(tmp_path / "f.h5", dataset)
    record = data.records[3]
    assert record.source == "al4/400K/1.h5"
    assert record.group == "al4/400K"
    assert record.formula == "Al4"
    assert record.temperature_K == 303.0
    assert record.volume_per_atom_bohr3 == pytest.approx(112.07, abs=0.05)
    assert data.descriptor == DESCRIPTOR
    assert data.valence == VALENCE
    assert data.provenance == {
        "engine": "abinit",
        "engine_version": "10.0",
        "functional": "pbe",
        "smearing": "not recorded",
        "smearing_K": "not recorded",
        "cutoff_ha": 15.0,
        "psp8_Al_sha256": "a1",
    }


def test_the_same_seed_gives_the_same_file(dataset, tmp_path):
    first = sample(tmp_path / "a.h5", dataset)
    second = sample(tmp_path / "b.h5", dataset)
    other = sample(tmp_path / "c.h5", dataset, seed=2)
    assert first.sha256 == second.sha256
    assert not np.array_equal(first.target, other.target)


def test_the_order_of_the_snapshots_does_not_matter(dataset, tmp_path):
    """Whether a rule or a shell lists them."""
    first = sample(tmp_path / "a.h5", dataset)
    assert sample(tmp_path / "b.h5", dataset[::-1]).sha256 == first.sha256


def test_more_snapshots_leave_the_points_of_the_others(dataset, tmp_path):
    fewer, more = sample(tmp_path / "a.h5", dataset[1:2]), sample(tmp_path / "b.h5", dataset)
    np.testing.assert_array_equal(more.target[more.snapshot == 1], fewer.target)


def test_a_coarse_mesh_gives_all_its_points(dataset, tmp_path):
    data = sample(tmp_path / "f.h5", dataset[:1], points_per_snapshot=10**6)
    density = read_snapshot(dataset[0]).density
    np.testing.assert_array_equal(data.target, density.reshape(-1))


def test_two_species_have_a_block_each(tmp_path):
    atoms = bulk("Si", cubic=True)
    atoms.numbers[::2] = 32
    snapshot = make_snapshot(atoms, n_electrons=32.0, record={})
    write_snapshot(tmp_path / "s.h5", snapshot)
    data = sample(tmp_path / "f.h5", [tmp_path / "s.h5"], valence={"Ge": 4.0, "Si": 4.0})
    assert tuple(data.valence) == ("Si", "Ge")
    assert data.features.shape == (100, 20)


def test_rejected_snapshots_are_left_out(dataset, tmp_path, caplog):
    snapshot = make_snapshot(status="rejected", reason="no convergence in 60 iterations")
    write_snapshot(dataset[1], snapshot)
    data = sample(tmp_path / "f.h5", dataset)
    assert [record.source for record in data.records] == [
        "al4/300K/0.h5",
        "al4/400K/0.h5",
        "al4/400K/1.h5",
    ]
    assert "no convergence in 60 iterations" in caplog.text


def test_too_many_rejected_snapshots_stop_the_rule(dataset, tmp_path):
    for path in dataset[:2]:
        write_snapshot(path, make_snapshot(status="rejected", reason="none"))
    with pytest.raises(FileFormatError, match=r"2 of 4 snapshots.*0\.h5.*1\.h5.*max_rejected"):
        sample(tmp_path / "f.h5", dataset)
    assert not list(tmp_path.glob("f.h5*"))


def test_nothing_accepted_is_nothing_to_learn(dataset, tmp_path):
    write_snapshot(dataset[0], make_snapshot(status="rejected", reason="none"))
    with pytest.raises(FileFormatError, match="all are rejected"):
        sample(tmp_path / "f.h5", dataset[:1], max_rejected_share=0.99)


@pytest.mark.parametrize(
    "key", ["engine", "engine_version", "functional", "cutoff_ha", "psp8_Al_sha256"]
)
def test_mixed_origins_are_refused_by_name(dataset, tmp_path, key):
    write_snapshot(dataset[2], make_snapshot(record=RECORD | {key: "other"}))
    with pytest.raises(FileFormatError, match=rf"400K/0\.h5: {key} is other.*300K/0\.h5"):
        sample(tmp_path / "f.h5", dataset)


def test_meshes_may_differ_as_cells_do(dataset, tmp_path):
    write_snapshot(dataset[2], make_snapshot(record=RECORD | {"mesh_spacing_bohr": 0.55}))
    assert len(sample(tmp_path / "f.h5", dataset)) == 400


def test_snapshots_of_other_programs_are_accepted_but_not_mixed_in(dataset, tmp_path):
    for path in dataset[:2]:
        write_snapshot(path, make_snapshot(record={}))
    data = sample(tmp_path / "f.h5", dataset[:2])
    assert set(data.provenance.values()) == {"not recorded"}
    with pytest.raises(FileFormatError, match="engine is abinit, but not recorded in"):
        sample(tmp_path / "f.h5", dataset)


def test_an_element_without_block_is_refused_by_name(dataset, tmp_path):
    atoms = bulk("Al", cubic=True)
    atoms.numbers[0] = 14
    write_snapshot(dataset[2], make_snapshot(atoms, n_electrons=13.0))
    with pytest.raises(ModelError, match=r"400K/0\.h5: the snapshot holds Si, expected Al"):
        sample(tmp_path / "f.h5", dataset)


def test_electrons_that_are_not_those_of_the_atoms_are_refused(dataset, tmp_path):
    write_snapshot(dataset[2], make_snapshot(n_electrons=44.0))
    with pytest.raises(FileFormatError, match=r"400K/0\.h5: n_electrons is 44.*give 12 for Al4"):
        sample(tmp_path / "f.h5", dataset)


def test_a_damaged_snapshot_is_named(dataset, tmp_path):
    dataset[3].write_bytes(dataset[3].read_bytes()[:2000])
    with pytest.raises(FileFormatError, match=r"400K/1\.h5"):
        sample(tmp_path / "f.h5", dataset)


def test_other_units_are_refused_by_name(dataset, tmp_path):
    """Imported data in electrons per cubic ångström, or atoms in ångström."""
    for name, unit in (("density", "e/Angstrom^3"), ("positions", "Angstrom")):
        write_snapshot(dataset[2], make_snapshot(seed=2))
        with h5py.File(dataset[2], "a") as file:
            file[name].attrs["unit"] = unit
        with pytest.raises(
            FileFormatError, match=rf"400K/0\.h5: {name} is in {re.escape(unit)}, e"
        ):
            sample(tmp_path / "f.h5", dataset)


def test_bad_data_stop_before_anything_is_computed(dataset, tmp_path, monkeypatch):
    """The last of many snapshots is damaged: no hour is spent on the others first."""
    dataset[3].write_bytes(dataset[3].read_bytes()[:2000])
    monkeypatch.setattr("rhocast.learning.features._record", None)  # whoever gets there fails
    with pytest.raises(FileFormatError, match=r"400K/1\.h5"):
        sample(tmp_path / "f.h5", dataset)


def test_reading_refuses_what_it_does_not_know(dataset, tmp_path):
    path = tmp_path / "f.h5"
    with pytest.raises(FileFormatError, match=r"f\.h5: no such file"):
        read_features(path)
    with pytest.raises(FileFormatError, match="lacks features"):
        read_features(dataset[0])
    sample(path, dataset)
    with h5py.File(path, "a") as file:
        file["target"][120] = np.nan
    with pytest.raises(FileFormatError, match="target does not match its checksum"):
        read_features(path)
    with h5py.File(path, "a") as file:
        seal_dataset(file["target"])
    with pytest.raises(FileFormatError, match=r"target holds NaN.*point 120.*al4/300K/1\.h5"):
        read_features(path)
    with h5py.File(path, "a") as file:
        file.attrs["format_version"] = 7
    with pytest.raises(FileFormatError, match="feature format 7, this program reads 4"):
        read_features(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(FileFormatError, match="cannot be read as HDF5"):
        read_features(path)


def test_descriptors_without_angles(dataset, tmp_path):
    descriptor = config.SortedDescriptor(
        cutoff_bohr=8.0, distances=4, angle_atoms=0, angle_neighbours=0
    )
    assert sample(tmp_path / "f.h5", dataset, descriptor=descriptor).features.shape == (400, 4)
