"""The polynomials of the kernels: one script writes them, and they keep their bounds."""

import subprocess
import sys

import numpy as np
import pytest
from rounded_network import SCRIPT, polynomials

MODULE = polynomials()


def test_the_header_is_what_the_script_writes():
    assert MODULE.HEADER.read_text(encoding="utf-8") == MODULE.header()


def test_the_script_prints_the_bounds_and_agrees():
    done = subprocess.run(
        [sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=True
    )
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        p.name for p in MODULE.POLYNOMIALS
    ]


@pytest.mark.parametrize("polynomial", MODULE.POLYNOMIALS, ids=lambda p: p.name)
def test_errors_keep_their_bounds(polynomial):
    assert 0.0 < polynomial.error() <= polynomial.bound
    # No polynomial of this degree does much better, or it should be replaced: rounding of single
    # precision is all that may stand between them.
    assert polynomial.error() < 1.1 * polynomial.best_error() + 4 * np.finfo(np.float32).eps


def test_a_wrong_coefficient_is_noticed():
    for polynomial in MODULE.POLYNOMIALS:
        coefficients = (*polynomial.coefficients[:-2], 1.01 * polynomial.coefficients[-2])
        wrong = type(polynomial)(
            **vars(polynomial) | {"coefficients": (*coefficients, polynomial.coefficients[-1])}
        )
        assert wrong.error() > polynomial.bound
