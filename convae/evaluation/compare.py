"""Quality of a checkpoint compared with its baselines on the same images, for the pages and the
command line."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from convae.codec import Codec
from convae.data import ImageSet
from convae.evaluation import metrics
from convae.evaluation.compressors import (
    ENCODER_ONLY,
    FLOAT,
    Method,
    contenders,
    model_method,
    pca_method,
    reference_of,
    stored_codes,
)
from convae.evaluation.pca import pca_for
from convae.wording import counted


class Reconstructs(Protocol):
    def reconstruct(self, images: np.ndarray) -> np.ndarray: ...


class Row(NamedTuple):
    """One row of the table: a method, its latent dimension and the figures of `metrics.summary`."""

    name: str
    values: int | None
    bytes_per_image: float
    n: int
    mse: float
    psnr: float
    ssim: float
    psnr_mean: float
    psnr_spread: float
    ssim_spread: float


def row(method: Method, images: np.ndarray, rebuilt: np.ndarray) -> Row:
    """The line of the table for what `method` made of images: uint8 (N, 32, 32, 3) each."""
    summary = metrics.summary(images, rebuilt)
    return Row(method.name, method.values, method.bytes_per_image, *summary)


PART = 125  # images reconstructed between two calls of progress: one batch of the model


def measure(
    model: Reconstructs, images: np.ndarray, progress: Callable[[int, int], None] | None = None
) -> dict[str, float | int]:
    """n, mse (pixels in [0, 1]), psnr (dB, of the whole set), ssim and images_per_s on these
    images.

    images: uint8 (N, 32, 32, 3). Reconstructions are uint8, as displayed.
    progress: called with (images reconstructed, N) after every part; an exception it
    raises ends the measurement.
    """

    def rebuild(images: np.ndarray) -> np.ndarray:
        parts = []
        for start in range(0, len(images), PART):
            parts.append(model.reconstruct(images[start : start + PART]))
            if progress:
                progress(min(start + PART, len(images)), len(images))
        return np.concatenate(parts) if parts else images

    rebuilt, speed = _timed(rebuild, images)
    return metrics.summary(images, rebuilt)._asdict() | {"images_per_s": speed}


def _timed(
    rebuild: Callable[[np.ndarray], np.ndarray], images: np.ndarray
) -> tuple[np.ndarray, float]:
    began = time.perf_counter()
    rebuilt = rebuild(images)
    return rebuilt, round(len(images) / max(time.perf_counter() - began, 1e-9), 1)


def evaluate(
    checkpoint: Codec,
    test: ImageSet,
    fitted_on: ImageSet | None,
    bits: int = FLOAT,
    beside: Iterable[Codec] = (),
    keep: Sequence[int] = (),
) -> dict[str, Any]:
    """The checkpoint's line of the table with n, latent_dim, refinement_steps and images_per_s. The
    baselines are under "baselines" (all values of pca are None without images to fit it on),
    other checkpoints under "beside"; "first_guess" is the encoder alone, or None. With
    `keep`, lengths of the code, "keep" has a line of `by_length` for each."""
    lengths = by_length(checkpoint, test, fitted_on, keep, bits) if keep else []
    own, *baselines = contenders(checkpoint, test, fitted_on, bits)
    rebuilt, speed = _timed(own.rebuild, test.images)
    mine = _figures(own, test.images, rebuilt)
    lines: dict[str, Any] = {"pca": dict.fromkeys(mine) | {"fitted_on": None}}
    for method in baselines:
        rebuilt = method.rebuild(test.images)
        details = {"fitted_on" if method.name == "PCA" else "made_with": method.details}
        lines[method.name.lower()] = _figures(method, test.images, rebuilt) | details
    reference = reference_of(test, fitted_on)
    guess = None
    if checkpoint.config.refinement_steps:
        alone = model_method(checkpoint.with_refinement_steps(0), reference, bits)
        guess = _figures(alone, test.images, alone.rebuild(test.images))
    others = [model_method(other, reference, bits) for other in beside]
    return {
        "checkpoint": checkpoint.name,
        "data": test.name,
        "n": len(test),
        "latent_dim": own.values,
        "refinement_steps": checkpoint.config.refinement_steps,
        "bits": bits,
        **mine,
        "images_per_s": speed,
        "first_guess": guess,
        "baselines": lines,
        "beside": [
            {"checkpoint": m.name, "latent_dim": m.values}
            | _figures(m, test.images, m.rebuild(test.images))
            for m in others
        ],
        **({"keep": lengths} if keep else {}),
    }


def check_lengths(checkpoint: Codec, keep: Sequence[int]) -> None:
    """ConvaeError for a length of the code outside 1..latent_dim."""
    for length in keep:
        checkpoint.decode(np.zeros((0, checkpoint.config.latent_dim), np.float32), length)


def by_length(
    checkpoint: Codec,
    test: ImageSet,
    fitted_on: ImageSet | None,
    keep: Sequence[int],
    bits: int = FLOAT,
) -> list[dict[str, Any]]:
    """For each length K in `keep`: {"keep": K, "psnr": dB, "pca_psnr": dB or None}.

    The images are encoded once; the first K values of a code are decoded, the others are at their
    mean. PCA has K components; it is None where there are no images to fit it on. ConvaeError for a
    length outside 1..latent_dim.
    """
    check_lengths(checkpoint, keep)
    codes = stored_codes(checkpoint, test.images, reference_of(test, fitted_on), bits)
    pca = pca_for(fitted_on) if fitted_on is not None and len(fitted_on) else None
    lines = []
    for length in keep:
        psnr = metrics.set_psnr(test.images, checkpoint.decode(codes, length))
        level = None
        if pca is not None:
            rebuilt = pca_method(pca, fitted_on, length, bits).rebuild(test.images)
            level = float(metrics.set_psnr(test.images, rebuilt))
        lines.append({"keep": length, "psnr": float(psnr), "pca_psnr": level})
    return lines


def _figures(method: Method, images: np.ndarray, rebuilt: np.ndarray) -> dict[str, float]:
    line = row(method, images, rebuilt)._asdict()
    return {k: v for k, v in line.items() if k not in ("name", "values", "n")}


def as_text(result: Mapping[str, Any]) -> str:
    """The result of `evaluate` as a table to print."""
    baselines = result["baselines"]
    named = {result["checkpoint"]: result}
    if result["first_guess"]:
        named[ENCODER_ONLY] = result["first_guess"]
    named |= {
        name: baselines[name.lower()]
        for name in ("PCA", "JPEG", "WebP")
        if baselines[name.lower()]["mse"]
    }
    named |= {item["checkpoint"]: item for item in result["beside"]}
    width = max(map(len, named))
    lines = [
        f"{counted(result['n'], 'test image')} of {result['data']}, {result['latent_dim']} "
        f"values of {counted(result['bits'], 'bit')}, "
        f"{counted(result['refinement_steps'], 'refinement step')}",
        f"{'':{width}}{'Bytes':>8}{'PSNR (dB)':>11}{'mean':>8}{'spread':>8}{'SSIM':>8}{'spread':>8}"
        f"{'MSE':>10}",
    ]
    lines += [
        f"{name:{width}}{line['bytes_per_image']:>8.1f}{line['psnr']:>11.2f}"
        f"{line['psnr_mean']:>8.2f}{line['psnr_spread']:>8.2f}{line['ssim']:>8.4f}"
        f"{line['ssim_spread']:>8.4f}{line['mse']:>10.6f}"
        for name, line in named.items()
    ]
    if baselines["pca"]["fitted_on"]:
        lines.append(f"PCA is fitted on the training split of {baselines['pca']['fitted_on']}.")
    else:
        lines.append("There is no training split to fit PCA on: name one with --fit-data.")
    for line in result.get("keep", ()):
        pca = f", PCA {line['pca_psnr']:.2f} dB" if line["pca_psnr"] is not None else ""
        lines.append(f"First {counted(line['keep'], 'value')}: {line['psnr']:.2f} dB{pca}")
    lines.append(f"{result['checkpoint']} reconstructs {result['images_per_s']:,.0f} images/s.")
    return "\n".join(lines)


def by_class(test: ImageSet, rebuilt: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """A line for each class that has images: its name, how many, the PSNR (dB) of each method."""
    lines = []
    for label, name in enumerate(test.class_names):
        mine = test.labels == label
        if mine.any():
            item = {
                k: metrics.set_psnr(test.images[mine], images[mine])
                for k, images in rebuilt.items()
            }
            lines.append({"class": name, "n": int(mine.sum())} | item)
    return lines


def ranked(scores: np.ndarray, which: str, count: int) -> np.ndarray:
    """The indices of the `count` highest ("best", the very best first), lowest ("worst", the very
    worst first) or middlemost ("median", rising) of scores (N,)."""
    rising = np.argsort(scores, kind="stable")
    if which == "best":
        return rising[::-1][:count]
    if which == "worst":
        return rising[:count]
    start = max(0, (len(rising) - count) // 2)
    return rising[start : start + count]


def verdict(rows: Sequence[Row]) -> str:
    """The model (the first row) against each baseline, in a sentence.

    Differences are those of the figures as the table shows them, rounded to 0.01 dB. A codec's size
    is named where it is not the model's.
    """
    model, *others = rows
    size = f"{model.bytes_per_image:,.1f}"
    differences = []
    for row in others:
        if row.name in ("PCA", "JPEG", "WebP"):
            ahead = round(model.psnr, 2) - round(row.psnr, 2)
            side = "behind" if ahead < 0 else "ahead of"
            own = f"{row.bytes_per_image:,.1f}"
            words = f"{abs(ahead):.2f} dB {side} {row.name}"
            differences.append(words if own == size else f"{words} ({own} bytes)")
    return f"At {size} bytes an image the model is {', '.join(differences)}." if differences else ""
