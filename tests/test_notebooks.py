"""The notebooks of examples/ run from beginning to end, and hold the results of such a run."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "examples").glob("*.ipynb"))


def code_cells(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, root, run):
    for folder in ("data", "docs"):
        (tmp_path / folder).symlink_to(root / folder)
    copy = tmp_path / "examples" / path.name
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    own = {f"JUPYTER_{kind}_DIR": str(tmp_path) for kind in ("CONFIG", "DATA", "RUNTIME")}
    done = run(
        *("jupyter-execute", "--inplace", "--startup_timeout=600", copy),
        cwd=copy.parent,
        **own,
        IPYTHONDIR=str(tmp_path),
        JUPYTER_PREFER_ENV_PATH="1",
    )
    assert done.returncode == 0, done.stderr
    for before, after in zip(code_cells(path), code_cells(copy), strict=True):
        kinds = [[output["output_type"] for output in cell["outputs"]] for cell in (before, after)]
        assert set(kinds[0]) <= set(kinds[1])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_stored_is_small_and_whole(path):
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert path.stat().st_size < 300_000


def test_each_has_its_line_in_the_manual(root):
    text = (root / "docs/notebooks.md").read_text(encoding="utf-8")
    assert NOTEBOOKS
    assert all(f"../examples/{path.name}" in text for path in NOTEBOOKS)
