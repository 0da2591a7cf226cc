"""The Reconstruct page, its numbers: the table, the spread, bits, frequencies."""

import shlex

import streamlit as st

from convae import plots
from convae.csv_export import to_csv
from convae.evaluation import compare, compressors
from convae.evaluation.compressors import FLOAT
from convae.ui import frame, model_cards
from convae.ui.address import UPLOADS
from convae.ui.escape import plain, sentence
from convae.ui.reconstruct.comparison import (
    STRAW,
    Contest,
    curves,
    each_image,
    frequencies_of,
    rebuilt_by,
    row_of,
    scores_of,
)


def show_table(held: Contest) -> None:
    """Every method on the same images: the table, the spread, by class, and how to get it again."""
    chosen = held.chosen()
    rows = [row_of(method, held.measured) for method in chosen.values()]
    st.dataframe(
        [
            {
                "Method": row.name,
                "Values": row.values,
                "Bytes": row.bytes_per_image,
                "PSNR (dB)": row.psnr,
                "mean PSNR": row.psnr_mean,
                "PSNR spread": row.psnr_spread,
                "SSIM": row.ssim,
                "SSIM spread": row.ssim_spread,
                "MSE": row.mse,
            }
            for row in rows
        ],
        hide_index=True,
        column_config={
            "Bytes": _number("%.1f", "Of an image; a codec's: all images packed into one file."),
            "PSNR (dB)": _number("%.2f", "Of the whole set: 10 log10(1 / mean MSE)."),
            "mean PSNR": _number("%.2f", "The mean over the images, dB."),
            "PSNR spread": _number("%.2f", "Standard deviation over the images, dB."),
            "SSIM": _number("%.4f", "Structural similarity, mean over the images: 1 if equal."),
            "SSIM spread": _number("%.4f", "Standard deviation over the images."),
            "MSE": _number("%.6f", "Mean squared error, pixels in [0, 1]."),
        },
        placeholder="-",
        key="reconstruct-table",
    )
    st.markdown(sentence(compare.verdict(rows)))
    st.caption(told(held))
    with st.container(horizontal=True):
        frame.download(
            "Table (CSV)",
            lambda: to_csv([row._asdict() for row in rows]),
            "table.csv",
            "text/csv",
        )
        frame.download(
            "Every image (CSV)",
            lambda: to_csv(each_image(held.measured, chosen)),
            "images.csv",
            "text/csv",
        )
    command = same_on_the_command_line(held)
    if command:
        st.caption("The same table on the command line:")
        st.code(command, language="bash", wrap_lines=True)


def _number(form: str, told: str):
    return st.column_config.NumberColumn(format=form, help=told)


def told(held: Contest) -> str:
    """How the straw men were made."""
    parts = []
    for name in STRAW:
        if name in held.names:
            made = plain(held.method(name).told, 300)
            parts.append(f"PCA is fitted on {made}" if name == "PCA" else f"{name}: {made}")
        else:
            parts.append("No training images are at hand to fit PCA on")
    if held.checkpoint.config.refinement_steps:
        parts.append("Guess is the encoder alone, before its codes are refined")
    return (
        "; ".join(parts) + ". JPEG and WebP get the best quality at which all images, packed into "
        "one file, take no more bytes than the codes: their headers count next to nothing."
    )


def same_on_the_command_line(held: Contest) -> str:
    """The command that prints the same table; none for uploads, which the command line lacks."""
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


def show_spread(held: Contest, beside) -> None:
    """A histogram over the images, and the PSNR of each class."""
    what = st.segmented_control(
        "Spread of",
        ["PSNR", "SSIM"],
        default="PSNR",
        required=True,
        key="reconstruct-spread",
        bind="query-params",
        persist_state="session",
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
        lines = compare.by_class(held.measured, rebuilt)
        number = _number("%.2f", "PSNR of the images of this class, dB.")
        st.dataframe(
            [
                {"Class": line["class"], "Images": line["n"]} | {n: line[n] for n in rebuilt}
                for line in lines
            ],
            hide_index=True,
            column_config=dict.fromkeys(rebuilt, number),
            key="reconstruct-classes",
        )


def show_bits(held: Contest, beside) -> None:
    """PSNR over bytes of this model, those beside it and the straw men; and what the bits cost."""
    names = [held.checkpoint.name, *held.others]
    options = model_cards.checkpoint_options()
    seen = model_cards.trained_on(options[held.checkpoint.name])
    alike = [name for name, entry in options.items() if model_cards.trained_on(entry) == seen]
    if len({*names, *alike}) > len(names) and st.toggle(
        f"All {len({*names, *alike})} models that learned from {plain(seen)}",
        key="reconstruct-all",
        help="Each is measured at nine sizes the first time: seconds a model.",
        bind="query-params",
        persist_state="session",
    ):
        names = list(dict.fromkeys([*names, *alike]))
    found = curves(held, names)
    mine = dict(zip(compressors.BITS, found[held.checkpoint.name], strict=True))
    size, quality = mine[held.bits]
    st.plotly_chart(
        plots.rate_distortion(found, {held.checkpoint.name: (size, quality)}),
        key="reconstruct-rate",
    )
    full, best = mine[FLOAT]
    if held.bits != FLOAT:
        st.markdown(
            f"At **{_bits(held.bits)}** a value a code takes **{size:,} bytes** instead of "
            f"{full:,}. That costs **{best - quality:.2f} dB**."
        )
        return
    few = next(bits for bits, (_, quality) in mine.items() if best - quality < 0.5)
    size, quality = mine[few]
    st.markdown(
        f"As float16 a code takes **{full:,} bytes**. Move the slider: **{_bits(few)}** a value, "
        f"{size:,} bytes in all, costs only **{best - quality:.2f} dB**."
    )


def _bits(count: int) -> str:
    return "1 bit" if count == 1 else f"{count} bits"


def show_loss(held: Contest, beside) -> None:
    """Spectra, and the error by band."""
    chosen = held.chosen(beside or STRAW)
    found = {name: frequencies_of(method, held.measured) for name, method in chosen.items()}
    left, right = st.columns(2, gap="medium")
    originals = {"original": frequencies_of(None, held.measured)[0]}
    left.markdown("**How much detail there is**, from coarse to fine")
    left.plotly_chart(
        plots.spectrum(originals | {name: each[0] for name, each in found.items()}),
        key="reconstruct-spectrum",
    )
    right.markdown("**How much of it is lost**, by its size")
    right.plotly_chart(
        plots.bands({name: each[1] for name, each in found.items()}), key="reconstruct-bands"
    )
