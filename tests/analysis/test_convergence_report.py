import csv

import pytest
import yaml

from rhocast import config
from rhocast.analysis.convergence_report import (
    describe,
    draw_convergence,
    not_converged,
    write_recommendation,
    write_table,
)
from rhocast.engines.convergence import Difference, Series, Trial

STUDY = config.Convergence(system="al")
DFT = config.Dft(mesh_spacing_bohr=0.4, cutoff_ha=10.0, kpoint_spacing_per_bohr=0.137)


@pytest.fixture
def series():
    """Return converged k-points, a resolution that is not, and parameters with one value."""
    close, far = Difference(2.6e-3, 8.9e-5, 6.5e-4, 4e-4), Difference(2.8e-2, 9.6e-4, 2e-2, 5e-3)
    return [
        Series(
            "kpoints",
            (
                Trial(0.33, "1 1 1", far, 14.0),
                Trial(1.0, "3 3 3", close, 250.0),
                Trial(1.33, "4 4 4", None, 500.0),
            ),
            1.0,
        ),
        Series(
            "resolution",
            (Trial(1.0, "0.4 Bohr, 10 Ha", far, 250.0), Trial(2.0, "0.2 Bohr", None, 900.0)),
            None,
        ),
        Series("smearing", (Trial(1.0, "631.6 K", None, 250.0),), None),
        Series("scf_tolerance", (Trial(1.0, "1e-06", None, 250.0),), None),
    ]


def test_the_table_gives_every_value_and_its_verdict(series, tmp_path):
    write_table(tmp_path / "table.tsv", series, STUDY)
    with (tmp_path / "table.tsv").open() as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [row["verdict"] for row in rows[:3]] == ["too coarse", "recommended", "reference"]
    assert float(rows[1]["density_share"]) == 2.6e-3
    assert rows[2]["density_share"] == ""
    assert len(rows) == 7


def test_what_is_not_converged_is_named_with_the_quantity(series, tmp_path):
    write_table(tmp_path / "table.tsv", series, STUDY)
    (said,) = not_converged(tmp_path / "table.tsv", STUDY)
    assert said == (
        "mesh spacing, cutoff: 0.4 Bohr, 10 Ha is not converged by the criteria of `convergence`: "
        "∫|Δρ|/N_e 0.028 (at most 0.003), energy 0.02 Ha/atom (at most 0.001), largest force "
        "0.005 Ha/Bohr (at most 0.001)"
    )
    loose = STUDY.model_copy(update={"max_density_share": 0.1, "max_force_ha_per_bohr": 0.1})
    write_table(tmp_path / "table.tsv", series, loose)
    (said,) = not_converged(tmp_path / "table.tsv", loose)
    assert said.endswith("of `convergence`: energy 0.02 Ha/atom (at most 0.001)")


def test_the_recommendation_is_a_section_of_the_configuration(series, tmp_path):
    write_recommendation(tmp_path / "recommended.yaml", series, STUDY, DFT)
    text = (tmp_path / "recommended.yaml").read_text()
    recommended = config.Dft.model_validate(yaml.safe_load(text)["dft"])
    assert recommended.kpoint_spacing_per_bohr == 0.137
    assert "mesh_spacing_bohr: 0.4 # not converged" in text
    assert "kpoint_spacing_per_bohr: 0.137\n" in text


def test_the_floor_of_every_accuracy_is_told(series):
    sentence = describe(series[0])
    assert sentence.startswith("k-points: 3 3 3 against 4 4 4: 0.26% of the electrons")
    assert "8.9e-05 e/Bohr³" in sentence
    assert "0.65 mHa/atom" in sentence


def test_the_figure_is_drawn(series, tmp_path):
    draw_convergence(tmp_path / "convergence.png", series, STUDY)
    assert (tmp_path / "convergence.png").stat().st_size > 10_000
    draw_convergence(tmp_path / "empty.png", series[2:], STUDY)


def test_a_difference_of_zero_lies_on_the_lower_end_and_is_marked(tmp_path, monkeypatch):
    """Two smearings that both leave an insulator's bands full give one density."""
    drawn = []
    monkeypatch.setattr(
        "rhocast.analysis.convergence_report.save_figure", lambda figure, _: drawn.append(figure)
    )
    same = Difference(0.0, 0.0, 0.0, 0.0)
    trials = (Trial(1.0, "600 K", same, 1.0), Trial(2.0, "300 K", None, 1.0))
    draw_convergence(tmp_path / "c.png", [Series("smearing", trials, 1.0)], STUDY)
    for axes in drawn[0].axes:
        lowest, highest = axes.get_ylim()
        (drawn_at,) = axes.lines[0].get_ydata()
        assert lowest < drawn_at < lowest * (highest / lowest) ** 0.1
        assert [text.get_text() for text in axes.texts] == ["0"]
        ticks = [tick for tick in axes.get_yticks() if lowest <= tick <= highest]
        assert len(ticks) >= 2
        assert list(axes.get_xticks()) == [1.0]
