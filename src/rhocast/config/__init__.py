"""The configuration: typed sections, and reading them from YAML.

`load_config` and `parse_config` turn YAML into a `Config` or raise a `ConfigError` whose lines name
the key, what was expected and what was found. Rules receive single sections of it.
"""

from rhocast.config.reading import load_config, parse_config, seed_for
from rhocast.config.sections import (
    Aimd,
    Config,
    Descriptor,
    Dft,
    Features,
    Material,
    Network,
    Prediction,
    Section,
    Source,
    System,
    Training,
    Transfer,
)

__all__ = [
    "Aimd",
    "Config",
    "Descriptor",
    "Dft",
    "Features",
    "Material",
    "Network",
    "Prediction",
    "Section",
    "Source",
    "System",
    "Training",
    "Transfer",
    "load_config",
    "parse_config",
    "seed_for",
]
