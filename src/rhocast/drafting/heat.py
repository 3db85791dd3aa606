"""The temperatures of a first campaign, and how far atoms move at them."""

from math import sqrt

from ase.data import atomic_masses

from rhocast.drafting.choices import Choice
from rhocast.drafting.elements import DEBYE_K, MELTING_K, TETRAHEDRAL, TETRAHEDRAL_ANIONS, VOLATILE
from rhocast.drafting.geometry import is_fourfold
from rhocast.structures import Structure

#: Melting point of oxides and nitrides, about, as `melting_point_K` scales it, K.
_REFRACTORY_K = 2700.0

#: Melting point of zinc blendes and wurtzites, about, as `melting_point_K` scales it, K.
_TETRAHEDRAL_K = 1875.0

#: Lindemann's constant, K^½ g^½ cm / mol^(5/6), and cm³/mol per Bohr³.
_LINDEMANN, _CM3_PER_MOL = 150.0, 0.0892385


def melting_point_K(structure: Structure, told: float | None) -> Choice[float]:
    """Choose the melting point: of an element from a table, of a compound a rough guess."""
    if told is not None:
        return Choice(told, "the melting point as given")
    known = [float(MELTING_K[e]) for e in structure.species if e in MELTING_K]
    if len(structure.species) == len(known) == 1:
        return Choice(known[0], f"the melting point, {known[0]:.0f} K")
    least = 1200.0
    if _is_refractory(structure):
        least = _REFRACTORY_K
    elif TETRAHEDRAL_ANIONS & set(structure.species) and is_fourfold(structure):
        least = _TETRAHEDRAL_K
    guess = max([least, *known]) * 0.8
    return Choice(
        guess,
        f"the melting point, {guess:.0f} K: a guess that may be wrong by a factor of two; "
        "--melting-K gives it",
    )


def _is_refractory(structure: Structure) -> bool:
    """Say whether a crystal is an oxide or nitride of which no element is volatile."""
    species = set(structure.species)
    return bool(species & {"O", "N"}) and not species & VOLATILE


def debye_temperature_K(
    structure: Structure, told: float | None, melting_K: float
) -> Choice[float]:
    """Choose the Debye temperature: of an element from a table, else by Lindemann's rule.

    Crystals melt where atoms move by a tenth of their distance or so: θ = C √(Tm / (A V^⅔)), with
    the mean mass A in g/mol and the volume of a mole of atoms V in cm³. C is 100 to 160 in metals,
    126 to 137 in NaCl, MgO and LiF, 175 to 220 in C, Si, Ge and GaAs.
    """
    if told is not None:
        return Choice(told, "as given")
    if len(structure.species) == 1 and structure.species[0] in DEBYE_K:
        element = structure.species[0]
        form = " in the diamond structure" if (element,) in TETRAHEDRAL else ""
        return Choice(float(DEBYE_K[element]), f"of the element{form} (Kittel, 8th edition)")
    mass = float(atomic_masses[structure.numbers].mean())
    volume_cm3 = structure.volume / len(structure) * _CM3_PER_MOL
    guess = _LINDEMANN * sqrt(melting_K / (mass * volume_cm3 ** (2.0 / 3.0)))
    return Choice(
        float(round(guess, -1)),
        "a guess from the melting point (Lindemann's rule); it sets how far atoms are displaced; "
        "--debye-K gives it",
    )


def temperatures_K(melting_K: Choice[float]) -> Choice[tuple[int, int, int]]:
    """Choose the temperatures of training, cold, warm and hot, below the melting point.

    The one in the middle is held out to judge by.
    """
    digits = -1 if melting_K.value > 200.0 else 0
    cold, warm, hot = (int(round(share * melting_K.value, digits)) for share in (0.25, 0.5, 0.75))
    return Choice((cold, warm, hot), f"0.25, 0.5 and 0.75 of {melting_K.reason}")
