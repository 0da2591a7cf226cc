"""Features: how well classes can be predicted from codes, and how many dimensions codes use."""

import streamlit as st

from convae import ui
from convae.ui.features import code_panels, panels, probing

ui.page("Features")
st.markdown(
    "The model was trained without labels. **Are its codes good features?** A simple classifier on "
    "codes is compared with the same classifier on raw pixels, on PCA, and on the codes of a "
    "randomly initialized encoder."
)

checkpoint = ui.pick_checkpoint()
chosen = ui.pick_set(checkpoint, held_out=True)

part = panels.pick_part()
with ui.error_boundary():
    images = probing.labeled(chosen)
    count = probing.pick_count(checkpoint, images)
    setting = probing.setting(checkpoint, images, count)
    if part == "Accuracy":
        panels.accuracy(setting, count)
    if part == "Fewer labels":
        panels.fewer_labels(setting)
    if part == "Confusion":
        panels.confusion(setting)
    if part == "Dimensions":
        code_panels.dimensions(setting)
    if part == "Neighbors":
        code_panels.neighbors(setting)

ui.end_of_page()
