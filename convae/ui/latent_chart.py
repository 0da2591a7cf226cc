"""The chart on the Latent map page: its colours, and what is clicked or looped on it."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from convae import colourings, metrics, plots, truth
from convae.data import ImageSet
from convae.projection import Map
from convae.ui import caches, mapchart
from convae.ui.latent import BOUND, View


def figure_of(view: View) -> go.Figure:
    """The figure as one keeps it: `show` changes what only a live one needs."""
    labels, names, values, said = _coloured(view)
    rows = view.shown
    return plots.latent_scatter(
        view.map.points[rows],
        None if labels is None else labels[rows],
        names,
        rows,
        None if values is None else values[rows],
        said,
    )


def show(view: View, lines: Sequence[dict], dots: Sequence[dict]) -> None:
    """The chart, the thumbnails under the pointer, and the lines and rings drawn over it."""
    figure = figure_of(view)
    rows = view.shown
    figure.update_traces(hoverinfo="none", hovertemplate=None)
    # below the chart: above it are plotly's own buttons
    figure.update_layout(legend=dict(y=-0.02, yanchor="top"), margin=dict(t=36))
    flat = view.settings.dimensions == 2
    if flat:
        figure.update_traces(unselected=dict(marker=dict(color=plots.GREY, opacity=0.25)))
        figure.update_layout(dragmode="lasso")
        if view.settings.method == "UMAP":  # its distances have no unit: let it fill the chart
            figure.update_yaxes(scaleanchor=False)
    what = f"{view.settings.method} map of {len(rows):,} codes, coloured by {view.colour.lower()}"
    mapchart.chart(figure, what, flat)
    told = partial(_happened, view.key, view.images.fingerprint)
    mapchart.marks(list(lines), list(dots), told)
    mapchart.hover(_thumbnails(view.images.fingerprint, view.images))


@st.cache_resource(max_entries=4, show_spinner=False)
def _thumbnails(fingerprint: str, _images: ImageSet) -> bytes:
    return mapchart.thumbnails(_images.images)


def _coloured(view: View):
    """(labels, class names) or (values, what they are), whichever colours the points."""
    if view.colour == "Class":
        return view.images.labels, view.images.class_names, None, ""
    if view.colour == "Cluster":
        labels = _clusters(view.checkpoint.sha256, view.images.fingerprint, view.codes)
        return labels, [f"cluster {i + 1}" for i in range(labels.max() + 1)], None, ""
    if view.colour == "PSNR":
        rebuilt = caches.rebuilt_of(view.checkpoint, view.images)
        values = metrics.psnr(view.images.images, rebuilt)
        return None, (), np.clip(values, *np.quantile(values, [0.01, 0.99])), "PSNR (dB)"
    if view.colour == "Oddness":
        values = _oddness(view.checkpoint.sha256, view.images.fingerprint, view.codes)
        return None, (), np.clip(values, *np.quantile(values, [0.01, 0.99])), "Distance (spreads)"
    kept = _kept(view.key, view.map)
    return None, (), kept, "Neighbours kept (share)"


@st.cache_resource(max_entries=8, show_spinner="Looking for groups")
def _clusters(sha256: str, fingerprint: str, _codes) -> np.ndarray:
    return colourings.clusters(_codes, 10)


@st.cache_resource(max_entries=8, show_spinner=False)
def _oddness(sha256: str, fingerprint: str, _codes) -> np.ndarray:
    return colourings.oddness(_codes)


@st.cache_resource(max_entries=8, show_spinner="Comparing neighbours")
def _kept(key: str, _map: Map) -> np.ndarray:
    return truth.kept_neighbours(_map.codes, _map.points)


def _happened(key: str, fingerprint: str, event: dict) -> None:
    """What was done on the chart of this map, before the page is drawn anew."""
    state = st.session_state
    if event["kind"] == "point":
        chosen = int(event["id"])
        if chosen != state.get("latent-point"):
            state["latent-from"] = state.get("latent-point")
        state["latent-point"] = chosen
    # a spot belongs to one map, a loop to one set of images
    of = key if event["kind"] == "spot" else fingerprint
    state["latent-event"] = event | {"of": of}


def happened(view: View) -> dict:
    """What is looked at: a point, a spot or a loop; numbers that fit these images."""
    event = st.session_state.get("latent-event") or {"kind": "point"}
    if event.get("of") not in (view.key, view.images.fingerprint):
        return {"kind": "point"}
    if event["kind"] == "lasso":
        ids = np.array([i for i in event["ids"] if i is not None and 0 <= i < len(view.images)])
        return {"kind": "lasso", "ids": ids} if len(ids) else {"kind": "point"}
    if event["kind"] == "spot" and view.settings.dimensions == 2:
        return {"kind": "spot", "at": np.array(event["at"], np.float32)}
    return {"kind": "point"}


def pick_points(view: View) -> tuple[int, int | None]:
    """The chosen image and, if there is one, that from which a walk leads to it."""
    last = len(view.images) - 1
    for name in ("latent-point", "latent-from"):
        if (st.session_state.get(name) or 0) > last:
            st.session_state[name] = None if name == "latent-from" else 0
    chosen = st.number_input(
        "Image", 0, last, "min", key="latent-point",
        help="A click on a point sets it too.", on_change=_look_at_point, **BOUND,
    )  # fmt: skip
    start = st.number_input(
        "Walk from", 0, last, None, key="latent-from", placeholder="none",
        help="The image that was chosen before: click two points to walk from one to the other.",
        **BOUND,
    )  # fmt: skip
    return chosen, start


def _look_at_point() -> None:
    st.session_state["latent-event"] = {"kind": "point"}
