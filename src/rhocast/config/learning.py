"""What is learnt, and how: descriptor, network, training, transfer."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from rhocast.config.section import Name, Section, Share


class Descriptor(Section):
    """Sorted distances and cosines (the paper's sets I and II), a block per species."""

    kind: Literal["sorted"] = Field("sorted", description="the paper's descriptor")
    cutoff_bohr: PositiveFloat = Field(description="atoms further away count as absent, Bohr")
    distances: PositiveInt = Field(description="M: nearest atoms whose distances are taken")
    angle_atoms: int = Field(ge=0, description="M_a: nearest atoms whose cosines are taken")
    angle_neighbours: int = Field(ge=0, description="k: neighbours of each of them")

    @model_validator(mode="after")
    def _angles_within_distances(self) -> "Descriptor":
        if self.angle_atoms > self.distances:
            raise ValueError(
                f"angle_atoms: expected at most `distances` = {self.distances}, "
                f"found {self.angle_atoms}"
            )
        return self


class Network(Section):
    """The Bayesian network."""

    width: PositiveInt = Field(description="units in each hidden layer")
    blocks: PositiveInt = Field(description="dense (skip-connected) blocks")
    layers_per_block: PositiveInt = Field(2, description="variational layers in a block")
    prior_std: PositiveFloat = Field(
        1.0, description="of the Gaussian prior, times 1/√fan-in of the layer"
    )


class Features(Section):
    """Mesh points drawn from the snapshots."""

    points_per_snapshot: PositiveInt = Field(description="drawn at random from each snapshot")
    max_rejected_share: float = Field(
        0.2, ge=0.0, lt=1.0, description="share of a dataset's snapshots that may be rejected"
    )


class Training(Section):
    """Training on the small cells."""

    dataset: Name = Field(description="a key of `datasets`")
    steps: PositiveInt = Field(description="optimiser steps")
    batch_size: PositiveInt = Field(description="points a step")
    learning_rate: PositiveFloat = Field(description="of AdamW at the start; falls to zero")
    validation_share: Share = Field(
        0.1, description="held back to watch the loss: trajectories, else snapshots, else points"
    )


class Transfer(Training):
    """Retraining on the larger cells."""

    share: Share = Field(0.4, description="share of the dataset's points that is used")
    frozen_share: float = Field(1 / 3, ge=0.0, lt=1.0, description="first layers kept as they are")
