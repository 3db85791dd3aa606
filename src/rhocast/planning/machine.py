"""Measured costs of a machine, an engine and a configuration, and their file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rhocast import config
from rhocast.engines import resolve_pseudopotentials
from rhocast.errors import ConfigError, FileFormatError
from rhocast.files import replacing
from rhocast.planning.work import CostLaw

#: Sections of the configuration whose dynamics are timed if a campaign has them.
DYNAMICS = ("aimd", "classical")

#: Stands for the engine of a campaign whose densities are all imported.
NO_ENGINE = "none"


@dataclass(frozen=True)
class Calibration:
    """Measured costs, in core seconds.

    Attributes
    ----------
    engine
        Name of the DFT engine, or `NO_ENGINE`; then single points and dynamics cost nothing.
    subject
        What of the configuration the costs belong to, see `subject_of`.
    scf
        Cost of a single point.
    scf_iterations
        Of a single point, on average.
    md_iterations
        As many iterations of a single point cost as much as a step of the dynamics; None if no
        dynamics were measured.
    classical_s
        A step of the classical dynamics, per atom; None if none was measured.
    job_s
        Start of a job that imports the package.
    features_s
        Features of a point.
    n_features
        Numbers that describe a point.
    training_s
        A step of the training, per point of the batch.
    prediction_s
        Density (and standard deviations, if wanted) at a point.
    evaluation_s
        Density and standard deviations at a point, as errors are measured with them.
    """

    engine: str
    subject: dict[str, Any]
    scf: CostLaw
    scf_iterations: float
    md_iterations: float | None
    classical_s: float | None
    job_s: float
    features_s: float
    n_features: int
    training_s: float
    prediction_s: float
    evaluation_s: float

    def write(self, path: str | Path) -> None:
        """Write JSON."""
        with replacing(path) as partial:
            partial.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    def check(self, settings: config.Config, where: str) -> None:
        """Refuse a configuration that these costs do not belong to.

        Raises
        ------
        ConfigError
            If material, engine, descriptor, baseline or network are others; both are named.
        """
        wanted = subject_of(settings)
        pairs = {
            name: (self.subject.get(name), value)
            for name, value in wanted.items()
            if name not in DYNAMICS
        }
        asked_for = settings.dft.engine != "auto" or self.engine == NO_ENGINE
        if settings.computes_densities and asked_for:
            pairs["dft.engine"] = (self.engine, settings.dft.engine)
        for name, (measured, asked) in pairs.items():
            if measured != asked:
                raise ConfigError(
                    f"{where}: measured for {name} {measured or 'none'}, but the configuration has "
                    f"{asked or 'none'}; give the name of a new file, which is measured and written"
                )

    def lacking(self, settings: config.Config) -> list[str]:
        """Return the sections of dynamics, of `DYNAMICS`, whose costs were not measured.

        Without an engine, the engine's dynamics are not needed either.
        """
        wanted = subject_of(settings)
        if self.engine == NO_ENGINE:
            wanted["aimd"] = None
        costs = {"aimd": self.md_iterations, "classical": self.classical_s}
        return [
            name
            for name in DYNAMICS
            if wanted[name] and (costs[name] is None or self.subject.get(name) != wanted[name])
        ]


def subject_of(settings: config.Config) -> dict[str, Any]:
    """Return what of a configuration decides the measured costs, besides the engine.

    That are the valence electrons of the elements, the sections that a model is made of, and what
    makes a step of dynamics dear.
    """
    errors = settings.prediction.evaluated_uncertainty
    files = resolve_pseudopotentials(settings.material.pseudopotentials, settings.dft.functional)
    return {
        "material": ", ".join(f"{symbol} {files[symbol].valence:g}" for symbol in sorted(files)),
        "descriptor": settings.descriptor.model_dump(mode="json"),
        "baseline": settings.baseline and settings.baseline.model_dump(mode="json"),
        "network": settings.network.model_dump(mode="json"),
        "prediction.uncertainty": settings.prediction.uncertainty,
        "prediction.samples": settings.prediction.samples if errors == "sampled" else None,
        "aimd": settings.aimd
        and settings.aimd.model_dump(mode="json", include={"timestep_fs", "scf_tolerance"}),
        "classical": settings.classical
        and settings.classical.model_dump(mode="json", include={"potential", "arguments"}),
    }


def read_calibration(path: str | Path) -> Calibration:
    """Read what `Calibration.write` wrote.

    Raises
    ------
    FileFormatError
        If the file is no calibration.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        law = CostLaw(data["scf"]["start_s"], tuple(data["scf"]["coefficients"]))
        if data["subject"].get("prediction.uncertainty") != "none":  # then they are the same
            data.setdefault("evaluation_s", data["prediction_s"])
        for name in ("md_iterations", "classical_s"):
            data[name] = data[name] or None  # older files have zeros
        return Calibration(**(data | {"scf": law}))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{path}: expected a calibration of `rhocast plan` ({error}); give the name of a new "
            "file, which is measured and written"
        ) from None
