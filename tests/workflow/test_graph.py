"""The job graph, without running a job."""

import json
import os
import re
import shlex
import shutil

import ase.io
import pytest
import yaml
from ase.build import bulk
from graph import jobs_of

from rhocast.config import load_config
from rhocast.files import owned

pytestmark = pytest.mark.workflow

RULES = re.compile(r"^rule (\w+):\n(.*?)(?=^rule |^checkpoint |\Z)", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("profile", ["slurm", "profiles/slurm", "profiles/local"])
def test_profiles_work_from_the_root_of_a_clone(run, clone, profile):
    result = run("snakemake", "--profile", profile, "-n", cwd=clone)
    assert result.returncode == 0, result.stderr
    assert jobs_of(result.stdout)["predict"] == 3


@pytest.fixture
def snakemake_alone(run, clone, tmp_path):
    """Snakemake with nothing on the PATH but Python's own programs and the shell's."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "sh", "env", "which"):
        (tools / name).symlink_to(shutil.which(name))
    snakemake = run("sh", "-c", "command -v snakemake").stdout.strip()
    return lambda *words: run(snakemake, *words, cwd=clone, PATH=str(tools))


def test_without_slurm_its_profile_gives_one_sentence(snakemake_alone, clone):
    result = snakemake_alone("results/engine.json", "--profile", "slurm")
    told = result.stdout + result.stderr
    assert result.returncode != 0
    assert told.count("--profile slurm: Slurm is not installed; start Snakemake on a login") == 1
    assert "Traceback" not in told
    assert not (clone / "results/engine.json").exists()


def test_results_that_a_run_elsewhere_works_on_are_refused_by_name(run, clone):
    """Snakemake's own lock knows of runs in the same working directory alone."""
    target = "results/structures/sige8a.extxyz"
    with owned(clone / "results/campaign"):
        result = run("snakemake", "--cores", "1", target, cwd=clone)
    told = result.stdout + result.stderr
    assert result.returncode != 0
    assert f"results/campaign: another process writes it (process {os.getpid()} on" in told
    assert not (clone / target).exists()


def test_the_whole_graph_is_known_without_engine_or_mpi(snakemake_alone):
    result = snakemake_alone("-n")
    assert result.returncode == 0, result.stderr
    counted = jobs_of(result.stdout)
    expected = {"engine": 1, "aimd": 11, "scf": 13, "train": 1, "transfer": 1, "predict": 3}
    assert {name: counted[name] for name in expected} == expected


def test_a_model_may_choose_the_mesh(run, clone):
    text = (clone / "config.yaml").read_text()
    spacing = "  mesh_spacing_bohr: 0.7\n"
    assert spacing in text.partition("\nprediction:")[2]
    head, _, tail = text.rpartition(spacing)
    (clone / "own.yaml").write_text(head + tail)
    target = "results/predictions/vacancy/shard-1.h5"
    for file, asked in (("config.yaml", True), ("own.yaml", False)):
        result = run("snakemake", "-n", "-p", target, "--configfile", file, cwd=clone)
        assert result.returncode == 0, result.stderr
        (command,) = (line for line in result.stdout.splitlines() if "rhocast predict" in line)
        assert ("--mesh-spacing-bohr 0.7" in command) == asked
        assert ("mesh-spacing" in command) == asked
        assert " > results/logs/predict/vacancy/1.log" in command


@pytest.mark.parametrize(("shift", "draws"), [("half", False), ("random", True)])
def test_a_drawn_shift_of_the_k_mesh_is_passed_by_its_seed(run, clone, shift, draws):
    """Other settings of the job stay as they were: a new key would compute everything again."""
    text = (clone / "config.yaml").read_text()
    assert text.count("  kpoint_shift: half") == 1
    own = text.replace("  kpoint_shift: half", f"  kpoint_shift: {shift}")
    (clone / "own.yaml").write_text(own)
    name = "sige16/300K/1"
    target = f"results/densities/{name}.h5"
    result = run("snakemake", "-n", "-p", target, "--configfile", "own.yaml", cwd=clone)
    assert result.returncode == 0, result.stderr
    (command,) = (line for line in result.stdout.splitlines() if "rhocast scf" in line)
    words = shlex.split(command)
    settings = json.loads(words[words.index("--settings") + 1])
    assert settings["dft"]["kpoint_shift"] == shift
    seed = load_config(clone / "own.yaml").kpoint_seed(name)
    assert (seed is not None) == draws
    assert settings.get("kpoint_seed") == seed
    assert set(settings) == {"dft", "material"} | ({"kpoint_seed"} if draws else set())


@pytest.mark.parametrize(
    ("target", "needed", "not_needed"),
    [
        ("results/structures/vacancy.extxyz", "structure", "aimd"),
        ("results/densities/sige16/300K/1.h5", "scf", "train"),
        ("results/features/large.h5", "features", "train"),
        ("results/models/sige/base.safetensors", "train", "transfer"),
        ("results/predictions/vacancy/shard-1.h5", "predict", "merge"),
        ("results/figures/vacancy.png", "figures", "summary"),
        ("engine", "engine", "aimd"),
        ("train", "train", "transfer"),
        ("summary", "summary", "figures"),
    ],
)
def test_any_file_or_rule_can_be_asked_for(run, clone, target, needed, not_needed):
    result = run("snakemake", "-n", target, cwd=clone)
    assert result.returncode == 0, result.stderr
    counted = jobs_of(result.stdout)
    assert needed in counted
    assert not_needed not in counted


def test_a_rule_with_wildcards_is_asked_for_with_until(run, clone):
    result = run("snakemake", "-n", "--until", "scf", cwd=clone)
    assert result.returncode == 0, result.stderr
    assert jobs_of(result.stdout)["scf"] == 13
    assert "features" not in jobs_of(result.stdout)


@pytest.mark.parametrize(
    "target", ["results/features/nope.h5", "results/densities/sige16/450K/0.h5"]
)
def test_what_the_configuration_does_not_name_is_refused(run, clone, target):
    result = run("snakemake", "-n", target, cwd=clone)
    assert result.returncode != 0
    assert "Traceback" not in result.stdout + result.stderr


def test_another_engine_than_the_data_were_begun_with_is_refused(run, clone):
    record = clone / "results/engine.json"
    record.parent.mkdir(exist_ok=True)
    record.write_text('{"name": "abinit", "executable": "/bin/true", "version": "9"}')
    try:
        text = (clone / "config.yaml").read_text().replace("engine: auto", "engine: sparc")
        (clone / "other.yaml").write_text(text)
        result = run("snakemake", "-n", "--configfile", "other.yaml", cwd=clone)
        assert result.returncode != 0
        assert "dft.engine: expected abinit" in result.stdout + result.stderr
    finally:
        record.unlink()


def test_lint_and_format_are_clean(run, clone):
    linted = run("snakemake", "--lint", cwd=clone)
    assert linted.returncode == 0, linted.stderr
    formatted = run("snakefmt", "--check", "Snakefile", "rules", cwd=clone)
    assert formatted.returncode == 0, formatted.stderr


def test_a_faulty_configuration_stops_before_the_graph(run, clone):
    result = run("snakemake", "-n", "--config", "trainig={}", cwd=clone)
    assert result.returncode != 0
    assert "trainig: unknown key" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    assert "Job stats" not in result.stdout


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("seed: 2", "the key `seed` stands in line 6 already"),
        ("extra: &a [*a]", "*a stands within what it is an alias of"),
    ],
)
def test_yaml_that_says_two_things_or_none_is_refused(run, clone, line, told):
    text = (clone / "config.yaml").read_text()
    number = 1 + [row.partition(":")[0] for row in text.splitlines()].index("seed")
    (clone / "own.yaml").write_text(f"{text}{line}\n")
    result = run("snakemake", "-n", "--configfile", "own.yaml", cwd=clone)
    assert result.returncode != 0
    assert told.replace("line 6", f"line {number}") in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_an_element_of_a_structure_file_without_pseudopotential_is_told_before_anything_runs(
    run, clone
):
    config = yaml.safe_load((clone / "tests/data/tiny.yaml").read_text())
    ase.io.write(clone / "carbon.cif", bulk("C", cubic=True))
    config["systems"]["si8"] = {"file": "carbon.cif"}
    (clone / "own.yaml").write_text(yaml.safe_dump(config))
    result = run("snakemake", "-n", "--configfile", "own.yaml", cwd=clone)
    assert result.returncode != 0
    expected = "material.pseudopotentials: expected an entry for C, of which systems.si8.file"
    assert expected in result.stdout + result.stderr
    assert "Job stats" not in result.stdout


def test_no_part_of_the_name_of_results_is_a_command(run, clone):
    """Each command of the plan, cut into words as the shell does, names whole paths."""
    config = yaml.safe_load((clone / "tests/data/tiny.yaml").read_text())
    config["results"] = folder = "it's $HOME; touch gone & my results"
    (clone / "own.yaml").write_text(yaml.safe_dump(config))
    result = run("snakemake", "-n", "-p", "--configfile", "own.yaml", cwd=clone)
    assert result.returncode == 0, result.stderr
    commands = re.findall(
        r"(?:^|[; ])(rhocast (?:aimd|scf|predict|merge) .*)$", result.stdout, re.M
    )
    assert len(commands) >= 10
    for command in commands:
        words = list(shlex.shlex(command, posix=True, punctuation_chars=True))
        assert not {";", "&", "&&", "|"} & set(words), command
        assert any(word.startswith(f"{folder}/") for word in words), command


def test_a_configuration_of_ones_own_stands_for_itself(run, clone, tmp_path):
    text = (clone / "config.yaml").read_text().replace("sige16", "larger")
    text = text.replace("data/pseudopotentials", f"{clone}/data/pseudopotentials")
    (tmp_path / "own.yaml").write_text(text)
    result = run("snakemake", "-n", "--configfile", tmp_path / "own.yaml", cwd=clone)
    assert result.returncode == 0, result.stderr
    assert "sige16" not in result.stdout


def test_every_rule_is_complete(root):
    """Named input, output and params, log, benchmark, threads, resources, message."""
    for path in (root / "rules").glob("*.smk"):
        for name, body in RULES.findall(path.read_text()):
            for part in ("output", "params", "log", "benchmark", "threads", "resources", "message"):
                assert f"    {part}:" in body, (name, part)
            assert name == "engine" or "    input:\n" in body, name
            for part in ("input", "output", "params", "resources"):
                block = re.search(rf"^    {part}:\n((?:        .*\n|\n)+)", body, re.MULTILINE)
                for line in block[1].splitlines() if block else ():
                    assert not re.match(r" {8}[^ #)\]}]", line) or re.match(
                        r" {8}(\w+=|\)|\])", line
                    )
            for resource in ("mem_mb=", "runtime=", "tasks="):
                assert resource in body, (name, resource)
            assert "format_version=" in body, name
            assert "    retries:" not in body, (name, "such a retry stays in its allocation")
            assert ("mpi=" in body) == ("{resources.mpi} -n {resources.tasks}" in body), name


def test_scripts_are_adapters(root):
    for path in (root / "scripts").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 30, path.name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("al", {"aimd": 14, "classical": 15, "scf": 186, "converge_point": 13, "predict": 48}),
        ("sige", {"aimd": 16, "classical": 17, "scf": 216, "converge_point": 12, "predict": 20}),
    ],
)
def test_the_campaigns_of_the_paper_are_known_in_full(run, clone, name, expected):
    result = run("snakemake", "-n", "--configfile", f"examples/paper-{name}.yaml", cwd=clone)
    assert result.returncode == 0, result.stdout + result.stderr
    counted = jobs_of(result.stdout)
    assert {rule: counted[rule] for rule in expected} == expected
    assert counted["total"] == sum(n for rule, n in counted.items() if rule != "total")
