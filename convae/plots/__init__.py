"""Arrays in, plotly figures out. One color table, one style, readable on light and on dark pages.

Each figure is drawn from a few plain numbers, made by the private function above it. Without data a
figure has its axes alone. Text from outside is escaped, because Plotly interprets some HTML.
"""

from convae.plots.latent import code_bars, latent_scatter, path_inspector
from convae.plots.quality import bands, compare_runs, histogram, rate_distortion, spectrum
from convae.plots.style import CLEAR, COLORS, GRAY, PALETTE, TEAL
from convae.plots.tasks import (
    accuracies,
    confusion,
    correlation,
    explained_variance,
    label_curves,
    merits,
    precision_recall,
    psnr_over_strength,
    roc,
    score_histogram,
)

__all__ = [
    "CLEAR",
    "COLORS",
    "GRAY",
    "PALETTE",
    "TEAL",
    "accuracies",
    "bands",
    "code_bars",
    "compare_runs",
    "confusion",
    "correlation",
    "explained_variance",
    "histogram",
    "label_curves",
    "latent_scatter",
    "merits",
    "path_inspector",
    "precision_recall",
    "psnr_over_strength",
    "rate_distortion",
    "roc",
    "score_histogram",
    "spectrum",
]
