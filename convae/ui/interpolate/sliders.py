"""The Sliders part of the Interpolate page: directions in latent space, a slider for each."""

import numpy as np
import streamlit as st

from convae.latent import directions
from convae.latent.directions import Knobs
from convae.ui import pictures
from convae.ui.address import BOUND
from convae.ui.escape import plain
from convae.ui.interpolate.context import Context

REACH = 3.0  # range of a slider on either side, in standard deviations


def pick_directions(context: Context, key: str) -> Knobs:
    """Ten principal directions, and one toward a class if the images have classes."""
    sample, codes = context.known.sample, context.known.codes
    knobs = _principal(context.checkpoint.sha256, sample.fingerprint, codes)
    toward = directions.class_knobs(codes, sample.labels, sample.class_names)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if toward.names:
            name = st.selectbox(
                "Class direction", toward.names, key=f"{key}-toward", width=200,
                help="From the mean of all other codes to the mean of this class.",
                **BOUND,
            )  # fmt: skip
            move = toward.moves[toward.names.index(name)]
            knobs = Knobs((*knobs.names, f"More {name}"), np.vstack([knobs.moves, move]))
        keys = _slider_keys(knobs, key)
        st.button(
            "Reset", icon=":material/restart_alt:", key=f"{key}-reset", on_click=_set,
            args=(keys, False), help="Sets all sliders to 0: the image as it is.",
        )  # fmt: skip
        st.button(
            "Random", icon=":material/casino:", key=f"{key}-random", on_click=_set,
            args=(keys, True), help="Draws each slider from a standard normal distribution.",
        )  # fmt: skip
    return knobs


def _slider_keys(knobs: Knobs, key: str) -> list[str]:
    return [f"{key}-{number}" for number in range(1, len(knobs.names) + 1)]


@st.cache_resource(max_entries=4, show_spinner=False)
def _principal(sha256: str, fingerprint: str, _codes: np.ndarray) -> Knobs:
    return directions.principal_knobs(_codes)


def pick_amounts(knobs: Knobs, context: Context, code: np.ndarray, key: str) -> list[float]:
    """A slider for each direction, between previews of both ends. In standard deviations."""
    keys = _slider_keys(knobs, key)
    amounts, ends = [], []
    columns = st.columns(2, gap="large")
    half = -(-len(keys) // 2)
    for number, (name, slider_key) in enumerate(zip(knobs.names, keys, strict=True)):
        with columns[number // half]:
            row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
            low = row.container(width=48)
            amount = row.slider(
                plain(name), -REACH, REACH, 0.0, 0.1, key=slider_key, format="%.1f",
                help="In standard deviations of real codes along this direction.", **BOUND,
            )  # fmt: skip
            ends.append((low, row.container(width=48)))
            amounts.append(amount)
    decoded = context.checkpoint.decode(knobs.ends(code, amounts, REACH).reshape(-1, len(code)))
    for name, places, previews in zip(
        knobs.names, ends, decoded.reshape(-1, 2, *decoded.shape[1:]), strict=True
    ):
        for place, image, side in zip(places, previews, (-REACH, REACH), strict=True):
            with place:
                pictures.large_image(image, side=48, alt=f"{name} at {side:+.0f}")
    return amounts


def _set(keys: list[str], random: bool) -> None:
    drawn = np.random.default_rng().normal(size=len(keys)).clip(-REACH, REACH).round(1)
    for key, amount in zip(keys, drawn if random else 0 * drawn, strict=True):
        st.session_state[key] = float(amount)
