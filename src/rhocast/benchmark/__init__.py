"""How fast predictions are: against the core's arithmetic peak, the cell's size, ranks and DFT."""

from rhocast.benchmark.scaling import Scaling, measure_scaling
from rhocast.benchmark.scaling_report import draw_scaling, write_scaling
from rhocast.benchmark.subject import Subject
from rhocast.benchmark.throughput import benchmark_inference

__all__ = [
    "Scaling",
    "Subject",
    "benchmark_inference",
    "draw_scaling",
    "measure_scaling",
    "write_scaling",
]
