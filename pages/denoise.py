"""Denoise: corrupted images restored by the model and by classical filters."""

import streamlit as st

from convae import ui
from convae.ui.denoise import panels, setting

ui.page("Denoise")
st.markdown(
    "Images are corrupted, then restored by the model and by classical filters from the same "
    "corrupted pixels. A bottleneck removes noise, but fine detail as well."
)

checkpoint = ui.pick_checkpoint()
whole, rows = ui.pick_rows(checkpoint, 8, key="denoise", most=32)
shown = whole.take(rows)

corruption = setting.pick_corruption()
chosen = setting.pick_methods(checkpoint)

with ui.error_boundary():
    prepared = setting.prepare(checkpoint, shown.name, chosen, corruption)

panels.show_rows(prepared, shown, rows)

st.header("Which method is best?", anchor=False)
measured = ui.many_images(shown, setting.pick_measured())
panels.show_table(prepared, measured)

st.header("PSNR over strength", anchor=False)
st.markdown(
    "All methods on the same images at every strength. Dotted line: the strength chosen above. The "
    "latent dimension limits the PSNR of a model: at weak noise the corrupted image can be better."
)
panels.show_curve(prepared, measured)
ui.end_of_page()
