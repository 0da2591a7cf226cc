"""What the Interpolate page is made of, beside its keyframes: settings, walks, knobs, files."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from convae import images as pixels
from convae import plots
from convae.latent import directions, interpolation, keyframes, typicality
from convae.latent.directions import Knobs
from convae.ui import frame, pictures
from convae.ui.escape import plain
from convae.ui.interpolate.keyframes import Chosen, Ground

KEPT: dict[str, Any] = {"bind": "query-params", "persist_state": "session"}
REACH = 3.0  # how far a knob turns, in spreads


def inspector(found: Mapping[str, interpolation.Walk], steps: int) -> None:
    """What happens on the way, frame by frame; a faint line at each keyframe.

    Only where it is opened: the chart's code keeps a weak machine busy for seconds, and the walks
    would have to wait for it.
    """
    told = "What happens on the way: speed, off-manifold percentile, error"
    place = st.expander(
        told, key="interpolate-inspect", icon=":material/monitoring:", bind="query-params"
    )
    if not place.open:
        return
    frames = len(next(iter(found.values())).images)
    figure = plots.path_inspector(interpolation.inspected(found), marks=range(0, frames, steps))
    with place:
        st.caption(
            "A steady change is a smooth walk. Off when encoded again: how far the frame, encoded "
            f"again, lands from its code. {typicality.NAME}: {typicality.DEFINITION}"
        )
        st.plotly_chart(figure, key="interpolate-inspector")


def pick_part(parts: list[str]) -> str:
    return st.segmented_control(
        "Part", parts, default=parts[0], required=True, key="interpolate-part",
        label_visibility="collapsed", **KEPT,
    )  # fmt: skip


def pick_side() -> int:
    return st.slider(
        "Images on each side", 5, 11, 7, key="interpolate-side", width=280,
        help="The corners are the four images themselves.", **KEPT,
    )  # fmt: skip


def pick_ways(key: str) -> list[str]:
    """Which paths to walk; the straight line where all are switched off."""
    ways = st.pills(
        "Paths",
        list(interpolation.PATHS),
        selection_mode="multi",
        default=[interpolation.FADE, interpolation.LINE, interpolation.SPHERE, interpolation.REAL],
        key=f"{key}-paths",
        help="\n".join(f"* {name}: {told}" for name, told in interpolation.PATHS.items()),
        **KEPT,
    )
    return [way for way in interpolation.PATHS if way in ways] or [interpolation.LINE]


def pick_steps(key: str) -> tuple[dict[str, Any], int]:
    """steps, loop and easing as `walks.walk` takes them, and the frames per second."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        steps = st.slider(
            "Frames from one keyframe to the next", 5, 60, 12, key=f"{key}-steps", width=280,
            help="The first of them is the keyframe itself.", **KEPT,
        )  # fmt: skip
        easing = st.selectbox(
            "Easing", ["linear", "in-out", "in", "out"], key=f"{key}-easing", width=140,
            help="in: each leg starts slowly; out: it ends slowly; in-out: both.", **KEPT,
        )  # fmt: skip
        fps = st.slider(
            "Frames per second", 4, 30, 12, key=f"{key}-fps", width=200,
            help="Of the play button, the GIF and the WebP.", **KEPT,
        )  # fmt: skip
        loop = st.toggle(
            "Loop", key=f"{key}-loop", help="A last leg leads back to the first keyframe.", **KEPT
        )
    return {"steps": steps, "loop": loop, "easing": easing}, fps


@st.cache_resource(max_entries=32, show_spinner=False)
def _walk(key: tuple, way: str, _chosen: Chosen, _ground: Ground, **steps) -> interpolation.Walk:
    test, sample = _ground.known.test, _ground.known.sample
    sampled = set(test.sample_rows(len(sample)).tolist())
    new = [item.kind == "" and item.number not in sampled for item in _chosen.keyframes]
    return interpolation.walk(
        way, _chosen.images, _chosen.codes, _ground.checkpoint, _ground.real,
        new=np.array(new), **steps,
    )  # fmt: skip


def walks_of(
    ground: Ground, chosen: Chosen, ways: list[str], **steps
) -> dict[str, interpolation.Walk]:
    """Each of these ways through the keyframes; steps, loop, easing as in `walks.walk`."""
    uploads = st.session_state.get("uploads-set")
    given = uploads.fingerprint if uploads is not None else ""
    text = keyframes.text_of(chosen.keyframes)
    key = (ground.checkpoint.sha256, ground.known.test.fingerprint, given, text)
    return {way: _walk(key, way, chosen, ground, **steps) for way in ways}


def keep_walks(found: Mapping[str, interpolation.Walk], fps: int, key: str) -> None:
    """One path as a film, all of them as strips, their codes as numbers."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = list(found)
        chosen = st.selectbox(
            "Path to keep",
            names,
            index=names.index(interpolation.LINE) if interpolation.LINE in names else 0,
            key=f"{key}-keep",
            width=200,
        )
        film = found[chosen].images
        frame.download("GIF", lambda: pixels.gif_bytes(film, 8, fps), "walk.gif", "image/gif")
        frame.download("WebP", lambda: pixels.webp_bytes(film, 8, fps), "walk.webp", "image/webp")
        frame.download(
            "Strips (PNG)", lambda: walks_png([w.images for w in found.values()]), "walks.png",
            "image/png",
        )  # fmt: skip
        frame.download(
            "Codes (CSV)",
            lambda: interpolation.codes_csv({n: w.codes for n, w in found.items()}),
            "walks.csv",
            "text/csv",
        )


def walks_png(rows: list[np.ndarray]) -> bytes:
    """Strips of equal length, (F, 32, 32, 3) each, one below the other."""
    return pixels.png_bytes(pixels.contact_sheet(np.concatenate(rows), len(rows[0]), 3, 2))


def square_picture(tiles: np.ndarray, label: str) -> None:
    """A square grid of images uint8 (side^2, 32, 32, 3), as large as there is room for."""
    side = round(len(tiles) ** 0.5)
    sheet = pixels.contact_sheet(tiles, side, scale=1, gap=1)
    pictures.large_image(sheet, label, side=2 * sheet.shape[1])


def pick_knobs(ground: Ground, key: str) -> Knobs:
    """Ten principal directions, and one toward a class where there are classes."""
    sample, codes = ground.known.sample, ground.known.codes
    knobs = _principal(ground.checkpoint.sha256, sample.fingerprint, codes)
    toward = directions.class_knobs(codes, sample.labels, sample.class_names)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if toward.names:
            name = st.selectbox(
                "Toward a class", toward.names, key=f"{key}-toward", width=200,
                help="The direction from the mean of all other codes to the mean of this class.",
                **KEPT,
            )  # fmt: skip
            move = toward.moves[toward.names.index(name)]
            knobs = Knobs((*knobs.names, f"More {name}"), np.vstack([knobs.moves, move]))
        keys = _knob_keys(knobs, key)
        st.button(
            "Reset", icon=":material/restart_alt:", key=f"{key}-reset", on_click=_set,
            args=(keys, False), help="All sliders to 0: the image as it is.",
        )  # fmt: skip
        st.button(
            "Random", icon=":material/casino:", key=f"{key}-random", on_click=_set,
            args=(keys, True), help="Each slider drawn from a normal distribution.",
        )  # fmt: skip
    return knobs


def _knob_keys(knobs: Knobs, key: str) -> list[str]:
    return [f"{key}-{number}" for number in range(1, len(knobs.names) + 1)]


@st.cache_resource(max_entries=4, show_spinner=False)
def _principal(sha256: str, fingerprint: str, _codes) -> Knobs:
    return directions.principal_knobs(_codes)


def turn_knobs(knobs: Knobs, ground: Ground, code: np.ndarray, key: str) -> list[float]:
    """A slider for each knob, in spreads, between what its two ends would give from here."""
    keys = _knob_keys(knobs, key)
    amounts, ends = [], []
    columns = st.columns(2, gap="large")
    half = -(-len(keys) // 2)
    for number, (name, each) in enumerate(zip(knobs.names, keys, strict=True)):
        with columns[number // half]:
            row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
            low = row.container(width=48)
            amount = row.slider(
                plain(name), -REACH, REACH, 0.0, 0.1, key=each, format="%.1f",
                help="In standard deviations of real codes along it.", **KEPT,
            )  # fmt: skip
            ends.append((low, row.container(width=48)))
            amounts.append(amount)
    decoded = ground.checkpoint.decode(knobs.ends(code, amounts, REACH).reshape(-1, len(code)))
    for name, pair, pictured in zip(
        knobs.names, ends, decoded.reshape(-1, 2, *decoded.shape[1:]), strict=True
    ):
        for place, image, side in zip(pair, pictured, (-REACH, REACH), strict=True):
            with place:
                pictures.large_image(image, side=48, alt=f"{name} at {side:+.0f}")
    return amounts


def _set(keys: list[str], random: bool) -> None:
    drawn = np.random.default_rng().normal(size=len(keys)).clip(-REACH, REACH).round(1)
    for key, amount in zip(keys, drawn if random else 0 * drawn, strict=True):
        st.session_state[key] = float(amount)


def nearest_row(ground: Ground, code: np.ndarray, chosen: Chosen, columns: int = 8) -> None:
    """The real images whose codes are nearest to a code (d,), without the keyframes themselves."""
    leave_out = keyframes.sample_rows(chosen.keyframes, ground.known)
    found, off = interpolation.nearest_real(code, ground.real, 8, leave_out)
    near = ground.known.sample.images[found]
    pictures.image_rows({"nearest": near}, columns=columns, scale=2)
    st.caption("The real images with the nearest codes.")
    st.caption(typicality.sentence(off), help=typicality.HELP)


def sum_row(chosen: Chosen, result: np.ndarray) -> None:
    """A - B + C = the result, as pictures: three keyframes and an image uint8 (32, 32, 3)."""
    pictures.equation([*chosen.images, result], ["-", "+", "="], [*chosen.names, "decoded"])


def keep_images(rows: list[np.ndarray], codes: np.ndarray, name: str, columns: int) -> None:
    """Images (N, 32, 32, 3) of each row, `columns` side by side, and their codes (N, d)."""
    with st.container(horizontal=True):
        frame.download(
            "Images (PNG)", lambda: pictures.sheet_png(rows, columns), f"{name}.png", "image/png"
        )
        frame.download(
            "Codes (CSV)", lambda: interpolation.codes_csv({name: codes}), f"{name}.csv", "text/csv"
        )
