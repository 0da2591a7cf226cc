"""The chart on the Latent map page: its colors, and what is clicked or looped on it."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from convae import plots
from convae.data import ImageSet
from convae.evaluation import metrics
from convae.latent import clustering
from convae.projection import fidelity
from convae.projection.maps import Map
from convae.ui import caches, charts, frame
from convae.ui.address import BOUND
from convae.ui.components import hover_card, map_overlay
from convae.ui.latent_map import address
from convae.ui.latent_map.address import SELECTION, SPOT
from convae.ui.latent_map.view import View

GUIDE = {
    2: "Click an **empty place** to decode the code there, or **draw a selection** around a group.",
    3: "**Drag** the map to rotate it, scroll to zoom.",
}
DRAWN = "latent-drawn"  # what the chart in the browser shows as selected


def figure_of(view: View) -> go.Figure:
    """The figure as one keeps it: `show` changes what only a live one needs."""
    labels, names, values, message = _colored(view)
    rows = view.shown
    return plots.latent_scatter(
        view.points[rows],
        None if labels is None else labels[rows],
        names,
        rows,
        None if values is None else values[rows],
        message,
    )


def html_of(view: View) -> str:
    """The chart as a page of its own, with the thumbnails of the images that are drawn."""
    sheet = map_overlay.thumbnails(view.images.images[view.shown])
    return hover_card.html_of(figure_of(view), sheet, view.shown)


def needs_codes(view: View) -> bool:
    """Whether the chart is made from codes, and not from a UMAP that is kept and from classes."""
    return view.made is None or view.color != "Class"


def show(view: View) -> None:
    """The chart and the thumbnails under the pointer."""
    rows, flat = view.shown, view.settings.dimensions == 2
    selection, number = _drawn(view) if flat else ("", 0)
    key = (
        view.key, view.color, view.images.fingerprint, caches.digest_of(rows), selection, number,
    )  # fmt: skip
    figure = charts.keyed(key, lambda: _live_figure(view, _ids_of(view, selection), number))
    what = f"{view.settings.method} map of {len(rows):,} codes, colored by {view.color.lower()}"
    map_overlay.chart(figure, what, flat)
    map_overlay.hover(_thumbnails(view.images.fingerprint, view.images))


def mark(view: View, lines: Sequence[dict], dots: Sequence[dict]) -> None:
    """Lines and rings over the chart, and what is done on it."""
    map_overlay.marks(list(lines), list(dots), partial(_happened, view))


def _live_figure(view: View, selected: np.ndarray | None, number: int) -> go.Figure:
    figure = figure_of(view)
    figure.update_layout(meta={"number": number})  # another figure is drawn anew
    figure.update_traces(hoverinfo="none", hovertemplate=None)
    # below the chart: above it are plotly's own buttons
    figure.update_layout(legend=dict(y=-0.02, yanchor="top"), margin=dict(t=36))
    if view.settings.dimensions == 2:
        figure.update_traces(unselected=dict(marker=dict(color=plots.GRAY, opacity=0.25)))
        figure.update_layout(dragmode="lasso")
        if selected is not None:
            for trace in figure.data:
                trace.selectedpoints = np.flatnonzero(np.isin(trace.customdata, selected))
        if view.settings.method == "UMAP":  # its distances have no unit: let it fill the chart
            figure.update_yaxes(scaleanchor=False)
    return figure


def _drawn(view: View) -> tuple[str, int]:
    """The selection that the figure is made with, which grays out the rest, and how often it was
    made anew for the sake of the selection.

    A lasso grays out points in the browser, without a new figure: that would lose zoom and hidden
    classes. Only where the browser shows another selection than the page is the figure new.
    """
    state, identity = st.session_state, (view.key, view.color, view.shown.tobytes())
    wanted = state.get(SELECTION) or state.get("latent-before") or ""
    if not wanted.endswith("~" + view.whole.fingerprint[:8]):
        wanted = ""
    drawn = state.get(DRAWN)
    if drawn is None or drawn["identity"] != identity:
        drawn = {"identity": identity, "figure": wanted, "browser": wanted, "number": 0}
    elif drawn["browser"] != wanted:
        drawn |= {"figure": wanted, "browser": wanted, "number": drawn["number"] + 1}
    state[DRAWN] = drawn
    return drawn["figure"], drawn["number"]


def _ids_of(view: View, selection: str) -> np.ndarray | None:
    """The images of a selection, as the address writes it; None without one."""
    rows = address.unpack(selection.rpartition("~")[0], len(view.whole)) if selection else None
    return None if rows is None else np.flatnonzero(np.isin(view.rows, rows))


@st.cache_resource(max_entries=4, show_spinner=False)
def _thumbnails(fingerprint: str, _images: ImageSet) -> bytes:
    return map_overlay.thumbnails(_images.images)


def _colored(view: View) -> tuple[np.ndarray | None, Sequence[str], np.ndarray | None, str]:
    """(labels, class names) or (values, what they are), whichever colors the points."""
    if view.color == "Class":
        return view.images.labels, view.images.class_names, None, ""
    if view.color == "Cluster":
        labels = _clusters(view.checkpoint.sha256, view.images.fingerprint, view.codes)
        return labels, [f"cluster {i + 1}" for i in range(labels.max() + 1)], None, ""
    if view.color == "PSNR":
        rebuilt = caches.rebuilt_of(view.checkpoint, view.images)
        values = metrics.psnr(view.images.images, rebuilt)
        return None, (), np.clip(values, *np.quantile(values, [0.01, 0.99])), "PSNR (dB)"
    if view.color == "Mahalanobis distance":
        values = _mahalanobis(view.checkpoint.sha256, view.images.fingerprint, view.codes)
        return None, (), np.clip(values, *np.quantile(values, [0.01, 0.99])), "Mahalanobis distance"
    kept = _kept(view.key, view.map)
    return None, (), kept, "Neighborhood preservation"


@st.cache_resource(max_entries=8, show_spinner="Clustering the codes")
def _clusters(sha256: str, fingerprint: str, _codes: np.ndarray) -> np.ndarray:
    return clustering.clusters(_codes, 10)


@st.cache_resource(max_entries=8, show_spinner=False)
def _mahalanobis(sha256: str, fingerprint: str, _codes: np.ndarray) -> np.ndarray:
    return clustering.mahalanobis(_codes)


@st.cache_resource(max_entries=8, show_spinner="Comparing neighborhoods")
def _kept(key: str, _map: Map) -> np.ndarray:
    return fidelity.kept_neighbors(_map.codes, _map.points)


def _happened(view: View, event: dict) -> None:
    """What was done on the chart of this map, before the page is drawn anew."""
    if event["kind"] == "point":
        choose(int(event["id"]))
    elif event["kind"] == "spot":
        forget()
        address.write_spot(event["at"], view.key)
    else:
        forget()
        if event["kind"] == "lasso":
            select(view, [n for n in event["ids"] if n is not None and 0 <= n < len(view.images)])
        if DRAWN in st.session_state:
            st.session_state[DRAWN]["browser"] = st.session_state.get(SELECTION) or ""


def select(view: View, ids: Sequence[int]) -> None:
    if len(ids):
        whole = view.whole
        address.write_rows(SELECTION, view.rows[ids], len(whole), whole.fingerprint)


def choose(number: int) -> None:
    """Look at this image; a selection can be returned to."""
    state = st.session_state
    if number != state.get("latent-point"):
        state["latent-from"] = state.get("latent-point")
    state["latent-point"] = number
    _look_at_point()


def forget() -> None:
    """No spot and no selection."""
    st.session_state.pop("latent-before", None)
    for field in (SPOT, SELECTION):
        address.write(field, "")


def _look_at_point() -> None:
    before = st.session_state.get(SELECTION) or st.session_state.get("latent-before")
    forget()
    st.session_state["latent-before"] = before


def offer_selection(view: View) -> None:
    """A way back to the selection that a click has left."""
    before = st.session_state.get("latent-before") or ""
    if before.endswith("~" + view.whole.fingerprint[:8]):
        st.button(
            "Back to the selection", key="latent-back", icon=":material/arrow_back:",
            on_click=_back, args=(before,),
        )  # fmt: skip


def _back(selection: str) -> None:
    forget()
    address.write(SELECTION, selection)


def happened(view: View) -> dict:
    """What is shown: a point, a spot or a selection, with numbers valid for these images."""
    whole = view.whole
    with frame.steady():
        at = address.spot(view.key)
        result = address.rows(SELECTION, len(whole), whole.fingerprint)
    if view.settings.dimensions != 2:  # the chart can show neither
        return {"kind": "point"}
    if at is not None:
        return {"kind": "spot", "at": at}
    ids = np.flatnonzero(np.isin(view.rows, [] if result is None else result))
    return {"kind": "lasso", "ids": ids} if len(ids) else {"kind": "point"}


def heading(text: str) -> None:
    """The heading of a panel, with a button that closes it."""
    with st.container(horizontal=True, vertical_alignment="center", key="latent-heading"):
        st.subheader(text, anchor=False)
        st.button(
            "", key="latent-clear", icon=":material/close:", type="tertiary", on_click=forget,
            help="Clear the selection or the place and show the chosen image.",
        )  # fmt: skip


def pick_points(view: View) -> tuple[int, int | None]:
    """The chosen image and, if there is one, that from which a walk leads to it."""
    last = len(view.images) - 1
    for name in ("latent-point", "latent-from"):
        if (st.session_state.get(name) or 0) > last:
            st.session_state[name] = None if name == "latent-from" else 0
    chosen = st.number_input(
        "Image", 0, last, "min", key="latent-point",
        help="A click on a point sets this number.", on_change=_look_at_point, **BOUND,
    )  # fmt: skip
    start = st.number_input(
        "Interpolate from", 0, last, None, key="latent-from", placeholder="none",
        help="The image chosen before: click two points to interpolate between them.",
        **BOUND,
    )  # fmt: skip
    return chosen, start
