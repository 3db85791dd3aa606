import pytest

from rhocast.config import load_config


@pytest.fixture
def tiny(root):
    """The smallest campaign: silicon, 8 and 16 atoms."""
    return load_config(root / "tests/data/tiny.yaml")


@pytest.fixture
def densities(root):
    return root / "tests/data/densities"


@pytest.fixture
def small(densities):
    """Two trajectories of three frames."""
    return sorted(densities.glob("si8/*/*.h5"))
