"""Overview: an autoencoder at work on one image, and what its parts are."""

import streamlit as st

from convae import metrics, ui

ui.page("What survives the bottleneck?")

checkpoint = ui.pick_checkpoint()
found = ui.pick_images(12, key="overview")

chosen = ui.pick_one(found, key="overview-one")
image = found.images[chosen]
code = checkpoint.encode(image[None])
rebuilt = checkpoint.decode(code)
psnr = metrics.psnr(image[None], rebuilt)[0]
ui.journey(image, code[0], rebuilt[0], below=f"rebuilt, {psnr:.1f} dB")
st.latex(r"h = f(x) \qquad \hat{x} = g(h) = g(f(x)) \qquad \min\; L(x,\, g(f(x)))")
