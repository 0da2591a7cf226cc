"""What is on the latent map: the choices above the chart, and the map they make."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from convae.data import ImageSet, disk_cache
from convae.models import checkpoints
from convae.models.checkpoints import Checkpoint
from convae.projection import maps, umap_job
from convae.projection.maps import Map, Settings
from convae.ui import caches, frame, glossary, pickers, real_codes
from convae.ui.escape import sentence
from convae.ui.latent_map import address
from convae.ui.latent_map.address import ISOLATED, PROJECTED, SELECTION, SPOT

COLORS = ("Class", "PSNR", "Mahalanobis distance", "Neighborhood preservation", "Cluster")
BOUND = dict(bind="query-params", persist_state="session")


@dataclass(frozen=True, eq=False)
class View:
    """What is on the map: a model, images, their codes (N, d) and points, and how it was made.

    key: the name the map is kept under. color: one of COLORS. shown: the rows that are drawn.
    places: where each row lies in the whole test split. whole: the images before anything was
    isolated; rows: where each image lies in it. chosen: the whole test split. neighbors: how many
    are listed; metric: by which distance, one of `metrics.METRICS`.
    """

    checkpoint: Checkpoint
    images: ImageSet
    map: Map
    settings: Settings
    key: str
    color: str
    shown: np.ndarray
    places: np.ndarray
    whole: ImageSet
    rows: np.ndarray
    chosen: ImageSet
    neighbors: int = 8
    metric: str = "Euclidean"

    def off_manifold(self, code: np.ndarray) -> float:
        """The off-manifold percentile of a code (d,)."""
        return float(real_codes.off_manifold(self.checkpoint, self.chosen, code[None])[0])

    @property
    def codes(self) -> np.ndarray:
        return self.map.codes


def pick_view(checkpoint: Checkpoint, whole: ImageSet) -> View:
    """The choices above the chart, and the map they make: PCA at once, UMAP where it is ready."""
    places = whole.sample_rows(maps.LIMIT)
    picked, whole = whole, caches.sample(whole, maps.LIMIT)
    address.draw_fields()
    with frame.steady():
        rows, shown = _isolated(whole)
        images = whole.take(rows) if len(rows) < len(whole) else whole
        codes = caches.codes_of(checkpoint, images)
    with st.container(horizontal=True, vertical_alignment="bottom", key="latent-controls"):
        settings = _settings(checkpoint, images)
        color = _color()
        classes = _classes(images)
    key = maps.key(checkpoint.sha256, images.fingerprint, settings)
    result = map_of(checkpoint, key, codes, settings)
    offer = frame.steady()
    if result is None:
        with offer:
            if disk_cache.is_private(images.fingerprint):
                st.info(
                    "A UMAP is computed from files on the server's disk, where images of this "
                    "session are never written: the PCA is shown. Keep your images on this "
                    "machine to compute one.",
                    icon=":material/info:",
                )
            else:
                _make(key, codes, settings)
        settings = Settings(dimensions=settings.dimensions)
        key = maps.key(checkpoint.sha256, images.fingerprint, settings)
        result = map_of(checkpoint, key, codes, settings)
    if classes:
        chosen = [images.class_names.index(name) for name in classes]
        shown = shown[np.isin(images.labels[shown], chosen)]
    return View(
        checkpoint, images, result, settings, key, color, shown, places[rows], whole, rows, picked
    )


def _settings(checkpoint: Checkpoint, images: ImageSet) -> Settings:
    made = _widgets_of_umap()
    ready = _exists(checkpoint, images, Settings("UMAP", **made))
    method = st.segmented_control(
        "Map",
        ["PCA", "UMAP"],
        default="UMAP" if ready else "PCA",
        key="latent-method",
        required=True,
        help=f"* PCA: {glossary.TERMS['PCA']} Immediate.\n"
        f"* UMAP: {glossary.TERMS['UMAP']} The first one takes about a minute.",
        **BOUND,
    )
    dimensions = st.segmented_control(
        "Dimensions",
        [2, 3],
        default=2,
        key="latent-dimensions",
        required=True,
        help="A 3-D map can be rotated. Selections and empty places need 2 dimensions.",
        **BOUND,
    )
    return Settings(method, dimensions, **(made if method == "UMAP" else {}))


def _widgets_of_umap() -> dict:
    values = {}
    with st.popover("UMAP settings", icon=":material/tune:"):
        for f in maps.UMAP_FIELDS[1:]:  # the dimensions stand beside
            meta, label = f.metadata, f.name.replace("_", " ").capitalize()
            arguments = dict(key=f"latent-{f.name}", help=meta["help"], **BOUND)
            if meta["choices"]:
                values[f.name] = st.selectbox(label, meta["choices"], **arguments)
            else:
                step = 0.05 if isinstance(f.default, float) else 1
                values[f.name] = st.number_input(
                    label, meta["low"], meta["high"], f.default, step=step, **arguments
                )
        st.caption("Each combination of settings is a map of its own.")
    return values


def _classes(images: ImageSet) -> list[str]:
    if len(images.class_names) < 2:
        return []
    return st.multiselect(
        "Classes",
        images.class_names,
        placeholder="all",
        key="latent-classes",
        help="Show only these classes. A click in the legend hides a class, a double click shows "
        "only that class.",
        **BOUND,
    )


def _shipped(checkpoint: Checkpoint) -> Path:
    return checkpoints.find(checkpoint.name) / "maps"


def _exists(checkpoint: Checkpoint, images: ImageSet, settings: Settings) -> bool:
    key = maps.key(checkpoint.sha256, images.fingerprint, settings)
    places = (maps.folder(), _shipped(checkpoint))
    return any((place / f"{key}.npz").is_file() for place in places)


def map_of(checkpoint: Checkpoint, key: str, codes: np.ndarray, settings: Settings) -> Map | None:
    """The map of this key; None for a UMAP that has not been computed yet."""
    if settings.method == "PCA":
        return _pca(key, settings.dimensions, codes)
    points = maps.load(key, _shipped(checkpoint))
    return None if points is None or len(points) != len(codes) else _umap(key, codes, points)


@st.cache_resource(max_entries=8, show_spinner=False)
def _pca(key: str, dimensions: int, _codes: np.ndarray) -> Map:
    return maps.pca_map(_codes, dimensions)


@st.cache_resource(max_entries=8, show_spinner=False)
def _umap(key: str, _codes: np.ndarray, _points: np.ndarray) -> Map:
    return Map(_codes, _points)


def _make(key: str, codes: np.ndarray, settings: Settings) -> None:
    """A button that computes the UMAP, and its progress; the PCA is shown until then."""
    status = umap_job.status(key)
    if status.state == "working":
        st.fragment(_follow, run_every=1)(key)
        return
    if status.state == "failed":
        st.error(sentence(status.message), icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center", key="latent-offer"):
        if st.button(
            "Compute the UMAP", type="primary", key="latent-make", icon=":material/scatter_plot:"
        ):
            with frame.error_boundary():
                umap_job.start(key, codes, settings)
            st.rerun()
        st.markdown(
            f"There is no UMAP of these {len(codes):,} codes with these settings yet; it takes "
            "about a minute in the background. Until then the PCA is shown."
        )


def _follow(key: str) -> None:
    status = umap_job.status(key)
    if status.state != "working":
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", key="latent-making"):
        left = f", {status.remaining_s:.0f} s left" if status.remaining_s else ""
        message = f"UMAP: {status.stage.lower()}{left}. The PCA is shown until then."
        st.progress(status.share, message)
        if st.button("Cancel", key="latent-cancel", icon=":material/close:"):
            umap_job.cancel(key)
            st.rerun()


def _color() -> str:
    return st.selectbox(
        "Color by",
        COLORS,
        key="latent-color",
        width=190,
        help="\n".join(f"* {color}: {glossary.TERMS[color]}" for color in COLORS[1:4])
        + "\n* Cluster: ten groups found by k-means.",
        **BOUND,
    )


def _isolated(whole: ImageSet) -> tuple[np.ndarray, np.ndarray]:
    """Rows of `whole` that make the map, and which of those are drawn."""
    everything = np.arange(len(whole))
    kept = address.rows(ISOLATED, len(whole), whole.fingerprint)
    if kept is None:
        return everything, everything
    alone = address.rows(PROJECTED, len(whole), whole.fingerprint)
    rows = everything if alone is None or not np.isin(kept, alone).all() else alone
    with st.container(horizontal=True, vertical_alignment="center", key="latent-isolated-bar"):
        st.markdown(f"Showing only **{len(kept):,} isolated images**.")
        st.button(
            "Show all", key="latent-all", icon=":material/undo:",
            on_click=_show_all, args=(rows, everything),
        )  # fmt: skip
        if len(kept) < len(rows):
            st.button(
                "Project only these", key="latent-alone", icon=":material/refresh:",
                help="Computes a new map from these images only.",
                on_click=_project, args=(whole, rows, kept),
            )  # fmt: skip
    return rows, np.searchsorted(rows, kept)


def _show_all(before: np.ndarray, after: np.ndarray) -> None:
    for field in (ISOLATED, PROJECTED, SELECTION, SPOT):
        address.write(field, "")
    _renumber(before, after)


def _project(whole: ImageSet, before: np.ndarray, kept: np.ndarray) -> None:
    address.write_rows(PROJECTED, kept, len(whole), whole.fingerprint)
    for field in (SELECTION, SPOT):
        address.write(field, "")
    _renumber(before, kept)


def _renumber(before: np.ndarray, after: np.ndarray) -> None:
    """Keep the chosen images chosen where the rows of the map become others."""
    for name in ("latent-point", "latent-from"):
        number = st.session_state.get(name)
        if number is not None and number < len(before):
            result = np.flatnonzero(after == before[number])
            missing = 0 if name == "latent-point" else None
            st.session_state[name] = int(result[0]) if len(result) else missing


def isolate(view: View, ids: np.ndarray) -> None:
    """Draw these rows of the map alone; inside an isolated map it narrows further."""
    address.write_rows(ISOLATED, view.rows[ids], len(view.whole), view.whole.fingerprint)
    address.write(SELECTION, "")


def frames(view: View, rows: list[int]) -> str:
    """These rows as Interpolate names its keyframes: places in the whole set, u1 for an upload."""
    places = view.places[rows].tolist()
    own = view.images.name == pickers.UPLOADS
    return ",".join(f"u{place + 1}" if own else str(place) for place in places)
