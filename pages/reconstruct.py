"""Reconstruct: what survives the bottleneck?"""

import streamlit as st

from convae import metrics, ui

ui.page("Reconstruct")
st.write("Each image is squeezed through the bottleneck and rebuilt. What is lost?")

checkpoint = ui.pick_checkpoint()
found = ui.pick_images(key="reconstruct")

rebuilt = checkpoint.reconstruct(found.images)
psnr = metrics.psnr(found.images, rebuilt)
ui.image_rows({"original": found.images, "rebuilt": rebuilt}, captions=psnr, unit="dB")
