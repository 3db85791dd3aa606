import shutil
import subprocess

import pytest


@pytest.fixture(scope="module")
def clone(root, tmp_path_factory):
    """A fresh clone, as far as the workflow is concerned: what git would give a user."""
    folder = tmp_path_factory.mktemp("clone") / "rhocast"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    for name in listed:
        source, target = root / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
        elif source.is_file():
            shutil.copy2(source, target)
    return folder
