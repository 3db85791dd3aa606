"""The configuration: typed sections, and reading them from YAML.

`load_config` and `parse_config` turn YAML into a `Config` or raise a `ConfigError` whose lines name
the key, what was expected and what was found. Rules receive single sections of it.
"""

from rhocast.config.cells import Material, System
from rhocast.config.config import Config
from rhocast.config.convergence import Convergence
from rhocast.config.data import Aimd, Classical, Dft, Motion, Source
from rhocast.config.goal import Goal
from rhocast.config.learning import (
    Baseline,
    Descriptor,
    Features,
    Multipoles,
    Network,
    Products,
    SmoothDescriptor,
    SmoothSums,
    SortedDescriptor,
    Training,
    Transfer,
    parse_descriptor,
)
from rhocast.config.package import Package
from rhocast.config.physics import Energies, EquationOfState, Experiment
from rhocast.config.prediction import Prediction
from rhocast.config.reading import load_config, parse_config, parse_section
from rhocast.config.section import Section
from rhocast.config.seeds import seed_for
from rhocast.config.studies import Recipe, Studies

__all__ = [
    "Aimd",
    "Baseline",
    "Classical",
    "Config",
    "Convergence",
    "Descriptor",
    "Dft",
    "Energies",
    "EquationOfState",
    "Experiment",
    "Features",
    "Goal",
    "Material",
    "Motion",
    "Multipoles",
    "Network",
    "Package",
    "Prediction",
    "Products",
    "Recipe",
    "Section",
    "SmoothDescriptor",
    "SmoothSums",
    "SortedDescriptor",
    "Source",
    "Studies",
    "System",
    "Training",
    "Transfer",
    "load_config",
    "parse_config",
    "parse_descriptor",
    "parse_section",
    "seed_for",
]
