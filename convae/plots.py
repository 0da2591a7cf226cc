"""Arrays in, plotly figures out. One colour table, one style, readable on light and on dark pages.

Each figure comes from a few plain numbers, made by the private function above it. No data is a
normal case: it gives the empty figure with its axes. Text from outside is escaped, as plotly reads
some HTML.
"""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

History = Sequence[Mapping[str, Any]]
By = Literal["epoch", "step", "elapsed_s"]
Show = Literal["loss", "psnr"]

# ten hues that keep a contrast of at least 3 to white and to near-black
PALETTE = "#3b7dd8 #d9730d #2e9e5b #e0454f #9b6bdf #1a9aa8 #d6559f #a9743f #8f9320 #7f8794".split()
BLUE, ORANGE, GREEN, RED, PURPLE, TEAL, PINK, BROWN, OLIVE, GREY = PALETTE
COLOURS = {
    "original": GREY,
    "PCA": ORANGE,
    "JPEG": BROWN,
    "WebP": OLIVE,
    "training": ORANGE,
    "validation": BLUE,
    "normal": BLUE,
    "odd": RED,
    "Cross-fade": GREY,
    "Straight line": BLUE,
    "Sphere": ORANGE,
    "Through real images": GREEN,
    "Spline": PURPLE,
}
FAINT = "rgba(127, 135, 148, 0.25)"
CLEAR = "rgba(0, 0, 0, 0)"

_AXIS = dict(
    gridcolor=FAINT,
    linecolor=FAINT,
    zeroline=False,
    automargin=True,
    title_standoff=10,
)
# plotly draws a halo two pixels wider than the spike, white where the page shows through. At a
# width of -2 the halo is gone, and browsers draw the line itself one pixel wide.
_SPIKE = dict(
    showspikes=True,
    spikecolor=GREY,
    spikethickness=-2,
    spikedash="solid",
    spikemode="across",
    spikesnap="hovered data",
)
STYLE = go.layout.Template(
    layout=dict(
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        colorway=PALETTE,
        font=dict(color=GREY, size=13),
        hoverlabel=dict(bgcolor="#2b303b", bordercolor="#2b303b", font=dict(color="#f2f4f8")),
        xaxis=_AXIS,
        yaxis=_AXIS,
        legend=dict(orientation="h", x=0, y=1.02, yanchor="bottom", title_text=""),
        margin=dict(l=8, r=8, t=32, b=8),
    )
)


class Series(NamedTuple):
    """One line: its name, where it lies, and the numbers of the same length."""

    name: str
    x: list[float]
    y: list[float]


def _figure(x_title: str, y_title: str, hovermode: str = "x unified", height: int = 340):
    figure = go.Figure()
    figure.update_layout(template=STYLE, height=height, hovermode=hovermode, uirevision="keep")
    over = f"{x_title}: %{{x:,.5~r}}" if x_title else "%{x}"
    figure.update_xaxes(title_text=x_title, unifiedhovertitle_text=over)
    if hovermode == "x unified":
        figure.update_xaxes(_SPIKE)
    figure.update_yaxes(title_text=y_title)
    return figure


def _plain(text: str) -> str:
    return html.escape(str(text), quote=False)


def _colours(names) -> dict[str, str]:
    """A colour for each name: its own where it has one, otherwise the next that is free."""
    names = list(dict.fromkeys(names))
    taken = {COLOURS[name] for name in names if name in COLOURS}
    free = [colour for colour in PALETTE if colour not in taken] or PALETTE
    others = [name for name in names if name not in COLOURS]
    spread = {name: free[i % len(free)] for i, name in enumerate(others)}
    return {name: COLOURS.get(name) or spread[name] for name in names}


def _line(series: Series, colour: str, **options) -> go.Scatter:
    line = dict(color=colour, width=2) | options.pop("line", {})
    mode = options.pop("mode", "lines" if len(series.x) > 1 else "markers")
    return go.Scatter(
        x=series.x, y=series.y, name=_plain(series.name), mode=mode, line=line, **options
    )


def _time_unit(longest_s: float) -> tuple[float, str]:
    if longest_s < 180:
        return 1.0, "Time (s)"
    return (60.0, "Time (min)") if longest_s < 3 * 3600 else (3600.0, "Time (h)")


def _x_of(history: History, by: By, unit: float = 1.0) -> list[float]:
    if by not in ("epoch", "step", "elapsed_s"):
        raise ValueError(f"by (={by!r}) must be epoch, step or elapsed_s")
    return [record[by] / unit if by == "elapsed_s" else record[by] for record in history]


def _curve(history: History, key: str, name: str, by: By, unit: float = 1.0) -> Series:
    """The records that have a finite number under key, in order."""
    points = [
        (x, record[key])
        for x, record in zip(_x_of(history, by, unit), history, strict=True)
        if record.get(key) is not None and math.isfinite(record[key])
    ]
    return Series(name, [x for x, _ in points], [y for _, y in points])


def _curves(history: History, by: By, show: Show, unit: float = 1.0) -> list[Series]:
    if show not in ("loss", "psnr"):
        raise ValueError(f"show (={show!r}) must be loss or psnr")
    keys = {"train_loss": "training", "val_loss": "validation"}
    if show == "psnr":
        keys = {"val_psnr": "validation"}
    return [_curve(history, key, name, by, unit) for key, name in keys.items()]


def _best(series: Series, show: Show) -> tuple[float, float] | None:
    """The best point of a curve, the earliest where several are as good."""
    if not series.y:
        return None
    pick = max if show == "psnr" else min
    return series.x[series.y.index(pick(series.y))], pick(series.y)


def _event_places(history: History, events, by: By, unit: float = 1.0) -> list[tuple[float, str]]:
    """Where an event lies on the axis: between two records in proportion to its step."""
    if not history:
        return []
    steps, places = [record["step"] for record in history], _x_of(history, by, unit)
    return [
        (float(np.interp(event["step"], [0, *steps], [0, *places])), event["what"])
        for event in events
    ]


def _x_title(by: By, time_title: str) -> str:
    return {"epoch": "Epoch", "step": "Step", "elapsed_s": time_title}[by]


def loss_curves(
    history: History,
    by: By = "epoch",
    show: Show = "loss",
    log: bool = False,
    rungs: Mapping[str, float] | None = None,
    events: Sequence[Mapping[str, Any]] = (),
    label: str = "Loss",
) -> go.Figure:
    """How a run goes: training and validation loss, or the PSNR of the validation images.

    history: a dict for each record with epoch, step, train_loss, val_loss, val_psnr, elapsed_s; a
    value that is missing or not finite leaves no point. rungs: levels to beat, drawn as dashed
    lines under their names. events: dicts with step and what, drawn upright. label: what the loss
    is, with its unit. The best point is marked.
    """
    unit, time_title = _time_unit(max((record["elapsed_s"] for record in history), default=0))
    curves = _curves(history, by, show, unit)
    y_title = "PSNR (dB)" if show == "psnr" else label
    figure = _figure(_x_title(by, time_title), y_title)
    form = "%{y:.2f}" if show == "psnr" else "%{y:.5f}"
    for series in curves:
        figure.add_trace(_line(series, COLOURS[series.name], hovertemplate=form))
    best = _best(curves[-1], show)
    if best:
        marker = dict(symbol="star", size=11, color=COLOURS["validation"])
        figure.add_scatter(
            x=best[:1], y=best[1:], mode="markers", name="best", marker=marker, hoverinfo="skip"
        )
    places = [x for series in curves for x in series.x] or [0, 1]
    _add_rungs(figure, rungs or {}, max(places), form)
    # where a falling or a rising curve leaves room
    side = dict(y=0, yanchor="bottom") if show == "psnr" else dict(y=1, yanchor="top")
    for x, text in _event_places(history, events, by, unit):
        words = dict(text=_plain(text), textangle=-90, xanchor="right", **side)
        figure.add_vline(x, line=dict(color=GREY, width=1, dash="dot"), annotation=words)
    return _logarithmic(figure, log)


def _add_rungs(figure, rungs, right, form) -> None:
    # traces and not shapes, so that the axis stretches to show them
    for name, level in rungs.items():
        figure.add_scatter(
            x=[0, right],
            y=[level, level],
            name=_plain(name),
            text=[_plain(name), ""],
            mode="lines+text",
            textposition="top right",
            textfont=dict(color=GREY, size=12),
            line=dict(color=GREY, width=1.5, dash="dash"),
            hovertemplate=form,
            showlegend=False,
        )


def _logarithmic(figure, log: bool) -> go.Figure:
    if log:
        figure.update_yaxes(type="log")
    return figure


def compare_runs(
    histories: Mapping[str, History],
    by: By = "epoch",
    show: Show = "psnr",
    log: bool = False,
    rungs: Mapping[str, float] | None = None,
    label: str = "Loss",
) -> go.Figure:
    """Several runs in one figure: the validation curve of each. Arguments as in `loss_curves`."""
    longest = [record["elapsed_s"] for history in histories.values() for record in history]
    unit, time_title = _time_unit(max(longest, default=0))
    y_title = "PSNR (dB)" if show == "psnr" else label
    figure = _figure(_x_title(by, time_title), y_title)
    form = "%{y:.2f}" if show == "psnr" else "%{y:.5f}"
    colours, places = _colours(histories), []
    for name, history in histories.items():
        series = _curves(history, by, show, unit)[-1]._replace(name=name)
        places += series.x
        figure.add_trace(_line(series, colours[name], hovertemplate=form))
    _add_rungs(figure, rungs or {}, max(places, default=1), form)
    return _logarithmic(figure, log)


def _finite(values) -> np.ndarray:
    values = np.asarray(values, np.float64).ravel()
    return values[np.isfinite(values)]


def _counts(groups: Mapping[str, Any], bins: int) -> tuple[list[float], dict[str, list[int]]]:
    """Edges common to all groups, and how many finite values of each lie between them."""
    groups = {name: _finite(values) for name, values in groups.items()}
    together = np.concatenate([np.zeros(0), *groups.values()])
    if not len(together):
        return [], {name: [] for name in groups}
    edges = np.histogram_bin_edges(together, bins)
    counts = {name: np.histogram(values, edges)[0].tolist() for name, values in groups.items()}
    return edges.tolist(), counts


def histogram(values, label: str, bins: int = 40) -> go.Figure:
    """How values spread, with their median: an array, or several by name, over common bins.

    label: what the values are, with the unit. Values that are not finite are left out.
    """
    groups = values if isinstance(values, Mapping) else {"": values}
    edges, counts = _counts(groups, bins)
    figure = _figure(label, "Images")
    figure.update_yaxes(rangemode="nonnegative")
    figure.update_layout(barmode="overlay", bargap=0.04, showlegend=len(groups) > 1)
    colours = _colours(groups) if len(groups) > 1 else dict.fromkeys(groups, BLUE)
    middles = [(low + high) / 2 for low, high in zip(edges, edges[1:], strict=False)]
    for name, heights in counts.items():
        opacity = 0.65 if len(groups) > 1 else 1.0
        median = float(np.median(_finite(groups[name]))) if any(heights) else None
        # words over the lines would overlap where medians lie close together
        with_median = f"{name}, median {median:.3g}" if any(heights) else name
        figure.add_bar(
            x=middles,
            y=heights,
            name=_plain(with_median),
            marker=dict(color=colours[name], line_width=0),
            opacity=opacity,
            hovertemplate="%{y}<extra>" + _plain(name) + "</extra>",
        )
        if median is not None:
            line = dict(color=colours[name] if len(groups) > 1 else GREY, dash="dash", width=1.5)
            text = dict(text=f"median {median:.3g}", yref="paper", y=1, yanchor="bottom")
            figure.add_vline(median, line=line, annotation=text if len(groups) == 1 else None)
    return figure


def rate_distortion(
    series: Mapping[str, Sequence[tuple[float, float]]],
    marked: Mapping[str, tuple[float, float]] | None = None,
) -> go.Figure:
    """PSNR over size, for each name a list of (bytes an image, PSNR in dB).

    marked: one point for some of the names, drawn large: where the slider stands.
    """
    figure = _figure("Size (bytes per image)", "PSNR (dB)", hovermode="closest")
    figure.update_xaxes(type="log", dtick=math.log10(2), tick0=0, tickformat=",d")
    if not any(series.values()):
        figure.update_xaxes(range=[math.log10(16), math.log10(1024)])
    colours = _colours([*series, *(marked or {})])
    form = "%{x:.0f} bytes<br>%{y:.2f} dB"
    for name, points in series.items():
        sizes, quality = _columns(sorted(points))
        line = _line(Series(name, sizes, quality), colours[name], mode="lines+markers")
        figure.add_trace(line.update(hovertemplate=form, marker_size=5))
    for name, (size, quality) in (marked or {}).items():
        figure.add_scatter(
            x=[size],
            y=[quality],
            name=_plain(name),
            mode="markers",
            marker=dict(color=colours[name], size=15, line=dict(color=GREY, width=2)),
            hovertemplate=form,
            showlegend=False,
        )
    return figure


def _columns(points) -> tuple[list[float], list[float]]:
    points = [(float(x), float(y)) for x, y in points]
    return [x for x, _ in points], [y for _, y in points]


def spectrum(spectra: Mapping[str, tuple[Any, Any]]) -> go.Figure:
    """Radial power spectra by name: (frequencies in cycles per pixel, power), both logarithmic."""
    figure = _figure("Spatial frequency (cycles per pixel)", "Power")
    ticks = [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2]
    figure.update_xaxes(
        type="log",
        range=[math.log10(1 / 34), math.log10(0.53)],
        tickvals=ticks,
        ticktext=[f"1/{1 / tick:.0f}" for tick in ticks],
    )
    figure.update_yaxes(type="log", exponentformat="power", dtick=1)
    colours = _colours(spectra)
    for name, (frequencies, power) in spectra.items():
        series = Series(name, *_columns(zip(frequencies, power, strict=True)))
        figure.add_trace(_line(series, colours[name], hovertemplate="%{y:.2e}"))
    return figure


def _lost(bands) -> tuple[list[str], list[float]]:
    """The name of each band of `metrics.band_error`, and the percentage of its signal lost."""
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
    """What is lost in each band of spatial frequencies: `metrics.band_error` by name."""
    figure = _figure("Spatial frequency (cycles per pixel)", "Lost (% of the signal)")
    figure.update_layout(bargap=0.25, bargroupgap=0.05)
    figure.update_xaxes(type="category", unifiedhovertitle_text="%{x}")
    colours = _colours(errors)
    for name, each in errors.items():
        names, lost = _lost(each)
        figure.add_bar(
            x=names,
            y=lost,
            name=_plain(name),
            marker=dict(color=colours[name], line_width=0),
            hovertemplate="%{y:.1f} %",
        )
    return figure


def code_bars(code) -> go.Figure:
    """The values of one code, (d,), in their order; None or an empty one gives the axes alone."""
    values = [] if code is None else np.asarray(code, float).ravel().tolist()
    figure = _figure("Place in the code", "Value", height=220)
    figure.update_layout(bargap=0.15 if len(values) < 200 else 0)
    figure.add_bar(
        x=list(range(len(values))), y=values, marker=dict(color=BLUE, line_width=0), name=""
    )
    return figure.update_traces(hovertemplate="value %{x}: %{y:.3f}")


def _groups(labels, class_names: Sequence[str], n: int) -> list[tuple[str, list[int]]]:
    """The name of each class and the rows in it, in the order of the classes; empty ones not."""
    if labels is None:
        return [("", list(range(n)))] if n else []
    labels = np.asarray(labels)
    named = [(str(name), np.flatnonzero(labels == i)) for i, name in enumerate(class_names)]
    rest = np.flatnonzero((labels < 0) | (labels >= len(class_names)))
    return [(name, rows.tolist()) for name, rows in [*named, ("no class", rest)] if len(rows)]


def latent_scatter(
    points, labels=None, class_names: Sequence[str] = (), ids=None, colour=None, label: str = ""
) -> go.Figure:
    """A map of codes: points (N, 2) or (N, 3), a colour for each class, or by a number.

    labels: (N,) indices into class_names, or None. ids: (N,), what a selection gives back in
    customdata; by default the rows. colour: (N,) numbers instead of classes; label: what they are.
    """
    points = np.asarray(points, np.float32)
    points = points if points.ndim == 2 and points.shape[1] in (2, 3) else points.reshape(-1, 2)
    ids = np.arange(len(points)) if ids is None else np.asarray(ids)
    figure = _figure("", "", hovermode="closest", height=620)
    hidden = dict(showticklabels=False, title_text="", zeroline=False)
    figure.update_xaxes(**hidden, showgrid=False)
    figure.update_yaxes(**hidden, showgrid=False, scaleanchor="x")
    figure.update_layout(legend=dict(itemsizing="constant"))
    if points.shape[1] == 3:
        # a scene does not blend its grid with the page: no transparency here
        plane = dict(gridcolor=GREY, showbackground=False, **hidden)
        figure.update_layout(scene=dict(xaxis=plane, yaxis=plane, zaxis=plane, aspectmode="data"))
    size = 3 if points.shape[1] == 3 or len(points) > 5_000 else 5
    groups = _groups(None if colour is not None else labels, class_names, len(points))
    hues = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(map(str, class_names))}
    for name, rows in groups:
        marker = dict(
            size=size, opacity=0.8, color=hues.get(name, GREY if labels is not None else BLUE)
        )
        if colour is not None:
            bar = dict(title=dict(text=label, side="right"), thickness=12)
            marker |= dict(color=np.asarray(colour), colorscale="Viridis", colorbar=bar)
        options = dict(
            mode="markers",
            marker=marker,
            name=_plain(name),
            customdata=ids[rows],
            hovertemplate="image %{customdata}<extra>" + _plain(name) + "</extra>",
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
    """What happens along paths: a row for each quantity (with its unit) over the frames.

    values: numbers for each frame, or such numbers by path. frame: where the slider stands. marks:
    frames to draw a faint line at.
    """
    if not values:
        return _figure("Frame", "")
    names = [_plain(name) for name in values]
    gap = 0.36 / len(values)
    figure = make_subplots(
        rows=len(values), shared_xaxes=True, vertical_spacing=gap, subplot_titles=names
    )
    # each title stands over the left end of its row, where a long one has room
    figure.update_annotations(x=0, xanchor="left", font_size=13)
    height = 110 + 130 * len(values)
    figure.update_layout(template=STYLE, height=height, hovermode="x unified", showlegend=False)
    figure.update_xaxes(_SPIKE | dict(unifiedhovertitle_text="Frame: %{x}"))
    for i, (quantity, by_path) in enumerate(zip(names, values.values(), strict=True)):
        several = isinstance(by_path, Mapping)
        colours = _colours(by_path) if several else {quantity: PALETTE[i % len(PALETTE)]}
        for name, numbers in by_path.items() if several else [(quantity, by_path)]:
            numbers = np.asarray(numbers, float).tolist()
            series = Series(name, list(range(len(numbers))), numbers)
            form = "%{y:.4g}" + ("" if several else "<extra></extra>")
            where = dict(xaxis=f"x{i + 1}", yaxis=f"y{i + 1}") if i else {}
            shown = dict(legendgroup=name, showlegend=several and i == 0, hovertemplate=form)
            figure.add_trace(_line(series, colours[name], **where, **shown))
        if several:
            legend = dict(yref="container", y=1, yanchor="top")
            figure.update_layout(showlegend=True, margin_t=76, legend=legend)
    figure.update_xaxes(title_text="Frame", row=len(values), col=1)
    lines = [(mark, dict(color=FAINT, width=1)) for mark in marks]
    lines += [] if frame is None else [(frame, dict(color=GREY, width=1, dash="dot"))]
    # through all rows at once: plotly's own add_vline takes 15 ms for each
    across = dict(type="line", xref="x", yref="paper", y0=0, y1=1, layer="below")
    figure.update_layout(shapes=[across | dict(x0=x, x1=x, line=line) for x, line in lines])
    return figure


def sparkline(values) -> go.Figure:
    """A line as small as a word: no axes, no margins."""
    values = np.asarray(values, float).ravel().tolist()
    figure = _figure("", "", hovermode="closest", height=56)
    figure.update_layout(margin=dict(l=2, r=2, t=2, b=2), showlegend=False)
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    series = Series("", list(range(len(values))), values)
    return figure.add_trace(_line(series, BLUE, hovertemplate="%{y:.4g}<extra></extra>"))
