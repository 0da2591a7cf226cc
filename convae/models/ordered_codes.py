"""Ordered codes: the first K values are a code of length K.

A prefix of a code is decoded with its other values at their mean: for a linear code that is PCA
with K components. The decoder of a model trained with nested dropout is conditioned on K.
"""

import math

import numpy as np
import torch
from torch import Tensor

from convae.errors import ConvaeError

LENGTHS = 24  # of a slider over the code length
NODES = 9  # basis functions of the logarithm of K


def prefix(z: Tensor, keep: Tensor, mean: Tensor) -> Tensor:
    """z (N, d) with the values from keep (N,) on replaced by those of the mean code (d,)."""
    kept = torch.arange(z.shape[1], device=z.device) < keep[:, None]
    return torch.where(kept, z, mean.to(z.dtype))


def length_basis(keep: Tensor, latent_dim: int) -> Tensor:
    """keep (N,) in 1..latent_dim -> (N, NODES): hat functions of log K, which sum to one.

    The first has its peak at K = 1, the last at K = latent_dim.
    """
    place = keep.float().log() / math.log(latent_dim) * (NODES - 1)
    nodes = torch.arange(NODES, device=keep.device)
    return (1 - (place[:, None] - nodes).abs()).clamp(min=0)


def lengths_of(latent_dim: int) -> list[int]:
    """About LENGTHS code lengths from 1 to latent_dim, evenly spaced on a logarithmic axis."""
    return np.unique(np.geomspace(1, latent_dim, LENGTHS).round().astype(int)).tolist()


def checked_length(keep: int, latent_dim: int) -> int:
    """keep, if it is a whole number in 1..latent_dim; else ConvaeError."""
    whole = isinstance(keep, int) or hasattr(keep, "__index__")
    if not whole or isinstance(keep, bool) or not 1 <= keep <= latent_dim:
        raise ConvaeError(
            f"`keep` (={keep}) must be a whole number from 1 to {latent_dim}, the latent dimension "
            "of this model."
        )
    return int(keep)
