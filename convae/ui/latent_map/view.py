"""What is on the latent map: the choices above the chart, and the map they make."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from convae.data import ImageSet
from convae.models import checkpoints
from convae.models.checkpoints import Checkpoint
from convae.projection import maps
from convae.projection.maps import Map, Settings
from convae.ui import caches, frame, glossary, pickers, real_codes
from convae.ui.address import BOUND
from convae.ui.latent_map import address, making
from convae.ui.latent_map.address import ISOLATED, PROJECTED, SELECTION, SPOT

COLORS = ("Class", "PSNR", "Mahalanobis distance", "Neighborhood preservation", "Cluster")
SHOWN = "latent-shown"  # the settings of the map that the session shows


@dataclass(frozen=True, eq=False)
class View:
    """What is on the map: a model, images, their codes (N, d) and points, and how it was made.

    The codes are computed where they are first used: a UMAP that is kept is drawn without them.

    made: the points of such a UMAP, else None. key: the name the map is kept under. color: one of
    COLORS. shown: the rows that are drawn. places: where each row lies in the whole test split.
    whole: the images before anything was isolated; rows: where each image lies in it. chosen: the
    whole test split. neighbors: how many are listed; metric: by which distance, one of
    `metrics.METRICS`.
    """

    checkpoint: Checkpoint
    images: ImageSet
    made: np.ndarray | None
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

    @cached_property
    def codes(self) -> np.ndarray:
        """With a progress bar where they are first used: see `load`."""
        return caches.codes_of(self.checkpoint, self.images)

    def load(self, place: DeltaGenerator) -> None:
        """Compute the codes, with their progress bar at this place."""
        if "codes" not in vars(self):
            with place, frame.error_boundary():
                self.codes  # noqa: B018

    @cached_property
    def map(self) -> Map:
        if self.made is None:
            return map_of(self.checkpoint, self.key, self.codes, self.settings)
        return _umap(self.key, self.codes, self.made)

    @property
    def points(self) -> np.ndarray:
        return self.map.points if self.made is None else self.made


def pick_view(checkpoint: Checkpoint, whole: ImageSet) -> View:
    """The choices above the chart, and the map they make: PCA at once, UMAP where it is ready."""
    places = whole.sample_rows(maps.LIMIT)
    picked, whole = whole, caches.sample(whole, maps.LIMIT)
    address.draw_fields()
    with frame.steady():
        rows, shown = _isolated(whole)
        images = whole.take(rows) if len(rows) < len(whole) else whole
    settings, color, classes = _choices(checkpoint, images)
    offer = frame.steady()
    wanted, settings = settings, _available(checkpoint, images, settings)
    key = maps.key(checkpoint.sha256, images.fingerprint, settings)
    made = _made(checkpoint, key, len(images)) if settings.method == "UMAP" else None
    st.session_state[SHOWN] = settings
    if settings != wanted:
        with offer:
            name = maps.key(checkpoint.sha256, images.fingerprint, wanted)
            making.offer(name, checkpoint, images, wanted, making.named(settings))
    if classes:
        chosen = [images.class_names.index(name) for name in classes]
        shown = shown[np.isin(images.labels[shown], chosen)]
    return View(
        checkpoint, images, made, settings, key, color, shown, places[rows], whole, rows, picked
    )


def _choices(checkpoint: Checkpoint, images: ImageSet) -> tuple[Settings, str, list[str]]:
    """The settings of the map, what colors its points, and the classes that are drawn."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="latent-controls"):
        method = _method(checkpoint, images)
        dimensions = st.segmented_control(
            "Dimensions",
            [2, 3],
            default=2,
            key="latent-dimensions",
            required=True,
            help="A 3-D map can be rotated. Selections and empty places need 2 dimensions.",
            **BOUND,
        )
        color = _color()
        classes = _classes(images)
        umap = making.pick_umap()
    return Settings(method, dimensions, **(umap if method == "UMAP" else {})), color, classes


def _available(checkpoint: Checkpoint, images: ImageSet, wanted: Settings) -> Settings:
    """The settings of the map to show: those wanted, else the ones shown before, else a PCA. So the
    chart stays as it is until a UMAP is ready."""
    pca = Settings(dimensions=wanted.dimensions)
    for settings in (wanted, st.session_state.get(SHOWN, pca)):
        key = maps.key(checkpoint.sha256, images.fingerprint, settings)
        if settings.method == "PCA" or _made(checkpoint, key, len(images)) is not None:
            return settings
    return pca


def _method(checkpoint: Checkpoint, images: ImageSet) -> str:
    # the default must not depend on other widgets: Streamlit would set the choice back
    ready = _exists(checkpoint, images, Settings("UMAP"))
    return st.segmented_control(
        "Map",
        ["PCA", "UMAP"],
        default="UMAP" if ready else "PCA",
        key="latent-method",
        required=True,
        help=f"* PCA: {glossary.TERMS['PCA']} Immediate.\n"
        f"* UMAP: {glossary.TERMS['UMAP']} The first one takes about a minute.",
        **BOUND,
    )


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
    points = _made(checkpoint, key, len(codes))
    return None if points is None else _umap(key, codes, points)


def _made(checkpoint: Checkpoint, key: str, count: int) -> np.ndarray | None:
    """The points of a UMAP of so many images that was computed before; None without one."""
    points = maps.load(key, _shipped(checkpoint))
    return None if points is None or len(points) != count else points


@st.cache_resource(max_entries=8, show_spinner=False)
def _pca(key: str, dimensions: int, _codes: np.ndarray) -> Map:
    return maps.pca_map(_codes, dimensions)


@st.cache_resource(max_entries=8, show_spinner=False)
def _umap(key: str, _codes: np.ndarray, _points: np.ndarray) -> Map:
    return Map(_codes, _points)


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
