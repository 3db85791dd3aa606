"""CIF files of cubic crystals, with the occupancy of each site."""

_CIF = """data_x
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M '{group}'
_symmetry_Int_Tables_number {number}
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
{sites}
"""


def cubic_cif(sites: str, a: float, group: str, number: int) -> str:
    """Return a CIF; each line of `sites` holds label, symbol, fractional place and occupancy."""
    return _CIF.format(a=a, group=group, number=number, sites=sites)
