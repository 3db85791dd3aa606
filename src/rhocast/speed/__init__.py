"""How fast predictions are: against the core's arithmetic peak, the cell's size, ranks and DFT."""

from rhocast.speed.scaling import Scaling, measure_scaling
from rhocast.speed.scaling_report import draw_scaling, draw_timing, read_scaling, write_scaling
from rhocast.speed.subject import Subject
from rhocast.speed.throughput import benchmark_inference

__all__ = [
    "Scaling",
    "Subject",
    "benchmark_inference",
    "draw_scaling",
    "draw_timing",
    "measure_scaling",
    "read_scaling",
    "write_scaling",
]
