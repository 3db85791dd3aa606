"""Numbers of the command line: what is out of a sensible range is refused with that range."""

import argparse

import pytest

from rhocast.cli.main import main
from rhocast.cli.numbers import number_in, whole_in


def test_both_ends_of_a_range_belong_to_it():
    assert [number_in(-0.3, 0.3)(text) for text in ("-0.3", "3e-1", "0")] == [-0.3, 0.3, 0.0]
    assert [whole_in(-2, 7)(text) for text in ("-2", "7", "007")] == [-2, 7, 7]


@pytest.mark.parametrize("text", ["8", "-3", "1e0", "1.0", "", "-", "+1", " 1", "९", "9" * 5000])
def test_what_is_no_whole_number_of_the_range_is_refused(text):
    with pytest.raises(
        argparse.ArgumentTypeError, match=r"^expected a whole number from -2 to 7 K"
    ):
        whole_in(-2, 7, "K")(text)


@pytest.mark.parametrize("text", ["1e300", "-inf", "nan", "high", "", "0.30001"])
def test_what_is_no_number_of_the_range_is_refused(text):
    with pytest.raises(
        argparse.ArgumentTypeError, match=r"^expected a number from -0\.3 to 0\.3, "
    ):
        number_in(-0.3, 0.3)(text)


@pytest.mark.parametrize(
    "words",
    [
        "plan --tasks scf=9999999",
        "predict al a.xyz -o b.h5 --mesh-spacing-bohr 1e300",
        "predict al a.xyz -o b.h5 --mesh-spacing-bohr -1",
        "predict al a.xyz -o b.h5 --coarse-bohr 0",
        "predict al a.xyz -o b.h5 --samples 1",
        "predict al a.xyz -o b.h5 --sample -1",
        "predict al a.xyz -o b.h5 --seed 1e9",
        "predict al a.xyz -o b.h5 --ranks 0",
        "energies al a.h5 -o b.tsv --samples 1",
        "energies al a.h5 -o b.tsv --threads 0",
        "eos al a.xyz -o b.tsv --samples 999999",
        "eos al a.xyz -o b.tsv --strains 0 0.1 0.2 0.3 0.4",
        "eos al a.xyz -o b.tsv --lattice-constant-bohr nan",
        "eos al a.xyz -o b.tsv --experiment 7.6 1e300",
        "bands al a.xyz -o b.json --points 1",
        "bands al a.xyz -o b.json --dos-kpoint-spacing-per-bohr 0",
        "bands al a.xyz -o b.json --dos-width-ev inf",
        "bands al a.xyz -o b.json --window-ev -1",
        "bands al a.xyz -o b.json --empty-bands 1e9",
        "benchmark inference --atoms 0",
        "benchmark inference --seconds 0",
        "benchmark scaling -o b.tsv --rank-atoms 1e9",
        "benchmark scaling -o b.tsv --atoms 32 0",
        "dataset check a.h5 --max-rejected-share nan",
        "dataset split a.h5 -o b --share 1.5",
        "dataset split a.h5 -o b --seed -1",
        "import a.cube -o b.h5 --temperature-K -1",
        "import a.cube -o b.h5 --temperature-K 0 --electron-tolerance nan",
        "import a.cube -o b.h5 --temperature-K 0 --charge inf",
        "study sigma al -o b --atoms 0",
        "plot slice a.h5 -o b.png --at 50",
        "plot slice a.h5 -o b.png --cut nan",
        "plot eos a.tsv -o b.png --experiment 7.6 nan",
        "convert a.h5 b.cube --mesh-spacing-bohr 0",
        "convert a.h5 b.cube --box 0 1 0 1 0 inf",
        "refine a.h5 -o b.h5 --mesh-spacing-bohr nan",
        "refine a.h5 -o b.h5 --box 0 1 0 1 0 nan",
        "certify al --density a.h5 --blocks 0",
        "certify al --density a.h5 --seed -1",
        "acquire al a.xyz -o b.tsv --number 0",
        "aimd a.xyz -o b.h5 --temperature-K 300 --frames 0",
        "aimd a.xyz -o b.h5 --temperature-K 300 --frames 1 --seed -1",
        "scf a.xyz -o b.h5 --temperature-K inf",
        "view a.h5 --max-points 0",
        "view a.h5 --uncertain-places -1",
        "evaluate al a.h5 --samples 1",
        "cut-out a.xyz a.h5 -o {place}.xyz --edge-bohr 0",
        "potential a.h5 --ions Al=3 -o b.tsv --period-bohr 3 nan",
        "potential a.h5 --ions Al=3 -o b.tsv --fermi-level-ha inf",
    ],
)
def test_verbs_name_the_option_and_its_range(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    assert ended.value.code == 2
    *_, option, found = words.split()
    option = next(word for word in reversed(words.split()) if word.startswith("--"))
    told = f"{option}: expected a "
    assert told in (said := capsys.readouterr().err)
    assert " from " in said.split(told)[1]
    assert said.rstrip().endswith(f"found {found.partition('=')[2] or found}")


def test_strains_have_to_differ(tmp_path, capsys):
    cell = tmp_path / "cell.xyz"
    settings = '{"dft": {"mesh_spacing_bohr": 1}, "material": {"pseudopotentials": {"Al": "spms"}}}'
    words = ["eos", "al", str(cell), "-o", str(tmp_path / "eos.tsv"), "--settings", settings]
    assert main([*words, "--strains", "0", "0", "0.01", "0.02", "0.03"]) == 2
    assert "--strains: expected 5 or more, all different, found 0 0 0.01" in capsys.readouterr().err
    assert main([*words, "--strains", "0", "0.01", "0.02", "0.03"]) == 2
