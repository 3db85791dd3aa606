"""What is written of a configuration is read as the same: YAML, and JSON as rules pass it on."""

import json
import math
from typing import Annotated, Any

import pytest
import yaml
from hypothesis import given, reject
from hypothesis import strategies as st
from pydantic import ValidationError

from rhocast import config
from rhocast.config import Section, load_config, parse_config

SECTIONS = [
    config.Aimd,
    config.Baseline,
    config.Features,
    config.Multipoles,
    config.Network,
    config.SmoothDescriptor,
    config.SortedDescriptor,
    config.Training,
    config.Transfer,
]


def is_finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def values_of(section: type[Section], name: str) -> st.SearchStrategy[Any]:
    """Values that the type of a key and its bounds allow."""
    field = section.model_fields[name]
    if name == "dataset":
        return st.from_regex("[a-z][a-z0-9-]{0,8}", fullmatch=True)
    if name == "multipoles":
        return st.none() | sections(config.Multipoles)
    if name == "products":
        return st.none() | sections(config.Products)
    if field.metadata:
        return st.from_type(Annotated[field.annotation, *field.metadata]).filter(is_finite)
    return st.from_type(field.annotation).filter(is_finite)


@st.composite
def sections(draw, section: type[Section]) -> Section:
    values = {name: draw(values_of(section, name)) for name in section.model_fields}
    try:
        return section.model_validate(values)
    except ValidationError:  # values that do not go together
        reject()


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
@given(data=st.data())
def test_sections_return_as_they_were(section, data):
    made = data.draw(sections(section))
    dumped = made.model_dump(mode="json")
    assert section.model_validate(yaml.safe_load(yaml.safe_dump(dumped))) == made
    assert section.model_validate(json.loads(json.dumps(dumped))) == made


@pytest.mark.parametrize(
    "file", ["config.yaml", "examples/paper-al.yaml", "examples/paper-sige.yaml", "data/al.yaml"]
)
def test_whole_configurations_return_as_they_were(root, file):
    read = load_config(root / file)
    assert parse_config(yaml.safe_load(yaml.safe_dump(read.model_dump(mode="json")))) == read
