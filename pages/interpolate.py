"""Interpolate: walks from image to image, through pixels and through codes.

`?interpolate-frames=12,431` opens the page on a walk from test image 12 to test image 431 of the
chosen images (places in their test split, from 0): what other pages link to.
"""

import numpy as np
import streamlit as st

from convae import plots, steering, ui, walks
from convae.ui import keyframes, walking
from convae.ui.scrubber import scrubber

ui.page("Interpolate")
checkpoint = ui.pick_checkpoint()
ground = keyframes.pick_ground(checkpoint, "interpolate")
part = walking.pick_part(["Path", "Grid", "Arithmetic", "Sliders"])


def path() -> None:
    st.markdown(
        "Walk from keyframe to keyframe, mixing pixels or mixing codes. **Move the slider**: where "
        "does it stay one image, and where does it become two ghosts?"
    )
    chosen = keyframes.pick_keyframes(ground, "interpolate-frames", 2, 6, start=3)
    place, ways = st.container(), walking.pick_ways("interpolate")
    steps, fps = walking.pick_steps("interpolate")
    found = walking.walks_of(ground, chosen, ways, **steps)
    with place:
        real = np.concatenate([ground.known.sample.images, chosen.images])
        scrubber(found, walks.PATHS, real, loop=steps["loop"], fps=fps, key="interpolate-walk")
    walking.keep_walks(found, fps, "interpolate")
    st.header("What happens on the way", anchor=False)
    st.plotly_chart(plots.path_inspector(walks.inspected(found)), key="interpolate-inspector")


def grid() -> None:
    st.markdown("A square between four images: left their codes are mixed, right their pixels.")
    chosen = keyframes.pick_keyframes(ground, "interpolate-corners", 4, 4, start=4, slots="↖↗↙↘")
    side = walking.pick_side()
    decoded, mixed, codes = walks.corners(chosen.images, chosen.codes, side, checkpoint)
    left, right = st.columns(2)
    with left:
        walking.square_picture(decoded, "codes mixed, then decoded")
    with right:
        walking.square_picture(mixed, "pixels mixed: the straw man")
    walking.keep_images([decoded, mixed], codes, "grid", side)


def arithmetic() -> None:
    st.markdown("What A has and B has not, added to C: **A - B + C**, in codes.")
    chosen = keyframes.pick_keyframes(ground, "interpolate-terms", 3, 3, start=3, slots="ABC")
    strengths = [-1, -0.5, 0, 0.5, 1, 1.5, 2]
    codes = steering.arithmetic(*chosen.codes, strengths)
    pixels = steering.arithmetic(*chosen.images, strengths).clip(0, 255).astype(np.uint8)
    decoded = checkpoint.decode(codes)
    walking.sum_row(chosen, decoded[4])
    walking.nearest_row(ground, codes[4], chosen.codes)
    st.header("C + strength x (A - B)", anchor=False)
    ui.image_rows(
        {"in codes": decoded, "in pixels": pixels},
        [f"{t:+.1f}" for t in strengths],
        columns=len(strengths),
    )
    walking.keep_images([decoded, pixels], codes, "arithmetic", len(strengths))


def sliders() -> None:
    st.markdown(
        "The directions in which real codes differ most. Beside each slider: what its ends give."
    )
    chosen = keyframes.pick_keyframes(ground, "interpolate-start", 1, 1, start=1)
    picture, panel = st.columns([2, 5], gap="large")
    with panel:
        knobs = walking.pick_knobs(ground, "interpolate-knob")
        amounts = walking.turn_knobs(knobs, ground, chosen.codes[0], "interpolate-knob")
    code = knobs.turned(chosen.codes[0], amounts)
    turned = checkpoint.decode(code[None])
    with picture:
        ui.large_image(turned[0], f"{chosen.names[0]}, turned", side=384)
        walking.nearest_row(ground, code, chosen.codes, columns=4)
    walking.keep_images([turned], code[None], "turned", 1)


{"Path": path, "Grid": grid, "Arithmetic": arithmetic, "Sliders": sliders}[part]()
