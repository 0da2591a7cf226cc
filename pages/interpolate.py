"""Interpolate: walks from image to image, through pixels and through codes.

`?interpolate-frames=12,431` opens the page on a walk from test image 12 to test image 431 of the
chosen images (places in their test split, from 0): what other pages link to.
"""

import numpy as np
import streamlit as st

from convae import ui
from convae.latent import directions, interpolation
from convae.latent.keyframes import example_terms, examples
from convae.ui.components.scrubber import scrubber
from convae.ui.interpolate import controls
from convae.ui.interpolate.keyframes import pick_ground, pick_keyframes

ui.page("Interpolate")
checkpoint = ui.pick_checkpoint()
ground = pick_ground(checkpoint, "interpolate")
test = ground.known.test
part = controls.pick_part(["Path", "Grid", "Arithmetic", "Sliders"])


def path() -> None:
    st.markdown(
        "Walk from keyframe to keyframe, mixing pixels or mixing codes. **Move the slider**: where "
        "does it stay one image, and where does it become two ghosts?"
    )
    chosen = pick_keyframes(ground, "interpolate-frames", 2, 6, start=examples(test, 3))
    place, ways = st.container(), controls.pick_ways("interpolate")
    steps, fps = controls.pick_steps("interpolate")
    found = controls.walks_of(ground, chosen, ways, **steps)
    with place:
        real = np.concatenate([ground.known.sample.images, chosen.images])
        scrubber(
            found, interpolation.PATHS, real, loop=steps["loop"], fps=fps, key="interpolate-walk"
        )
    controls.keep_walks(found, fps, "interpolate")
    controls.inspector(found, steps["steps"])


def grid() -> None:
    st.markdown("A square between four images: left their codes are mixed, right their pixels.")
    start = examples(test, 4)
    chosen = pick_keyframes(ground, "interpolate-corners", 4, 4, start=start, slots="↖↗↙↘")
    side = controls.pick_side()
    decoded, mixed, codes = interpolation.corners(chosen.images, chosen.codes, side, checkpoint)
    left, right = st.columns(2)
    with left:
        controls.square_picture(decoded, "codes mixed, then decoded")
    with right:
        controls.square_picture(mixed, "pixels mixed: the straw man")
    controls.keep_images([decoded, mixed], codes, "grid", side)


def arithmetic() -> None:
    st.markdown("What A has and B has not, added to C: **A - B + C**, in codes.")
    start = example_terms(test)
    chosen = pick_keyframes(ground, "interpolate-terms", 3, 3, start=start, slots="ABC")
    strengths = [-1, -0.5, 0, 0.5, 1, 1.5, 2]
    codes = directions.arithmetic(*chosen.codes, strengths)
    pixels = directions.arithmetic(*chosen.images, strengths).clip(0, 255).astype(np.uint8)
    decoded = checkpoint.decode(codes)
    controls.sum_row(chosen, decoded[4])
    controls.nearest_row(ground, codes[4], chosen)
    st.header("C + strength x (A - B)", anchor=False)
    ui.image_rows(
        {"in codes": decoded, "in pixels": pixels},
        [f"{t:+.1f}" for t in strengths],
        columns=len(strengths),
    )
    controls.keep_images([decoded, pixels], codes, "arithmetic", len(strengths))


def sliders() -> None:
    st.markdown(
        "The directions in which real codes differ most. Beside each slider: what its ends give."
    )
    chosen = pick_keyframes(ground, "interpolate-start", 1, 1, start=examples(test, 1))
    picture, panel = st.columns([2, 5], gap="large")
    with panel:
        knobs = controls.pick_knobs(ground, "interpolate-knob")
        amounts = controls.turn_knobs(knobs, ground, chosen.codes[0], "interpolate-knob")
    code = knobs.turned(chosen.codes[0], amounts)
    turned = checkpoint.decode(code[None])
    with picture:
        ui.large_image(turned[0], "decoded", side=384)
        controls.nearest_row(ground, code, chosen, columns=4)
    controls.keep_images([turned], code[None], "turned", 1)


{"Path": path, "Grid": grid, "Arithmetic": arithmetic, "Sliders": sliders}[part]()
