"""What is learnt, and how: descriptor, network, training, transfer."""

from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    PositiveFloat,
    PositiveInt,
    Tag,
    TypeAdapter,
    model_validator,
)

from rhocast.config.section import Name, Section, Share


class SortedDescriptor(Section):
    """Sorted distances and cosines (the paper's sets I and II), a block per species."""

    kind: Literal["sorted"] = Field(
        "sorted", description="kind of the descriptor: that of the paper"
    )
    cutoff_bohr: PositiveFloat = Field(description="cutoff, Bohr: atoms further away are ignored")
    distances: PositiveInt = Field(
        description="number of nearest atoms whose distances are used (M)"
    )
    angle_atoms: int = Field(
        ge=0, description="number of nearest atoms whose cosines are used (M_a)"
    )
    angle_neighbours: int = Field(ge=0, description="number of neighbours of each of them (k)")

    @model_validator(mode="after")
    def _angles_within_distances(self) -> "SortedDescriptor":
        if self.angle_atoms > self.distances:
            raise ValueError(
                f"angle_atoms: expected at most `distances` = {self.distances}, "
                f"found {self.angle_atoms}"
            )
        return self


Reach = Annotated[
    PositiveFloat,
    Field(
        description="reach of the longest radial function, Bohr: atoms further away do not matter"
    ),
]
Functions = Annotated[
    int, Field(ge=2, description="number of radial functions for each angular momentum")
]
ShortestReach = Annotated[
    PositiveFloat, Field(description="reach of the shortest radial function, Bohr")
]


class SmoothSums(Section):
    """Sums over neighbours of radial functions that end at their reach, times solid harmonics."""

    cutoff_bohr: Reach
    radial_functions: Functions
    shortest_bohr: ShortestReach
    angular: int = Field(4, ge=0, le=8, description="highest angular momentum l")

    @model_validator(mode="after")
    def _cutoff_beyond_shortest(self) -> "SmoothSums":
        if self.cutoff_bohr <= self.shortest_bohr:
            raise ValueError(
                f"cutoff_bohr: expected more than `shortest_bohr` = {self.shortest_bohr:g}, "
                f"found {self.cutoff_bohr:g}"
            )
        return self


class SmoothDescriptor(SmoothSums):
    """Scalar products of smooth sums over neighbours."""

    kind: Literal["smooth"] = Field(description="sums over neighbours")
    cutoff_bohr: Reach = 11.0
    radial_functions: Functions = 6
    shortest_bohr: ShortestReach = 5.0


class Products(Section):
    """Products of two sums over an atom's neighbours, for what depends on angles between them."""

    radial_functions: PositiveInt = Field(
        3,
        description="number of radial functions of the factors: those of `multipoles`, every "
        "second one from the longest on",
    )
    angular: int = Field(3, ge=1, le=8, description="highest angular momentum l of the factors")


class Multipoles(SmoothSums):
    """Multipoles that neighbours induce in a pseudo-atom."""

    cutoff_bohr: Reach = 11.0
    radial_functions: Functions = 6
    shortest_bohr: ShortestReach = 4.5
    angular: int = Field(6, ge=0, le=8, description="highest angular momentum l")
    atoms_per_bohr3: PositiveFloat | None = Field(
        None,
        description="usual number density of the atoms, 1/Bohr³; what neighbours induce then also "
        "depends, linearly, on how far the density around the atom is from it: for data of "
        "different volumes, and strain",
    )
    products: Products | None = Field(
        None,
        description="products of sums over neighbours, which induce multipoles, too; for bonds, "
        "whose electrons depend on the angles between them",
    )

    @model_validator(mode="after")
    def _factors_are_there(self) -> "Multipoles":
        if self.products is None:
            return self
        if 2 * self.products.radial_functions - 1 > self.radial_functions:
            raise ValueError(
                "products.radial_functions: expected at most half of `radial_functions` = "
                f"{self.radial_functions}, rounded up, found {self.products.radial_functions}"
            )
        if self.products.angular > self.angular:
            raise ValueError(
                f"products.angular: expected at most `angular` = {self.angular}, "
                f"found {self.products.angular}"
            )
        return self


def _kind(data: Any) -> Any:
    """Find the tag of a descriptor; the paper's is the default."""
    kind = data.get("kind", "sorted") if isinstance(data, dict) else getattr(data, "kind", None)
    return f"[{kind}]"


#: Features of the atoms around a point, the input of the network. Messages leave tags in brackets
#: out.
Descriptor = Annotated[
    Annotated[SortedDescriptor, Tag("[sorted]")] | Annotated[SmoothDescriptor, Tag("[smooth]")],
    Discriminator(
        _kind,
        custom_error_type="descriptor_kind",
        custom_error_message="`kind: sorted` or `kind: smooth`",
    ),
]

_DESCRIPTOR: TypeAdapter[Descriptor] = TypeAdapter(Descriptor)


def parse_descriptor(data: Any) -> Descriptor:
    """Check a descriptor that was written as plain data."""
    return _DESCRIPTOR.validate_python(data)


class Baseline(Section):
    """A sum of fitted pseudo-atoms; the network learns what remains."""

    cutoff_bohr: PositiveFloat = Field(12.0, description="reach of a pseudo-atom, Bohr")
    intervals: int = Field(
        48, ge=4, description="number of intervals of each radial function's spline"
    )
    ridge: PositiveFloat = Field(
        1e-8,
        description="weight of the splines' roughness, ∫ (d⁴f/dr⁴)² dr, against the squared "
        "error, Bohr⁷",
    )
    multipoles: Multipoles | None = Field(
        None, description="how neighbours deform a pseudo-atom; without it, it is a sphere"
    )

    @property
    def reach_bohr(self) -> float:
        """Distance from its points within which all atoms must be known, Bohr.

        The multipoles of an atom depend on the atoms within their own cutoff.
        """
        induced = 0.0 if self.multipoles is None else 2.0 * self.multipoles.cutoff_bohr
        return max(self.cutoff_bohr, induced)


class Network(Section):
    """The Bayesian network."""

    width: PositiveInt = Field(64, description="number of units in each hidden layer")
    blocks: PositiveInt = Field(2, description="number of dense (skip-connected) blocks")
    layers_per_block: PositiveInt = Field(2, description="number of variational layers in a block")
    prior_std: PositiveFloat = Field(
        1.0,
        description="standard deviation of the Gaussian prior, in units of 1/√fan-in of the layer",
    )


class Features(Section):
    """Mesh points drawn from the snapshots."""

    points_per_snapshot: PositiveInt = Field(
        18_000, description="number of mesh points drawn at random from each snapshot"
    )
    max_rejected_share: float = Field(
        0.2, ge=0.0, lt=1.0, description="share of a dataset's snapshots that may be rejected"
    )


Steps = Annotated[PositiveInt, Field(description="number of the optimiser's steps")]
LearningRate = Annotated[
    PositiveFloat, Field(description="learning rate of AdamW at the start; it falls to zero")
]


class Training(Section):
    """Training on the small cells."""

    dataset: Name = Field(description="a key of `datasets`")
    steps: Steps = 4000
    batch_size: PositiveInt = Field(2048, description="number of points in each step")
    learning_rate: LearningRate = 0.004
    validation_share: Share = Field(
        0.1,
        description="share of the data that is held back to monitor the training: whole "
        "trajectories, else snapshots, else points",
    )
    validation_trajectories: tuple[str, ...] = Field(
        (),
        description="names of what is held back instead of a share: trajectories such as "
        "`al32/631K`, or single snapshots such as `al32/631K/7`",
    )
    patience: PositiveInt | None = Field(
        None,
        description="number of checks without a better likelihood on the held-back data after "
        "which the training ends with the best weights (there are 10 checks in a training); "
        "without it, all steps are made",
    )


class Transfer(Training):
    """Retraining on the larger cells."""

    steps: Steps = 1000
    learning_rate: LearningRate = 0.002
    share: Share = Field(0.4, description="share of the dataset's points that is used")
    frozen_share: float = Field(
        1 / 3,
        ge=0.0,
        lt=1.0,
        description="share of the layers, from the first on, that is not trained",
    )
