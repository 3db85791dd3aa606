"""Publishing datasets: nothing lost, nothing hidden, the same bytes every time."""

import json
import shutil

import h5py
import numpy as np
import pytest

from rhocast import config
from rhocast.datasets.packing import check_manifest, compress, pack
from rhocast.density import Snapshot, read_snapshot, write_snapshot
from rhocast.errors import FileFormatError

PACKAGE = config.Package(datasets=("small", "large"), title="Silicon", description="Coarse.")


@pytest.fixture
def datasets(root, tmp_path):
    """A campaign's densities, copied so that a test may spoil them."""
    folder = tmp_path / "densities"
    shutil.copytree(root / "tests/data/densities", folder)
    return {
        "small": [folder / f"si8/{t}K/{i}.h5" for t in (300, 900) for i in range(3)],
        "large": [folder / f"si16/{t}K/0.h5" for t in (300, 600, 900)],
    }


def content(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_bit_is_kept(datasets, tmp_path):
    packed = pack(tmp_path / "data", datasets, PACKAGE, "my.yaml")
    assert (packed.n_files, packed.missing, packed.rejected) == (9, (), {})
    assert packed.n_bytes == sum(p.stat().st_size for p in (tmp_path / "data").rglob("*.h5"))
    for source in datasets["small"] + datasets["large"]:
        copy = tmp_path / "data" / source.relative_to(tmp_path / "densities")
        read_snapshot(copy)  # checksums
        with h5py.File(source) as old, h5py.File(copy) as new:
            assert dict(old.attrs) == dict(new.attrs)
            assert set(old) == set(new)
            for name, dataset in old.items():
                np.testing.assert_array_equal(new[name], dataset)
                assert new[name].dtype == dataset.dtype
                assert dict(new[name].attrs) == dict(dataset.attrs)
            assert new["density"].compression == "gzip"


def test_packing_again_gives_the_same_bytes(datasets, tmp_path):
    for name in ("one", "two"):
        pack(tmp_path / name / "data", datasets, PACKAGE, "my.yaml")
    one, two = (content(tmp_path / name / "data") for name in ("one", "two"))
    one.pop("README.md"), two.pop("README.md")  # the command in it names the folder
    assert one == two


def test_compression_gains(silicon, tmp_path):
    wave = [np.cos(2.0 * np.pi * np.arange(40) / 40) for _ in range(3)]
    density = 0.03 + 0.01 * np.einsum("i,j,k->ijk", *wave)
    snapshot = Snapshot(
        silicon, density.astype(np.float32), np.zeros((2, 3)), -8.0, 8.0, 300.0, "1 1 1"
    )
    write_snapshot(tmp_path / "0.h5", snapshot)
    compress(tmp_path / "0.h5", tmp_path / "small.h5")
    assert (tmp_path / "small.h5").stat().st_size < 0.8 * (tmp_path / "0.h5").stat().st_size


def test_the_manifest_tells_settings_hashes_and_cost(datasets, tmp_path):
    pack(tmp_path / "data", datasets, PACKAGE, "my.yaml")
    manifest = json.loads((tmp_path / "data/MANIFEST.json").read_text())
    assert manifest["licence"] == "CC-BY-4.0"
    assert manifest["datasets"]["large"][0] == "si16/300K/0.h5"
    assert manifest["settings"]["engine"] == "abinit"
    assert len(manifest["settings"]["psp8_Si_sha256"]) == 64
    row = manifest["files"]["si8/900K/2.h5"]
    assert row["formula"] == "Si8"
    assert row["wall_time_s"] > 0.0
    assert "engine" not in row
    card = (tmp_path / "data/README.md").read_text()
    assert card.startswith("# Silicon\n\nCoarse.\n")
    assert "| small | si8/900K | Si8 | 3 |" in card
    assert "--configfile my.yaml" in card
    assert "nan" not in card


def test_a_partial_campaign_is_packed_and_completed_later(datasets, tmp_path, caplog):
    away = datasets["large"][1].rename(tmp_path / "away.h5")
    packed = pack(tmp_path / "data", datasets, PACKAGE, "my.yaml")
    assert packed.missing == ("si16/600K/0.h5",)
    assert "not computed yet: si16/600K/0.h5" in caplog.text
    assert "not computed yet: si16/600K/0.h5" in (tmp_path / "data/README.md").read_text()
    assert check_manifest(tmp_path / "data") == []
    away.rename(datasets["large"][1])
    assert pack(tmp_path / "data", datasets, PACKAGE, "my.yaml").missing == ()
    assert "not computed" not in (tmp_path / "data/README.md").read_text()


def test_rejected_snapshots_are_named_and_left_out(datasets, tmp_path):
    path = datasets["small"][2]
    snapshot = read_snapshot(path)
    write_snapshot(path, Snapshot(**{**vars(snapshot), "status": "rejected", "reason": "NaN"}))
    packed = pack(tmp_path / "data", datasets, PACKAGE, "my.yaml")
    assert packed.rejected == {"si8/300K/2.h5": "NaN"}
    assert not (tmp_path / "data/si8/300K/2.h5").exists()
    assert "rejected: si8/300K/2.h5, NaN" in (tmp_path / "data/README.md").read_text()


def test_mixed_settings_are_not_packed(datasets, tmp_path):
    with h5py.File(datasets["small"][0], "r+") as file:
        file.attrs["engine"] = "sparc"
    with pytest.raises(FileFormatError, match=r"nothing is packed: .*engine is abinit, but sparc"):
        pack(tmp_path / "data", datasets, PACKAGE, "my.yaml")
    assert not (tmp_path / "data").exists()


def test_nothing_computed_yet(tmp_path):
    with pytest.raises(FileFormatError, match="none of 1 snapshots is there"):
        pack(tmp_path / "data", {"small": [tmp_path / "a/1K/0.h5"]}, PACKAGE, "my.yaml")


def test_the_manifest_notices_what_changes(datasets, tmp_path):
    folder = tmp_path / "data"
    pack(folder, datasets, PACKAGE, "my.yaml")
    assert check_manifest(folder) == []
    (folder / "si8/300K/0.h5").unlink()
    shutil.copy(folder / "si8/300K/1.h5", folder / "si8/300K/2.h5")
    shutil.copy(folder / "si8/300K/1.h5", folder / "si8/300K/3.h5")
    found = check_manifest(folder)
    assert [fault.split(": ")[1][:24] for fault in found] == [
        "stands in the manifest, ", "is not the file of the m", "not in the manifest",
    ]  # fmt: skip
    (folder / "MANIFEST.json").write_text("{}")
    with pytest.raises(FileFormatError, match="pack the dataset again"):
        check_manifest(folder)
