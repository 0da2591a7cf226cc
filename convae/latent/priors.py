"""Priors fitted to codes: Gaussian, Gaussian mixture, kNN jitter, and any of them by class."""

from typing import NamedTuple

import numpy as np

from convae.latent.directions import principal_directions
from convae.latent.neighbors import nearest_neighbors
from convae.process_state import no_convergence_warnings, one_thread


class Prior(NamedTuple):
    """A distribution fitted to codes: a mixture of M normal ones (M = 1: a single one).

    weights: (M,). means: (M, d). spreads: (M, d), standard deviations along directions: (d, d), the
    principal directions as rows, which all parts share. float64.
    """

    weights: np.ndarray
    means: np.ndarray
    spreads: np.ndarray
    directions: np.ndarray

    def sample(self, n: int, seed: int, temperature: float = 1.0) -> np.ndarray:
        """n new codes, float32 (n, d). temperature scales the spread: 0 gives the means alone."""
        rng = np.random.default_rng(seed)
        parts = rng.choice(len(self.weights), n, p=self.weights)
        normal = rng.standard_normal((n, self.means.shape[1])) * self.spreads[parts]
        return (self.means[parts] + temperature * normal @ self.directions).astype(np.float32)


def fit_gaussian(codes: np.ndarray) -> Prior:
    """The normal distribution with the mean and covariance of codes (N, d), N at least 1.

    Directions in which the codes do not spread stay without spread.
    """
    if not len(codes):
        raise ValueError("a prior needs at least one code, got none")
    mean, directions, spreads = (item.astype(np.float64) for item in principal_directions(codes))
    return Prior(np.ones(1), mean[None], spreads[None], directions)


def fit_gmm(codes: np.ndarray, parts: int = 10, seed: int = 0, steps: int = 50) -> Prior:
    """A mixture of `parts` normal distributions fitted to codes (N, d) by at most `steps` of EM.

    From scikit-learn, along the principal directions of the codes and without correlations within a
    part: on PCA codes of CIFAR-10 that is likelier on codes not seen than full covariances are, and
    takes a second instead of twenty. The unit of the codes does not matter. Fewer parts where there
    are fewer than two codes a part.
    """
    from sklearn.mixture import GaussianMixture

    single = fit_gaussian(codes)
    parts, scale = min(parts, len(codes) // 2), single.spreads.max()
    if parts < 2 or scale == 0:
        return single
    turned = (codes - single.means) @ single.directions.T / scale
    model = GaussianMixture(
        parts, covariance_type="diag", reg_covar=1e-6, max_iter=steps, random_state=seed
    )
    # stopping early, or more parts than distinct codes, still gives a prior to sample from
    with one_thread(), no_convergence_warnings:
        model.fit(turned)
    means = single.means + scale * model.means_ @ single.directions
    spreads = scale * np.sqrt(model.covariances_)
    return Prior(model.weights_ / model.weights_.sum(), means, spreads, single.directions)


class Jitter(NamedTuple):
    """Training codes (N, d) with noise. nearest: int (N, k), the nearest codes of each."""

    codes: np.ndarray
    nearest: np.ndarray

    def sample(self, n: int, seed: int, temperature: float = 1.0) -> np.ndarray:
        """n codes, float32 (n, d): a training code, drawn at random, plus Gaussian noise with
        temperature^2 times the covariance of its k nearest codes. 0 gives training codes."""
        rng = np.random.default_rng(seed)
        rows = rng.integers(len(self.codes), size=n)
        codes = self.codes[rows].astype(np.float64)
        k = self.nearest.shape[1]
        if k:
            weights = rng.standard_normal((n, k)) / np.sqrt(k)
            weights -= weights.mean(axis=1, keepdims=True)  # the same as centering the neighbors
            for place in range(k):
                codes += (
                    temperature * weights[:, place, None] * self.codes[self.nearest[rows, place]]
                )
        return codes.astype(np.float32)


def fit_jitter(codes: np.ndarray, neighbors: int = 10) -> Jitter:
    """Jitter around codes (N, d), N at least 1; neighbors: how many shape the noise of each."""
    return Jitter(codes, nearest_neighbors(codes, codes, neighbors, skip_self=True)[1])


class ByClass(NamedTuple):
    """One prior for each class. classes: int (C,), shares: float (C,), how often each is drawn."""

    priors: tuple[Prior | Jitter, ...]
    classes: np.ndarray
    shares: np.ndarray

    def labels(self, n: int, seed: int) -> np.ndarray:
        """The class of each of the n codes that `sample` gives: int64 (n,)."""
        return np.random.default_rng([seed, 1]).choice(self.classes, n, p=self.shares)

    def sample(self, n: int, seed: int, temperature: float = 1.0) -> np.ndarray:
        """n codes of classes drawn as often as they are among the fitted codes: float32 (n, d)."""
        labels, parts = self.labels(n, seed), []
        for label, prior in zip(self.classes, self.priors, strict=True):
            rows = np.flatnonzero(labels == label)
            parts.append((rows, prior.sample(len(rows), seed, temperature)))
        codes = np.empty((n, parts[0][1].shape[1]), np.float32)
        for rows, drawn in parts:
            codes[rows] = drawn
        return codes
