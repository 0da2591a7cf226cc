"""Figures of the pages Denoise, Anomalies, Generate and Features."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from convae.plots import style
from convae.plots.style import BLUE, FAINT, GRAY, RED, Series

MOST_POINTS = 300  # of one curve: more than a screen can resolve
DASHED = dict(color=GRAY, dash="dash", width=1.5)
MOST_NAMES = 20  # classes whose names fit on the axes of a matrix
DIVERGING = [[0, "#2166ac"], [0.5, "#f7f7f7"], [1, "#b2182b"]]


def psnr_over_strength(
    strengths: Sequence[float],
    psnr: Mapping[str, Sequence[float]],
    label: str,
    marked: float | None = None,
    emphasized: Sequence[str] = (),
) -> go.Figure:
    """PSNR (dB) of each method over the strength of a corruption.

    label: of the strength, with its unit. marked: the chosen strength. emphasized:
    names of methods that are drawn thicker.
    """
    figure = style.figure(label, "PSNR (dB)", height=400)
    colors = style.colors(psnr)
    for name, values in psnr.items():
        series = Series(name, list(map(float, strengths)), list(map(float, values)))
        line = style.line(
            series, colors[name], mode="lines+markers", hovertemplate="%{y:.2f} dB",
            line=dict(width=3.5 if name in emphasized else 1.75),
        )  # fmt: skip
        figure.add_trace(line.update(marker_size=7 if name in emphasized else 5))
    if marked is not None and psnr:
        figure.add_vline(marked, line=dict(color=GRAY, dash="dot", width=1.5), layer="below")
    return figure


def _thinned(x: ArrayLike, y: ArrayLike) -> tuple[list[float], list[float]]:
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
    colors = style.colors(curves)
    for name, curve in curves.items():
        form = f"%{{x:.3f}}, %{{y:.3f}}<extra>{style.plain(name)}</extra>"
        width = 3 if name in emphasized else 1.5
        line = style.line(Series(name, *_thinned(*curve)), colors[name], hovertemplate=form)
        figure.add_trace(line.update(line_width=width))
    return figure


def roc(curves: Mapping[str, tuple[Any, Any]], emphasized: Sequence[str] = ()) -> go.Figure:
    """ROC curves by name: (false positive rates, true positive rates); the diagonal is chance
    level."""
    figure = _rates(curves, "False positive rate", "True positive rate", emphasized)
    if curves:
        figure.add_scatter(
            x=[0, 1], y=[0, 1], mode="lines", line=DASHED, showlegend=False, hoverinfo="skip"
        )
    return figure


def precision_recall(
    curves: Mapping[str, tuple[Any, Any]],
    share: float | None = None,
    emphasized: Collection[str] = (),
) -> go.Figure:
    """Precision-recall curves by name: (recall, precision). share: of the suspects among all
    images, which is the precision at chance level."""
    figure = _rates(curves, "Recall", "Precision", emphasized)
    if curves and share is not None:
        figure.add_scatter(
            x=[0, 1], y=[share, share], mode="lines", line=DASHED, showlegend=False,
            hoverinfo="skip",
        )  # fmt: skip
    return figure


def _bars(
    normal: ArrayLike, suspects: ArrayLike, bins: int
) -> tuple[list[float], list[list[float]]]:
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
    normal: ArrayLike,
    suspects: ArrayLike,
    label: str,
    threshold: float | None = None,
    bins: int = 40,
) -> go.Figure:
    """Histograms of a score for normal images and suspects, and the threshold."""
    figure = style.figure(label, "Images of the group (%)")
    figure.update_yaxes(rangemode="nonnegative")
    figure.update_layout(barmode="overlay", bargap=0.04)
    middles, shares = _bars(normal, suspects, bins)
    for name, color, heights in zip(("normal", "suspects"), (BLUE, RED), shares, strict=True):
        figure.add_bar(
            x=middles, y=heights, name=name, opacity=0.65, marker=dict(color=color, line_width=0),
            hovertemplate="%{y:.1f}%<extra>" + name + "</extra>",
        )  # fmt: skip
    if threshold is not None and middles:
        end = 2 * middles[-1] - middles[-2] if len(middles) > 1 else threshold
        figure.add_vline(min(threshold, end), line=DASHED)
        # named in the legend: a label beside the line would cover bars or other labels
        figure.add_scatter(x=[None], y=[None], mode="lines", line=DASHED, name="threshold")
    return figure


def merits(rows: Mapping[str, Mapping[str, float]]) -> go.Figure:
    """Figures of merit of several generators: a group of bars for each figure, a bar for each
    generator. rows: generator -> figure -> value; all with the same figures."""
    figure = style.figure("", "Value", height=420)
    figure.update_layout(bargap=0.2, bargroupgap=0.05)
    colors = style.colors(rows)
    for name, values in rows.items():
        figure.add_bar(
            x=list(values),
            y=[float(value) for value in values.values()],
            name=style.plain(name),
            marker=dict(color=colors[name], line_width=0),
            hovertemplate="%{y:.3f}",
        )
    return figure


def accuracies(
    values: Mapping[str, Mapping[str, tuple[float, float]]], chance: float | None = None
) -> go.Figure:
    """Accuracies with standard errors: a group of bars for each space, a bar for each probe.

    values: space -> probe -> (accuracy, standard error), both in [0, 1]. chance: the chance
    level, drawn as a line.
    """
    figure = style.figure("", "Accuracy (%)", height=360)
    figure.update_layout(bargap=0.3, bargroupgap=0.08)
    figure.update_yaxes(rangemode="tozero")
    probes = list(dict.fromkeys(probe for row in values.values() for probe in row))
    colors = style.colors(probes)
    for probe in probes:
        results = [(space, *row[probe]) for space, row in values.items() if probe in row]
        errors = [100 * error for _, _, error in results]
        figure.add_bar(
            x=[style.plain(space) for space, _, _ in results],
            y=[100 * accuracy for _, accuracy, _ in results],
            customdata=errors,
            error_y=dict(type="data", array=errors, color=GRAY, thickness=1.5, width=4),
            name=style.plain(probe),
            marker=dict(color=colors[probe], line_width=0),
            hovertemplate="%{y:.1f}% ± %{customdata:.1f}",
        )
    _chance_line(figure, chance if values else None)
    return figure


def _chance_line(figure: go.Figure, chance: float | None) -> None:
    """A dashed line across the figure, named in the legend: a label beside it would cover bars."""
    if chance is not None:
        figure.add_hline(100 * chance, line=DASHED)
        name = f"chance level ({100 * chance:.0f}%)"
        figure.add_scatter(x=[None], y=[None], mode="lines", line=DASHED, name=name)


def label_curves(
    curves: Mapping[str, Sequence[tuple[int, float, float]]], chance: float | None = None
) -> go.Figure:
    """Accuracy over the number of labels, logarithmic; for each space a list of (labels, accuracy,
    standard error), accuracies in [0, 1]."""
    figure = style.figure("Labels in total", "Accuracy (%)", height=360)
    counts = sorted({count for points in curves.values() for count, _, _ in points})
    figure.update_xaxes(type="log", tickvals=counts, ticktext=[f"{count:,}" for count in counts])
    figure.update_yaxes(rangemode="tozero")
    colors = style.colors(curves)
    for name, points in curves.items():
        series = Series(name, [p[0] for p in points], [100 * p[1] for p in points])
        errors = [100 * p[2] for p in points]
        line = style.line(series, colors[name], mode="lines+markers", customdata=errors)
        bars = dict(type="data", array=errors, color=colors[name], thickness=1.5, width=4)
        form = "%{y:.1f}% ± %{customdata:.1f}"
        figure.add_trace(line.update(error_y=bars, hovertemplate=form))
    _chance_line(figure, chance if curves else None)
    return figure


def _shares(counts: ArrayLike) -> np.ndarray:
    """Rows of counts as percentages of their sum; a row without any stays at zero."""
    counts = np.asarray(counts, np.float64)
    return 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def confusion(counts: ArrayLike, names: Sequence[str]) -> go.Figure:
    """Images of each class (rows) by predicted class (columns), in percent of the row.

    counts: int (C, C). names: (C,); left out on the axes where there are more than MOST_NAMES.
    """
    counts = np.asarray(counts, np.int64).reshape(len(names), len(names))
    shown = [style.plain(name) for name in names]
    figure = style.figure("Predicted class", "True class", hovermode="closest", height=460)
    figure.update_xaxes(type="category", showgrid=False, showticklabels=len(names) <= MOST_NAMES)
    figure.update_yaxes(
        type="category", showgrid=False, autorange="reversed",
        showticklabels=len(names) <= MOST_NAMES,
    )  # fmt: skip
    if len(names):
        bar = dict(title=dict(text="% of the true class", side="right"), thickness=12)
        figure.add_heatmap(
            x=shown, y=shown, z=_shares(counts), customdata=counts, zmin=0, zmax=100,
            colorscale="Viridis", colorbar=bar,
            hovertemplate="%{y} predicted as %{x}: %{customdata} images, %{z:.0f}%<extra></extra>",
        )  # fmt: skip
    return figure


def explained_variance(spectra: Mapping[str, Sequence[float]]) -> go.Figure:
    """Share of the variance in the first 1, 2, ... principal directions, by name: rising to 1."""
    figure = style.figure("Principal directions", "Explained variance (%)", height=340)
    figure.update_xaxes(type="log", dtick=1)
    colors = style.colors(spectra)
    for name, shares in spectra.items():
        shares = 100 * np.asarray(shares, np.float64)
        series = Series(name, list(range(1, len(shares) + 1)), shares.tolist())
        figure.add_trace(style.line(series, colors[name], hovertemplate="%{y:.1f}%"))
    return figure


def correlation(matrix: ArrayLike) -> go.Figure:
    """Correlations between latent dimensions, (d, d) in [-1, 1]."""
    matrix = np.asarray(matrix, np.float32)
    figure = style.figure("Latent dimension", "Latent dimension", "closest", height=420)
    figure.update_xaxes(showgrid=False, constrain="domain")
    figure.update_yaxes(showgrid=False, autorange="reversed", scaleanchor="x", constrain="domain")
    if matrix.size:
        bar = dict(title=dict(text="Correlation", side="right"), thickness=12, outlinecolor=FAINT)
        figure.add_heatmap(
            z=matrix, zmin=-1, zmax=1, colorscale=DIVERGING, colorbar=bar,
            hovertemplate="dimensions %{x} and %{y}: %{z:.2f}<extra></extra>",
        )  # fmt: skip
    return figure
