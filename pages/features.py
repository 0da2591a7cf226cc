"""Features: what a code knows of the class of an image, and how many dimensions it uses."""

import streamlit as st

from convae import ui
from convae.ui.features import panels, probing

ui.page("Features")
st.markdown(
    "Nobody told the model what is on an image. **Are its codes good features all the same?** A "
    "simple classifier on codes is compared with the same one on raw pixels, on PCA, and on an "
    "encoder that has never been trained."
)

checkpoint = ui.pick_checkpoint()
images = ui.pick_set(checkpoint)

part = panels.pick_part()
with ui.error_boundary():
    count = probing.pick_count()
    setting = probing.setting(checkpoint, images, count)
    if part == "Accuracy":
        panels.accuracy(setting, count)
    if part == "Fewer labels":
        panels.fewer_labels(setting)
    if part == "Confusion":
        panels.confusion(setting)
    if part == "Dimensions":
        panels.dimensions(setting)
    if part == "Neighbors":
        panels.neighbors(setting)
