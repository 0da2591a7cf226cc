"""Nested dropout: one model for every code length (Rippel, Gelbart and Adams 2014).

In training an image keeps its whole code or, half of the time, the first K values only. So the
values come to be ordered by what they contribute.
"""

import math

import numpy as np
import torch
from torch import Tensor

WHOLE = 0.5  # probability that an image keeps its whole code
FLOOR = 1e-4  # squared error per value below which PCA's is not trusted: 40 dB


def draw_lengths(count: int, latent_dim: int, generator: torch.Generator) -> Tensor:
    """How many values each of `count` images keeps, int64 (count,) in 1..latent_dim.

    latent_dim with probability WHOLE, else log-uniform: K and 2K are equally likely to be passed.
    """
    draw = torch.rand(2, count, generator=generator, device=generator.device)
    lengths = (draw[1] * math.log(latent_dim + 1)).exp().long().clamp(1, latent_dim)
    return torch.where(draw[0] < WHOLE, latent_dim, lengths)


def length_weights(pca_errors: np.ndarray) -> Tensor:
    """Weight of an image's loss where K values are kept, at K - 1: float32 (latent_dim,).

    pca_errors: mean squared error of PCA with K components, at K - 1 (`pca.squared_errors`). The
    weight is its inverse, scaled to 1 for the whole code: else the errors of short codes, which are
    large, would outweigh all others.
    """
    errors = pca_errors.clip(FLOOR)
    return torch.from_numpy(errors[-1] / errors).float()
