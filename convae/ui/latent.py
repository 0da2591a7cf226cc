"""What is on the latent map: the choices above the chart, and the map they make."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from convae import checkpoints, mapjobs, projection
from convae.checkpoints import Checkpoint
from convae.data import ImageSet
from convae.projection import Map, Settings
from convae.ui import caches, frame, pickers

COLOURS = ("Class", "PSNR", "Oddness", "Neighbours kept", "Cluster")
BOUND = dict(bind="query-params", persist_state="session")


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
    with frame.steady():
        images, looped = _isolated(whole)
        codes = caches.codes_of(checkpoint, images)
    if looped is not None and len(images) < len(whole):
        places, looped = places[looped], None
    with st.container(horizontal=True, vertical_alignment="bottom", key="latent-controls"):
        settings = _settings(checkpoint, images)
        colour = _colour()
        classes = _classes(images)
    key = projection.key(checkpoint.sha256, images.fingerprint, settings)
    found = map_of(checkpoint, key, codes, settings)
    offer = frame.steady()
    if found is None:
        with offer:
            _make(key, codes, settings)
        settings = Settings(dimensions=settings.dimensions)
        key = projection.key(checkpoint.sha256, images.fingerprint, settings)
        found = map_of(checkpoint, key, codes, settings)
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
        for f in projection.UMAP_FIELDS[1:]:  # the dimensions stand beside
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


def map_of(checkpoint: Checkpoint, key: str, codes: np.ndarray, settings: Settings) -> Map | None:
    """The map of this key; None for a UMAP that nobody has made yet."""
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


def frames(view: View, rows: list[int]) -> str:
    """These rows as Interpolate names its keyframes: places in the whole set, u1 for an upload."""
    places = view.places[rows].tolist()
    own = view.images.name == pickers.UPLOADS
    return ",".join(f"u{place + 1}" if own else str(place) for place in places)
