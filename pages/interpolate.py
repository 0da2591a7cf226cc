"""Interpolate: walks between images, in pixel space and in latent space.

Other pages link to `?interpolate-frames=12,431`: a walk from test image 12 to test image 431 of the
chosen set (rows of its test split, from 0).
"""

import numpy as np
import streamlit as st

from convae import ui
from convae.latent import directions, interpolation
from convae.ui.components.scrubber import scrubber
from convae.ui.interpolate import controls
from convae.ui.interpolate.context import pick_context
from convae.ui.interpolate.keyframes import pick_keyframes
from convae.ui.interpolate.sliders import pick_amounts, pick_directions

ui.page("Interpolate")
checkpoint = ui.pick_checkpoint()
part = controls.pick_part()
few_first = part == "Path" and controls.only_images("interpolate-frames")
context = pick_context(checkpoint, "interpolate", few_first=few_first)


def path() -> None:
    st.markdown(
        "Walk from keyframe to keyframe, interpolating pixels or codes. **Move the slider**: which "
        "paths show one image at every step, and which show two images at once?"
    )
    chosen = pick_keyframes(context, "interpolate-frames", 2, 6, start=context.examples(3))
    place, paths = st.container(), controls.pick_paths()
    steps, fps = controls.pick_steps()
    walks = controls.walks_of(context, chosen, paths, **steps)
    with place:
        real = np.concatenate([context.known.sample.images, chosen.images])
        scrubber(
            walks, interpolation.PATHS, real, context.sentence,
            loop=steps["loop"], fps=fps, key="interpolate-walk",
        )  # fmt: skip
    controls.download_walks(walks, fps)
    controls.inspector(context, walks, steps["steps"])


def grid() -> None:
    st.markdown("A grid between four images: codes interpolated at the left, pixels at the right.")
    start = context.examples(4)
    chosen = pick_keyframes(context, "interpolate-corners", 4, 4, start=start, slots="↖↗↙↘")
    side = controls.pick_side()
    decoded, mixed, codes = interpolation.corners(chosen.images, chosen.codes, side, checkpoint)
    left, right = st.columns(2)
    with left:
        controls.square_picture(decoded, "codes interpolated, then decoded")
    with right:
        controls.square_picture(mixed, "pixels interpolated: the baseline")
    controls.download_images([decoded, mixed], codes, "grid", side)


def arithmetic() -> None:
    st.markdown("The difference of two codes added to a third: **A - B + C**, decoded.")
    start = context.example_terms()
    chosen = pick_keyframes(context, "interpolate-terms", 3, 3, start=start, slots="ABC")
    strengths = [-1, -0.5, 0, 0.5, 1, 1.5, 2]
    codes = directions.arithmetic(*chosen.codes, strengths)
    pixels = directions.arithmetic(*chosen.images, strengths).clip(0, 255).astype(np.uint8)
    decoded = checkpoint.decode(codes)
    controls.sum_row(chosen, decoded[4])
    controls.nearest_row(context, codes[4], chosen)
    st.header("C + strength x (A - B)", anchor=False)
    ui.image_rows(
        {"in codes": decoded, "in pixels": pixels},
        [f"{t:+.1f}" for t in strengths],
        columns=len(strengths),
    )
    controls.download_images([decoded, pixels], codes, "arithmetic", len(strengths))


def sliders() -> None:
    st.markdown(
        "The directions in which real codes vary most, in standard deviations. The small images "
        "show both ends of each slider."
    )
    chosen = pick_keyframes(context, "interpolate-start", 1, 1, start=context.examples(1))
    picture, panel = st.columns([2, 5], gap="large")
    with panel:
        knobs = pick_directions(context, "interpolate-knob")
        amounts = pick_amounts(knobs, context, chosen.codes[0], "interpolate-knob")
    code = knobs.turned(chosen.codes[0], amounts)
    decoded = checkpoint.decode(code[None])
    with picture:
        ui.large_image(decoded[0], "decoded", side=384)
        controls.nearest_row(context, code, chosen, columns=4)
    controls.download_images([decoded], code[None], "turned", 1)


{"Path": path, "Grid": grid, "Arithmetic": arithmetic, "Sliders": sliders}[part]()
context.complete()
ui.end_of_page()
