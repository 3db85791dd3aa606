"""Versions stand in pyproject.toml; conda environments and constraints agree with it."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: What conda-forge calls packages that it names otherwise than PyPI.
CONDA_NAMES = {"matplotlib-base": "matplotlib", "pytorch-cpu": "torch"}

#: What environments hold besides: no Python packages, or what installs them.
PROGRAMS = {"cmake", "ninja", "cxx-compiler", "openmpi", "pip"}

#: Extras that are installed by themselves: of a GPU's driver, and one that wants older packages.
APART = {"gpu", "bader"}


@pytest.fixture(scope="module")
def metadata(root) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def parsed(lines) -> dict[str, Requirement]:
    """Requirements by their names; those on Rhocast itself name extras."""
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r for r in requirements if r.name != "rhocast"}


def conda(line: str) -> Requirement:
    name, _, version = line.partition(" ")
    return Requirement(f"{CONDA_NAMES.get(name, name)}{version}")


@pytest.mark.parametrize("engine", [None, "abinit", "sparc-x"])
def test_environments_agree(engine, metadata, root):
    """Each holds all that rules import and that builds the kernels, and one of them no engine."""
    file = {None: "rhocast", "sparc-x": "sparc"}.get(engine, engine)
    text = (root / f"envs/{file}.yaml").read_text(encoding="utf-8")
    listed = yaml.safe_load(text)["dependencies"]
    plain = [conda(line) for line in listed if isinstance(line, str)]
    by_pip = [
        Requirement(line) for entry in listed if isinstance(entry, dict) for line in entry["pip"]
    ]
    found = {canonicalize_name(r.name): r.specifier for r in plain + by_pip}
    assert (
        found.pop("python") == Requirement(f"p{metadata['project']['requires-python']}").specifier
    )
    programs = {name for name in found if name in PROGRAMS or name == engine}
    assert programs == PROGRAMS | ({engine} if engine else set())
    extras = metadata["project"]["optional-dependencies"]
    crate = [] if engine else [line for line in extras["workflow"] if line.startswith("rocrate")]
    expected = parsed(
        [
            *crate,  # the one part of `workflow` that a rule imports
            *metadata["build-system"]["requires"],
            *metadata["project"]["dependencies"],
            *(line for extra in ("train", "dft", "mpi", "figures") for line in extras[extra]),
        ]
    )
    assert {n: v for n, v in found.items() if n not in programs} == {
        name: requirement.specifier for name, requirement in expected.items()
    }


def test_constraints_agree(metadata, root):
    """Each requirement of what is installed together has a version that it allows."""
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(re.fullmatch(r"(\S+)==(\S+)", line).groups() for line in lines if "#" not in line)
    versions = {canonicalize_name(name): version for name, version in pinned.items()}
    extras = metadata["project"]["optional-dependencies"]
    wanted = parsed(
        [
            *metadata["project"]["dependencies"],
            *(line for extra, own in extras.items() if extra not in APART for line in own),
        ]
    )
    assert not wanted.keys() - versions.keys()
    unmet = {
        name: versions[name]
        for name, requirement in wanted.items()
        if not requirement.specifier.contains(versions[name], prereleases=True)
    }
    assert not unmet


def test_all_holds_every_extra_that_fits_the_others(metadata):
    extras = metadata["project"]["optional-dependencies"]
    (everything,) = (Requirement(line) for line in extras["all"])
    assert everything.extras == extras.keys() - {"all", "dev", "docs", *APART}
