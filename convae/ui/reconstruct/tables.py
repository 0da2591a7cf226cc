"""The figures of the Reconstruct page: the table, histograms, rate-distortion curves, spectra."""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from convae import plots
from convae.csv_export import to_csv
from convae.evaluation import compare, compressors
from convae.evaluation.compressors import ENCODER_ONLY, FLOAT
from convae.ui import frame, glossary, model_cards, pickers
from convae.ui.address import BOUND, UPLOADS, Setting
from convae.ui.escape import plain, sentence
from convae.ui.reconstruct.comparison import (
    BASELINES,
    Contest,
    codec_note,
    curves,
    each_image,
    frequencies_of,
    rebuilt_by,
    row_of,
    scores_of,
)
from convae.wording import counted

SPREAD = Setting("reconstruct-spread", ("PSNR", "SSIM"))


def show_table(held: Contest) -> None:
    """All methods on the same images: the table, a verdict, downloads, the equal command."""
    chosen = held.chosen()
    rows = [row_of(method, held.measured) for method in chosen.values()]
    shown = [
        {
            "Method": row.name,
            "Values": row.values,
            "Bytes": row.bytes_per_image,
            "PSNR (dB)": row.psnr,
            "Mean PSNR (dB)": row.psnr_mean,
            "PSNR SD (dB)": row.psnr_spread,
            "SSIM": row.ssim,
            "SSIM SD": row.ssim_spread,
            "MSE": row.mse,
        }
        for row in rows
    ]
    formats = {
        "Bytes": _number("%.1f", "Per image; JPEG and WebP pack all into one file."),
        "PSNR (dB)": _number("%.2f", "Of the whole set, from the mean MSE of all images."),
        "Mean PSNR (dB)": _number("%.2f", "Mean over the images."),
        "PSNR SD (dB)": _number("%.2f", "Standard deviation over the images."),
        "SSIM": _number("%.4f", "Mean over the images."),
        "SSIM SD": _number("%.4f", "Standard deviation over the images."),
        "MSE": _number("%.6f", "Mean over the images."),
    }
    st.dataframe(
        shown,
        hide_index=True,
        column_config=glossary.columns(shown, formats),
        placeholder="-",
        key="reconstruct-table",
    )
    st.markdown(sentence(compare.verdict(rows)))
    glossary.caption(how_made(held))
    numbers = pickers.many_rows(held.measured)  # not in the download: it has no session
    with st.container(horizontal=True):
        frame.download(
            "Table (CSV)",
            lambda: to_csv([row._asdict() for row in rows]),
            "table.csv",
            "text/csv",
        )
        frame.download(
            "Every image (CSV)",
            lambda: to_csv(each_image(held.measured, numbers, chosen)),
            "images.csv",
            "text/csv",
        )
    command = same_on_the_command_line(held)
    if command:
        st.caption("The same table on the command line:")
        st.code(command, language="bash", wrap_lines=True)


def _number(form: str, text: str) -> dict[str, Any]:
    return st.column_config.NumberColumn(format=form, help=text)


def how_made(held: Contest) -> str:
    """How the baselines were made, in a sentence."""
    parts = []
    for name in BASELINES:
        if name in held.names:
            pca = name == "PCA"
            made = held.pca_made if pca else held.method(name).details
            parts.append(f"PCA is fitted on {made}" if pca else f"{name}: {made}")
        else:
            parts.append("No training images are available to fit PCA on")
    if held.checkpoint.config.refinement_steps:
        parts.append(f"{ENCODER_ONLY}: the code before refinement")
    return f"{'; '.join(parts)}. {codec_note(held, BASELINES[1:])} Headers are negligible."


def same_on_the_command_line(held: Contest) -> str:
    """The command that prints the same table; "" for uploads, which it cannot read."""
    if held.measured.name == UPLOADS:
        return ""
    words = [
        "python",
        "-m",
        "convae",
        "evaluate",
        held.checkpoint.name,
        "--data",
        held.measured.name,
    ]
    words += ["--limit", str(len(held.measured))]
    if held.fitted_on is not None:
        words += ["--fit-data", held.fitted_on.name]
    if held.bits != FLOAT:
        words += ["--bits", str(held.bits)]
    if (
        held.checkpoint.config.refinement_steps
        != held.checkpoint.train_config.model.refinement_steps
    ):
        words += ["--refinement-steps", str(held.checkpoint.config.refinement_steps)]
    return shlex.join(words + (["--beside", *held.others] if held.others else []))


def show_spread(held: Contest, beside: Iterable[str]) -> None:
    """A histogram over the images, and the PSNR of each class."""
    what = st.segmented_control(
        "Distribution of",
        SPREAD.options,
        default=SPREAD.default,
        required=True,
        **SPREAD.bound,
    )
    chosen = held.chosen(beside or ("PCA",))
    values = {name: scores_of(method, held.measured)[what] for name, method in chosen.items()}
    st.plotly_chart(
        plots.histogram(values, "PSNR (dB)" if what == "PSNR" else "SSIM"),
        key="reconstruct-histogram",
    )
    if len(held.measured.class_names) > 1:
        st.subheader("By class", anchor=False)
        rebuilt = {
            name: rebuilt_by(method, held.measured) for name, method in held.chosen().items()
        }
        rows = compare.by_class(held.measured, rebuilt)
        number = _number("%.2f", "PSNR (dB) of the images of this class.")
        st.dataframe(
            [
                {"Class": row["class"], "Images": row["n"]} | {n: row[n] for n in rebuilt}
                for row in rows
            ],
            hide_index=True,
            column_config=dict.fromkeys(rebuilt, number),
            key="reconstruct-classes",
        )


def show_bits(held: Contest, beside: Iterable[str]) -> None:
    """PSNR over bytes of the models and the baselines; the loss by quantization."""
    names = [held.checkpoint.name, *held.others]
    options = model_cards.checkpoint_options()
    trained_on = model_cards.trained_on(options[held.checkpoint.name])
    alike = [name for name, entry in options.items() if model_cards.trained_on(entry) == trained_on]
    if len({*names, *alike}) > len(names) and st.toggle(
        f"All {len({*names, *alike})} models trained on {plain(trained_on)}",
        key="reconstruct-all",
        help="The first time, each model is measured at nine sizes, which takes seconds per model.",
        **BOUND,
    ):
        names = list(dict.fromkeys([*names, *alike]))
    points = curves(held, names)
    mine = dict(zip(compressors.BITS, points[held.checkpoint.name], strict=True))
    size, quality = mine[held.bits]
    st.plotly_chart(
        plots.rate_distortion(points, {held.checkpoint.name: (size, quality)}),
        key="reconstruct-rate",
    )
    st.markdown(cost_of_bits(mine, held.bits))


def cost_of_bits(curve: Mapping[int, tuple[float, float]], bits: int) -> str:
    """What quantization to `bits` bits per value saves and costs; for FLOAT, an example: the fewest
    bits that cost less than 0.5 dB, or the most if all cost more.

    curve: bits per value -> (bytes per image, PSNR in dB), with FLOAT.
    """
    full, best = curve[FLOAT]
    text = ""
    if bits == FLOAT:
        quantized = [count for count in sorted(curve) if count != FLOAT]
        cheap = [count for count in quantized if best - curve[count][1] < 0.5]
        bits = cheap[0] if cheap else quantized[-1]
        text = f"As float16 a code takes **{full:,} bytes**. "
    size, quality = curve[bits]
    return text + (
        f"At **{counted(bits, 'bit')}** per value a code takes **{size:,} bytes** instead of "
        f"{full:,}; PSNR changes by **{round(quality, 2) - round(best, 2):+.2f} dB**."
    )


def show_loss(held: Contest, beside: Iterable[str]) -> None:
    """Power spectra, and the error per frequency band."""
    chosen = held.chosen(beside or BASELINES)
    spectra = {name: frequencies_of(method, held.measured) for name, method in chosen.items()}
    left, right = st.columns(2, gap="medium")
    originals = {"original": frequencies_of(None, held.measured)[0]}
    left.markdown("**Power spectrum**, from coarse to fine detail")
    left.plotly_chart(
        plots.spectrum(originals | {name: pair[0] for name, pair in spectra.items()}),
        key="reconstruct-spectrum",
    )
    right.markdown("**Error by spatial frequency**: how much detail of each size is lost")
    right.plotly_chart(
        plots.bands({name: pair[1] for name, pair in spectra.items()}), key="reconstruct-bands"
    )
