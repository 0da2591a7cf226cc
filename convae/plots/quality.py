"""Quality of models: runs, distributions, quality over size and over spatial frequency."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from convae.plots import style
from convae.plots.style import BLUE, GRAY, Series

History = Sequence[Mapping[str, Any]]
By = Literal["epoch", "step", "elapsed_s"]
Show = Literal["loss", "psnr"]
MOST_TICKS = 20  # above them Plotly puts ticks at whole numbers only


def _time_unit(longest_s: float) -> tuple[float, str]:
    if longest_s < 180:
        return 1.0, "Time (s)"
    return (60.0, "Time (min)") if longest_s < 3 * 3600 else (3600.0, "Time (h)")


def _curve(history: History, name: str, by: By, show: Show, unit: float = 1.0) -> Series:
    """The records whose loss or PSNR is finite, in order, with times divided by unit."""
    key, unit = f"val_{show}", unit if by == "elapsed_s" else 1
    kept = [r for r in history if r.get(key) is not None and math.isfinite(r[key])]
    return Series(name, [record[by] / unit for record in kept], [record[key] for record in kept])


def compare_runs(
    histories: Mapping[str, History], by: By = "epoch", show: Show = "psnr"
) -> go.Figure:
    """Several runs in one figure: the validation curve of each.

    histories: for each run a dict for each record with epoch, step, elapsed_s, val_loss, val_psnr;
    a value that is missing or not finite leaves no point. ValueError for another by or show.
    """
    if by not in get_args(By) or show not in get_args(Show):
        raise ValueError(
            f"by (={by!r}) is one of {get_args(By)}, show (={show!r}) of {get_args(Show)}"
        )
    longest = [record["elapsed_s"] for history in histories.values() for record in history]
    unit, time_title = _time_unit(max(longest, default=0))
    x_title = {"epoch": "Epoch", "step": "Step", "elapsed_s": time_title}[by]
    figure = style.figure(x_title, "PSNR (dB)" if show == "psnr" else "Loss")
    last = max((record[by] for history in histories.values() for record in history), default=0)
    if by != "elapsed_s" and last <= MOST_TICKS:  # by itself Plotly draws 1, 1.5, 2
        figure.update_xaxes(dtick=1)
    form = "%{y:.2f}" if show == "psnr" else "%{y:.5f}"
    colors = style.colors(histories)
    for name, history in histories.items():
        series = _curve(history, name, by, show, unit)
        figure.add_trace(style.line(series, colors[name], hovertemplate=form))
    return figure


def _finite(values: ArrayLike) -> np.ndarray:
    values = np.asarray(values, np.float64).ravel()
    return values[np.isfinite(values)]


def _counts(groups: Mapping[str, Any], bins: int) -> tuple[list[float], dict[str, list[int]]]:
    """Edges common to all groups, and the number of finite values of each group between them."""
    groups = {name: _finite(values) for name, values in groups.items()}
    together = np.concatenate([np.zeros(0), *groups.values()])
    if not len(together):
        return [], {name: [] for name in groups}
    edges = np.histogram_bin_edges(together, bins)
    counts = {name: np.histogram(values, edges)[0].tolist() for name, values in groups.items()}
    return edges.tolist(), counts


def histogram(values: ArrayLike, label: str, bins: int = 40) -> go.Figure:
    """A histogram with the median: of one array, or of several by name over common bins.

    label: the quantity with its unit. Values that are not finite are left out.
    """
    groups = values if isinstance(values, Mapping) else {"": values}
    edges, counts = _counts(groups, bins)
    figure = style.figure(label, "Images")
    figure.update_yaxes(rangemode="nonnegative")
    figure.update_layout(barmode="overlay", bargap=0.04, showlegend=len(groups) > 1)
    colors = style.colors(groups) if len(groups) > 1 else dict.fromkeys(groups, BLUE)
    middles = [(low + high) / 2 for low, high in zip(edges, edges[1:], strict=False)]
    for name, heights in counts.items():
        opacity = 0.65 if len(groups) > 1 else 1.0
        median = float(np.median(_finite(groups[name]))) if any(heights) else None
        # labels beside the lines would overlap where medians are close
        with_median = f"{name}, median {median:.3g}" if any(heights) else name
        figure.add_bar(
            x=middles,
            y=heights,
            name=style.plain(with_median),
            marker=dict(color=colors[name], line_width=0),
            opacity=opacity,
            hovertemplate="%{y}<extra>" + style.plain(name) + "</extra>",
        )
        if median is not None:
            line = dict(color=colors[name] if len(groups) > 1 else GRAY, dash="dash", width=1.5)
            text = dict(text=f"median {median:.3g}", yref="paper", y=1, yanchor="bottom")
            figure.add_vline(median, line=line, annotation=text if len(groups) == 1 else None)
    return figure


def rate_distortion(
    series: Mapping[str, Sequence[tuple[float, float]]],
    marked: Mapping[str, tuple[float, float]] | None = None,
) -> go.Figure:
    """PSNR over size, for each name a list of (bytes an image, PSNR in dB).

    marked: one point for some of the names, drawn large: the current setting.
    """
    figure = style.figure("Size (bytes per image)", "PSNR (dB)", hovermode="closest")
    figure.update_xaxes(type="log", dtick=math.log10(2), tick0=0, tickformat=",d")
    if not any(series.values()):
        figure.update_xaxes(range=[math.log10(16), math.log10(1024)])
    colors = style.colors([*series, *(marked or {})])
    form = "%{x:.0f} bytes<br>%{y:.2f} dB"
    for name, points in series.items():
        sizes, quality = _columns(sorted(points))
        line = style.line(Series(name, sizes, quality), colors[name], mode="lines+markers")
        figure.add_trace(line.update(hovertemplate=form, marker_size=5))
    for name, (size, quality) in (marked or {}).items():
        figure.add_scatter(
            x=[size],
            y=[quality],
            name=style.plain(name),
            mode="markers",
            marker=dict(color=colors[name], size=15, line=dict(color=GRAY, width=2)),
            hovertemplate=form,
            showlegend=False,
        )
    return figure


def _columns(points: Iterable[tuple[float, float]]) -> tuple[list[float], list[float]]:
    points = [(float(x), float(y)) for x, y in points]
    return [x for x, _ in points], [y for _, y in points]


def spectrum(spectra: Mapping[str, tuple[Any, Any]]) -> go.Figure:
    """Radial power spectra by name: (frequencies in cycles per pixel, power), both logarithmic."""
    figure = style.figure("Spatial frequency (cycles per pixel)", "Power")
    ticks = [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2]
    figure.update_xaxes(
        type="log",
        range=[math.log10(1 / 34), math.log10(0.53)],
        tickvals=ticks,
        ticktext=[f"1/{1 / tick:.0f}" for tick in ticks],
    )
    figure.update_yaxes(type="log", exponentformat="power", dtick=1)
    colors = style.colors(spectra)
    for name, (frequencies, power) in spectra.items():
        series = Series(name, *_columns(zip(frequencies, power, strict=True)))
        figure.add_trace(style.line(series, colors[name], hovertemplate="%{y:.2e}"))
    return figure


def _lost(bands: Any) -> tuple[list[str], list[float]]:
    """The name of each band of `metrics.band_error`, and its error in percent of its signal."""
    names = []
    for i, band in enumerate(bands):
        low, high = (f"1/{1 / max(edge, 1e-9):.0f}" for edge in (band.low, band.high))
        names.append(f"{low} to {high}" if 1 < i < len(bands) - 1 else f"below {high}")
        if i == 0:
            names[-1] = "brightness"
        elif i == len(bands) - 1:
            names[-1] = f"above {low}"
    return names, [100 * band.mse / band.signal if band.signal else 0.0 for band in bands]


def bands(errors: Mapping[str, Sequence[Any]]) -> go.Figure:
    """The error in each band of spatial frequencies: `metrics.band_error` by name."""
    figure = style.figure("Spatial frequency (cycles per pixel)", "Lost (% of the signal)")
    figure.update_layout(bargap=0.25, bargroupgap=0.05)
    figure.update_xaxes(type="category", unifiedhovertitle_text="%{x}")
    colors = style.colors(errors)
    for name, errors_by_band in errors.items():
        names, lost = _lost(errors_by_band)
        figure.add_bar(
            x=names,
            y=lost,
            name=style.plain(name),
            marker=dict(color=colors[name], line_width=0),
            hovertemplate="%{y:.1f}%",
        )
    return figure
