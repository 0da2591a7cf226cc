"""Nested dropout: one model for every code length (Rippel, Gelbart and Adams 2014).

In training an image keeps its whole code or the first K values only, half of the time each unless
set otherwise. This orders the values by their contribution.
"""

import math

import numpy as np
import torch
from torch import Tensor

FLOOR = 1e-4  # lower bound of PCA's squared error per value: 40 dB


def draw_lengths(
    count: int,
    latent_dim: int,
    generator: torch.Generator,
    full_share: float = 0.5,
    shortest: int = 1,
) -> Tensor:
    """How many values each of `count` images keeps, int64 (count,) in shortest..latent_dim.

    latent_dim with probability full_share, else log-uniform: as many between K and 2K for each K.
    """
    draw = torch.rand(2, count, generator=generator, device=generator.device)
    octaves = math.log((latent_dim + 1) / shortest)
    lengths = (shortest * (draw[1] * octaves).exp()).long().clamp(shortest, latent_dim)
    return torch.where(draw[0] < full_share, latent_dim, lengths)


def length_weights(pca_errors: np.ndarray) -> Tensor:
    """Weight of an image's loss where K values are kept, at K - 1: float32 (latent_dim,).

    pca_errors: mean squared error of PCA with K components, at K - 1 (`pca.squared_errors`). The
    weight is its inverse, scaled to 1 for the whole code: else the errors of short codes, which are
    large, would outweigh all others.
    """
    errors = pca_errors.clip(FLOOR)
    return torch.from_numpy(errors[-1] / errors).float()
