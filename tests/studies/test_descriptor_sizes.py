import csv
import json

import numpy as np
import pytest
import yaml
from matplotlib.image import imread

from rhocast import config
from rhocast.errors import ConfigError
from rhocast.studies.descriptor_sizes import (
    large_enough,
    measure_point,
    read_point,
    report_descriptors,
)

SORTED = config.SortedDescriptor(cutoff_bohr=9.0, distances=8, angle_atoms=6, angle_neighbours=2)
SMOOTH = config.SmoothDescriptor(
    kind="smooth", cutoff_bohr=8.0, radial_functions=4, shortest_bohr=4.5
)
MULTIPOLES = config.Multipoles(cutoff_bohr=10.0, radial_functions=4, shortest_bohr=5.0)
STUDIES = config.Studies.model_validate({})


def recipe(descriptor, baseline=None):
    return config.Recipe(
        pseudopotentials={"Si": "spms"},
        features=config.Features(points_per_snapshot=100),
        descriptor=descriptor,
        baseline=baseline,
        network=config.Network(width=16, blocks=1),
        training=config.Training(dataset="small", steps=2, batch_size=8, learning_rate=1e-2),
    )


@pytest.mark.parametrize(
    ("errors", "chosen"),
    [
        ([4.0, 2.0, 1.0, 0.99, 0.98], 2),
        ([4.0, 2.0, 1.0, 0.9, 0.8], 4),  # still falling: the largest, which is no evidence
        ([1.0, 1.2, 0.9], 2),  # one bad training in between does not hide what is gained beyond
        ([1.0, 1.1, 1.2], 0),
    ],
)
def test_the_smallest_size_is_chosen_that_no_larger_one_betters(errors, chosen):
    assert large_enough(errors, 0.05) == chosen


def test_points_leave_out_what_is_no_descriptor():
    """A cutoff of 2 or 4 Bohr is shorter than the Gaussians, l = 6 is the highest there is."""
    own = recipe(SMOOTH)
    assert STUDIES.series("cutoff_bohr", own) == {
        6.0: "cutoff_bohr-6", 8.0: "own", 12.0: "cutoff_bohr-12",
    }  # fmt: skip
    assert set(STUDIES.series("angular", own)) == {1, 2, 3, 4, 6}
    smaller = SMOOTH.model_copy(update={"angular": 1})
    assert STUDIES.recipe("angular-1", own) == recipe(smaller)


def test_fewer_distances_leave_fewer_atoms_with_angles():
    own = recipe(SORTED)
    two = STUDIES.recipe("distances-2", own).descriptor
    assert (two.distances, two.angle_atoms) == (2, 2)
    assert STUDIES.recipe("distances-12", own).descriptor.angle_atoms == 6


def test_multipoles_have_sizes_of_their_own():
    """They are varied while the descriptor stays; l = 9 is more than there is."""
    own = recipe(SMOOTH, config.Baseline(multipoles=MULTIPOLES))
    assert list(own.sizes) == [
        *("radial_functions", "angular", "cutoff_bohr"),
        *("multipoles.radial_functions", "multipoles.angular", "multipoles.cutoff_bohr"),
    ]
    assert set(STUDIES.series("multipoles.angular", own)) == {2, 3, 4, 6}
    assert set(STUDIES.series("angular", own)) == {1, 2, 3, 4, 6}
    two = STUDIES.recipe("multipoles.angular-2", own)
    assert two.descriptor == SMOOTH
    assert two.baseline.multipoles == MULTIPOLES.model_copy(update={"angular": 2})
    assert "multipoles.angular" not in recipe(SMOOTH, config.Baseline()).sizes


def written(folder, own, errors):
    """Write points whose error is given by what is varied and its value."""
    paths = {}
    for point in ("own", *STUDIES.points(own)):
        size, value = STUDIES.points(own).get(point, (None, None))
        paths[point] = folder / f"{point}.json"
        mean = errors.get(size, lambda value: 1.0)(value)
        content = {"features": 10, "errors": [0.99 * mean, 1.01 * mean], "held_back": ["si/9K"]}
        paths[point].write_text(json.dumps(content | {"key": ""}))
    return paths


def test_the_recommendation_is_a_section_of_the_configuration(tmp_path):
    errors = {
        "distances": lambda value: 2.0 if value < 4 else 1.01,  # 4 are enough
        "angle_atoms": lambda value: 2.0 if value < 6 else 0.8,  # 9 are better than 6
    }
    files = {key: tmp_path / f"{key}.png" for key in ("table", "picture", "recommended")}
    own = recipe(SORTED)
    report_descriptors(STUDIES, own, written(tmp_path, own, errors), **files)
    text = files["recommended"].read_text()
    recommended = config.parse_descriptor(yaml.safe_load(text)["descriptor"])
    assert recommended.distances == 4
    assert recommended.angle_atoms == 4  # 9, but of 4 atoms
    assert "angle_atoms: 4 # not converged: try larger ones" in text
    assert "si/9K" in text
    rows = list(csv.DictReader(files["table"].read_text().splitlines(), delimiter="\t"))
    verdicts = {row["value"]: row["verdict"] for row in rows if row["size"] == "distances"}
    assert list(verdicts.values()) == [
        "too small", "recommended", "large enough", "large enough", "largest",
    ]  # fmt: skip
    assert float(rows[0]["spread"]) == pytest.approx(0.01 * float(rows[0]["rmse"]))
    assert imread(files["picture"])[..., :3].std() > 0.05


def test_multipoles_are_recommended_as_part_of_the_baseline(tmp_path):
    errors = {"multipoles.angular": lambda value: 2.0 if value < 3 else 1.0}
    errors["multipoles.cutoff_bohr"] = lambda value: 1.0 / value  # the longer, the better
    own = recipe(SMOOTH, config.Baseline(cutoff_bohr=14.0, multipoles=MULTIPOLES))
    files = {key: tmp_path / f"{key}.png" for key in ("table", "picture", "recommended")}
    report_descriptors(STUDIES, own, written(tmp_path, own, errors), **files)
    text = files["recommended"].read_text()
    sections = yaml.safe_load(text)
    baseline = config.Baseline.model_validate(sections["baseline"])
    assert baseline.cutoff_bohr == 14.0
    assert baseline.multipoles.angular == 3
    assert "    cutoff_bohr: 15.0 # not converged: try larger ones" in text
    assert config.parse_descriptor(sections["descriptor"]).angular == 1  # 1 is as good as 6
    assert imread(files["picture"])[..., :3].std() > 0.05


def test_a_point_is_judged_by_whole_trajectories_and_kept(tiny, small, tmp_path):
    out, poor = tmp_path / "own.json", tmp_path / "poor.json"
    options = {"seeds": 2, "seed": 3}
    measure_point(tiny.recipe, small, out=out, **options)
    own = read_point(out)
    assert own.held_back in {("si8/300K",), ("si8/900K",)}
    assert len(set(own.errors)) == 2
    nearest = config.SortedDescriptor(
        cutoff_bohr=9.0, distances=1, angle_atoms=0, angle_neighbours=0
    )
    blind = tiny.recipe.model_copy(update={"descriptor": nearest})
    measure_point(blind, small, out=poor, **options)
    assert read_point(poor).held_back == own.held_back
    assert np.mean(read_point(poor).errors) > 1.3 * np.mean(own.errors)
    before = out.stat().st_mtime_ns
    measure_point(tiny.recipe, small, out=out, **options)
    assert out.stat().st_mtime_ns == before
    measure_point(blind, small, out=out, **options)
    assert read_point(out) == read_point(poor)


def test_one_trajectory_cannot_judge_itself(tiny, small, tmp_path):
    with pytest.raises(ConfigError, match="two trajectories or more"):
        measure_point(tiny.recipe, small[:3], seeds=1, seed=0, out=tmp_path / "p.json")
