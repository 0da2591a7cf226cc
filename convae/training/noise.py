"""The noise that a denoising autoencoder is trained and validated with.

Vincent et al. 2008 for the principle: corrupted input, clean target.
"""

import numpy as np
import torch
from torch import Tensor

from convae.config import TrainConfig

FIXED_SIGMAS = (25 / 255, 50 / 255)  # the two usual levels in the denoising literature


def corrupted_batch(x: Tensor, config: TrainConfig, generator: torch.Generator) -> Tensor:
    """A noisy copy of a batch (B, 3, 32, 32) in [0, 1], clipped to [0, 1].

    With ``noise_range`` each image has its own standard deviation, uniform in [0, noise_std].
    """
    noise = torch.empty_like(x).normal_(generator=generator)
    if config.corruption == "speckle":
        noise *= x
    sigma: Tensor | float = config.noise_std
    if config.noise_range:
        sigma = sigmas(len(x), config.noise_std, generator).view(-1, 1, 1, 1)
    return (x + sigma * noise).clamp_(0, 1)


def sigmas(count: int, highest: float, generator: torch.Generator) -> Tensor:
    """Standard deviations (count,), uniform in [0, highest], on the generator's device."""
    return highest * torch.rand(count, generator=generator, device=generator.device)


def validation_sigmas(config: TrainConfig) -> tuple[float, ...]:
    """The standard deviations at which a run is validated; () for a run without noise.

    With ``noise_range`` these are FIXED_SIGMAS as far as the range includes them, else noise_std.
    """
    if not config.noise_std:
        return ()
    inside = tuple(s for s in FIXED_SIGMAS if s <= config.noise_std) if config.noise_range else ()
    return inside or (config.noise_std,)


def validation_noise(config: TrainConfig) -> float:
    """The mean of `validation_sigmas`, 0.0 without noise: what the history and the card record."""
    levels = validation_sigmas(config)
    return float(np.mean(levels)) if levels else 0.0


def validation_inputs(images: np.ndarray, config: TrainConfig) -> list[np.ndarray]:
    """The input of the validation: one copy of uint8 (N, 32, 32, 3) images for each of
    `validation_sigmas`, the images themselves without noise. The noise is the same at each call."""
    levels = validation_sigmas(config)
    return [noisy(images, sigma, config.corruption) for sigma in levels] or [images]


def shown_inputs(images: np.ndarray, config: TrainConfig) -> np.ndarray:
    """Noisy copies of a few uint8 (N, 32, 32, 3) images, to be shown beside the restored ones.

    The noise is the same at each call. With ``noise_range`` it becomes stronger from image to
    image, up to ``noise_std``.
    """
    count = len(images)
    shares = np.arange(1, count + 1) / count if config.noise_range else np.ones(count)
    copies = [
        noisy(image[None], config.noise_std * share, config.corruption, seed)
        for seed, (image, share) in enumerate(zip(images, shares, strict=True))
    ]
    return np.concatenate(copies) if copies else images


def noisy(images: np.ndarray, sigma: float, kind: str = "gaussian", seed: int = 0) -> np.ndarray:
    """uint8 (N, 32, 32, 3) with noise of this standard deviation (a share of the pixel range).

    gaussian: x + sigma n; speckle: x + sigma n x, with n ~ N(0, 1); clipped and rounded.
    """
    noise = np.random.default_rng(seed).standard_normal(images.shape, np.float32) * (sigma * 255)
    if kind == "speckle":
        noise *= images / np.float32(255)
    return np.clip(images + noise + 0.5, 0, 255).astype(np.uint8)
