"""What is known about each available model: its test figures, its training data, in a table."""

import numpy as np
import streamlit as st

from convae.models import checkpoints
from convae.models.checkpoints import Entry
from convae.ui.address import NAMES, spec_name


def is_cifar10(entry: Entry) -> bool:
    """Whether a model learned from CIFAR-10, wherever the images lay."""
    classes = entry.card.get("classes") or []
    return entry.config.data.spec == "cifar10" or {"airplane", "frog", "truck"} <= set(classes)


def psnr_of(entry: Entry) -> float | None:
    """The PSNR (dB) on test images that its card states; None where it was not measured there."""
    return _finite(_test_of(entry).get("psnr"))


def measured_on(entry: Entry) -> str:
    """Which images `psnr_of` is measured on and how many; "" where there is no such figure."""
    test = _test_of(entry)
    if psnr_of(entry) is None:
        return ""
    if isinstance(test.get("images"), str):
        return test["images"]
    count = _finite(test.get("n"))
    many = f"{count:,.0f} " if count else ""
    return f"{many}test images of {trained_on(entry)}"


def epochs_of(entry: Entry) -> int | None:
    """Epochs trained in all: of the run itself and of the models it started from, one by one."""
    total, card = None, entry.card
    while isinstance(card, dict):
        training = card.get("training")
        epoch = _finite(training.get("epoch")) if isinstance(training, dict) else None
        if epoch is not None:
            total = (total or 0) + int(epoch)
        card = card.get("started_from")
    return total


def _test_of(entry: Entry) -> dict:
    measured = entry.card.get("metrics")
    test = measured.get("test") if isinstance(measured, dict) else None
    return test if isinstance(test, dict) else {}


def _finite(value) -> float | None:
    """A card is read as it comes: a figure counts only where it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        return None
    return float(value)


def trained_on(entry: Entry) -> str:
    return NAMES["cifar10"] if is_cifar10(entry) else spec_name(entry.config.data.spec)


def describe(entry: Entry) -> str:
    """A model in one line: what it is, how small its code, what it has seen, how good it is."""
    model = entry.config.model
    told = [model.architecture, f"{model.latent_dim} values", trained_on(entry)]
    return " · ".join(told + ([f"{psnr_of(entry):.1f} dB"] if psnr_of(entry) is not None else []))


def checkpoint_options() -> dict[str, Entry]:
    """The models at hand by name, in the order of every list: shipped ones, then newest runs."""
    return {entry.name: entry for entry in checkpoints.listing()}


def models_table() -> None:
    """All models at hand, one a line."""
    rows = [
        {
            "Model": entry.name,
            "Architecture": entry.config.model.architecture,
            "Code": entry.config.model.latent_dim,
            "Fewer numbers": f"{entry.config.compression:.3g} : 1",
            "Learned from": trained_on(entry),
            "Test PSNR (dB)": psnr_of(entry),
            "Measured on": measured_on(entry) or None,
            "Parameters": entry.card.get("parameters"),
            "Epochs": epochs_of(entry),
        }
        for entry in checkpoint_options().values()
    ]
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "Test PSNR (dB)": st.column_config.NumberColumn(format="%.1f"),
            "Parameters": st.column_config.NumberColumn(format="localized"),
        },
        placeholder="-",
    )
