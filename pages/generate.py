"""Generate: new images, decoded from codes drawn from a prior."""

import streamlit as st

from convae import ui
from convae.ui.generate import panels, sampling, variational
from convae.ui.generate.choice import pick_choice

ui.page("Generate")
st.markdown(
    "The decoder turns any code into an image. **Draw codes from a prior** that is fitted to the "
    "codes of training images to generate new images. Are they realistic, and are they copies?"
)

checkpoint = ui.pick_checkpoint()
images = ui.pick_set(checkpoint, held_out=True)
variational.offer(checkpoint)

part = panels.pick_part()
with ui.error_boundary():
    setting = sampling.setting(checkpoint, images)
    choice = pick_choice(
        checkpoint.config, setting.train.class_names, compare=part == "Priors compared"
    )
    material = sampling.material_of(setting)
    if part == "Samples":
        panels.samples(setting, material, choice)
    if part == "Priors compared":
        panels.priors(setting, material, choice)
    if part == "Random walk":
        panels.walk(setting, material, choice)

ui.end_of_page()
