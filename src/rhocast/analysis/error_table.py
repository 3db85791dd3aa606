"""The errors of a model as a table for a terminal of 100 columns."""

from collections.abc import Iterator, Mapping
from typing import Any

#: Groups of columns: a heading, and of each column its heading, its width and the text of a row.
_GROUPS: Mapping[str, tuple[tuple[str, int, str], ...]] = {
    "": (("n", 4, "{spread[snapshots]}"),),
    "NMAE of n snapshots, %": (
        ("mean", 7, "{percent[mean]:.2f}"),
        ("median", 7, "{percent[median]:.2f}"),
        ("p90", 6, "{percent[p90]:.2f}"),
        ("p99", 6, "{percent[p99]:.2f}"),
    ),
    "RMSE": (("e/Bohr³", 9, "{rmse:.1e}"),),
    "errors within": (
        ("1σ", 6, "{coverage_1sigma:.3f}"),
        ("2σ", 6, "{coverage_2sigma:.3f}"),
        ("3σ", 6, "{coverage_3sigma:.3f}"),
    ),
    "mean": (("z²", 7, "{mean_squared_z:.3g}"),),
    "Spearman": (("of best", 11, "{spearman:.2f}/{spearman_possible:.2f}"),),
    "mean σ": (("e/Bohr³", 9, "{mean_std:.1e}"),),
}
#: Longest name of a kind that shares a line with its figures.
_NAME = 16


def error_table(report: Mapping[str, Any]) -> str:
    """Write the figures of each kind, and of all snapshots together, as lines of text.

    Parameters
    ----------
    report
        From `rhocast.analysis.evaluation.error_report`.
    """
    return "\n".join(_lines(report))


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    widths = {title: sum(width for _, width, _ in some) for title, some in _GROUPS.items()}
    yield " " * _NAME + "".join(f"{title:>{width}}" for title, width in widths.items())
    columns = [column for some in _GROUPS.values() for column in some]
    yield f"{'kind':{_NAME}}" + "".join(f"{name:>{width}}" for name, width, _ in columns)
    kinds = report["kinds"] if len(report["kinds"]) == 1 else report["kinds"] | {"all": report}
    for kind, figures in kinds.items():
        spread = figures["nmae_of_snapshots"]
        percent = {name: 100.0 * value for name, value in spread.items()}
        cells = (
            f"{form.format(**figures, spread=spread, percent=percent):>{width}}"
            for _, width, form in columns
        )
        name = kind
        if len(kind) > _NAME:
            yield kind
            name = ""
        yield f"{name:{_NAME}}" + "".join(cells)
