"""What errors say in words: how much of them the reference leaves uncertain, and what to do."""

import csv
import json

import pytest

from rhocast.analysis.verdict import (
    Reference,
    better,
    describe_scaling,
    describe_transfer,
    judge_error,
    percent,
    read_errors,
)

KPOINTS, CUTOFF = 0.003, 0.012


@pytest.fixture
def reference(tmp_path):
    """The table of a study whose finest smearing is that of `dft`."""
    rows = [
        ("kpoints", 0.67, 0.02), ("kpoints", 1, KPOINTS), ("kpoints", 1.67, ""),
        ("resolution", 1, CUTOFF), ("resolution", 1.5, ""), ("smearing", 1, 1e-10),
    ]  # fmt: skip
    with (tmp_path / "convergence.tsv").open("w", newline="") as stream:
        table = csv.writer(stream, delimiter="\t")
        table.writerows([("parameter", "fineness", "density_share"), *rows])
    return Reference.read(tmp_path / "convergence.tsv")


def test_the_reference_is_as_uncertain_as_its_settings_together(reference):
    assert reference.shares == {"kpoints": KPOINTS, "resolution": CUTOFF, "smearing": 1e-10}
    assert reference.share == pytest.approx((KPOINTS**2 + CUTOFF**2) ** 0.5)
    assert str(reference) == "cutoff 1.2 %, k-points 0.30 %, smearing below 0.01 %"


def test_an_uncertain_reference_is_improved_first(reference):
    said = "held-out error 1.5 %, of which the reference leaves 1.2 % uncertain"
    assert judge_error(0.015, reference) == f"{said}: raise the cutoff first"
    said = "held-out error 0.80 %, while the reference itself is uncertain by 1.2 %"
    assert judge_error(0.008, reference) == f"{said}: raise the cutoff first"


def test_a_certain_reference_leaves_the_error_to_the_data(reference):
    assert judge_error(0.05, reference).endswith("more data can lower it")
    assert "has not been computed" in judge_error(0.05, None)


def test_the_better_model_is_named_whatever_transfer_did(tmp_path):
    raised = {"base": {"nmae": 0.0261}, "transferred": {"nmae": 0.0297}}
    file = tmp_path / "test.json"
    file.write_text(json.dumps({**raised, "determined_by": {"seed": 1}}))
    assert read_errors(file) == raised
    assert better(raised) == "base"
    assert describe_transfer(raised) == (
        "transfer raised the error from 2.61 % to 2.97 %; the base model predicts the cells"
    )
    lowered = {"base": {"nmae": 0.02}, "transferred": {"nmae": 0.01}}
    assert describe_transfer(lowered).endswith("the transferred model predicts the cells")


def test_what_scaling_does_is_said():
    assert "raises it from 2.90 % to 3.30 %" in describe_scaling(
        {"nmae": 0.029, "l1_per_electron_scaled": 0.033}
    )
    assert "leaves it at 2.90 %" in describe_scaling(
        {"nmae": 0.029, "l1_per_electron_scaled": 0.0290001}
    )


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (0.00032, "0.032 %"), (0.0149, "1.5 %"), (0.14, "14 %")]
)
def test_shares_have_two_digits(share, text):
    assert percent(share) == text
