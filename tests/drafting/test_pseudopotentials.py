"""What a draft says of the electrons that pseudopotentials leave to the atoms."""

import pytest

from rhocast.drafting.pseudopotentials import holds_d_shell, pseudopotential_reason
from rhocast.engines import resolve_pseudopotentials


@pytest.mark.parametrize(("element", "holds"), [("Si", False), ("Ge", True), ("Sn", True)])
def test_a_full_d_shell_among_the_valence_electrons_is_seen(element, holds):
    (file,) = resolve_pseudopotentials({element: "spms"}).values()
    assert holds_d_shell(element, file) == holds


def test_the_d_electrons_of_a_d_metal_are_no_full_shell_below_the_valence():
    for element, file in resolve_pseudopotentials({"Cu": "spms", "Zn": "spms"}).items():
        assert not holds_d_shell(element, file)


def test_who_pays_for_a_d_shell_is_told_what_helps(root):
    own = str(root / "data/pseudopotentials/Ge-low.psp8")
    for entry, dear in (("spms", True), (own, False)):
        entries = {"Si": "spms", "Ge": entry}
        found = resolve_pseudopotentials(entries)
        _, value, reason = pseudopotential_reason({e: (entries[e], found[e]) for e in entries})
        assert value == f"Si 4, Ge {14 if dear else 4}"
        assert ("--pseudopotential Ge=FILE" in reason) == dear
