"""Anomaly detection: one number per image, higher is more anomalous, without a label in training.

A detector is fitted to normal images alone. Its scores come from the encoder and decoder as they
are: refinement steps are never used, as they make anomalous images look normal. The
scores are compared with baselines that do not use the model. `separation` says how well a score
separates two groups.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from convae import images as pixels
from convae.codec import Codec
from convae.data import VALUES
from convae.evaluation import metrics
from convae.evaluation.pca import PCA, components_beside, fit_pca
from convae.latent.neighbors import nearest_neighbors
from convae.process_state import one_thread
from convae.tasks.evidence import is_close, too_few
from convae.tasks.separation import Measured

K = 5  # neighbors of a code
PART = 250  # images encoded between progress reports

Progress = Callable[[int, int | None, str], None]


class Score(NamedTuple):
    """The name of one score and what it measures; baseline: it does not use the model."""

    label: str
    description: str
    baseline: bool


SCORES = {
    "reconstruction_mse": Score(
        "Reconstruction MSE", "Mean squared error of the reconstruction.", False
    ),
    "one_minus_ssim": Score("1 - SSIM", "Structural dissimilarity of the reconstruction.", False),
    "knn_codes": Score(
        "kNN distance, codes",
        f"Mean distance of the code to the {K} nearest codes of normal images.",
        False,
    ),
    "mahalanobis_codes": Score(
        "Mahalanobis distance, codes",
        "Distance of the code from the mean of normal codes, in their covariance (Ledoit-Wolf).",
        False,
    ),
    "pca_residual": Score(
        "PCA residual",
        "Mean squared error of PCA with the latent dimension of the model, fitted to the normal "
        "images.",
        True,
    ),
    "knn_pca": Score(
        "kNN distance, PCA",
        f"Mean distance to the {K} nearest normal images in that PCA.",
        True,
    ),
    "png_bytes": Score("PNG bytes", "Size of the image as a PNG file.", True),
    "total_variation": Score(
        "Total variation", "Mean absolute difference of neighboring pixels.", True
    ),
}


@dataclass(frozen=True, eq=False)
class Detector:
    """A detector's statistics of normal images; made by `fit`.

    codes: float32 (N, latent_dim), of the images it is fitted to. pca: of these images, with at
    most latent_dim components; pca_codes: (N, that many). mean (latent_dim,) and whitener
    (latent_dim, latent_dim): of the codes; None for fewer than two images.
    """

    model: Codec
    codes: np.ndarray
    pca: PCA
    pca_codes: np.ndarray
    mean: np.ndarray
    whitener: np.ndarray | None

    def rebuild(self, images: np.ndarray) -> np.ndarray:
        """uint8 (N, 32, 32, 3) -> uint8 (N, 32, 32, 3), by encoder and decoder alone."""
        return self.model.reconstruct(images)

    def scores(self, images: np.ndarray, progress: Progress | None = None) -> dict[str, np.ndarray]:
        """Every score of images, uint8 (N, 32, 32, 3): {score: float64 (N,)}, in the order of
        SCORES; without those that need more normal images."""
        codes = _encoded(self.model, images, progress)
        rebuilt = self.model.decode(codes)
        pca_codes = self.pca.encode(images, self.pca_codes.shape[1])
        result = {
            "reconstruction_mse": metrics.mse(images, rebuilt),
            "one_minus_ssim": 1 - metrics.ssim(images, rebuilt),
            "knn_codes": knn_distance(self.codes, codes),
        }
        if self.whitener is not None:
            centered = (codes - self.mean) @ self.whitener
            result["mahalanobis_codes"] = np.linalg.norm(centered, axis=1)
        result |= {
            "pca_residual": metrics.mse(images, self.pca.decode(pca_codes)),
            "knn_pca": knn_distance(self.pca_codes, pca_codes),
            "png_bytes": png_sizes(images),
            "total_variation": total_variation(images),
        }
        return {name: np.asarray(values, np.float64) for name, values in result.items()}


def fit(
    model: Codec,
    normal: np.ndarray,
    progress: Progress | None = None,
    real_dimension: int = VALUES,
) -> Detector:
    """A detector for a checkpoint and normal images, uint8 (N, 32, 32, 3), N >= 1.

    real_dimension: of the normal images, see `data.real_dimension`; it and their number limit
    the components of PCA, which is fitted to them.
    progress(done, total, what) is called between parts; an exception it raises ends the work.
    """
    if not len(normal):
        raise ValueError("a detector needs at least one normal image, got none")
    report = progress or (lambda done, total, what: None)
    encoder_only = model.with_refinement_steps(0)
    codes = _encoded(encoder_only, normal, report)
    size = components_beside(codes.shape[1], real_dimension, len(normal))
    pca = fit_pca(normal, size, lambda share: report(round(100 * share), 100, "fitting PCA"))
    return Detector(encoder_only, codes, pca, pca.encode(normal, size), *_whitener(codes))


def _encoded(model: Codec, images: np.ndarray, progress: Progress | None) -> np.ndarray:
    parts = []
    for start in range(0, len(images), PART):
        if progress:
            progress(start, len(images), "encoding the images")
        parts.append(model.encode(images[start : start + PART]))
    return np.concatenate(parts) if parts else model.encode(images)


def knn_distance(codes: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Mean Euclidean distance to the K nearest codes (Angiulli and Pizzuti 2002), or to all."""
    distances, _ = nearest_neighbors(codes, queries, K)
    return distances.mean(axis=1)


def _whitener(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The mean of codes (N, d), and W (d, d) with W W^T the inverse of their covariance, shrunk so
    that it exists for N < d (Ledoit and Wolf 2004)."""
    from sklearn.covariance import ledoit_wolf

    codes = codes.astype(np.float64)
    mean = codes.mean(axis=0)
    if len(codes) < 2 or not np.ptp(codes, axis=0).any():
        return mean, None
    with one_thread():
        variances, vectors = np.linalg.eigh(np.atleast_2d(ledoit_wolf(codes)[0]))
    floor = max(1e-9 * variances[-1], 1e-30)
    return mean, vectors / np.sqrt(np.maximum(variances, floor))


def png_sizes(images: np.ndarray) -> np.ndarray:
    """Bytes of each image as a PNG file: complexity without a model (Serra et al. 2020)."""
    return np.array([len(pixels.png_bytes(image)) for image in images], np.float64)


def total_variation(images: np.ndarray) -> np.ndarray:
    """Mean absolute difference between neighboring pixels, both directions, pixels in [0, 1]."""
    values = images.astype(np.float32) / 255
    down, across = (np.abs(np.diff(values, axis=axis)).mean(axis=(1, 2, 3)) for axis in (1, 2))
    return (down + across) / 2


def heat_map(images: np.ndarray, rebuilt: np.ndarray, sigma: float = 1.0) -> np.ndarray:
    """Where images are anomalous: the root of the smoothed squared error, float32 (N, 32, 32).

    images, rebuilt: uint8 (N, 32, 32, 3). sigma: of the Gaussian smoothing, in pixels. Pixels in
    [0, 1], so 0.5 is half of the pixel range.
    """
    error = ((images.astype(np.float32) - rebuilt) / 255) ** 2
    from scipy import ndimage  # not at the top: every page imports this module

    smoothed = ndimage.gaussian_filter(error.mean(axis=3), (0, sigma, sigma))
    return np.sqrt(np.maximum(smoothed, 0)).astype(np.float32)


def verdict(measured: Mapping[str, Measured], normal: int, suspects: int) -> str:
    """Which score separates best and whether it needs the model, in one or two sentences.

    normal, suspects: how many images there are of each. Differences are those of the AUROC as it is
    shown, in percent with one decimal.
    """
    kind, count = ("normal", normal) if normal <= suspects else ("suspect", suspects)
    if few := too_few(count, kind):
        return few
    shown = {name: round(100 * item.auroc, 1) for name, item in measured.items()}
    model, baseline = (
        max((n for n in shown if SCORES[n].baseline == kind), key=shown.__getitem__, default=None)
        for kind in (False, True)
    )
    names = {name: SCORES[name].label for name in shown}
    if model is None or baseline is None:
        best = max(shown, key=shown.__getitem__)
        return f"{names[best]} separates best: AUROC {shown[best]:.1f}%."
    ahead = round(shown[model] - shown[baseline], 1)
    if ahead == 0:
        return (
            f"{names[model]} and the baseline {names[baseline]} separate equally well: AUROC "
            f"{shown[model]:.1f}%."
        )
    error = 100 * max(measured[model].auroc_se, measured[baseline].auroc_se)
    if is_close(ahead, error):
        return (
            f"No winner: {names[model]}, AUROC {shown[model]:.1f}%, and the best baseline, "
            f"{names[baseline]}, {shown[baseline]:.1f}%, differ by less than two standard errors."
        )
    if ahead > 0:
        return (
            f"{names[model]} separates best: AUROC {shown[model]:.1f}%. The best baseline, "
            f"{names[baseline]}, is {ahead:.1f} points lower."
        )
    return (
        f"A baseline separates best: {names[baseline]}, AUROC {shown[baseline]:.1f}%. The best "
        f"score of the model, {names[model]}, is {-ahead:.1f} points lower."
    )
