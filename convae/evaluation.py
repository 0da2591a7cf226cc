"""How good is a checkpoint, beside its straw men on the same images? One answer for page and
command line."""

import time
from typing import Any, Protocol

import numpy as np

from convae import baselines, metrics
from convae.data import ImageSet


class Reconstructs(Protocol):
    def reconstruct(self, images: np.ndarray) -> np.ndarray: ...


def measure(model: Reconstructs, images: np.ndarray) -> dict[str, float | int]:
    """n, mse (pixels in [0, 1]), psnr (dB, of the whole set), ssim and images_per_s on these
    images.

    images: uint8 (N, 32, 32, 3). Reconstructions are uint8 too, as people see them.
    """
    began = time.perf_counter()
    rebuilt = model.reconstruct(images)
    speed = len(images) / max(time.perf_counter() - began, 1e-9)
    return metrics.summary(images, rebuilt)._asdict() | {"images_per_s": round(speed, 1)}


def evaluate(checkpoint, test: ImageSet, fitted_on: ImageSet | None) -> dict[str, Any]:
    """The figures of ``measure`` with latent_dim and, beside them, PCA with as many values.

    PCA is fitted on ``fitted_on``; its figures are None where no such images are at hand.
    """
    latent_dim = checkpoint.config.latent_dim
    found = {"checkpoint": checkpoint.name, "data": test.name, "latent_dim": latent_dim}
    found |= measure(checkpoint, test.images)
    linear = {"mse": None, "psnr": None, "ssim": None, "fitted_on": None}
    if fitted_on is not None and len(fitted_on):
        pca = baselines.pca_for(fitted_on)
        rebuilt = pca.reconstruct(test.images, latent_dim)
        figures = metrics.summary(test.images, rebuilt)._asdict()
        linear = {k: figures[k] for k in ("mse", "psnr", "ssim")}
        linear["fitted_on"] = f"{fitted_on.name}, {len(fitted_on):,} images"
    return found | {"baselines": {"pca": linear}}
