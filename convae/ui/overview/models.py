"""The same image through every shipped model of one data set, beside PCA."""

import hashlib
import math

import numpy as np
import streamlit as st

from convae.data import ImageSet
from convae.evaluation import metrics
from convae.models import checkpoints
from convae.models.checkpoints import Checkpoint
from convae.plots.code_length import psnr_over_length
from convae.ui import caches, glossary, pictures
from convae.ui.address import BOUND, spec_name
from convae.ui.image_sources import training_images
from convae.ui.model_cards import trained_on


@st.cache_data(max_entries=100, show_spinner="Reconstructing the image")
def _rebuilt(sha256: str, digest: str, _checkpoint: Checkpoint, _image: np.ndarray) -> np.ndarray:
    return _checkpoint.reconstruct(_image[None])[0]


def show(checkpoint: Checkpoint, images: ImageSet, place: int) -> None:
    """A switch; with it on, image `place` by each model trained on the data of the chosen one, and
    by PCA of the same latent dimensions, with PSNR below each and over the code length."""
    if not st.toggle("The same image through other models", key="overview-models", **BOUND):
        return
    image = images.images[place]
    result: dict[str, tuple[int, np.ndarray]] = {}
    digest = hashlib.sha256(image.tobytes()).hexdigest()
    entries = checkpoints.shipped()
    data = {trained_on(entry) for entry in entries if entry.name == checkpoint.name}
    for entry in entries:
        noise, model = entry.config.noise_std, entry.config.model
        if trained_on(entry) in data and not noise and not model.variational:
            loaded = caches.load_checkpoint(entry.name)
            result[entry.name] = (
                model.latent_dim,
                _rebuilt(loaded.sha256, digest, loaded, image),
            )
    result.setdefault(
        checkpoint.name,
        (checkpoint.config.latent_dim, _rebuilt(checkpoint.sha256, digest, checkpoint, image)),
    )
    lengths = sorted({length for length, _ in result.values()})
    reference = training_images(checkpoint, images.name)
    if reference is not None:
        pca = caches.pca_with_progress(reference)
        most = min(len(pca.components), reference.real_dimension)
        for length in (item for item in lengths if item <= most):
            rebuilt = pca.decode(pca.encode(image[None], length))[0]
            result[f"PCA, {length} values"] = (length, rebuilt)
    psnr = {
        name: metrics.capped_psnr(float(metrics.mse(image[None], rebuilt[None])[0]))
        for name, (_, rebuilt) in result.items()
    }
    shown = {"original": image} | {name: rebuilt for name, (_, rebuilt) in result.items()}
    pictures.image_rows(
        {"this image": np.stack(list(shown.values()))},
        ["original", *(f"{name}\n{value:.1f} dB" for name, value in psnr.items())],
        columns=len(shown),
    )
    if not any(entry.name in result and entry.name != checkpoint.name for entry in entries):
        st.caption("No other shipped model was trained on the images of this one.")
        return
    curves: dict[str, list[float]] = {}
    for name, (length, _) in result.items():
        curve = curves.setdefault("PCA" if name.startswith("PCA, ") else name, [])
        curve += [math.nan] * (len(lengths) - len(curve))
        curve[lengths.index(length)] = psnr[name]
    st.plotly_chart(psnr_over_length(lengths, curves, 32), key="overview-models-curve")
    fitted = ""
    if reference is not None:
        fitted = f" PCA is fitted on {pca.fitted_on:,} training images of "
        fitted += f"{spec_name(reference.name)}."
        if lengths[-1] > most:
            fitted += f" It has at most {most:,} components."
    glossary.caption(f"PSNR of this image over the number of values in the code.{fitted}")
