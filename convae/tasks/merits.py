"""Figures of merit of generated images that need no other network.

Precision and recall (Kynkaanniemi et al. 2019, "Improved Precision and Recall Metric for Assessing
Generative Models"), density and coverage (Naeem et al. 2020, "Reliable Fidelity and Diversity
Metrics for Generative Models"), from the K nearest neighbors in the space of the first SPACE_DIM
principal components of the pixels of the training images. They cannot be compared with figures in
the space of another network, and do not measure sharpness.
"""

from typing import NamedTuple

import numpy as np

from convae.errors import DataError
from convae.latent.neighbors import nearest_neighbors
from convae.process_state import one_thread

SPACE_DIM = 64
K = 5  # nearest neighbors, as Naeem et al. choose it
COPY_RATIO, COPY_NEIGHBORS = 0.5, 50


def space(training: int) -> str:
    """The name of the space of the figures, for so many training images."""
    return f"PCA-{max(1, min(SPACE_DIM, training - 1))} of the pixels"


class Figures(NamedTuple):
    """precision: share of samples inside the ball around some real image that reaches to its K-th
    nearest real image. recall: share of real images inside such a ball around some sample.
    density: mean number of real balls that a sample lies in, divided by K; can exceed 1. coverage:
    share of real images whose ball holds a sample. nearest_copies: samples that are near copies of
    a training image (`nearest_training`)."""

    precision: float
    recall: float
    density: float
    coverage: float
    nearest_copies: int


def figures_of_merit(
    real: np.ndarray, samples: np.ndarray, k: int = K
) -> tuple[float, float, float, float]:
    """Precision, recall, density and coverage of samples (M, d) against real points (N, d).

    All four change with N, M and k: compare only figures for which these are equal. DataError
    where either has no more than k points.
    """
    if min(len(real), len(samples)) <= k:
        raise DataError(
            f"Precision, recall, density and coverage need more than {k} images on both sides: "
            f"there are {len(real)} real ones and {len(samples)} samples."
        )
    with one_thread():
        real_radii, _ = nearest_neighbors(real, real, k, skip_self=True)
        sample_radii, _ = nearest_neighbors(samples, samples, k, skip_self=True)
        distances = _distances(real, samples)
    inside_real = distances <= real_radii[:, -1:]
    inside_sample = distances <= sample_radii[:, -1]
    return (
        float(inside_real.any(axis=0).mean()),
        float(inside_sample.any(axis=1).mean()),
        float(inside_real.sum(axis=0).mean() / k),
        float(inside_real.any(axis=1).mean()),
    )


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return cdist(np.asarray(a, np.float64), np.asarray(b, np.float64)).astype(np.float32)


def nearest_training(training: np.ndarray, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The training image nearest to each sample, and whether the sample is a near copy of it.

    training (N, d), samples (M, d): points of one space. Returns int64 (M,) and bool (M,). A near
    copy is less than COPY_RATIO times as far from the nearest training image as from the next
    COPY_NEIGHBORS ones on average: how far images usually are from each other differs from region
    to region (Carlini et al. 2023, "Extracting Training Data from Diffusion Models", section 5.1).
    With one training image there is nothing to compare with, and nothing counts as a copy.
    """
    with one_thread():
        distances, indices = nearest_neighbors(training, samples, COPY_NEIGHBORS + 1)
    if distances.shape[1] < 2:
        return indices[:, 0], np.zeros(len(samples), bool)
    return indices[:, 0], distances[:, 0] < COPY_RATIO * distances[:, 1:].mean(axis=1)
