"""Edits of codes: sums of codes, and sliders along meaningful directions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


def arithmetic(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, strengths: Sequence[float]
) -> np.ndarray:
    """c + t (a - b) for each strength t: (len(strengths), *shape); t = 1 is a - b + c.

    a, b, c: codes (d,), or images as float, all of one shape. float32.
    """
    a, b, c = (np.asarray(item, np.float32) for item in (a, b, c))
    return np.stack([c + np.float32(t) * (a - b) for t in strengths])


class Knobs(NamedTuple):
    """n directions in which codes can be moved: names, and moves (n, d), one standard deviation
    each."""

    names: tuple[str, ...]
    moves: np.ndarray

    def turned(self, code: np.ndarray, amounts: Sequence[float]) -> np.ndarray:
        """The code (d,) moved by an amount along each direction, in standard deviations: (d,)."""
        return (code + np.asarray(amounts, np.float32) @ self.moves).astype(np.float32)

    def ends(self, code: np.ndarray, amounts: Sequence[float], reach: float) -> np.ndarray:
        """What each slider alone would give from here: (n, 2, d), with it at -reach and at
        +reach."""
        here = self.turned(code, amounts)
        low, high = (
            np.array([side * reach - amount for amount in amounts], np.float32) for side in (-1, 1)
        )
        return here + np.stack([low, high], axis=1)[:, :, None] * self.moves[:, None]


def principal_knobs(codes: np.ndarray, most: int = 10) -> Knobs:
    """Along the widest principal directions of codes (N, d); one spread is the standard deviation
    of the codes along each. Directions without spread are left out."""
    _, directions, spreads = principal_directions(codes)
    wide = [i for i in range(min(most, len(spreads))) if spreads[i] > 1e-6 * max(spreads[0], 1e-30)]
    names = tuple(f"Direction {i + 1}" for i in wide)
    return Knobs(names, directions[wide] * spreads[wide, None])


def class_knobs(codes: np.ndarray, labels: np.ndarray, class_names: Sequence[str]) -> Knobs:
    """From the mean of all other codes toward the mean of each class, where there are both.

    codes: (N, d); labels: (N,). One spread is the standard deviation of all codes along it.
    """
    names, moves = [], []
    for number, name in enumerate(class_names):
        inside = labels == number
        if not inside.any() or inside.all():
            continue
        path = codes[inside].mean(axis=0) - codes[~inside].mean(axis=0)
        length = np.linalg.norm(path)
        if length > 0:
            names.append(name)
            moves.append(path / length * np.std(codes @ (path / length)))
    shape = (len(moves), codes.shape[1])
    return Knobs(tuple(names), np.asarray(moves, np.float32).reshape(shape))


def principal_directions(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The principal directions of codes: mean (d,), directions (d, d) as rows, spreads (d,), widest
    first.

    codes: (N, d). spreads are standard deviations, in the units of the codes. The largest entry of
    each direction is positive. float32.
    """
    codes = np.asarray(codes, np.float64)
    mean = codes.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.atleast_2d(np.cov(codes.T, bias=True)))
    directions = vectors.T[::-1]
    rows = np.arange(len(directions))
    directions = directions * np.sign(directions[rows, np.abs(directions).argmax(axis=1)])[:, None]
    spreads = np.sqrt(variances[::-1].clip(0))
    return mean.astype(np.float32), directions.astype(np.float32), spreads.astype(np.float32)
