import copy
import json

import pytest
import yaml

from rhocast.cli import schema
from rhocast.config import load_config, parse_config, seed_for
from rhocast.errors import ConfigError

COMPOUND = {
    "lattice": "rocksalt",
    "lattice_constant_bohr": 7.6,
    "composition": {"Si": 0.5, "Ge": 0.5},
}


@pytest.fixture
def demo(root, monkeypatch):
    monkeypatch.chdir(root)
    return yaml.safe_load((root / "config.yaml").read_text())


def change(data, path, value):
    """Set one key, given as a dotted path, in a copy."""
    data = copy.deepcopy(data)
    *way, last = path.split(".")
    part = data
    for key in way:
        part = part[int(key)] if isinstance(part, list) else part[key]
    part[last] = value
    return data


def test_the_demo_is_valid(demo):
    config = parse_config(demo)
    assert config.trajectories("large") == {("sige16", 300), ("sige16", 900)}
    assert config.frames("sige16", 300) == 2
    assert config.frames("sige16", 600) == 1
    with pytest.raises(ConfigError, match="none holds sige16 at 450 K"):
        config.frames("sige16", 450)


def test_a_pool_makes_longer_trajectories_and_no_more_snapshots(demo):
    config = parse_config(change(demo, "datasets.large.0.pool", 8))
    assert config.frames("sige16", 300) == 2
    assert config.candidates("sige16", 300) == 8
    assert config.candidates("sige16", 600) == 1
    assert config.pools("large") == {("sige16", 300): 8, ("sige16", 900): 8}
    assert config.chosen_in("sige16", 900) == "large"
    assert config.chosen_in("sige16", 600) is None
    assert config.snapshots("large") == parse_config(demo).snapshots("large")
    demo["datasets"]["more"] = [{"system": "sige16", "temperatures_K": [900], "frames": 1}]
    with pytest.raises(
        ConfigError, match="sige16 at 900 K has a `pool` and is used more than once"
    ):
        parse_config(change(demo, "datasets.large.0.pool", 8))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("trainig", {}, r"^trainig: unknown key"),
        ("training.step", 3, r"^training\.step: unknown key \(found 3\)"),
        ("training.steps", "many", r"^training\.steps: expected a valid integer.*found 'many'"),
        (
            "dft.mesh_spacing_bohr",
            -0.4,
            r"^dft\.mesh_spacing_bohr: expected a value greater than 0",
        ),
        (
            "material.pseudopotentials.Xy",
            "spms",
            r"^material\.pseudopotentials\.Xy: expected a che",
        ),
        (
            "material.pseudopotentials.Ge",
            "no.psp8",
            r"Ge: expected a file, found none at 'no.psp8'",
        ),
        (
            "datasets.small.0.temperatures_K",
            600,
            r"^datasets\.small\[0\]\.temperatures_K: expected a list such as \[600\], found 600$",
        ),
        (
            "prediction.uncertainty",
            True,
            r"uncertainty: expected one of none, fast, sampled, found",
        ),
        ("training.step", 3, r"did you mean `steps`\?$"),
        ("trainig", {}, r"did you mean `training`\?$"),
        ("datasets.small.0.temperature_K", [3], r"did you mean `temperatures_K`\?$"),
        ("baseline", {"rigde": 1e-6}, r"did you mean `ridge`\?$"),
        (
            "datasets.small.0.temperatures_K",
            [],
            r"^datasets\.small\[0\]\.temperatures_K: expected a",
        ),
        ("datasets.small.0.temperatures_K", [-5], r"temperatures_K\[0\]: expected a value greater"),
        ("datasets.small.0.system", "gold", r"datasets\.small\[0\]\.system: expected one of"),
        ("aimd", None, r"datasets\.small\[0\]\.sampler: `aimd` needs a section of that name"),
        (
            "datasets.small",
            [
                {
                    "system": "sige8a",
                    "sampler": "springs",
                    "temperatures_K": [9],
                    "frames": 1,
                    "pool": 2,
                }
            ],
            r"pool: frames are chosen from a trajectory; `springs` makes none",
        ),
        (
            "datasets.test",
            [{"system": "vacancy", "sampler": "springs", "temperatures_K": [9], "frames": 1}],
            r"`springs` displaces atoms at rest, but systems\.vacancy has a temperature_K",
        ),
        ("goal", {"rounds": ["gold"]}, r"goal\.rounds: expected one of"),
        ("goal", {"rounds": ["small", "large"]}, r"dataset 'large' must hold the snapshots of"),
        ("goal", {"rounds": ["large"]}, r"goal\.rounds: expected the last to be training\.dataset"),
        ("dft.spin", 2, r"^dft: `spin` is not supported"),
        ("dft.charge", 1, r"^dft: `charge` is not supported"),
        ("prediction.cells", ["gold"], r"prediction\.cells: expected one of"),
        (
            "prediction.uncertainty",
            "magic",
            r"^prediction\.uncertainty: expected 'none', 'fast' or",
        ),
        (
            "systems.sige16.composition",
            {"Si": 0.5},
            r"systems\.sige16: composition: expected shares",
        ),
        ("systems.sige16", COMPOUND | {"composition": {"Si": 1.0}}, r"expected two elements of sh"),
        ("systems.sige16", COMPOUND | {"grain_boundary": [2, 1, 0]}, r"found rocksalt"),
        ("systems.sige16.file", "a.xyz", r"systems\.sige16: expected either `file` or `lattice`"),
        ("systems.sige16.composition", {"Al": 1.0}, r"systems\.sige16\.composition: expected one"),
        ("convergence", {"system": "gold"}, r"convergence\.system: expected one of"),
        (
            "convergence",
            {"system": "sige16", "scf_tolerance": [1e-5]},
            r"convergence: scf_tolerance-1e-05 makes dft\.scf_tolerance 0\.1;",
        ),
        (
            "datasets.large.0.pool",
            2,
            r"datasets\.large\[0\]: pool: expected more than `frames` = 2",
        ),
        ("datasets.small.0.pool", 5, r"training\.dataset: the base model chooses the frames of 's"),
        ("datasets.test.0.pool", 5, r"evaluation: the base model chooses the frames of 'test'"),
        ("evaluation", ["small"], r"evaluation: dataset 'small' holds trajectories that are train"),
        ("studies", {"larger": "gold"}, r"studies\.larger: expected one of"),
        ("studies", {"larger": "large"}, r"studies\.larger: dataset 'large' holds trajectories"),
        ("studies", {"vacancy": "test"}, r"studies\.vacancy: expected two snapshots or more"),
        ("descriptor.angle_atoms", 99, r"^descriptor.angle_atoms: unknown key .* another `kind`"),
        (
            "descriptor",
            {"cutoff_bohr": 9, "distances": 6, "angle_atoms": 99, "angle_neighbours": 4},
            r"^descriptor: angle_atoms: expected at most",
        ),
        ("descriptor.kind", "rough", r"^descriptor: expected `kind: sorted` or `kind: smooth`"),
        ("descriptor.radial_functions", 0, r"^descriptor\.radial_functions: expected a value"),
        (
            "descriptor",
            {"kind": "smooth", "cutoff_bohr": 4.0, "radial_functions": 4, "shortest_bohr": 5.0},
            r"^descriptor: cutoff_bohr: expected more than .* = 5, found 4",
        ),
        ("baseline", {"ridge": -1.0}, r"^baseline\.ridge: expected a value greater than 0"),
        ("name", "../x", r"^name: expected letters"),
        ("name", "größe", r"^name: expected letters"),
        ("systems.sige16.magnetic_moments", [1], r"^systems\.sige16: `magnetic_moments` is not"),
        ("dft.cutoff_ha", float("inf"), r"^dft\.cutoff_ha: expected a finite number"),
        ("dft.max_scf_iterations", True, r"^dft\.max_scf_iterations: expected no truth value"),
        ("datasets.small", [], r"^datasets\.small: expected at least 1 value"),
        ("datasets.small.0.temperatures_K", [300, 300], r"temperatures_K: expected distinct"),
        (
            "systems.vacancy",
            {"file": "config.yaml", "c_over_a": 1.6},
            r"vacancy: `file` bring",
        ),
    ],
)
def test_a_fault_is_told_in_one_line_that_names_the_key(demo, path, value, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parse_config(change(demo, path, value))
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_named(demo):
    del demo["training"]["dataset"]
    with pytest.raises(ConfigError, match=r"^training\.dataset: expected a value, found none$"):
        parse_config(demo)


def test_every_fault_is_told_at_once(demo):
    faulty = change(change(demo, "seed", -1), "network.width", 0)
    with pytest.raises(ConfigError) as caught:
        parse_config(faulty)
    assert len(str(caught.value).splitlines()) == 2


def test_a_fault_that_aliases_repeat_is_told_once(demo):
    few = {"system": "small", "temperatures_K": [300], "frames": 0}
    demo["datasets"] |= {"first": [few, few], "second": [few, few | {"frames": -1}]}
    with pytest.raises(ConfigError) as told:
        parse_config(demo)
    first, second = str(told.value).splitlines()
    assert first.startswith("datasets.first[0].frames: expected a value greater than 0, found 0")
    assert first.endswith("found 2 more times in this section")
    assert second.startswith("datasets.second[1].frames: expected a value greater than 0, found -1")


def test_files_that_are_no_configuration(tmp_path):
    for text in ("a: [", "- 1"):
        path = tmp_path / "bad.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError, match=r"bad\.yaml"):
            load_config(path)
    with pytest.raises(ConfigError, match=r"nothing\.yaml: cannot be opened \(No such file or"):
        load_config(tmp_path / "nothing.yaml")


def test_a_key_given_twice_is_named_with_both_lines(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("name: a\ndft:\n  cutoff_ha: 10\n  smearing_K: 300\n  cutoff_ha: 12\n")
    with pytest.raises(ConfigError, match=r"line 5: the key `cutoff_ha` stands in line 3 already"):
        load_config(path)


@pytest.mark.parametrize("text", ["name: &a [*a]\n", "material: &a\n  inner: {again: *a}\n"])
def test_a_part_that_holds_itself_is_refused(tmp_path, text):
    path = tmp_path / "endless.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"\*a stands within what it is an alias of") as caught:
        load_config(path)
    assert "\n" not in str(caught.value)


def test_aliases_that_repeat_each_other_without_end_are_refused(tmp_path):
    path = tmp_path / "billions.yaml"
    lines = ["name: a", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join(10 * [f'*a{n - 1}'])}]" for n in range(1, 10)]
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match=r"line 6: its aliases \(\*\) repeat 111,111 values"):
        load_config(path)


def test_seeds_are_stable_and_differ():
    assert seed_for(1, "aimd", "al", 300) == seed_for(1, "aimd", "al", "300")
    seeds = {seed_for(s, p, t) for s in (0, 1) for p in ("aimd", "train") for t in (300, 600)}
    assert len(seeds) == 8
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_the_reference_is_the_one_made_from_the_types(root):
    assert (root / "docs/configuration.md").read_text() == schema.markdown()
    assert (root / "docs/config.schema.json").read_text() == schema.json_schema()
    assert "frames" in json.loads(schema.json_schema())["$defs"]["Source"]["properties"]


def test_keys_of_an_engine_keep_their_kind_through_json(demo):
    keys = {"boxcutmin": 1.6, "fftalg": 412, "acell": "3*1.0", "npfft": [1, 2]}
    dft = parse_config(change(demo, "dft.abinit", keys)).dft
    again = type(dft).model_validate(json.loads(json.dumps(dft.model_dump(exclude_defaults=True))))
    assert again == dft
    assert again.engine_keys("abinit") == keys | {"npfft": (1, 2)}
    assert isinstance(again.abinit["fftalg"], int)
    with pytest.raises(ConfigError, match=r"^dft\.abinit\.useylm"):
        parse_config(change(demo, "dft.abinit", {"useylm": True}))
