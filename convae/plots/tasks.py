"""What models are used for: denoising over strength, anomaly scores and their curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from convae.plots import style
from convae.plots.style import BLUE, GREY, RED, Series

MOST_POINTS = 300  # of one curve: more cannot be told apart
DASHED = dict(color=GREY, dash="dash", width=1.5)


def psnr_over_strength(
    strengths: Sequence[float],
    psnr: Mapping[str, Sequence[float]],
    label: str,
    marked: float | None = None,
    emphasized: Sequence[str] = (),
) -> go.Figure:
    """PSNR (dB) of each method over the strength of a corruption.

    label: of the strength, with its unit. marked: the strength a slider stands at. emphasized:
    names of methods that are drawn thicker.
    """
    figure = style.figure(label, "PSNR (dB)", height=400)
    colours = style.colours(psnr)
    for name, values in psnr.items():
        series = Series(name, list(map(float, strengths)), list(map(float, values)))
        line = style.line(
            series, colours[name], mode="lines+markers", hovertemplate="%{y:.2f} dB",
            line=dict(width=3.5 if name in emphasized else 1.75),
        )  # fmt: skip
        figure.add_trace(line.update(marker_size=7 if name in emphasized else 5))
    if marked is not None and psnr:
        figure.add_vline(marked, line=dict(color=GREY, dash="dot", width=1.5), layer="below")
    return figure


def _thinned(x, y) -> tuple[list[float], list[float]]:
    """At most MOST_POINTS of a curve, evenly over its points, with the first and the last."""
    x, y = np.asarray(x, float).ravel(), np.asarray(y, float).ravel()
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).round().astype(int))
    return x[kept].tolist(), y[kept].tolist()


def _rates(
    curves: Mapping[str, tuple[Any, Any]], x_title: str, y_title: str, emphasized: Sequence[str]
) -> go.Figure:
    """Curves in the unit square, one for each name."""
    figure = style.figure(x_title, y_title, hovermode="closest", height=420)
    figure.update_xaxes(range=[-0.02, 1.02], constrain="domain")
    figure.update_yaxes(range=[-0.02, 1.02], scaleanchor="x", constrain="domain")
    colours = style.colours(curves)
    for name, curve in curves.items():
        form = f"%{{x:.3f}}, %{{y:.3f}}<extra>{style.plain(name)}</extra>"
        width = 3 if name in emphasized else 1.5
        line = style.line(Series(name, *_thinned(*curve)), colours[name], hovertemplate=form)
        figure.add_trace(line.update(line_width=width))
    return figure


def roc(curves: Mapping[str, tuple[Any, Any]], emphasized: Sequence[str] = ()) -> go.Figure:
    """ROC curves by name: (false positive rates, true positive rates); the diagonal is guessing."""
    figure = _rates(curves, "False positive rate", "True positive rate", emphasized)
    if curves:
        figure.add_scatter(
            x=[0, 1], y=[0, 1], mode="lines", line=DASHED, showlegend=False, hoverinfo="skip"
        )
    return figure


def precision_recall(
    curves: Mapping[str, tuple[Any, Any]], share: float | None = None, emphasized=()
) -> go.Figure:
    """Precision-recall curves by name: (recall, precision). share: of the suspects among all
    images, which is the precision of guessing."""
    figure = _rates(curves, "Recall", "Precision", emphasized)
    if curves and share is not None:
        figure.add_scatter(
            x=[0, 1], y=[share, share], mode="lines", line=DASHED, showlegend=False,
            hoverinfo="skip",
        )  # fmt: skip
    return figure


def _bars(normal, suspects, bins: int) -> tuple[list[float], list[list[float]]]:
    """Middles of common bins, and for each group the percentage of its finite values in each.

    Values beyond the 99.5th percentile of all count in the last bin: a few far ones would leave
    one bar for all others.
    """
    groups = [np.asarray(values, float).ravel() for values in (normal, suspects)]
    groups = [values[np.isfinite(values)] for values in groups]
    together = np.concatenate(groups)
    if not len(together):
        return [], [[], []]
    high = float(np.percentile(together, 99.5))
    edges = np.histogram_bin_edges(np.minimum(together, high), bins)
    shares = []
    for values in groups:
        counts, _ = np.histogram(np.minimum(values, high), edges)
        shares.append((100 * counts / max(len(values), 1)).tolist())
    return ((edges[1:] + edges[:-1]) / 2).tolist(), shares


def score_histogram(
    normal, suspects, label: str, threshold: float | None = None, bins: int = 40
) -> go.Figure:
    """How a score spreads over normal images and suspects, and the threshold between them."""
    figure = style.figure(label, "Images of the group (%)")
    figure.update_yaxes(rangemode="nonnegative")
    figure.update_layout(barmode="overlay", bargap=0.04)
    middles, shares = _bars(normal, suspects, bins)
    for name, colour, heights in zip(("normal", "suspects"), (BLUE, RED), shares, strict=True):
        figure.add_bar(
            x=middles, y=heights, name=name, opacity=0.65, marker=dict(color=colour, line_width=0),
            hovertemplate="%{y:.1f} %<extra>" + name + "</extra>",
        )  # fmt: skip
    if threshold is not None and middles:
        end = 2 * middles[-1] - middles[-2] if len(middles) > 1 else threshold
        figure.add_vline(min(threshold, end), line=DASHED)
        # named in the legend: words beside the line would cover bars or other words
        figure.add_scatter(x=[None], y=[None], mode="lines", line=DASHED, name="threshold")
    return figure
