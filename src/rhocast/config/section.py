"""What every section of the configuration is, and the types that its keys share."""

from typing import Annotated, Any, Literal, get_args, get_origin

from ase.data import atomic_numbers
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)


def _known_element(symbol: str) -> str:
    if symbol not in atomic_numbers or symbol == "X":
        raise ValueError(f"expected a chemical symbol such as Al, found {symbol!r}")
    return symbol


def _plain_name(name: str) -> str:
    if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
        raise ValueError(f"expected letters, digits, - and _ (it becomes a path), found {name!r}")
    return name


def distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a value that comes twice."""
    if len(set(values)) < len(values):
        raise ValueError(f"expected distinct values, found {list(values)}")
    return values


#: Keys that users of DFT codes may look for, refused by name wherever they stand.
_NOT_SUPPORTED = ("spin", "spin_polarized", "nspin", "nsppol", "magnetic_moments", "charge")

Element = Annotated[str, AfterValidator(_known_element)]
Name = Annotated[str, AfterValidator(_plain_name)]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
Temperature = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """A part of the configuration; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_spin_no_charge(cls, data: Any) -> Any:
        for key in _NOT_SUPPORTED:
            if isinstance(data, dict) and key in data:
                raise ValueError(
                    f"`{key}` is not supported: the density of neutral cells without spin is "
                    "learnt; take the key out"
                )
        return data

    @field_validator("*", mode="before")
    @classmethod
    def _no_switches(cls, value: Any, info: ValidationInfo) -> Any:
        # YAML reads yes and no as truth values, which would pass for 1 and 0.
        field = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and field is not bool:
            words = get_args(field) if get_origin(field) is Literal else ()
            allowed = f"one of {', '.join(words)}" if words else "no truth value"
            raise ValueError(
                f"expected {allowed}, found {value} (YAML reads yes, no, on and off "
                "as truth values)"
            )
        return value
