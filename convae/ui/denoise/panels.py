"""The Denoise page: the images, the table and the curve."""

import math
import shlex

import numpy as np
import streamlit as st

from convae import plots
from convae.csv_export import to_csv
from convae.data import ImageSet
from convae.evaluation import metrics
from convae.tasks import denoising
from convae.tasks.denoising import CORRUPTED, LABELS, MODEL, PCA_WIENER
from convae.ui import caches, charts, frame, glossary, pickers, pictures
from convae.ui.address import BOUND
from convae.ui.denoise.setting import Setting, qualities, restored
from convae.ui.escape import sentence

COLUMNS = 8


def show_rows(setting: Setting, shown: ImageSet, numbers: np.ndarray) -> None:
    """The originals, the corrupted images and a row for each method, with PSNR and SSIM. numbers:
    of the images in their set."""
    with_errors = st.toggle(
        "Error maps",
        key="denoise-errors",
        help="The absolute error of each pixel, below each method, on one scale for all. Dark: no "
        "error; white: an error of half the pixel range.",
        **BOUND,
    )
    rows, below = {"Original": shown.images}, {}
    for name, images in restored(setting, shown).items():
        label = setting.label(name)
        rows[label] = images
        captions = [
            ("exact" if decibels == math.inf else f"{decibels:.1f} dB") + f"\nSSIM {similarity:.2f}"
            for decibels, similarity in zip(
                metrics.psnr(shown.images, images), metrics.ssim(shown.images, images), strict=True
            )
        ]
        if with_errors:
            rows[f"Error, {label}"] = pictures.error_picture(shown.images, images)
            below[f"Error, {label}"] = captions
        else:
            below[label] = captions
    pictures.image_rows(rows, columns=COLUMNS, below=below, numbers=numbers)
    with st.container(horizontal=True):
        frame.download(
            "Images (PNG)",
            lambda: pictures.sheet_png(list(rows.values())),
            "denoise.png",
            "image/png",
        )
        frame.download(
            "Numbers (CSV)",
            lambda: to_csv(per_image(setting, shown, numbers)),
            "denoise.csv",
            "text/csv",
        )


def per_image(setting: Setting, shown: ImageSet, numbers: np.ndarray) -> list[dict]:
    """A row for each image: its number, its class, and the PSNR and SSIM of each method."""
    lines = [
        {"image": int(number), "class": shown.class_names[label]}
        for number, label in zip(numbers, shown.labels, strict=True)
    ]
    for name, images in restored(setting, shown).items():
        psnr, ssim = metrics.psnr(shown.images, images), metrics.ssim(shown.images, images)
        for line, decibels, similarity in zip(lines, psnr, ssim, strict=True):
            line[f"{name}_psnr_db"] = float(decibels)  # inf where nothing was changed
            line[f"{name}_ssim"] = float(similarity)
    return lines


def show_table(setting: Setting, measured: ImageSet) -> None:
    """All methods on the same images, a sentence about the best one, and the command."""
    (quality,) = qualities(setting, measured, [setting.strength])
    labels = {name: setting.label(name) for name in quality}
    st.markdown(f"**{sentence(denoising.verdict(quality, labels))}**")
    ranked = sorted(quality, key=lambda name: -quality[name].psnr)
    given = _finite(quality[CORRUPTED].psnr)
    lines = []
    for name in ranked:
        psnr = _finite(quality[name].psnr)
        known = psnr is not None and given is not None
        lines.append(
            {
                "Method": labels[name],
                "PSNR (dB)": psnr,
                # from the rounded figures, as in the sentence above
                "Gain (dB)": round(psnr, 2) - round(given, 2) if known else None,
                "SSIM": quality[name].ssim,
            }
        )
    number = st.column_config.NumberColumn
    formats = {
        "PSNR (dB)": number(
            format="%.2f", help="Of the mean MSE over all images; empty: exact, no error."
        ),
        "Gain (dB)": number(format="%+.2f", help="PSNR minus the PSNR of the corrupted images."),
        "SSIM": number(format="%.4f", help="Mean over all images."),
    }
    st.dataframe(
        lines,
        hide_index=True,
        column_config=glossary.columns(lines, formats),
        key="denoise-table",
    )
    glossary.caption(_measured_on(setting, measured))
    frame.download("Table (CSV)", lambda: to_csv(lines), "denoise-table.csv", "text/csv")
    if command := command_for(setting, measured):
        st.caption("The same figures on the command line:")
        st.code(command, language="bash", wrap_lines=True)


def _finite(psnr: float) -> float | None:
    return psnr if psnr < metrics.EXACT_DB else None


def _measured_on(setting: Setting, measured: ImageSet) -> str:
    count = len(measured)
    text = (
        f"Measured on {count:,} image{'s' * (count > 1)} of {pickers.spec_name(measured.name)}, of "
        "all classes. Models use the encoder and decoder without refinement steps, which would fit "
        "the noise of a corrupted input."
    )
    if PCA_WIENER in setting.by:
        fitted_on = setting.fitted_on
        text += f" PCA is fitted on {caches.pca_of(fitted_on).fitted_on:,} training images of "
        text += f"{pickers.spec_name(fitted_on.name)}."
    elif setting.fitted_on is None:
        text += " PCA is not available: there are no training images to fit it on."
    return text


def command_for(setting: Setting, measured: ImageSet) -> str:
    """The command that prints the same table; "" for uploads, which it does not support."""
    if measured.name == pickers.UPLOADS:
        return ""
    words = ["python", "-m", "convae", "denoise", setting.checkpoint.name]
    words += ["--data", measured.name, "--corruption", setting.kind]
    words += ["--strength", f"{setting.strength:g}", "--limit", str(len(measured))]
    if setting.fitted_on is not None:
        words += ["--fit-data", setting.fitted_on.name]
    if others := [name for name in setting.by if name not in LABELS]:
        words += ["--beside", *others]
    return shlex.join(words + (["--seed", str(setting.seed)] if setting.seed else []))


def show_curve(setting: Setting, measured: ImageSet) -> None:
    """PSNR of every method over the strength, on the same images."""
    corruption = setting.corruption
    strengths = sorted({*map(float, corruption.curve), setting.strength} - {0.0})
    results = qualities(setting, measured, strengths)
    psnr = {
        setting.label(name): [quality[name].psnr for quality in results]
        for name in (CORRUPTED, *setting.by)
    }
    label = f"{corruption.label}: strength ({corruption.unit})"
    emphasized = [setting.label(MODEL), *(name for name in setting.by if name not in LABELS)]
    st.plotly_chart(
        charts.figure(
            plots.psnr_over_strength, strengths, psnr, label, setting.strength, emphasized
        ),
        key="denoise-curve",
    )
    lines = [
        {"strength": strength} | {f"{name}_psnr_db": values[n] for name, values in psnr.items()}
        for n, strength in enumerate(strengths)
    ]
    frame.download("Curve (CSV)", lambda: to_csv(lines), "denoise-curve.csv", "text/csv")
