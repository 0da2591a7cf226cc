"""What the Latent map page is made of: the choice of map, the chart, what one picks on it."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from convae import checkpoints, colourings, mapjobs, metrics, plots, projection, truth
from convae.checkpoints import Checkpoint
from convae.data import ImageSet
from convae.projection import Map, Settings
from convae.ui import caches, frame, mapchart, pickers, pictures

COLOURS = ("Class", "PSNR", "Oddness", "Neighbours kept", "Cluster")
BOUND = dict(bind="query-params", persist_state="session")
UMAP_FIELDS = ("n_neighbors", "min_dist", "metric", "seed")
SHOWN = 24  # images of a loop that are drawn


@dataclass(frozen=True, eq=False)
class View:
    """What is on the map: a model, images, their codes (N, d) and points, and how it was made.

    key: the name the map is kept under. colour: one of COLOURS. shown: the rows that are drawn.
    places: where each row lies in the whole test split.
    """

    checkpoint: Checkpoint
    images: ImageSet
    map: Map
    settings: Settings
    key: str
    colour: str
    shown: np.ndarray
    places: np.ndarray

    @property
    def codes(self) -> np.ndarray:
        return self.map.codes


def pick_view(checkpoint: Checkpoint, whole: ImageSet) -> View:
    """The choices above the chart, and the map they make: PCA at once, UMAP where it is ready."""
    places = whole.sample_rows(projection.LIMIT)
    whole = caches.sample(whole, projection.LIMIT)
    images, looped = _isolated(whole)
    if looped is not None and len(images) < len(whole):
        places, looped = places[looped], None
    codes = caches.codes_of(checkpoint, images)
    with st.container(horizontal=True, vertical_alignment="bottom", key="latent-controls"):
        settings = _settings(checkpoint, images)
        colour = _colour()
        classes = _classes(images)
    key = projection.key(checkpoint.sha256, images.fingerprint, settings)
    found = _map(checkpoint, key, codes, settings)
    if found is None:
        _make(key, codes, settings)
        settings = Settings(dimensions=settings.dimensions)
        key = projection.key(checkpoint.sha256, images.fingerprint, settings)
        found = _map(checkpoint, key, codes, settings)
    shown = np.arange(len(images)) if looped is None else looped
    if classes:
        chosen = [images.class_names.index(name) for name in classes]
        shown = shown[np.isin(images.labels[shown], chosen)]
    return View(checkpoint, images, found, settings, key, colour, shown, places)


def _settings(checkpoint: Checkpoint, images: ImageSet) -> Settings:
    made = _widgets_of_umap()
    ready = _exists(checkpoint, images, Settings("UMAP", **made))
    method = st.segmented_control(
        "Map",
        ["PCA", "UMAP"],
        default="UMAP" if ready else "PCA",
        key="latent-method",
        required=True,
        help="PCA turns the codes until they spread most, at once. UMAP unfolds them so that "
        "neighbours stay neighbours; it takes a minute the first time.",
        **BOUND,
    )
    dimensions = st.segmented_control(
        "Dimensions",
        [2, 3],
        default=2,
        key="latent-dimensions",
        required=True,
        help="3 dimensions can be turned; loops and blank spots need 2.",
        **BOUND,
    )
    return Settings(method, dimensions, **(made if method == "UMAP" else {}))


def _widgets_of_umap() -> dict:
    values = {}
    with st.popover("UMAP settings", icon=":material/tune:"):
        for f in fields(Settings):
            if f.name not in UMAP_FIELDS:
                continue
            meta, label = f.metadata, f.name.replace("_", " ").capitalize()
            told = dict(key=f"latent-{f.name}", help=meta["help"], **BOUND)
            if meta["choices"]:
                values[f.name] = st.selectbox(label, meta["choices"], **told)
            else:
                step = 0.05 if isinstance(f.default, float) else 1
                values[f.name] = st.number_input(
                    label, meta["low"], meta["high"], f.default, step=step, **told
                )
        st.caption("Chosen before it starts: other settings make another map.")
    return values


def _classes(images: ImageSet) -> list[str]:
    if len(images.class_names) < 2:
        return []
    return st.multiselect(
        "Classes",
        images.class_names,
        placeholder="all",
        key="latent-classes",
        help="Draw these classes alone. A click in the legend hides one, a double click shows it "
        "alone.",
        **BOUND,
    )


def _shipped(checkpoint: Checkpoint):
    return checkpoints.find(checkpoint.name) / "maps"


def _exists(checkpoint: Checkpoint, images: ImageSet, settings: Settings) -> bool:
    key = projection.key(checkpoint.sha256, images.fingerprint, settings)
    places = (projection.folder(), _shipped(checkpoint))
    return any((place / f"{key}.npz").is_file() for place in places)


def _map(checkpoint: Checkpoint, key: str, codes: np.ndarray, settings: Settings) -> Map | None:
    if settings.method == "PCA":
        return _pca(key, settings.dimensions, codes)
    points = projection.load(key, _shipped(checkpoint))
    return None if points is None or len(points) != len(codes) else _umap(key, codes, points)


@st.cache_resource(max_entries=8, show_spinner=False)
def _pca(key: str, dimensions: int, _codes) -> Map:
    return projection.pca_map(_codes, dimensions)


@st.cache_resource(max_entries=8, show_spinner=False)
def _umap(key: str, _codes, _points) -> Map:
    return Map(_codes, _points)


def _make(key: str, codes: np.ndarray, settings: Settings) -> None:
    """Offer to make a UMAP, follow it while it is made; the PCA is shown meanwhile."""
    status = mapjobs.status(key)
    if status.state == "working":
        st.fragment(_follow, run_every=1)(key)
        return
    if status.state == "failed":
        st.error(status.message, icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center", key="latent-offer"):
        if st.button(
            "Make the UMAP", type="primary", key="latent-make", icon=":material/scatter_plot:"
        ):
            with frame.error_boundary():
                mapjobs.start(key, codes, settings)
            st.rerun()
        st.markdown(
            f"There is no UMAP of these {len(codes):,} codes with these settings yet; it takes "
            "about a minute, beside everything else. Until then this is the PCA."
        )


def _follow(key: str) -> None:
    status = mapjobs.status(key)
    if status.state != "working":
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", key="latent-making"):
        left = f", {status.remaining_s:.0f} s left" if status.remaining_s else ""
        said = f"UMAP: {status.stage.lower()}{left}. This is the PCA meanwhile."
        st.progress(status.share, said)
        if st.button("Cancel", key="latent-cancel", icon=":material/close:"):
            mapjobs.cancel(key)
            st.rerun()


def _colour() -> str:
    return st.selectbox(
        "Colour by",
        COLOURS,
        key="latent-colour",
        width=190,
        help="PSNR: how well each image is rebuilt (dB). Oddness: how far a code lies from the "
        "middle, in spreads. Neighbours kept: the share of the 15 nearest codes that are among the "
        "15 nearest on the map. Cluster: ten groups that k-means finds in the codes.",
        **BOUND,
    )


def figure_of(view: View) -> go.Figure:
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


def frames(view: View, rows: list[int]) -> str:
    """These rows as Interpolate names its keyframes: places in the whole set, u1 for an upload."""
    places = view.places[rows].tolist()
    own = view.images.name == pickers.UPLOADS
    return ",".join(f"u{place + 1}" if own else str(place) for place in places)


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
    what = f"{view.settings.method} map of {len(rows):,} codes, coloured by {view.colour.lower()}"
    mapchart.chart(figure, what)
    told = partial(_happened, view.key, view.images.fingerprint)
    mapchart.marks(list(lines) if flat else [], list(dots) if flat else [], told)
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


@st.cache_resource(max_entries=16, show_spinner="Measuring the map")
def _truth(key: str, _map: Map, _labels) -> truth.Truth:
    return truth.measure(_map.codes, _map.points, _labels)


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


def _isolated(whole: ImageSet) -> tuple[ImageSet, np.ndarray | None]:
    """The images a loop has isolated, if one has: (images, rows to draw or None for all)."""
    kept = st.session_state.get("latent-only")
    if not kept or kept["of"] != whole.fingerprint:
        return whole, None
    rows = np.array(kept["ids"])
    with st.container(horizontal=True, vertical_alignment="center", key="latent-isolated"):
        st.markdown(f"Only the **{len(rows):,} images** you looped are drawn.")
        if st.button("Show all", key="latent-all", icon=":material/undo:"):
            del st.session_state["latent-only"]
            st.session_state.pop("latent-event", None)
            st.rerun()
        if not kept["alone"] and st.button(
            "Project these alone", key="latent-alone", icon=":material/refresh:",
            help="A map of their own: its axes are chosen for these images.",
        ):  # fmt: skip
            st.session_state["latent-only"] = kept | {"alone": True}
            st.session_state.pop("latent-event", None)
            st.rerun()
    return (whole.take(rows) if kept["alone"] else whole), rows


def isolate(view: View, ids: np.ndarray) -> None:
    st.session_state["latent-only"] = {
        "of": view.images.fingerprint, "ids": ids.tolist(), "alone": False,
    }  # fmt: skip
    st.session_state.pop("latent-event", None)


def bars(images: np.ndarray, words: Sequence[str], values: np.ndarray, unit: str = "") -> None:
    """Images with a bar each, the longest value filling the line: for distances."""
    longest = max(float(np.max(values, initial=0)), 1e-9)
    lines = [
        f'<div class="cv-bar"><img class="cv-image" src="{pictures.data_url(image)}" alt="">'
        f"<span>{html.escape(word)}</span>"
        f'<i><b style="width:{100 * value / longest:.1f}%"></b></i>'
        f"<em>{value:.3g}{unit}</em></div>"
        for image, word, value in zip(images, words, values, strict=True)
    ]
    st.html(BARS + f'<div class="cv">{"".join(lines)}</div>')


BARS = """<style>
.cv-bar { display: grid; grid-template-columns: 36px minmax(4rem, 6rem) 1fr 3.2rem; gap: .6rem;
  align-items: center; margin: 3px 0; font-size: .82rem; }
.cv-bar .cv-image { width: 36px; border-radius: 4px; }
.cv-bar span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.cv-bar i { height: 8px; border-radius: 4px; background: rgba(127, 135, 148, .2); }
.cv-bar b { display: block; height: 8px; border-radius: 4px; background: #3b7dd8; }
.cv-bar em { font-style: normal; text-align: right; font-variant-numeric: tabular-nums;
  opacity: .8; }
</style>"""
