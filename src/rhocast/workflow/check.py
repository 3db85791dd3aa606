"""Whether the results of a campaign are those of its configuration."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rhocast.workflow.campaign import Campaign
from rhocast.workflow.determinants import Determinants
from rhocast.workflow.judged import judged_results
from rhocast.workflow.stamps import read_record, stamp_of
from rhocast.workflow.standing import why_not


@dataclass(frozen=True)
class Verdict:
    """What was found of one result.

    Attributes
    ----------
    path
        The file.
    differing
        Keys of the configuration that it was not made with; empty if it agrees.
    stamped
        Whether it says what determined it. A file that does not (of version 0.1.0, or copied from
        elsewhere) is compared by what else it records.
    """

    path: str
    differing: list[str]
    stamped: bool

    @property
    def remedy(self) -> str:
        """What to do about a result that differs, in one sentence."""
        keys = ", ".join(self.differing)
        return (
            f"{self.path}: differs from the configuration in {keys}; move it elsewhere and "
            "run snakemake, or take back the change of the configuration"
        )


def check_results(campaign: Campaign) -> list[Verdict]:
    """Compare every result that is there with the configuration.

    Raises
    ------
    ConfigError
        If the configuration asks for another engine than the data were begun with.
    """
    engine = campaign.settled_engine()
    verdicts = []
    for result in judged_results(campaign):
        if Path(result.path).is_file():
            differing = result.why_not(engine)
            verdicts.append(_verdict(result.path, differing))
    for path, wanted in _others(campaign):
        if Path(path).is_file():
            verdicts.append(_verdict(path, why_not(path, wanted)))
    return verdicts


def _verdict(path: str, differing: list[str]) -> Verdict:
    return Verdict(path, differing, stamp_of(read_record(path)) is not None)


def _others(campaign: Campaign) -> Iterator[tuple[str, Determinants]]:
    """Yield path and determinants of the results that Snakemake judges, not their stamps."""
    config, determined, results = campaign.config, campaign.determined, campaign.results
    for system in config.systems:
        for suffix in ("extxyz", "h5"):
            yield results(f"structures/{system}.{suffix}"), determined.structure(system)
    for dataset in config.datasets:
        yield results(f"features/{dataset}.h5"), determined.features(dataset)
        if dataset in config.evaluation:
            yield results(f"evaluation/{dataset}.json"), determined.evaluation(dataset)
    base, calibrated, transferred = campaign.models()
    yield base, determined.base_model()
    yield calibrated, determined.transferred_model()
    yield transferred, determined.transferred_model()
    yield campaign.chosen_model(), determined.chosen_model()
    for cell in config.prediction.cells:
        yield results(f"predictions/{cell}/density.h5"), determined.field(cell)
    if config.convergence is not None:
        yield results("convergence/structure.extxyz"), determined.study_structure()
