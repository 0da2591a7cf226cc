"""Denoise: restore corrupted images, beside the filters that are made for it."""

import streamlit as st

from convae import ui
from convae.ui.denoise import panels, setting

ui.page("Denoise")
st.markdown(
    "Images are corrupted, then restored by the model and by classical filters, which all get the "
    "same corrupted pixels. A bottleneck has no room for noise, but none for fine detail either."
)

checkpoint = ui.pick_checkpoint()
shown = ui.pick_images(checkpoint, 8, key="denoise", most=32)

damage = setting.pick_corruption()
left, right = st.columns([3, 2], gap="medium")
with left:
    chosen = setting.pick_methods(checkpoint)
with right:
    measured = ui.many_images(shown, setting.pick_measured())

with ui.error_boundary():
    prepared = setting.prepare(checkpoint, shown.name, chosen, damage)

panels.show_rows(prepared, shown)

st.header("Which method is best?", anchor=False)
panels.show_table(prepared, measured)

st.header("PSNR over strength", anchor=False)
st.markdown(
    "All methods on the same images at every strength; the dotted line is the strength above. A "
    "code of a few values limits what a model can reach: at weak noise doing nothing can be better."
)
panels.show_curve(prepared, measured)
