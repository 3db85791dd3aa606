"""What a draft says of pseudopotentials."""

from collections.abc import Mapping

from ase.data import atomic_numbers

from rhocast.drafting.templates import quoted
from rhocast.engines import Psp8

#: Nuclear charge within the full d shells of the elements after the d metals, by these elements.
_WITHIN_D = {range(31, 37): 28, range(49, 55): 46, range(81, 87): 78}


def pseudopotential_lines(files: Mapping[str, tuple[str, Psp8]]) -> list[str]:
    """Write entries of `material.pseudopotentials`, each with what it stands for."""
    return [
        f"    {element}: {quoted(entry)} # {file.valence:g} valence electrons, {file.name}"
        for element, (entry, file) in files.items()
    ]


def pseudopotential_reason(files: Mapping[str, tuple[str, Psp8]]) -> tuple[str, str, str]:
    """Say how many electrons the files leave to each element, and which of them cost much."""
    numbers = (f"{element} {file.valence:g}" for element, (_, file) in files.items())
    reason = "valence electrons of an atom"
    if dear := [element for element, (_, file) in files.items() if holds_d_shell(element, file)]:
        elements = ", ".join(dear)
        reason += (
            f"; ten of those of {elements} are a full d shell: a psp8 file without it makes single "
            "points several times cheaper, and suffices where these electrons do not matter: "
            f"--pseudopotential {dear[0]}=FILE"
        )
    return "Pseudopotentials", ", ".join(numbers), reason


def holds_d_shell(element: str, file: Psp8) -> bool:
    """Say whether the full d shell of an element, such as that of Ge, counts as valence."""
    number = atomic_numbers[element]
    return any(
        number in elements and file.valence >= number - inner + 10
        for elements, inner in _WITHIN_D.items()
    )
