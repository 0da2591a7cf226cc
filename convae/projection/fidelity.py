"""How faithful a map is: how much of the neighborhoods in code space it preserves."""

from typing import NamedTuple

import numpy as np

from convae.latent.neighbors import nearest_neighbors

KS = (5, 15, 50)
K = 15  # of trustworthiness and of the classifier
QUERIES = 1_000


class Fidelity(NamedTuple):
    """A map compared with the code space it is a projection of.

    trustworthiness: 1 where all neighbors on the map are neighbors in code space (k = 15). kept:
    for each k the neighborhood preservation, the share of a code's k nearest codes that are among
    its k nearest on the map; nan where these are all other codes. accuracy_codes, accuracy_map:
    leave-one-out accuracy of a 15-NN classifier in code space and on the map; nan where there is
    one class, or all other codes vote.
    """

    trustworthiness: float
    kept: dict[int, float]
    accuracy_codes: float
    accuracy_map: float


def measure(
    codes: np.ndarray, points: np.ndarray, labels: np.ndarray, queries: int = QUERIES
) -> Fidelity:
    """codes (N, d), points (N, 2 or 3), labels int (N,). Up to `queries` rows, chosen at random
    with a fixed seed, are compared with all N: the figures estimate those of the whole map."""
    n = len(codes)
    chosen = np.sort(np.random.default_rng(0).permutation(n)[:queries])
    reach = min(max(KS), n - 1)
    near_codes, near_points = (_others(rows, chosen, reach) for rows in (codes, points))
    nan = float("nan")
    kept = {k: float(shares(near_codes, near_points, k).mean()) if k < n - 1 else nan for k in KS}
    votes = [
        _accuracy(near[:, :K], labels, chosen) if n - 1 > K else nan
        for near in (near_codes, near_points)
    ]
    return Fidelity(trustworthiness(codes, near_points, chosen, K), kept, *votes)


def _others(values: np.ndarray, chosen: np.ndarray, k: int) -> np.ndarray:
    """The k nearest rows to each chosen row, itself excluded: int64 (M, k)."""
    near = nearest_neighbors(values, values[chosen], k + 1)[1]
    # among duplicates the row itself need not come first, and may be missing
    itself = near == chosen[:, None]
    itself[~itself.any(axis=1), -1] = True
    return near[~itself].reshape(len(near), -1)


def shares(near_codes: np.ndarray, near_points: np.ndarray, k: int) -> np.ndarray:
    """The share of the first k entries of each row that both have in common, float32 (M,).
    near_codes, near_points: int (M, at least k)."""
    first, second = near_codes[:, :k, None], near_points[:, None, :k]
    return (first == second).any(axis=2).mean(axis=1).astype(np.float32)


def kept_neighbors(codes: np.ndarray, points: np.ndarray, k: int = K) -> np.ndarray:
    """Neighborhood preservation of each code: the share of its k nearest codes that are among its
    k nearest on the map, float32 (N,). About 4 s for 10,000 codes."""
    everyone = np.arange(len(codes))
    k = min(k, len(codes) - 1)
    if k < 1:
        return np.ones(len(codes), np.float32)
    return shares(_others(codes, everyone, k), _others(points, everyone, k), k)


def trustworthiness(
    codes: np.ndarray, near_points: np.ndarray, chosen: np.ndarray, k: int
) -> float:
    """Trustworthiness (Venna and Kaski 2001) over the chosen rows; over all rows it equals that
    of scikit-learn.

    near_points: int (M, at least k), the nearest neighbors on the map of each chosen row. nan
    where k is not below N / 2.
    """
    n = len(codes)
    if k >= n / 2:
        return float("nan")
    penalty = 0
    squares = (codes.astype(np.float64) ** 2).sum(axis=1)
    for start in range(0, len(chosen), 500):
        rows = chosen[start : start + 500]
        distances = squares - 2 * codes[rows].astype(np.float64) @ codes.T
        distances[np.arange(len(rows)), rows] = -np.inf
        near = near_points[start : start + 500, :k]
        # the rank in code space: the number of codes that are nearer
        limits = np.take_along_axis(distances, near, axis=1)
        ordered = np.sort(distances, axis=1)
        ranks = np.stack(
            [np.searchsorted(row, at) for row, at in zip(ordered, limits, strict=True)]
        )
        penalty += np.maximum(ranks - k, 0).sum()
    return float(1 - 2 * penalty / (len(chosen) * k * (2 * n - 3 * k - 1)))


def _accuracy(near: np.ndarray, labels: np.ndarray, chosen: np.ndarray) -> float:
    classes = int(labels.max()) + 1
    if classes < 2:
        return float("nan")
    votes = np.zeros((len(near), classes), np.int64)
    np.add.at(votes, (np.arange(len(near))[:, None], labels[near]), 1)
    return float((votes.argmax(axis=1) == labels[chosen]).mean())
