"""The Generate page, its three parts: samples, priors compared, a random walk."""

import numpy as np
import streamlit as st

from convae import images as pixels
from convae import plots
from convae.csv_export import to_csv
from convae.errors import DataError
from convae.evaluation.pca import fewer_components
from convae.latent import interpolation, typicality
from convae.tasks import generation, merits
from convae.tasks.evidence import FEWEST
from convae.tasks.generation import BASELINES, CEILING, NAMES, Material, Samples
from convae.tasks.merits import Figures
from convae.ui import frame, glossary, pickers, pictures, real_codes
from convae.ui.address import BOUND
from convae.ui.escape import sentence
from convae.ui.generate import sampling
from convae.ui.generate.choice import Choice
from convae.ui.generate.sampling import Setting

PARTS = ("Samples", "Priors compared", "Random walk")
WALKS, FPS = 6, 12  # walks side by side in the GIF
MERITS = ("Precision", "Recall", "Density", "Coverage")


def pick_part() -> str:
    return st.segmented_control(
        "Part",
        PARTS,
        default=PARTS[0],
        required=True,
        key="generate-part",
        label_visibility="collapsed",
        **BOUND,
    )


def samples(setting: Setting, material: Material, choice: Choice) -> None:
    """A grid of samples with their nearest training images, their figures, and downloads."""
    drawn = sampling.samples_of(setting, material, choice)
    shown = st.select_slider(
        "Samples shown", [8, 16, 24, 32, 48, 64], 24, key="generate-shown", width=260,
        help=f"The first of {generation.COUNT:,} samples; all of them are measured.", **BOUND,
    )  # fmt: skip
    first = slice(0, shown)
    nearest = material.train.images[drawn.nearest[first]]
    pictures.image_rows(
        {"Sample": drawn.images[first], "Nearest": nearest},
        _captions(setting, drawn, shown),
    )
    st.caption(
        f"Below each sample its off-manifold percentile: {typicality.DEFINITION[0].lower()}"
        f"{typicality.DEFINITION[1:]}{setting.typical.steps}{_stand_in(setting)} Nearest: the "
        f"training image, of {len(material.train):,}, that is nearest in "
        f"{merits.space(len(material.train))}."
    )
    _show_figures(setting, material, choice, drawn)
    with st.container(horizontal=True):
        frame.download(
            "Samples (PNG)", lambda: pictures.sheet_png([drawn.images[first]]), "samples.png",
            "image/png",
        )  # fmt: skip
        frame.download(
            "Codes (CSV)",
            lambda: interpolation.codes_csv({NAMES[choice.kind]: drawn.codes}),
            "codes.csv",
            "text/csv",
        )


def _stand_in(setting: Setting) -> str:
    name = real_codes.stand_in(setting.model, setting.images)
    return f" Real codes are those of {name} here." if name else ""


def _captions(setting: Setting, drawn: Samples, shown: int) -> list[str]:
    captions, off = [], setting.off_manifold(drawn.codes[:shown])
    for row in range(shown):
        parts = [f"{off[row]:.0f}%"] if np.isfinite(off[row]) else []
        if drawn.labels is not None:
            parts.insert(0, setting.train.class_names[drawn.labels[row]])
        if drawn.copies[row]:
            parts.append("near copy")
        captions.append("\n".join(parts))
    return captions


def _show_figures(setting: Setting, material: Material, choice: Choice, drawn: Samples) -> None:
    figures = sampling.figures_of(setting, material, choice, drawn.images)
    if figures is None:
        fewest = min(setting.real, setting.train, key=len)
        kind = "training" if fewest.split == "train" else fewest.split
        st.info(
            "Precision, recall, density and coverage are not shown: they need at least "
            f"{FEWEST} {kind} images, and there "
            f"{'is 1' if len(fewest) == 1 else f'are {len(fewest)}'}. Choose another "
            "set, or add images.",
            icon=":material/info:",
        )
        return
    values = {name: f"{value:.2f}" for name, value in zip(MERITS, figures[:4], strict=True)}
    frame.figures(values | {"Near copies": f"{figures.nearest_copies:,}"})
    glossary.caption(f"{measured_on(setting)} {ceiling(sampling.ceiling_of(setting, material))}")
    if choice.kind == "normal" and not setting.variational:
        st.markdown(sampling.misfit(material))
    _show_command(setting, choice)


def ceiling(figures: Figures) -> str:
    """The figures of training images used as samples."""
    words = [
        f"{name} {value:.2f}" for name, value in zip(figures._fields, figures[:4], strict=False)
    ]
    return f"Training images used as samples have {', '.join(words)}."


def measured_on(setting: Setting) -> str:
    """On how many samples and images the figures are measured, and what they do not measure."""
    real = f"{len(setting.real):,} {setting.real.split} images"
    seen = "" if setting.apart else ", which the prior is also fitted to"
    return (
        f"{generation.COUNT:,} samples against {real} of "
        f"{pickers.spec_name(setting.real.name)}{seen}, in "
        f"{merits.space(len(setting.train))}, k = {merits.K}. This space represents color and "
        "layout, not fine detail: "
        "sharpness is not measured."
    )


def _show_command(setting: Setting, choice: Choice) -> None:
    if command := sampling.command(setting, choice):
        st.caption("The same figures on the command line:")
        st.code(command, language="bash", wrap_lines=True)


def priors(setting: Setting, material: Material, choice: Choice) -> None:
    """All priors, the baselines and training images, measured in the same way."""
    try:
        rows = sampling.comparison(setting, material, choice)
    except DataError as error:
        st.info(sentence(str(error)), icon=":material/info:")
        return
    st.markdown(f"**{generation.verdict(rows, len(setting.real))}** {remark(rows)}")
    merits = {NAMES[kind]: row._asdict() for kind, row in rows.items()}
    shown = {
        name: {figure.capitalize(): row[figure] for figure in ("precision", "recall", "coverage")}
        for name, row in merits.items()
    }
    st.plotly_chart(plots.merits(shown), key="generate-merits")
    lines = [
        {"Prior": name}
        | {title: row[title.lower()] for title in MERITS}
        | {"Near copies": row["nearest_copies"]}
        for name, row in merits.items()
    ]
    number = st.column_config.NumberColumn
    formats = dict.fromkeys(MERITS, number(format="%.3f"))
    formats["Near copies"] = number(format="localized")
    st.dataframe(
        lines,
        hide_index=True,
        column_config=glossary.columns(lines, formats),
        key="generate-table",
    )
    size, train = setting.checkpoint.config.latent_dim, setting.train
    fewer = fewer_components(size, train.real_dimension, len(train))
    glossary.caption(
        "The baselines fit the same priors to the PCA of the pixels "
        f"({fewer or f'{size} components'}): where their "
        "figures are as good, the quality comes from the prior and not from the network. "
        f"{NAMES[CEILING].capitalize()} used as samples give an upper reference. "
        f"{measured_on(setting)}"
    )
    frame.download(
        "Table (CSV)",
        lambda: to_csv([{"prior": kind} | row._asdict() for kind, row in rows.items()]),
        "priors.csv",
        "text/csv",
    )


def remark(rows: dict[str, Figures]) -> str:
    """What coverage alone does not show: a more precise prior, near copies, the upper reference."""
    rivals = {kind: row for kind, row in rows.items() if kind != CEILING}
    best = max(rivals, key=lambda kind: rivals[kind].coverage)
    precise = max(rivals, key=lambda kind: rivals[kind].precision)
    parts = [f"Training images used as samples cover {rows[CEILING].coverage:.0%}."]
    if precise != best:
        parts.append(
            f"{NAMES[precise]} is more precise ({rivals[precise].precision:.0%} against "
            f"{rivals[best].precision:.0%}) and covers {rivals[precise].coverage:.0%}."
        )
    copies = {kind: row.nearest_copies for kind, row in rivals.items() if kind not in BASELINES}
    most = max(copies, key=copies.get)
    if copies[most] > 0.1 * generation.COUNT:
        share = copies[most] / generation.COUNT
        parts.append(f"{share:.0%} of the samples of {NAMES[most]} are near copies.")
    return " ".join(parts)


def walk(setting: Setting, material: Material, choice: Choice) -> None:
    """Random walks between samples as one GIF, and their codes."""
    steps = st.slider(
        "Frames from one sample to the next", 4, 24, 12, key="generate-steps", width=280,
        help=f"Each walk goes through six samples and back to the first; {FPS} frames a second.",
        **BOUND,
    )  # fmt: skip
    codes, animation = _walks(setting.key, choice, steps, setting, material)
    st.image(animation, caption=f"{WALKS} random walks in the latent space")
    st.caption(
        f"Each walk goes through six samples of {NAMES[choice.kind]}, along arcs around the mean "
        "of the codes: straight lines would pass near the mean, where images are blurred."
    )
    with st.container(horizontal=True):
        frame.download("GIF", animation, "random-walk.gif", "image/gif")
        frame.download(
            "Codes (CSV)", lambda: interpolation.codes_csv(codes), "random-walk.csv", "text/csv"
        )


@st.cache_resource(max_entries=8, show_spinner="Decoding the random walks")
def _walks(
    key: tuple, choice: Choice, steps: int, _setting: Setting, _material: Material
) -> tuple[dict[str, np.ndarray], bytes]:
    prior, center = sampling.prior_of(_setting, _material, choice), _material.codes.mean(axis=0)
    codes = {
        f"walk {number + 1}": generation.random_walk(
            prior, center, 1_000 * number + choice.seed, choice.temperature, steps
        )
        for number in range(WALKS)
    }
    decoded = [_setting.checkpoint.decode(path) for path in codes.values()]
    frames = [
        pixels.contact_sheet(np.stack(tiles), columns=3, scale=1, gap=1, background=128)
        for tiles in zip(*decoded, strict=True)
    ]
    return codes, pixels.gif_bytes(np.stack(frames), scale=4, fps=FPS)
