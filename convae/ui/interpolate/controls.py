"""Settings, walks, neighbors and downloads of the Interpolate page."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from convae import images as pixels
from convae import plots
from convae.latent import interpolation, keyframes, typicality
from convae.ui import frame, pictures, uploads
from convae.ui.address import BOUND, Setting
from convae.ui.escape import plain
from convae.ui.interpolate.context import Context
from convae.ui.interpolate.keyframes import Chosen

PART = Setting("interpolate-part", ("Path", "Grid", "Arithmetic", "Sliders"))
PATHS = Setting(
    "interpolate-paths",
    tuple(interpolation.PATHS),
    [interpolation.FADE, interpolation.LINE, interpolation.SPHERE, interpolation.REAL],
)
EASING = Setting("interpolate-easing", ("linear", "in-out", "in", "out"))


def inspector(context: Context, walks: Mapping[str, interpolation.Walk], steps: int) -> None:
    """Charts of the walks frame by frame, with a faint line at each keyframe.

    Drawn only when opened: on a slow machine the chart library takes seconds to load, and the
    slider would have to wait.
    """
    place = st.expander(
        "Frame by frame: pixel change, off-manifold percentile, re-encoding error",
        key="interpolate-inspect", icon=":material/monitoring:", bind="query-params",
    )  # fmt: skip
    if not place.open:
        return
    frames = len(next(iter(walks.values())).images)
    figure = plots.path_inspector(interpolation.inspected(walks), marks=range(0, frames, steps))
    with place:
        st.caption(
            "A constant pixel change is a smooth walk. Re-encoding error: the distance between the "
            f"code of a frame and encode(decode(code)). {typicality.NAME}: {typicality.DEFINITION}"
            f"{context.real.typicality.steps}"
        )
        st.plotly_chart(figure, key="interpolate-inspector")


def pick_part() -> str:
    return st.segmented_control(
        "Part", PART.options, default=PART.default, required=True, label_visibility="collapsed",
        **PART.bound,
    )  # fmt: skip


def pick_side() -> int:
    return st.slider(
        "Images per side", 5, 11, 7, key="interpolate-side", width=280,
        help="The corners are the four keyframes.", **BOUND,
    )  # fmt: skip


def pick_paths() -> list[str]:
    """The interpolation methods; the straight line if all are switched off."""
    paths = st.pills(
        "Paths",
        PATHS.options,
        selection_mode="multi",
        default=PATHS.default,
        help="\n".join(f"* {name}: {text}" for name, text in interpolation.PATHS.items()),
        **PATHS.bound,
    )
    return [path for path in interpolation.PATHS if path in paths] or [interpolation.LINE]


def only_images(key: str) -> bool:
    """Whether all keyframes of this text field are images, which need no other codes."""
    text = st.session_state.get(key) or st.query_params.get(key) or ""
    return re.fullmatch(r"[\d,\s]*", text) is not None


def pick_steps() -> tuple[dict[str, Any], int]:
    """steps, loop and easing as arguments of `interpolation.walk`, and the frames per second."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        steps = st.slider(
            "Frames per segment", 5, 60, 12, key="interpolate-steps", width=280,
            help="From one keyframe to the next; the first frame is the keyframe itself.", **BOUND,
        )  # fmt: skip
        easing = st.selectbox(
            "Easing", EASING.options, width=140,
            help="in: each segment starts slowly; out: it ends slowly; in-out: both.",
            **EASING.bound,
        )  # fmt: skip
        fps = st.slider(
            "Frames per second", 4, 30, 12, key="interpolate-fps", width=200,
            help="Speed of the play button, the GIF and the WebP.", **BOUND,
        )  # fmt: skip
        loop = st.toggle(
            "Loop",
            key="interpolate-loop",
            help="Adds a segment back to the first keyframe.",
            **BOUND,
        )
    return {"steps": steps, "loop": loop, "easing": easing}, fps


@st.cache_resource(max_entries=32, show_spinner=False)
def _walk(
    key: tuple, path: str, _chosen: Chosen, _context: Context, **steps: Any
) -> interpolation.Walk:
    test, sample = _context.known.test, _context.known.sample
    sampled = set(test.sample_rows(len(sample)).tolist())
    new = [item.kind == "" and item.number not in sampled for item in _chosen.keyframes]
    return interpolation.walk(
        path, _chosen.images, _chosen.codes, _context.checkpoint, _context.real,
        new=np.array(new), **steps,
    )  # fmt: skip


def walks_of(
    context: Context, chosen: Chosen, paths: list[str], **steps: Any
) -> dict[str, interpolation.Walk]:
    """A walk through the keyframes for each path; steps, loop, easing: see `interpolation.walk`."""
    own = uploads.uploaded()
    uploaded = own.fingerprint if own is not None else ""
    text = keyframes.text_of(chosen.keyframes)
    known = context.known
    key = (
        context.checkpoint.sha256, known.test.fingerprint, known.sample.fingerprint, uploaded, text,
    )  # fmt: skip
    return {path: _walk(key, path, chosen, context, **steps) for path in paths}


def download_walks(walks: Mapping[str, interpolation.Walk], fps: int) -> None:
    """Downloads: one walk as an animation, all as strips, the codes of all as CSV."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = list(walks)
        chosen = st.selectbox(
            "Path to export",
            names,
            index=names.index(interpolation.LINE) if interpolation.LINE in names else 0,
            key="interpolate-keep",
            width=200,
        )
        film = walks[chosen].images
        frame.download("GIF", lambda: pixels.gif_bytes(film, 8, fps), "walk.gif", "image/gif")
        frame.download("WebP", lambda: pixels.webp_bytes(film, 8, fps), "walk.webp", "image/webp")
        frame.download(
            "Strips (PNG)", lambda: walks_png([w.images for w in walks.values()]), "walks.png",
            "image/png",
        )  # fmt: skip
        frame.download(
            "Codes (CSV)",
            lambda: interpolation.codes_csv({n: w.codes for n, w in walks.items()}),
            "walks.csv",
            "text/csv",
        )


def walks_png(rows: list[np.ndarray]) -> bytes:
    """Strips of equal length, uint8 (F, 32, 32, 3) each, one below the other, as PNG."""
    return pixels.png_bytes(pixels.contact_sheet(np.concatenate(rows), len(rows[0]), 3, 2))


def square_picture(tiles: np.ndarray, label: str) -> None:
    """A square grid of images uint8 (side^2, 32, 32, 3), as large as the column allows."""
    side = round(len(tiles) ** 0.5)
    sheet = pixels.contact_sheet(tiles, side, scale=1, gap=1)
    pictures.large_image(sheet, label, side=2 * sheet.shape[1])


def nearest_row(context: Context, code: np.ndarray, chosen: Chosen, columns: int = 8) -> None:
    """The real images with the codes nearest to a code (d,), without the keyframes themselves."""
    leave_out = keyframes.sample_rows(chosen.keyframes, context.known)
    rows, percentile = interpolation.nearest_real(code, context.real, 8, leave_out)
    near = context.known.sample.images[rows]
    pictures.image_rows({"nearest": near}, columns=columns, scale=2)
    st.caption(f"The images of {plain(context.real_name)} with the nearest codes.")
    st.caption(plain(context.sentence(percentile)), help=typicality.HELP)


def sum_row(chosen: Chosen, result: np.ndarray) -> None:
    """A - B + C = result, as images: three keyframes and the result, uint8 (32, 32, 3)."""
    pictures.equation([*chosen.images, result], ["-", "+", "="], [*chosen.names, "decoded"])


def download_images(rows: list[np.ndarray], codes: np.ndarray, name: str, columns: int) -> None:
    """Downloads: rows of images uint8 (N, 32, 32, 3), `columns` per line; codes (N, d) as CSV."""
    with st.container(horizontal=True):
        frame.download(
            "Images (PNG)", lambda: pictures.sheet_png(rows, columns), f"{name}.png", "image/png"
        )
        frame.download(
            "Codes (CSV)", lambda: interpolation.codes_csv({name: codes}), f"{name}.csv", "text/csv"
        )
