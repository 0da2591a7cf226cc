"""The terms that pages use, a sentence each: the one source of tooltips and lists of terms.

A label such as "Best PSNR (dB)" contains a term; `note` finds it. Nothing else in `convae.ui` and
the pages defines a term again.
"""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from convae.latent import typicality
from convae.tasks import merits
from convae.ui.escape import one_line

TERMS = {
    "AUROC": "Area under the ROC curve: the probability that a suspect scores above a normal "
    "image; 50% is chance, below it normal images score higher.",
    "Average precision": "Area under the precision-recall curve, in percent; chance is the share "
    "of suspects among all images, so it depends on the group sizes.",
    "Baseline": "What a result is compared with on the same images: PCA, JPEG, WebP, the classic "
    "model or a classical filter.",
    "BCE": "Binary cross-entropy: the mean of -[x ln y + (1 - x) ln(1 - y)] over all values x in "
    "[0, 1] and their reconstructions y.",
    "Bits per value": "Number of bits that store one value of a code: b bits give 2^b levels, "
    "float16 takes 16 bits.",
    "Compression ratio": "Number of values of an image (3,072 for 32x32 pixels with three "
    "channels; fewer for images enlarged from fewer) divided by the latent dimension.",
    "Coverage": "Share of real images whose ball contains a sample; the ball of a real image "
    f"reaches to its {merits.K}th nearest real image.",
    "Density": "Mean number of balls of real images that contain a sample, divided by "
    f"{merits.K}; above 1 where samples concentrate in dense regions, as averages of images do.",
    "Effective dimension": "Participation ratio: (sum of the variances)^2 / sum of their squares, "
    "along principal directions; n equal variances give n.",
    "EMA": "Exponential moving average of the weights: after each step it keeps the share decay "
    "(such as 0.999) and takes the rest from the new weights.",
    "Encoder only": "The code as the encoder gives it in one forward pass, before any refinement.",
    "KL divergence": "How far the distribution of codes that the encoder gives for an image is "
    "from the standard normal distribution, in nats; 0 if they are equal.",
    "Latent code": "The output of the encoder, a vector: all that the decoder receives.",
    "Latent dimension": "The number of values in a latent code.",
    "Linear probe": "Logistic regression on standardized features of labeled images: its accuracy "
    "says how easily classes can be read off the features.",
    "Mahalanobis distance": "Distance from the mean in units of the spread in each direction: "
    "sqrt((z - m)' C^-1 (z - m)) with mean m and covariance C.",
    "MSE": "Mean squared error: the mean of the squared differences of all pixel values, "
    "which lie between 0 and 1.",
    "Near copies": "Samples whose distance to the nearest training image is less than half the "
    "mean distance to the next 50.",
    "Neighborhood preservation": "Share of the k nearest codes that are also among the k nearest "
    "points on the map.",
    "Nested dropout": "Training in which the last values of a code are dropped at random, so that "
    "the first K values make a usable code for every K.",
    "Off-manifold percentile": typicality.DEFINITION,
    "One-cycle schedule": "A learning rate that rises in a short warm-up and then falls linearly "
    "to zero.",
    "PCA": "Principal component analysis: the linear code with the lowest squared error on the "
    "images it is fitted to.",
    "Precision": "Share of samples that lie within the ball of a real image, which reaches to its "
    f"{merits.K}th nearest real image.",
    "Prior": "The distribution that new codes are drawn from.",
    "PSNR": "Peak signal-to-noise ratio, 10 log10(1 / MSE), in dB: +1 dB means about 20% lower "
    "mean squared error.",
    "Recall": f"Share of real images that lie within the ball of a sample, which reaches to its "
    f"{merits.K}th nearest sample.",
    "Refinement steps": "Conjugate-gradient steps on the code after the encoder, each of which "
    "lowers the squared reconstruction error; the weights do not change.",
    "SSIM": "Structural similarity: compares local brightness, contrast and structure; 1 for equal "
    "images.",
    "Trustworthiness": "1 if all 15 nearest neighbors on the map are neighbors in code space; each "
    "one that is not lowers it by its rank.",
    "UMAP": "A nonlinear map to two or three dimensions that keeps near neighbors near; distances "
    "between far points mean little.",
    "Variational model": "An autoencoder whose encoder gives a normal distribution for each image "
    "and whose codes together are kept close to N(0, I).",
    "15-NN accuracy": "Share of images whose class is the majority class of their 15 nearest "
    "neighbors.",
}
BY_PAGE = {
    "Overview": ("BCE", "Compression ratio", "Latent code", "Latent dimension", "MSE", "PCA",
                 "PSNR", "Refinement steps"),
    "Train": ("BCE", "Compression ratio", "EMA", "KL divergence", "Latent dimension", "MSE",
              "Nested dropout", "One-cycle schedule", "PCA", "PSNR", "Refinement steps",
              "Variational model"),
    "Reconstruct": ("Baseline", "Bits per value", "Encoder only", "Latent code",
                    "Latent dimension", "MSE", "Nested dropout", "PCA", "PSNR", "Refinement steps",
                    "SSIM"),
    "Interpolate": ("Baseline", "Latent code", "Off-manifold percentile", "PCA", "Prior"),
    "Latent map": ("15-NN accuracy", "Latent code", "Mahalanobis distance",
                   "Neighborhood preservation", "Off-manifold percentile", "PCA", "PSNR",
                   "Trustworthiness", "UMAP"),
    "Denoise": ("Baseline", "Latent dimension", "MSE", "PCA", "PSNR", "Refinement steps", "SSIM"),
    "Anomalies": ("AUROC", "Average precision", "Baseline", "Latent code", "Latent dimension",
                  "Mahalanobis distance", "MSE", "PCA", "Refinement steps", "SSIM"),
    "Generate": ("Baseline", "Coverage", "Density", "KL divergence", "Latent code",
                 "Near copies", "Off-manifold percentile", "PCA", "Precision", "Prior",
                 "Recall", "Variational model"),
    "Features": ("Baseline", "Effective dimension", "Latent code", "Latent dimension",
                 "Linear probe", "PCA"),
}  # fmt: skip
ALIASES = {
    "baselines": "Baseline",
    "binary cross-entropy": "BCE",
    "compression": "Compression ratio",
    "EMA decay": "EMA",
    "KL": "KL divergence",
    "mean squared error": "MSE",
    "one-cycle": "One-cycle schedule",
    "onecycle": "One-cycle schedule",
    "principal components": "PCA",
    "priors": "Prior",
    "refinement": "Refinement steps",
}
_BY_LOWER = {term.lower(): term for term in TERMS} | {
    alias.lower(): term for alias, term in ALIASES.items()
}
_LONGEST_FIRST = sorted(_BY_LOWER, key=len, reverse=True)
_WORD = re.compile(
    r"(?<![\w-])(" + "|".join(map(re.escape, _LONGEST_FIRST)) + r")(?![\w-])", re.IGNORECASE
)


def term_in(label: str) -> str | None:
    """The longest term that this label contains as whole words; None if it contains none."""
    return max(terms_in(label), key=len, default=None)


def terms_in(text: str) -> list[str]:
    """The terms that a text contains as whole words, in its order, each once."""
    return list(dict.fromkeys(_BY_LOWER[match.lower()] for match in _WORD.findall(text)))


def note(label: str, more: str = "") -> str | None:
    """The tooltip of a metric, column or widget with this label: what is particular here (`more`),
    then the sentence of its term; None if there is neither."""
    term = term_in(label)
    return " ".join(part for part in (more, TERMS[term] if term else "") if part) or None


def columns(
    rows: Sequence[Mapping[str, Any]], config: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The `column_config` of a table with these rows: `config`, and the tooltip of each column
    whose header contains a term."""
    result: dict[str, Any] = dict(config or {})
    for name in rows[0] if rows else ():
        column = result.get(name) or st.column_config.Column()
        label = column.get("label") or name
        label = label if term_in(label) else name
        if term_in(label):
            result[name] = column | {"help": note(label, column.get("help") or "")}
    return result


def caption(text: str, most: int = 1200) -> None:
    """A caption of plain text, not markdown, in which the first use of each term opens its
    sentence: by the mouse, the keyboard or a touch."""
    met: set[str] = set()
    known = BY_PAGE.get(st.session_state.get("page", ""), BY_PAGE["Overview"])

    def dotted(match: re.Match[str]) -> str:
        term = _BY_LOWER[match[0].lower()]
        if term in met or term not in known:
            return match[0]
        met.add(term)
        return (
            f'<span class="cv-term" tabindex="0">{match[0]}'
            f'<span class="cv-note" role="note"><b>{term}</b>: {html.escape(TERMS[term])}</span>'
            "</span>"
        )

    shown = _WORD.sub(dotted, html.escape(one_line(text, most)))
    st.html(f'<p class="cv-caption-text">{shown}</p>')


def terms_on_page() -> None:
    """A closed list of the terms of the present page."""
    page = st.session_state.get("page", "")
    terms = sorted(BY_PAGE.get(page, BY_PAGE["Overview"]), key=str.lower)
    with st.expander("Terms on this page", icon=":material/menu_book:"):
        st.markdown("\n".join(f"* **{term}**: {_literal(TERMS[term])}" for term in terms))


def _literal(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|~$])", r"\\\1", text)
