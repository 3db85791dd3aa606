"""What a person reads: figures, and what ends a verb."""

import signal

import pytest

from rhocast.cli.ending import Ended
from rhocast.cli.job import emit


def test_energies_have_as_many_digits_as_their_errors_need(capsys):
    emit({"energy_ha_per_atom": -2.32649886, "fits": {"energy_ha": 1e-5}, "rmse": 2e-4}, False)
    assert capsys.readouterr().out.splitlines() == [
        "energy_ha_per_atom  -2.32649886",
        "fits",
        "  energy_ha  0.00001000",
        "rmse                0.0002",
    ]


def test_what_is_not_there_is_told_in_words(capsys):
    emit({"gap_ev": None, "hartree_ha": None, "other": None, "all": {}}, False)
    told = capsys.readouterr().out
    assert "None" not in told
    assert "none, the bands overlap as in a metal" in told
    assert "hartree_ha  not told by this engine" in told
    emit({"gap_ev": None}, True)
    assert '"gap_ev": null' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ("scf", "run the same command again, and it begins anew"),
        ("eos", "again, and what is computed is not computed again"),
        ("predict", "again, and it goes on from where it was"),
        ("", "run the same command again"),
    ],
)
def test_an_ended_verb_says_what_it_does_when_it_is_run_again(verb, told):
    assert str(Ended(signal.SIGINT, verb)).endswith(told)
