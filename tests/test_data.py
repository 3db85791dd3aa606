"""The data that come with the repository."""

from rhocast.datasets.dataset import check_files
from rhocast.datasets.entry import find_snapshots
from rhocast.datasets.packing import MANIFEST, check_manifest

MAX_BYTES = 45_000_000


def test_the_repository_stays_small(root):
    sizes = {path: path.stat().st_size for path in (root / "data").rglob("*") if path.is_file()}
    assert sum(sizes.values()) <= MAX_BYTES


def pytest_generate_tests(metafunc):
    if "package" in metafunc.fixturenames:
        folders = sorted(p.parent for p in (metafunc.config.rootpath / "data").rglob(MANIFEST))
        metafunc.parametrize("package", folders, ids=[folder.name for folder in folders])


def test_packages_are_sound_and_complete(package):
    assert check_manifest(package) == []
    assert check_files(find_snapshots([package]))[1] == []
    card = (package / "README.md").read_text(encoding="utf-8")
    assert "not computed yet" not in card
    assert "## Licence" in card
