"""Figures of codes: the values of one, a map of many, and quantities along a path between them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from convae.plots import style
from convae.plots.style import BLUE, FAINT, GRAY, PALETTE, SPIKE, STYLE, Series


def code_bars(code: ArrayLike) -> go.Figure:
    """The values of one code, (d,), in order; None or an empty code gives the axes alone."""
    values = [] if code is None else np.asarray(code, float).ravel().tolist()
    figure = style.figure("Latent dimension", "Value", height=220)
    figure.update_layout(bargap=0.15 if len(values) < 200 else 0)
    figure.add_bar(
        x=list(range(len(values))), y=values, marker=dict(color=BLUE, line_width=0), name=""
    )
    return figure.update_traces(hovertemplate="dimension %{x}: %{y:.3f}")


def _groups(labels: ArrayLike, class_names: Sequence[str], n: int) -> list[tuple[str, list[int]]]:
    """The name of each class that has rows, and these rows, in the order of the classes."""
    if labels is None:
        return [("", list(range(n)))] if n else []
    labels = np.asarray(labels)
    named = [(str(name), np.flatnonzero(labels == i)) for i, name in enumerate(class_names)]
    rest = np.flatnonzero((labels < 0) | (labels >= len(class_names)))
    return [(name, rows.tolist()) for name, rows in [*named, ("no class", rest)] if len(rows)]


def _marker(count: int, dimensions: int) -> tuple[float, float]:
    """Size (px) and opacity of a point, from the number of points.

    Points in space are opaque: only then does WebGL compare their depths. Transparent ones are
    drawn class by class, and the last class covers all others.
    """
    if dimensions == 3:
        return 1 if count > 5_000 else 1.5 if count > 1_000 else 2, 1.0
    return 3 if count > 5_000 else 5, 0.8


def latent_scatter(
    points: ArrayLike,
    labels: ArrayLike | None = None,
    class_names: Sequence[str] = (),
    ids: ArrayLike | None = None,
    color: ArrayLike | None = None,
    label: str = "",
) -> go.Figure:
    """A map of codes: points (N, 2) or (N, 3), colored by class or by a number.

    labels: (N,) indices into class_names, or None. ids: (N,), returned by a selection as
    customdata; by default the rows. color: (N,) numbers instead of classes; label: their name.
    """
    points = np.asarray(points, np.float32)
    points = points if points.ndim == 2 and points.shape[1] in (2, 3) else points.reshape(-1, 2)
    ids = np.arange(len(points)) if ids is None else np.asarray(ids)
    figure = style.figure("", "", hovermode="closest", height=620)
    hidden = dict(showticklabels=False, title_text="", zeroline=False)
    figure.update_xaxes(**hidden, showgrid=False)
    figure.update_yaxes(**hidden, showgrid=False, scaleanchor="x")
    figure.update_layout(legend=dict(itemsizing="constant"))
    if points.shape[1] == 3:
        # a scene does not blend its grid with the page: no transparency here
        plane = dict(gridcolor=GRAY, showbackground=False, **hidden)
        # farther than Plotly's 1.25 each, where the map would be cut on a phone
        camera = dict(eye=dict(x=1.5, y=1.5, z=1.2))
        axes = dict(xaxis=plane, yaxis=plane, zaxis=plane)
        figure.update_layout(scene=dict(**axes, aspectmode="data", camera=camera))
    size, opacity = _marker(len(points), points.shape[1])
    groups = _groups(None if color is not None else labels, class_names, len(points))
    hues = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(map(str, class_names))}
    for name, rows in groups:
        marker = dict(
            size=size, opacity=opacity, color=hues.get(name, GRAY if labels is not None else BLUE)
        )
        if color is not None:
            bar = dict(title=dict(text=label, side="right"), thickness=12)
            marker |= dict(color=np.asarray(color), colorscale="Viridis", colorbar=bar)
        options = dict(
            mode="markers",
            marker=marker,
            name=style.plain(name),
            customdata=ids[rows],
            hovertemplate="image %{customdata}<extra>" + style.plain(name) + "</extra>",
        )
        columns = points[rows].T
        if len(columns) == 3:
            figure.add_scatter3d(x=columns[0], y=columns[1], z=columns[2], **options)
        else:
            figure.add_scattergl(x=columns[0], y=columns[1], **options)
    figure.update_layout(showlegend=len(groups) > 1)
    return figure


def path_inspector(
    values: Mapping[str, Any], frame: int | None = None, marks: Sequence[int] = ()
) -> go.Figure:
    """Quantities along paths: a row of the figure for each quantity (with its unit) over frames.

    values: numbers for each frame, or such numbers by path. frame: the frame of the slider. marks:
    frames to draw a faint line at.
    """
    if not values:
        return style.figure("Frame", "")
    names = [style.plain(name) for name in values]
    gap = 0.36 / len(values)
    figure = make_subplots(
        rows=len(values), shared_xaxes=True, vertical_spacing=gap, subplot_titles=names
    )
    # titles are left-aligned, so that long ones fit
    figure.update_annotations(x=0, xanchor="left", font_size=13)
    height = 110 + 130 * len(values)
    figure.update_layout(template=STYLE, height=height, hovermode="x unified", showlegend=False)
    figure.update_xaxes(SPIKE | dict(unifiedhovertitle_text="Frame: %{x}"))
    for i, (quantity, by_path) in enumerate(zip(names, values.values(), strict=True)):
        several = isinstance(by_path, Mapping)
        colors = style.colors(by_path) if several else {quantity: PALETTE[i % len(PALETTE)]}
        for name, numbers in by_path.items() if several else [(quantity, by_path)]:
            numbers = np.asarray(numbers, float).tolist()
            series = Series(name, list(range(len(numbers))), numbers)
            form = "%{y:.4g}" + ("" if several else "<extra></extra>")
            where = dict(xaxis=f"x{i + 1}", yaxis=f"y{i + 1}") if i else {}
            shown = dict(legendgroup=name, showlegend=several and i == 0, hovertemplate=form)
            figure.add_trace(style.line(series, colors[name], **where, **shown))
        if several:
            legend = dict(yref="container", y=1, yanchor="top")
            figure.update_layout(showlegend=True, margin_t=76, legend=legend)
    figure.update_xaxes(title_text="Frame", row=len(values), col=1)
    lines = [(mark, dict(color=FAINT, width=1)) for mark in marks]
    lines += [] if frame is None else [(frame, dict(color=GRAY, width=1, dash="dot"))]
    # across all rows at once: Plotly's add_vline takes 15 ms for each line
    across = dict(type="line", xref="x", yref="paper", y0=0, y1=1, layer="below")
    figure.update_layout(shapes=[across | dict(x0=x, x1=x, line=line) for x, line in lines])
    return figure
