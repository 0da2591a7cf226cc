"""Reconstruct: what survives the bottleneck?"""

import streamlit as st

from convae import ui
from convae.ui.reconstruct import controls, images, tables
from convae.ui.reconstruct.code_length import show_code_length
from convae.ui.reconstruct.comparison import contest

ui.page("Reconstruct")
st.markdown("Each image is encoded and decoded again. What is kept, what is lost?")

checkpoint = ui.pick_checkpoint()
whole, rows = ui.pick_rows(checkpoint, 16, key="reconstruct")
sample = whole.take(rows)

part = controls.pick_part()
with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
    bits = controls.pick_bits()
    checkpoint = controls.pick_refinement_steps(checkpoint)
    beside = controls.pick_beside(checkpoint)
    count = controls.pick_many() if part == "The whole set" else 500
    measured = ui.many_images(sample, count)

with ui.error_boundary():
    held = contest(checkpoint, measured, bits, beside)

if part == "Images":
    shown, numbers, names = controls.pick_shown(sample, rows, held)
    images.show_rows(held, shown, numbers, beside, names)
    ui.caption(ui.provenance(checkpoint, shown))

if part == "One image":
    st.markdown("Click an image, then drag across it: original left, reconstruction right.")
    images.show_one(held, sample, rows)

if part == "The whole set":
    st.markdown(
        f"The model, PCA, JPEG and WebP on the same images ({len(measured):,}), as far as possible "
        "at the same size in bytes. PCA is the best linear code; JPEG and WebP are the usual image "
        "formats."
    )
    tables.show_table(held)
    st.subheader("Distribution over the images", anchor=False)
    tables.show_spread(held, beside)

if part == "Code length":
    st.markdown(
        "The first K values of each code are used; the other values are set to their mean. Move "
        "the slider to see how many values an image needs. Click an image to choose it."
    )
    with ui.error_boundary():
        show_code_length(held, sample, rows)

if part == "Bits":
    st.markdown(
        "The values of a code need not be stored exactly. Each is quantized to $2^b$ levels over "
        "its range on training images, so that the code takes fewer bytes."
    )
    tables.show_bits(held, beside)
    ui.caption(
        "PSNR over bytes: each model at 1 to 8 bits and float16; PCA with the best combination of "
        "components and bits for each size; JPEG and WebP at many qualities. Higher and further "
        "left is better. Measured on up to 200 images."
    )

if part == "What is lost":
    tables.show_loss(held, beside)
    st.markdown(
        "Most of the energy of an image is in its low frequencies. A code that minimizes squared "
        "error spends its values there first; fine detail would need many values and reduce the "
        "error little, so it is lost. The result is blur."
    )
    st.header("Why squared error misleads", anchor=False)
    images.show_misleading(held, sample, rows)

ui.end_of_page()
