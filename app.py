"""Overview: an autoencoder at work on one image, and what its parts are."""

import streamlit as st

from convae import ui
from convae.evaluation import metrics
from convae.ui.overview import about, architecture, editing, models

ui.page("What survives the bottleneck?")
checkpoint = ui.pick_checkpoint()
whole, rows = ui.pick_rows(checkpoint, 12, key="overview", most=24)
images = whole.take(rows)
config = checkpoint.config
entry = ui.checkpoint_options()[checkpoint.name]

real = images.real_dimension
st.markdown(
    "An interactive demo of a convolutional autoencoder, which compresses an image into a short "
    f"code and reconstructs it from the code alone: {real:,} values from {config.latent_dim:,}."
)
about.source()
ui.tour_start()
editing.restore(images, "overview-one")
chosen = ui.pick_one(images, key="overview-one", numbers=rows)
image = images.images[chosen]
code = ui.Remembered(checkpoint).encode(image[None])
rebuilt = ui.Remembered(checkpoint).decode(code)
error, psnr = (float(of(image[None], rebuilt)[0]) for of in (metrics.mse, metrics.psnr))
editing.edit_code(checkpoint, images, chosen, code[0], rebuilt[0])
test_psnr = ui.psnr_of(entry)
ui.figures(
    {
        "Compression ratio": f"{real / config.latent_dim:.3g}:1",
        "PSNR of this image": f"{psnr:.1f} dB",
        "Test PSNR": "-" if test_psnr is None else f"{test_psnr:.1f} dB",
        "Trainable parameters": f"{checkpoint.model.parameter_count:,}",
    },
)
ui.caption(ui.provenance(checkpoint, images))

models.show(checkpoint, images, chosen)

st.header("How it works", anchor=False)
encode, decode, train = st.columns(3, gap="medium")
with encode:
    st.latex("h = f(x)")
    st.markdown(
        "**Encode.** The encoder $f$ reads the image $x$ through convolutions that make it "
        "smaller and deeper, layer by layer, down to the code $h$."
    )
with decode:
    st.latex(r"\hat{x} = g(h) = g(f(x))")
    st.markdown(
        "**Decode.** The decoder $g$ receives only the code. Layer by layer it expands the code "
        r"to a full-size image: the reconstruction $\hat{x}$."
    )
with train:
    st.latex(r"\min_{f,\,g}\; L(x,\, g(f(x)))")
    st.markdown(
        "**Compare and train.** The loss $L$ measures the difference. Backpropagation gives the "
        "gradient for every weight; Adam or SGD takes a small step against it, many times over."
    )

st.header("Inside this model", anchor=False)
architecture.show(checkpoint, error, psnr)

st.header("Two reconstruction losses", anchor=False)
squared, entropy = st.columns(2, gap="medium")
with squared:
    st.latex(r"L_{MSE} = \frac{1}{n}\sum_i (x_i - \hat{x}_i)^2")
    st.markdown(
        "**Mean squared error**, for any continuous values. All images that share a code get one "
        "output, and the output with the least squared error is their average: hence the blur."
    )
with entropy:
    st.latex(r"L_{BCE} = -\frac{1}{n}\sum_i\,[x_i\ln\hat{x}_i+(1-x_i)\ln(1-\hat{x}_i)]")
    st.markdown(
        "**Binary cross-entropy**, for values between 0 and 1. It is least where both agree, but "
        f"not zero: for this image the minimum is {metrics.pixel_entropy(image[None]):.3f}."
    )

takeaways, onward = st.columns(2, gap="medium")
with takeaways:
    st.header("Takeaways", anchor=False)
    st.markdown(
        """
* No labels are needed: the image is its own target. This is **unsupervised** learning.
* Encoder, bottleneck, decoder; training makes the output as close as possible to the input.
* Uses: **dimensionality reduction**, **feature learning**, **denoising**, **anomaly detection**.
"""
    )
    ui.section_links("Apply")
with onward:
    st.header("Where to go next", anchor=False)
    ui.next_pages()

st.header("Available models", anchor=False)
ui.models_table()
ui.end_of_page()
