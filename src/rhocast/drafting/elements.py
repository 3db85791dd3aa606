"""Properties of elements that a first campaign is guessed from.

Melting points at ambient pressure: CRC Handbook of Chemistry and Physics, 97th edition. Debye
temperatures at low temperature: C. Kittel, Introduction to Solid State Physics, 8th edition,
chapter 5, table 1 (carbon: diamond; tin: white tin). Electronegativities on Pauling's
scale: CRC Handbook, as above.
"""

#: Kelvin; carbon and arsenic sublime, their values are triple points. Helium has none at ambient
#: pressure.
MELTING_K = {
    "H": 14, "Li": 454, "Be": 1560, "B": 2348, "C": 4600, "N": 63, "O": 54, "F": 53, "Ne": 25,
    "Na": 371, "Mg": 923, "Al": 933, "Si": 1687, "P": 317, "S": 388, "Cl": 172, "Ar": 84, "K": 337,
    "Ca": 1115, "Sc": 1814, "Ti": 1943, "V": 2183, "Cr": 2180, "Mn": 1519, "Fe": 1811, "Co": 1768,
    "Ni": 1728, "Cu": 1358, "Zn": 693, "Ga": 303, "Ge": 1211, "As": 1090, "Se": 494, "Br": 266,
    "Kr": 116, "Rb": 312, "Sr": 1050, "Y": 1795, "Zr": 2127, "Nb": 2750, "Mo": 2895, "Tc": 2430,
    "Ru": 2606, "Rh": 2236, "Pd": 1828, "Ag": 1235, "Cd": 594, "In": 430, "Sn": 505, "Sb": 904,
    "Te": 723, "I": 387, "Xe": 161, "Cs": 302, "Ba": 1000, "La": 1193, "Ce": 1072, "Pr": 1204,
    "Nd": 1289, "Pm": 1315, "Sm": 1345, "Eu": 1095, "Gd": 1586, "Tb": 1632, "Dy": 1684, "Ho": 1745,
    "Er": 1802, "Tm": 1818, "Yb": 1097, "Lu": 1936, "Hf": 2506, "Ta": 3290, "W": 3687, "Re": 3458,
    "Os": 3306, "Ir": 2719, "Pt": 2041, "Au": 1337, "Hg": 234, "Tl": 577, "Pb": 601, "Bi": 545,
    "Th": 2023, "U": 1408,
}  # fmt: skip

DEBYE_K = {
    "Li": 344, "Be": 1440, "C": 2230, "Ne": 75, "Na": 158, "Mg": 400, "Al": 428, "Si": 645,
    "Ar": 92, "K": 91, "Ca": 230, "Sc": 360, "Ti": 420, "V": 380, "Cr": 630, "Mn": 410, "Fe": 470,
    "Co": 445, "Ni": 450, "Cu": 343, "Zn": 327, "Ga": 320, "Ge": 374, "As": 282, "Se": 90, "Kr": 72,
    "Rb": 56, "Sr": 147, "Y": 280, "Zr": 291, "Nb": 275, "Mo": 450, "Ru": 600, "Rh": 480, "Pd": 274,
    "Ag": 225, "Cd": 209, "In": 108, "Sn": 200, "Sb": 211, "Te": 153, "Xe": 64, "Cs": 38, "Ba": 110,
    "La": 142, "Gd": 200, "Dy": 210, "Yb": 120, "Lu": 210, "Hf": 252, "Ta": 240, "W": 400,
    "Re": 430, "Os": 500, "Ir": 420, "Pt": 240, "Au": 165, "Hg": 72, "Tl": 79, "Pb": 105, "Bi": 119,
    "Th": 163, "U": 207,
}  # fmt: skip

ELECTRONEGATIVITY = {
    "H": 2.20, "Li": 0.98, "Be": 1.57, "B": 2.04, "C": 2.55, "N": 3.04, "O": 3.44, "F": 3.98,
    "Na": 0.93, "Mg": 1.31, "Al": 1.61, "Si": 1.90, "P": 2.19, "S": 2.58, "Cl": 3.16, "K": 0.82,
    "Ca": 1.00, "Sc": 1.36, "Ti": 1.54, "V": 1.63, "Cr": 1.66, "Mn": 1.55, "Fe": 1.83, "Co": 1.88,
    "Ni": 1.91, "Cu": 1.90, "Zn": 1.65, "Ga": 1.81, "Ge": 2.01, "As": 2.18, "Se": 2.55, "Br": 2.96,
    "Rb": 0.82, "Sr": 0.95, "Y": 1.22, "Zr": 1.33, "Nb": 1.6, "Mo": 2.16, "Tc": 2.10, "Ru": 2.2,
    "Rh": 2.28, "Pd": 2.20, "Ag": 1.93, "Cd": 1.69, "In": 1.78, "Sn": 1.96, "Sb": 2.05, "Te": 2.1,
    "I": 2.66, "Xe": 2.60, "Cs": 0.79, "Ba": 0.89, "La": 1.10, "Hf": 1.3, "Ta": 1.5, "W": 1.7,
    "Re": 1.9, "Os": 2.2, "Ir": 2.2, "Pt": 2.2, "Au": 2.4, "Hg": 1.9, "Tl": 1.8, "Pb": 1.8,
    "Bi": 1.9,
}  # fmt: skip

#: A crystal that holds one of these is taken for an insulator or a semiconductor.
NONMETALS = frozenset(
    "H He B C N O F Ne Si P S Cl Ar Ge As Se Br Kr Te I Xe".split()  # noqa: SIM905
)

#: Groups 3 to 11, lanthanides and actinides: their compounds with nonmetals are metals (TiC, NbN)
#: or insulators (TiO2).
D_OR_F_METALS = frozenset(
    "Sc Ti V Cr Mn Fe Co Ni Cu Y Zr Nb Mo Tc Ru Rh Pd Ag Hf Ta W Re Os Ir Pt Au "  # noqa: SIM905
    "La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu "
    "Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr".split()
)

#: These often carry magnetic moments, in metals and in compounds.
MAGNETIC = frozenset(
    "Cr Mn Fe Co Ni Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb".split()  # noqa: SIM905
)

#: Elements that are semiconductors in the diamond structure, and may be metals in others.
TETRAHEDRAL = (("C",), ("Si",), ("Ge",))

#: Groups 15 and 16, which form tetrahedral semiconductors with metals (AlP, ZnS).
TETRAHEDRAL_ANIONS = frozenset("N P As Sb O S Se Te".split())  # noqa: SIM905

#: An insulator that holds one of these is taken to have a wide gap, of 2 eV or more.
WIDE_GAP = frozenset("F Cl".split())  # noqa: SIM905

#: So is one that holds one of these, unless it holds one of `NARROWING`, too.
OFTEN_WIDE_GAP = frozenset("H N O Br".split())  # noqa: SIM905

#: Their s or d electrons narrow the gaps of such compounds (ZnO, SnO2, InN, CsPbBr3), in PBE most.
NARROWING = frozenset("Zn Ga Ge Cd In Sn Hg Tl Pb Bi".split())  # noqa: SIM905

#: Oxides and nitrides that hold one of these melt at a few hundred kelvin, or decompose.
VOLATILE = frozenset("H F S Cl Se Br Te I Hg".split())  # noqa: SIM905

#: Metals of nearly free electrons, whose Fermi surface few k-points suffice for.
ALKALI = frozenset({"Li", "Na", "K", "Rb", "Cs"})
