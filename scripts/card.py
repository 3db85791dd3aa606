"""Write the card of the chosen model: its data, its settings, its errors on held-out snapshots."""

from rhocast.analysis.evaluation import compare_snapshots
from rhocast.analysis.model_card import write_card
from rhocast.cli.job import job
from rhocast.model import DensityModel

with job(snakemake.log[0]):
    model = DensityModel.load(snakemake.input.model)
    options = snakemake.params.options
    comparisons = compare_snapshots(model, snakemake.input.snapshots, **options)
    name, uncertainty = snakemake.params.name, options["uncertainty"]
    unmeasured = snakemake.params.unmeasured
    write_card(snakemake.output.card, name, model, comparisons, uncertainty, unmeasured)
