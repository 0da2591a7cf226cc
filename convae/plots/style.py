"""What all figures share: the color table, the template, lines."""

import html
from collections.abc import Iterable
from typing import Any, NamedTuple

import plotly.graph_objects as go

# ten hues that keep a contrast of at least 3 to white and to near-black
PALETTE = "#3b7dd8 #d9730d #2e9e5b #e0454f #9b6bdf #1a9aa8 #d6559f #a9743f #8f9320 #7f8794".split()
BLUE, ORANGE, GREEN, RED, PURPLE, TEAL, PINK, BROWN, OLIVE, GRAY = PALETTE
COLORS = {
    "original": GRAY,
    "PCA": ORANGE,
    "JPEG": BROWN,
    "WebP": OLIVE,
    "training": ORANGE,
    "validation": BLUE,
    "normal": BLUE,
    "odd": RED,
    "Cross-fade": GRAY,
    "Straight line": BLUE,
    "Sphere": ORANGE,
    "Through real images": GREEN,
    "Spline": PURPLE,
}
FAINT = "rgba(127, 135, 148, 0.25)"
CLEAR = "rgba(0, 0, 0, 0)"

AXIS = dict(
    gridcolor=FAINT,
    linecolor=FAINT,
    zeroline=False,
    automargin=True,
    title_standoff=10,
)
# plotly draws a halo two pixels wider than the spike, white where the page shows through. At a
# width of -2 the halo is gone, and browsers draw the line itself one pixel wide.
SPIKE = dict(
    showspikes=True,
    spikecolor=GRAY,
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
        font=dict(color=GRAY, size=13),
        hoverlabel=dict(bgcolor="#2b303b", bordercolor="#2b303b", font=dict(color="#f2f4f8")),
        xaxis=AXIS,
        yaxis=AXIS,
        legend=dict(orientation="h", x=0, y=1.02, yanchor="bottom", title_text=""),
        margin=dict(l=8, r=8, t=32, b=8),
    )
)


class Series(NamedTuple):
    """One line: its name and its coordinates, of the same length."""

    name: str
    x: list[float]
    y: list[float]


def figure(
    x_title: str, y_title: str, hovermode: str = "x unified", height: int = 340
) -> go.Figure:
    """An empty figure in this style. Zoom and hidden lines are kept when the data change."""
    figure = go.Figure()
    figure.update_layout(template=STYLE, height=height, hovermode=hovermode, uirevision="keep")
    over = f"{x_title}: %{{x:,.5~r}}" if x_title else "%{x}"
    figure.update_xaxes(title_text=x_title, unifiedhovertitle_text=over)
    if hovermode == "x unified":
        figure.update_xaxes(SPIKE)
    figure.update_yaxes(title_text=y_title)
    return figure


def plain(text: str) -> str:
    """Text from outside, escaped so that Plotly does not interpret it as HTML."""
    return html.escape(str(text), quote=False)


def colors(names: Iterable[str]) -> dict[str, str]:
    """A color for each name: the one in COLORS, otherwise the next unused one."""
    names = list(dict.fromkeys(names))
    taken = {COLORS[name] for name in names if name in COLORS}
    free = [color for color in PALETTE if color not in taken] or PALETTE
    others = [name for name in names if name not in COLORS]
    spread = {name: free[i % len(free)] for i, name in enumerate(others)}
    return {name: COLORS.get(name) or spread[name] for name in names}


def line(series: Series, color: str, **options: Any) -> go.Scatter:
    """A series as a line, or as a marker if it is one point; options: those of go.Scatter."""
    line = dict(color=color, width=2) | options.pop("line", {})
    mode = options.pop("mode", "lines" if len(series.x) > 1 else "markers")
    return go.Scatter(
        x=series.x, y=series.y, name=plain(series.name), mode=mode, line=line, **options
    )
