"""The chart of a map: plotly draws the points, two small components add what plotly lacks.

`hover` shows the image under the pointer, from one sheet of all thumbnails. `marks` draws lines and
rings over the chart and reports clicks on points and on blank space, and lasso selections. The
figure itself never changes meanwhile: Streamlit would draw it anew, and zoom and hidden classes
would be lost. The scripts find the chart by the class of its key.
"""

import io
from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from PIL import Image

from convae import images as pixels
from convae.ui.components import component

CHART = "latent-chart"  # key of the chart; the scripts find it by its class
COLUMNS = 100  # thumbnails side by side on the sheet
SHEET = {"COLUMNS": COLUMNS, "SIDE": 96}  # for the scripts; SIDE: CSS pixels of a shown thumbnail


def chart(figure: go.Figure, alt: str, flat: bool) -> None:
    """The figure of `plots.latent_scatter`; the same figure stays as it is on the screen."""
    drags = ["lasso2d", "select2d", "zoom2d", "pan2d"]
    turns = ["tableRotation", "orbitRotation", "zoom3d", "pan3d"]
    steps = ["zoomIn2d", "zoomOut2d", "resetScale2d"]
    groups = [drags, steps] if flat else [turns, ["resetCameraDefault3d"]]
    st.plotly_chart(
        figure,
        key=CHART,
        alt=alt,
        config={
            "displaylogo": False,
            "displayModeBar": True,
            "toImageButtonOptions": {"filename": "latent-map", "scale": 2},
            # listed one by one: Streamlit 1.67 removes the lasso from charts without on_select
            "modeBarButtons": [["toImage"], *groups],
        },
    )


def hover(sheet: bytes) -> None:
    """Show the image of the point under the pointer; sheet: what `thumbnails` made."""
    hover_component = component("map_hover", "follow_chart", "hover_card", CHART=CHART, **SHEET)
    hover_component(data=sheet, key="latent-hover", height=1)


def marks(lines: list[dict], dots: list[dict], on_event: Callable[[dict], None]) -> None:
    """Draw over the chart, and report what is done on it.

    lines: points [[x, y], ...], kind, dashed; dots: at [x, y], kind, small; a third coordinate on
    3-D maps. on_event gets a dict: kind point with id, spot with at [x, y], lasso with ids, or
    clear.
    """

    def forward() -> None:
        if event := st.session_state["latent-marks"].get("event"):
            on_event(event)

    component("map_marks", "follow_chart", CHART=CHART)(
        data={"lines": lines, "dots": dots},
        key="latent-marks",
        on_event_change=forward,
        height=1,
    )


def thumbnails(images: np.ndarray) -> bytes:
    """All images uint8 (N, 32, 32, 3) on one WebP sheet, 100 in a row."""
    rows = max(1, -(-len(images) // COLUMNS))
    tiles = np.zeros((rows * COLUMNS, 32, 32, 3), np.uint8)
    tiles[: len(images)] = images
    sheet = pixels.contact_sheet(tiles, COLUMNS, scale=1, gap=0)
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "WEBP", quality=75, method=0)
    return buffer.getvalue()
