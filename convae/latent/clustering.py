"""Values to color a map by, from the codes alone: clusters and the Mahalanobis distance."""

import numpy as np

from convae.latent import directions as latent_directions
from convae.process_state import no_convergence_warnings, one_thread


def clusters(codes: np.ndarray, count: int = 10, seed: int = 0) -> np.ndarray:
    """The group of each code, int64 (N,), by k-means (scikit-learn's, in batches): group 0 is the
    largest. Fewer groups where there are fewer codes."""
    from sklearn.cluster import MiniBatchKMeans

    count = max(1, min(count, len(codes)))
    # fewer distinct codes than clusters is allowed
    with one_thread(), no_convergence_warnings:
        result = MiniBatchKMeans(count, n_init=3, random_state=seed).fit_predict(codes)
    sizes = np.bincount(result, minlength=count)
    place = np.empty(count, np.int64)
    place[np.argsort(-sizes, kind="stable")] = np.arange(count)
    return place[result]


def mahalanobis(codes: np.ndarray) -> np.ndarray:
    """The Mahalanobis distance of each code from the mean of all: float32 (N,).

    Divided by the root of the number of directions, so that 1 is typical for any latent dimension.
    Directions without variance are ignored.
    """
    mean, directions, spreads = latent_directions.principal_directions(codes)
    kept = spreads > 1e-4 * max(spreads.max(initial=0), 1e-12)
    if not kept.any():
        return np.zeros(len(codes), np.float32)
    along = (codes - mean) @ directions[kept].T / spreads[kept]
    return np.sqrt((along**2).mean(axis=1)).astype(np.float32)
