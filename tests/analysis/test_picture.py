"""Pictures as files."""

import subprocess
import sys

CODE = """
import resource, sys
import numpy as np
from rhocast.analysis.picture import new_figure, save_figure
from rhocast.errors import ParallelError
figure = new_figure(3.0, 3.0)
figure.subplots().plot(np.random.default_rng(0).random(4000))
for format in ("png", "svg", "pdf"):
    save_figure(figure, f"{sys.argv[1]}/whole.{format}")
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
for limit, format in [(1, "png"), (1, "svg"), (1, "pdf"), (24, "pdf"), (28, "pdf")]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * limit, hard))
    try:
        save_figure(figure, f"{sys.argv[1]}/cut.{format}")
    except ParallelError as error:
        print(error)
"""


def test_a_picture_that_does_not_fit_on_the_disk_is_named(tmp_path):
    """In a process of its own, whose files may be so many KB long."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert len(told) == 5
    for line, format in zip(told, ["png", "svg", "pdf", "pdf", "pdf"], strict=True):
        assert f"cut.{format}: cannot be written, files may not be as large here" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "whole.pdf", "whole.png", "whole.svg",
    ]  # fmt: skip
