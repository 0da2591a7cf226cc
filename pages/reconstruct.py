"""Reconstruct: what survives the bottleneck?"""

import streamlit as st

from convae import metrics, plots, ui

ui.page("Reconstruct")
st.markdown("Each image goes through the bottleneck and is rebuilt. What is kept, what is lost?")

checkpoint = ui.pick_checkpoint()
found = ui.pick_images(16, key="reconstruct")

rebuilt = checkpoint.reconstruct(found.images)
lost = ui.error_picture(found.images, rebuilt)
psnr = metrics.psnr(found.images, rebuilt)
ui.image_rows(
    {"original": found.images, "rebuilt": rebuilt, "error": lost}, captions=psnr, unit="dB"
)
st.caption("PSNR below each image: higher is better. The error is dark where nothing is lost.")

with st.container(horizontal=True):
    ui.download(
        "Images (PNG)",
        lambda: ui.sheet_png([found.images, rebuilt, lost]),
        "reconstruct.png",
        "image/png",
    )
    ui.download(
        "Numbers (CSV)",
        lambda: "image,psnr_db\n" + "".join(f"{i},{v:.4f}\n" for i, v in enumerate(psnr, 1)),
        "reconstruct.csv",
        "text/csv",
    )

many = ui.many_images(500)
summary = ui.summary_of(checkpoint, many)
st.header(f"Over {summary.n:,} images", anchor=False)
ui.figures(
    {
        "PSNR": f"{summary.psnr:.2f} dB",
        "SSIM": f"{summary.ssim:.3f}",
        "MSE": f"{summary.mse:.5f}",
        "Fewer numbers": f"{checkpoint.train_config.compression:.3g} : 1",
    },
    {
        "PSNR": "Peak signal-to-noise ratio of the whole set: 10 log10(1 / mean MSE).",
        "SSIM": "Structural similarity, mean over the images: 1 for equal images.",
        "MSE": "Mean squared error, pixels in [0, 1].",
    },
)
each = metrics.psnr(many.images, ui.rebuilt_of(checkpoint, many))
st.plotly_chart(plots.histogram(each, "PSNR (dB)"), key="reconstruct-psnr")
