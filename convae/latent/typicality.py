"""How far a code is from the manifold of real codes, as one percentile on all pages.

The distance to the nearest real code does not measure this: the mean of any codes lies near some of
them, so the mean of all codes, which decodes to a gray blur, looks more plausible than real codes
do. In many dimensions the codes of a network do not fill the middle; their distance r from the
mean, in standard deviations (Mahalanobis), is nearly the same for all. This is the typical set
(Nalisnick et al. 2019, "Detecting Out-of-Distribution Inputs to Deep Generative Models Using
Typicality"), and a code is atypical on either side of it: averages have a small r, extrapolations a
large one. The heavy tails of real codes are why log r is compared.

Median percentiles with the codes of 3,000 CIFAR-10 training images, encoder only, of cifar10-128
(cifar10-256): the mean of all codes 100 (100), midpoints of random pairs 88 (90), of their most
distant tenth 82 (88), samples of N(0, I) 99 (100), new real codes 50 (51). Limits: r depends on the
mean and the covariance only, so samples of the Gaussian fitted to the codes pass as typical, 15
(12). Where the r of real codes varies more, midpoints are less conspicuous: those of random pairs
of `photos`, by cifar10-64, get 72. And in fewer than about eight dimensions codes do fill the
middle. The error of encode(decode(z)), the other candidate, is smaller for averages than for real
codes: the mean of all codes gets 1 (0), midpoints of the most distant tenth 11 (5).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from convae.latent.neighbors import nearest_neighbors
from convae.process_state import one_thread

FOLDS = 5
LEAST = 2 * FOLDS  # codes
FEW = 200  # codes: with fewer a percentile moves in steps of over 0.5%, and their number is shown
NAME = "Off-manifold percentile"
SENTENCE = NAME + ": less typical than {}% of {}held-out real codes"
UNKNOWN = f"{NAME}: too few real codes to tell"
DEFINITION = (
    "How atypical the code's Mahalanobis distance from the mean of real codes is, on either side: "
    "0 is the most typical, 100 is less typical than any real code, and real codes are spread "
    "evenly from 0 to 100."
)
HELP = DEFINITION + (
    " Averages of codes lie too near to the mean and decode to a blur; "
    "extrapolated codes lie too far out. Distance to the nearest real code is not used, as an "
    "average always has real codes nearby. It depends only on the mean and covariance of the "
    "codes: a random code drawn from a Gaussian with the same mean and covariance counts "
    "as typical."
)


@dataclass(frozen=True, eq=False)
class Typicality:
    """The result of `fit` on N real codes; F folds, in each of which the others are fitted.

    codes: float32 (N, d). folds: int (N,), the fold of each. means: (F, d) and whiteners:
    (F, d, d), of the codes outside each fold; F = 0 where there are too few codes.
    """

    codes: np.ndarray
    folds: np.ndarray
    means: np.ndarray
    whiteners: np.ndarray

    def percentile(self, codes: np.ndarray) -> np.ndarray:
        """The share of held-out real codes that are more typical, in percent: float32 (M,).

        codes: (M, d). A code is measured by the fit without the fold of the real code nearest to
        it, so the fitted codes are held out too, in whatever precision they are encoded again.
        nan where there are fewer than LEAST real codes, or real codes without any spread.
        """
        codes = np.asarray(codes, np.float32)
        if not len(self.means):
            return np.full(len(codes), np.nan, np.float32)
        nearest = nearest_neighbors(self.codes, codes, 1)[1][:, 0]
        middle, deviations = self._usual
        deviation = np.abs(self._log_distance(codes, self.folds[nearest]) - middle)
        rank = np.searchsorted(deviations, deviation)
        return (100 * rank / len(deviations)).astype(np.float32)

    def sentence(self, percentile: float) -> str:
        """A percentile as every page shows it; nan: too few real codes."""
        if not np.isfinite(percentile):
            return UNKNOWN
        count = f"{len(self.codes)} " if len(self.codes) < FEW else ""
        return SENTENCE.format(f"{percentile:.0f}", count)

    @property
    def steps(self) -> str:
        """A sentence about the steps of the percentile where there are few codes, else ""."""
        count = len(self.codes)
        if not len(self.means) or count >= FEW:
            return ""
        return f" There are {count} real codes, so it moves in steps of {100 / count:.2g}%."

    def _log_distance(self, codes: np.ndarray, folds: np.ndarray) -> np.ndarray:
        """The logarithm of the Mahalanobis distance / sqrt(d), each by the fit of its fold."""
        squares = np.empty(len(codes))
        for fold, (mean, whitener) in enumerate(zip(self.means, self.whiteners, strict=True)):
            rows = np.flatnonzero(folds == fold)
            squares[rows] = np.square((codes[rows] - mean) @ whitener).mean(axis=1)
        return 0.5 * np.log(np.maximum(squares, 1e-30))

    @cached_property
    def _usual(self) -> tuple[float, np.ndarray]:
        """The median log distance of held-out real codes, and how far each is from it, sorted."""
        logs = self._log_distance(self.codes, self.folds)
        middle = float(np.median(logs))
        return middle, np.sort(np.abs(logs - middle))


def fit(codes: np.ndarray) -> Typicality:
    """The typical set of real codes (N, d): 0.3 s for 3,000 codes of 128 values. Worth keeping.

    The covariance is shrunk (Ledoit and Wolf 2004), so that it can be inverted when N < d. With
    fewer than LEAST codes, or codes that are all the same, every percentile is nan.
    """
    from sklearn.covariance import ledoit_wolf

    codes = np.asarray(codes, np.float32)
    count, size = codes.shape
    folds = np.random.default_rng(0).permutation(count) % FOLDS
    means, whiteners = [], []
    if count >= LEAST and np.ptp(codes, axis=0).any():
        with one_thread():
            for fold in range(FOLDS):
                others = codes[folds != fold].astype(np.float64)
                means.append(others.mean(axis=0))
                variances, vectors = np.linalg.eigh(np.atleast_2d(ledoit_wolf(others)[0]))
                floor = max(1e-9 * variances[-1], 1e-30)
                whiteners.append(vectors / np.sqrt(np.maximum(variances, floor)))
    shape = (len(means), size)
    return Typicality(codes, folds, np.reshape(means, shape), np.reshape(whiteners, (*shape, size)))
