"""The image views of the Reconstruct page: rows, one image, where squared error misleads."""

from collections.abc import Collection, Iterable

import numpy as np
import streamlit as st

from convae import data, plots
from convae import images as pixels
from convae.csv_export import to_csv
from convae.evaluation import metrics, misleading
from convae.models.checkpoints import Checkpoint
from convae.ui import frame, glossary, pickers, pictures
from convae.ui.address import Setting
from convae.ui.components.before_after import before_after
from convae.ui.reconstruct.comparison import (
    BASELINES,
    Contest,
    codec_note,
    each_image,
    label,
    rebuilt_by,
    scores_of,
)

HALF = Setting("reconstruct-half", ("encoder", "decoder"))


def show_rows(
    held: Contest,
    shown: data.ImageSet,
    numbers: np.ndarray,
    beside: Iterable[str],
    names: Collection[str] | None = None,
) -> None:
    """Rows of originals, reconstructions and errors by each method; downloads. numbers: of the
    images in their set."""
    chosen = held.chosen(beside)
    rows, captions = {"original": shown.images}, [[] for _ in range(len(shown))]
    for name, method in chosen.items():
        rebuilt = rebuilt_by(method, shown)
        rows[label(held, name)] = rebuilt
        error = "error" if len(chosen) == 1 else f"error, {label(held, name)}"
        rows[error] = pictures.error_picture(shown.images, rebuilt)
        for words, value in zip(captions, scores_of(method, shown)["PSNR"], strict=True):
            number = "exact" if np.isinf(value) else f"{value:.1f} dB"
            words.append(number if len(chosen) == 1 else f"{label(held, name)[:9]} {number}")
    for words, name in zip(captions, names or [], strict=False):
        words.insert(0, name)
    pictures.image_rows(rows, ["\n".join(words) for words in captions], numbers=numbers)
    glossary.caption(
        "Captions: the PSNR of each image, higher is better. All error maps share one scale: dark "
        "is no error, white a mean color difference of half the range."
        + baselines_note(held, chosen)
    )
    with st.container(horizontal=True):
        frame.download(
            "Images (PNG)",
            lambda: pictures.sheet_png(list(rows.values())),
            "reconstruct.png",
            "image/png",
        )
        frame.download(
            "Numbers (CSV)",
            lambda: to_csv(each_image(shown, numbers, chosen)),
            "reconstruct.csv",
            "text/csv",
        )


def baselines_note(held: Contest, names: Iterable[str]) -> str:
    """How the baselines among these methods were made: training images of PCA, quality of codecs;
    "" without any baseline."""
    parts = []
    if "PCA" in names:
        parts.append(f"PCA is fitted on {held.pca_made}.")
    codecs = [name for name in BASELINES[1:] if name in names]
    if codecs:
        qualities = " and ".join(f"{name} has {held.method(name).details}" for name in codecs)
        parts.append(f"{qualities}. {codec_note(held, codecs)}")
    return " ".join(["", *parts])


def show_one(held: Contest, shown: data.ImageSet, numbers: np.ndarray) -> None:
    """One image, enlarged: a before/after slider, its scores, its code, its feature maps. numbers:
    of the images in their set."""
    shown = shown.take(np.arange(min(len(shown), 24)))
    place = pickers.pick_one(shown, "reconstruct-one", numbers)
    image = shown.images[place]
    left, right = st.columns([2, 3], gap="large")
    with right:
        # a key for each model: the default is the chosen model, also after it has changed
        name = st.selectbox(
            "Reconstructed by", held.names, key=f"reconstruct-by-{held.checkpoint.name}"
        )
        method = held.method(name)
        rebuilt = rebuilt_by(method, shown)[place]
        scores = scores_of(method, shown)
        frame.figures(
            {
                "PSNR": f"{scores['PSNR'][place]:.2f} dB",
                "SSIM": f"{scores['SSIM'][place]:.3f}",
                "Bytes": f"{method.bytes_per_image:,.0f} of {image.size:,}",
            },
            {"Bytes": "JPEG and WebP: the mean over the measured images, packed into one file."},
        )
        code = held.checkpoint.encode(image[None])[0]
        st.markdown(f"**Code**: {len(code):,} values, the only input of the decoder.")
        st.plotly_chart(plots.code_bars(code), key="reconstruct-code")
    with left:
        before_after(image, rebuilt, ("original", label(held, name)), key="reconstruct-slider")
        glossary.caption(
            f"Drag across the image, or use the arrow keys.{baselines_note(held, [name])}"
        )
    st.subheader("Feature maps of each layer", anchor=False)
    half = st.segmented_control(
        "Half",
        HALF.options,
        default=HALF.default,
        required=True,
        label_visibility="collapsed",
        **HALF.bound,
    )
    _layers(held.checkpoint, image, half)


def _layers(checkpoint: Checkpoint, image: np.ndarray, half: str) -> None:
    layers = [layer for layer in checkpoint.model.layers(image) if layer[0] == half]
    layers = [(kind, out) for _, kind, out, _ in layers if out.ndim == 3]
    rows = {}
    for number, (kind, out) in enumerate(layers, 1):
        # the layers between only rearrange these maps or cut them off at zero
        if kind.startswith(("Conv", "Unflatten")) or number == len(layers):
            rows[f"{number}: {'x'.join(map(str, out.shape))}"] = pixels.map_pictures(out, 8)
    pictures.image_rows(rows, columns=8, scale=2)
    st.caption(
        "The eight feature maps of each convolution that vary most, first layer at the top. Each "
        "map is scaled from its own minimum to its own maximum; black if a layer has fewer maps. "
        "Row labels: layer number and output shape, channels x height x width."
    )


def show_misleading(held: Contest, shown: data.ImageSet, numbers: np.ndarray) -> None:
    """One image with changes that squared error and human viewers rank differently. numbers: of
    the images in their set."""
    shown = shown.take(np.arange(min(len(shown), 12)))
    place = pickers.pick_one(shown, "reconstruct-mislead", numbers)
    image = shown.images[place]
    changed = misleading.misleading(image, rebuilt_by(held.model, shown)[place])
    pair = np.repeat(image[None], len(changed) + 1, axis=0), np.stack([image, *changed.values()])
    mse, ssim = metrics.mse(*pair), metrics.ssim(*pair)
    words = [
        f"{name}\nMSE {error:.4f}\nSSIM {likeness:.2f}"
        for name, error, likeness in zip(["original", *changed], mse, ssim, strict=True)
    ]
    pictures.image_rows({"": pair[1]}, words, columns=6, scale=4)
    errors, likenesses = (dict(zip(changed, row[1:], strict=True)) for row in (mse, ssim))
    st.markdown(misleading.misleading_text(errors, likenesses))
