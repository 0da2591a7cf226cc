"""Denoising: a model and the classical filters restore the same corrupted images.

Every method gets the same clipped uint8 images and is given the kind and the strength of the
corruption, except the model, which gets the images only. The parameters of the filters were tuned
on other images than those shown, see `filters`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from convae.codec import Codec
from convae.data.corruptions import corrupt
from convae.evaluation import metrics
from convae.evaluation.pca import PCA
from convae.tasks.filters import FILTERS, PCA_WIENER, filtered, parameters, wiener

CORRUPTED = "corrupted"
MODEL = "model"
LABELS = {
    CORRUPTED: "Corrupted",
    MODEL: "Model",
    PCA_WIENER: "PCA + Wiener",
    "nl_means": "NL-means",
    "wavelet": "Wavelet",
    "tv": "Total variation",
    "bilateral": "Bilateral",
    "median": "Median",
}
PART = 25  # images restored between progress reports

Progress = Callable[[int, int | None, str], None]
# images uint8 (N, 32, 32, 3), kind, strength -> restored uint8 (N, 32, 32, 3)
Method = Callable[[np.ndarray, str, float], np.ndarray]


class Quality(NamedTuple):
    """Of a set of images against the originals: PSNR of the mean MSE (dB), mean SSIM."""

    psnr: float
    ssim: float


class Comparison(NamedTuple):
    """Images restored by several methods, uint8 (N, 32, 32, 3) each, and how well.

    restored and quality begin with CORRUPTED: the images that every method was given.
    """

    restored: dict[str, np.ndarray]
    quality: dict[str, Quality]


class Curve(NamedTuple):
    """PSNR (dB) of each method at each strength, on the same images."""

    strengths: tuple[float, ...]
    psnr: dict[str, list[float]]


def by_model(model: Codec) -> Method:
    """A checkpoint as a method, by its encoder and decoder alone.

    Refinement steps are never used on a corrupted input: they pull the code to where the
    reconstruction resembles the input more, so they fit the noise.
    """
    encoder_only = model.with_refinement_steps(0)

    def restore(images: np.ndarray, kind: str, strength: float) -> np.ndarray:
        return encoder_only.reconstruct(images)

    return restore


def _by_wiener(pca: PCA, images: np.ndarray, kind: str, strength: float) -> np.ndarray:
    return wiener(images, pca, **parameters(PCA_WIENER, kind, strength))


def _by_filter(name: str, images: np.ndarray, kind: str, strength: float) -> np.ndarray:
    return filtered(images, name, **parameters(name, kind, strength))


def methods(model: Codec, pca: PCA | None) -> dict[str, Method]:
    """The model and its baselines by name. Without images to fit a PCA on there is no PCA_WIENER.

    model: a checkpoint; pca: fitted on training images, with all the components that were kept.
    """
    result = {MODEL: by_model(model)}
    if pca is not None and len(pca.variances):
        result[PCA_WIENER] = partial(_by_wiener, pca)
    return result | {name: partial(_by_filter, name) for name in FILTERS}


def quality(originals: np.ndarray, images: np.ndarray) -> Quality:
    """PSNR, at most metrics.EXACT_DB, and SSIM of a set; uint8 (N, 32, 32, 3) each, N >= 1."""
    summary = metrics.summary(originals, images)
    return Quality(metrics.capped_psnr(summary.mse), summary.ssim)


def compare(
    images: np.ndarray,
    by: Mapping[str, Method],
    kind: str,
    strength: float,
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Corrupt images, uint8 (N, 32, 32, 3) with N >= 1, and restore them by each method.

    The corruption of the first images does not depend on how many follow. Strength 0 leaves the
    images as they are, and every filter with them; the model still encodes and decodes.
    progress(done, total, what) is called between parts; an exception it raises ends the work.
    """
    report = progress or (lambda done, total, what: None)
    given = corrupt(images, kind, strength, seed)
    restored = {CORRUPTED: given}
    total = len(images) * len(by)
    for place, (name, method) in enumerate(by.items()):
        parts = []
        for start in range(0, len(given), PART):
            report(place * len(images) + start, total, "restoring the images")
            part = given[start : start + PART]
            unchanged = strength == 0 and (name in FILTERS or name == PCA_WIENER)
            parts.append(part if unchanged else method(part, kind, strength))
        restored[name] = np.concatenate(parts)
    report(total, total, "restoring the images")
    return Comparison(
        restored, {name: quality(images, result) for name, result in restored.items()}
    )


def curve(
    images: np.ndarray,
    by: Mapping[str, Method],
    kind: str,
    strengths: Sequence[float],
    seed: int = 0,
    progress: Progress | None = None,
) -> Curve:
    """PSNR (dB) over strengths, all methods on the same images with the same random numbers."""
    report = progress or (lambda done, total, what: None)
    count = len(strengths)
    psnr: dict[str, list[float]] = {}
    for place, strength in enumerate(strengths):

        def shifted(done: int, total: int, what: str, place: int = place) -> None:
            report(place * total + done, count * total, "measuring PSNR over strength")

        result = compare(images, by, kind, strength, seed, shifted)
        for name, item in result.quality.items():
            psnr.setdefault(name, []).append(item.psnr)
    return Curve(tuple(strengths), psnr)


def winner(quality: Mapping[str, Quality]) -> str:
    """The key of the highest PSNR; CORRUPTED where no method improves on the corrupted images."""
    return max(quality, key=lambda name: quality[name].psnr)


def verdict(quality: Mapping[str, Quality], labels: Mapping[str, str] = LABELS) -> str:
    """Which method restores best, and how the model compares, in one or two sentences.

    Differences are those of the PSNR as it is shown, rounded to 0.01 dB.
    """
    psnr = {name: round(item.psnr, 2) for name, item in quality.items()}
    best = max(psnr, key=psnr.__getitem__)
    if psnr[CORRUPTED] >= metrics.EXACT_DB:
        return (
            "At this strength the images are unchanged and there is nothing to restore. The model "
            f"reaches {psnr[MODEL]:.2f} dB."
        )
    gain = psnr[MODEL] - psnr[CORRUPTED]
    change = f"{abs(gain):.2f} dB {'above' if gain >= 0 else 'below'} the corrupted images"
    if best == MODEL:
        others = [name for name in psnr if name not in (MODEL, CORRUPTED)]
        text = f"The model restores the measured images best: {psnr[MODEL]:.2f} dB, {change}"
        if not others:
            return text + "."
        second = max(others, key=psnr.__getitem__)
        ahead = psnr[MODEL] - psnr[second]
        return f"{text} and {ahead:.2f} dB above the best other method, {labels[second]}."
    behind = psnr[best] - psnr[MODEL]
    stands = f"The model reaches {psnr[MODEL]:.2f} dB: {behind:.2f} dB less, and {change}."
    if best == CORRUPTED:
        return (
            f"No method improves on the corrupted images, which have {psnr[best]:.2f} dB. {stands}"
        )
    return f"{labels[best]} restores the measured images best: {psnr[best]:.2f} dB. {stands}"
