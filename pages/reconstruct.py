"""Reconstruct: what survives the bottleneck?"""

import streamlit as st

from convae import ui
from convae.ui.reconstruct import images, tables
from convae.ui.reconstruct.comparison import contest

PARTS = ("Images", "One image", "The whole set", "Bits", "What is lost")

ui.page("Reconstruct")
st.markdown("Each image goes through the bottleneck and is rebuilt. What is kept, what is lost?")

checkpoint = ui.pick_checkpoint()
sample = ui.pick_images(16, key="reconstruct")

part = images.pick_part(PARTS)
with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
    bits = images.pick_bits()
    checkpoint = images.pick_refinement_steps(checkpoint)
    beside = images.pick_beside(checkpoint)
    measured = ui.many_images(images.pick_many() if part == "The whole set" else 500)

with ui.error_boundary():
    held = contest(checkpoint, measured, bits, beside)

if part == "Images":
    shown, names = images.pick_shown(sample, held)
    images.show_rows(held, shown, beside, names)

if part == "One image":
    st.markdown("Click an image, then drag across it: left the original, right what came back.")
    images.show_one(held, sample)

if part == "The whole set":
    st.markdown(
        f"The same {len(measured):,} images for everyone, and as many bytes: is the model worth "
        "its size? PCA is the best linear code, JPEG and WebP are what everybody uses."
    )
    tables.show_table(held)
    st.subheader("Spread", anchor=False)
    tables.show_spread(held, beside)

if part == "Bits":
    st.markdown(
        "A code is a few numbers, and a number need not be exact. Each value is cut into $2^b$ "
        "steps over the range it has on training images; then every code takes fewer bytes."
    )
    tables.show_bits(held, beside)
    st.caption(
        "PSNR over bytes: each model at 1 to 8 bits and float16; PCA with the number of values and "
        "bits that suit each size best; JPEG and WebP at many qualities. Higher and further left "
        "is better. Measured on up to 200 images."
    )

if part == "What is lost":
    tables.show_loss(held, beside)
    st.markdown(
        "Most of what an image holds is in its large shapes. A code that minimizes squared error "
        "spends its values there first; fine detail would cost many values and mend little error, "
        "so it is left out. That is the blur."
    )
    st.header("Why squared error misleads", anchor=False)
    images.show_misleading(held, sample)
