"""What is known about each available model: its test figures, its training data, in a table."""

import math

import numpy as np
import streamlit as st

from convae import data
from convae.data import ImageSet
from convae.models import checkpoints, default_set
from convae.models.checkpoints import Checkpoint, Entry
from convae.ui import glossary
from convae.ui.address import NAMES, UPLOADS, spec_name

OUTSIDE = "outside"  # the name of drawn images that no training set contains
SHOWN = {
    OUTSIDE: "noise, patterns and shifts of one image, drawn here",
    "sample": "the first 20 CIFAR-10 test images",
    UPLOADS: "your images",
}


def psnr_of(entry: Entry) -> float | None:
    """The test PSNR (dB) in the model card; None if it was not measured."""
    return entry.card.test.get("psnr")


def measured_on(entry: Entry) -> str:
    """Which images `psnr_of` was measured on, and how many; "" if it was not measured."""
    test = entry.card.test
    if psnr_of(entry) is None:
        return ""
    if test.get("images"):
        return test["images"]
    count = test.get("n")
    many = f"{count:,.0f} " if count else ""
    return f"{many}test images of {trained_on(entry)}"


def epochs_of(entry: Entry) -> int | None:
    """Total epochs: of the run itself and of all models it started from."""
    epochs = _total(entry, "epoch")
    return None if epochs is None else int(epochs)


def minutes_of(entry: Entry) -> float | None:
    """Total training time in minutes: of the run itself and of all models it started from."""
    seconds = _total(entry, "elapsed_s")
    return None if seconds is None else seconds / 60


def _total(entry: Entry, key: str) -> float | None:
    """The sum of one figure of `training` over the card and those of all models it started from;
    None if no card has it."""
    total = None
    card = {"training": entry.card.training, "started_from": entry.card.started_from}
    while isinstance(card, dict):
        training = card.get("training")
        value = _finite(training.get(key)) if isinstance(training, dict) else None
        if value is not None:
            total = (total or 0) + value
        card = card.get("started_from")
    return total


def _finite(value: object) -> float | None:
    """The value if it is a finite number, else None: cards are untrusted input."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        return None
    return float(value)


def trained_on(entry: Entry) -> str:
    if default_set.is_cifar10(entry.card):
        return NAMES["cifar10"]
    return spec_name(entry.config.data.spec)


def provenance(checkpoint: Checkpoint, images: ImageSet) -> str:
    """Which images are shown, what the model was trained on and its test PSNR, as one line."""
    entry = checkpoint_options().get(checkpoint.name)
    known = trained_on(entry) if entry else "unknown images"
    shown = SHOWN.get(images.name, f"test images of {spec_name(images.name)}")
    line = f"Shown: {shown}. Model: trained on {known}"
    if entry and psnr_of(entry) is not None:
        line += f", PSNR {psnr_of(entry):.1f} dB on {measured_on(entry)}"
    return line + "."


def enlarged_note(spec: str, latent_dim: int) -> str:
    """What ratios and decibels mean for a set whose images are enlarged from smaller ones; "" for
    other sets."""
    real = data.real_dimension(spec)
    if real == data.VALUES:
        return ""
    side = math.isqrt(real)
    note = (
        f"{spec_name(spec)} are {side}x{side} images enlarged to 32x32: {real} numbers, not 3,072."
    )
    if latent_dim >= real:
        return (
            f"{note} A code of {latent_dim:,} values is as large as the data: it compresses "
            "nothing, and a high PSNR proves nothing."
            + f" PCA fitted on them has {real} components, not {latent_dim:,}."
            * (latent_dim > real)
        )
    return (
        f"{note} A code of {latent_dim:,} values compresses {real / latent_dim:.3g}:1, and "
        f"PCA with {real} components fitted on them is nearly exact: decibels do not compare with "
        "those of photographs."
    )


def compression_of(spec: str, latent_dim: int) -> float:
    """The numbers that determine an image of this set, divided by the latent dimension."""
    return data.real_dimension(spec) / latent_dim


def describe(entry: Entry) -> str:
    """A model in one line: architecture, latent dimension, training data, test PSNR."""
    model, psnr = entry.config.model, psnr_of(entry)
    parts = [model.architecture, f"latent dimension {model.latent_dim}", trained_on(entry)]
    return " · ".join([*parts, *([] if psnr is None else [f"test PSNR {psnr:.1f} dB"])])


def checkpoint_options() -> dict[str, Entry]:
    """The available models by name, in the order of every list: shipped ones, then newest runs."""
    return {entry.name: entry for entry in checkpoints.listing()}


def _compression(entry: Entry) -> float:
    return compression_of(entry.config.data.spec, entry.config.model.latent_dim)


def models_table() -> None:
    """A table of all available models."""
    rows = [
        {
            "Model": entry.name,
            "Architecture": entry.config.model.architecture,
            "Latent dimension": entry.config.model.latent_dim,
            "Compression": f"{_compression(entry):.3g}:1",
            "Training data": trained_on(entry),
            "Test PSNR (dB)": psnr_of(entry),
            "Measured on": measured_on(entry) or None,
            "Parameters": entry.card.parameters,
            "Epochs": epochs_of(entry),
            "Training (min)": minutes_of(entry),
        }
        for entry in checkpoint_options().values()
    ]
    formats = {
        "Latent dimension": st.column_config.NumberColumn("Latent dim."),
        "Test PSNR (dB)": st.column_config.NumberColumn(
            format="%.2f", help="Of the images under Measured on, as one set."
        ),
        "Measured on": st.column_config.TextColumn(width="medium"),
        "Parameters": st.column_config.NumberColumn(
            format="localized", help="Trainable weights of encoder and decoder."
        ),
        "Epochs": st.column_config.NumberColumn(help="Models it started from included."),
        "Training (min)": st.column_config.NumberColumn(
            "Minutes",
            format="%.0f",
            help="Training time on the machine of each run, models it started from included.",
        ),
    }
    st.dataframe(
        rows,
        hide_index=True,
        column_config=glossary.columns(rows, formats),
        placeholder="-",
    )
