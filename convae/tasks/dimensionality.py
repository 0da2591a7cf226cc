"""How many dimensions of a code are in use."""

from typing import NamedTuple

import numpy as np

from convae.errors import DataError

DEAD = 0.01  # of the largest standard deviation


class Dimensions(NamedTuple):
    """explained: share of the variance in the first 1, 2, ... principal directions (d,), rising to
    1. participation: effective dimension, (sum of variances)^2 / sum of squared variances, between
    1 and d; invariant to rotations and to the unit. dead: dimensions whose standard deviation is
    below DEAD times the largest. correlation: (d, d), 0 where a dimension has no spread."""

    explained: np.ndarray
    participation: float
    dead: np.ndarray
    correlation: np.ndarray


def dimensions(codes: np.ndarray) -> Dimensions:
    """How codes (N, d) use their dimensions. DataError for fewer than two codes, or
    codes that are all the same."""
    if len(codes) < 2 or not np.ptp(codes, axis=0).any():
        raise DataError(
            f"The variance of codes needs at least two different images: there "
            f"{'is' if len(codes) == 1 else 'are'} {len(codes)}. Add images or choose a set."
        )
    centered = np.asarray(codes, np.float64) - np.mean(codes, axis=0, dtype=np.float64)
    covariance = np.atleast_2d(centered.T @ centered / len(codes))
    spread = np.sqrt(np.diag(covariance))
    variances = np.linalg.eigvalsh(covariance)[::-1].clip(0)
    scale = np.where(spread > 0, spread, 1)
    return Dimensions(
        np.cumsum(variances) / variances.sum(),
        participation_ratio(variances),
        np.flatnonzero(spread < DEAD * spread.max()),
        covariance / np.outer(scale, scale),
    )


def participation_ratio(variances: np.ndarray) -> float:
    """(sum of variances)^2 / sum of squared variances: the number of equal variances with this
    value."""
    return float(np.square(variances.sum()) / np.square(variances).sum())
