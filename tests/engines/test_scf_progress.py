"""What is told of a running SCF cycle."""

from pathlib import Path

import pytest

from rhocast.engines.process import Report
from rhocast.engines.scf_progress import iterations_left, progress_of
from rhocast.engines.sparc.process import scf_residuals


def test_a_residual_that_falls_by_ten_a_step_needs_as_many_steps_as_digits():
    assert iterations_left([1.0, 0.1, 0.01], 1e-6) == pytest.approx(4.0)
    assert iterations_left([1.0, 1e-7, 1e-8], 1e-6) == 0.0
    assert iterations_left([1.0, 0.1], 1e-6) is None
    assert iterations_left([1.0, 3.0, 2.0], 1e-6) is None


def test_iteration_residual_and_time_left():
    tell = progress_of(lambda: [[1.0, 0.1], [1.0, 0.1, 0.01]], 1e-4)
    assert tell(50.0) == Report(
        (2, 3),
        "configuration 2, SCF iteration 3, residual 1.0e-02 of 1.0e-04; "
        "about 20 s left if it goes on falling so",
    )
    assert progress_of(list, 1e-4)(50.0) is None


def test_sparc_tells_its_residuals():
    output = Path(__file__).parent / "data/sparc-single-point/run.out"
    (cycle,) = scf_residuals(output)
    assert cycle[:2] == [0.1165, 0.08777]
    assert cycle[-1] < 1e-4 < cycle[-2]
    assert scf_residuals(output.with_name("missing.out")) == []
