"""How well one score separates normal images from suspects, which are the positives.

AUROC is the probability that a suspect scores above a normal image, 0.5 for guessing; average
precision depends on the share of suspects.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

RESAMPLES = 200


class Measured(NamedTuple):
    """How well a score separates two groups; standard errors by the bootstrap, nan for fewer than
    two images in a group."""

    auroc: float
    auroc_se: float
    average_precision: float
    average_precision_se: float


class Confusion(NamedTuple):
    """Images above a threshold (flagged) and not above it, in numbers."""

    normal_passed: int
    normal_flagged: int
    suspects_passed: int
    suspects_flagged: int


def measure(
    normal: np.ndarray, suspects: np.ndarray, resamples: int = RESAMPLES, seed: int = 0
) -> Measured:
    """AUROC and average precision of one score, (N,) and (M,) with N, M >= 1; suspects are the
    positives. The bootstrap draws both groups anew, each with its own size (Efron 1979)."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    labels = np.r_[np.zeros(len(normal)), np.ones(len(suspects))]
    values = np.r_[normal, suspects]
    auroc = float(roc_auc_score(labels, values))
    precision = float(average_precision_score(labels, values))
    if min(len(normal), len(suspects)) < 2:
        return Measured(auroc, float("nan"), precision, float("nan"))
    levels, place = np.unique(values, return_inverse=True)
    rng = np.random.default_rng(seed)
    drawn = np.empty((resamples, 2))
    for row in drawn:
        counts = [
            np.bincount(rng.choice(group, len(group)), minlength=len(levels))
            for group in (place[: len(normal)], place[len(normal) :])
        ]
        row[:] = _auroc(*counts), _average_precision(*counts)
    errors = drawn.std(axis=0, ddof=1)
    return Measured(auroc, float(errors[0]), precision, float(errors[1]))


def _auroc(normal: np.ndarray, suspects: np.ndarray) -> float:
    """From the number of images of each group at each level of the score, rising."""
    below = np.cumsum(normal) - normal / 2  # ties count half
    return float(below @ suspects / (normal.sum() * suspects.sum()))


def _average_precision(normal: np.ndarray, suspects: np.ndarray) -> float:
    """As `_auroc`: the sum over levels of (change of recall) x precision, from the highest down."""
    result, false = np.cumsum(suspects[::-1]), np.cumsum(normal[::-1])
    precision = result / np.maximum(result + false, 1)
    return float(suspects[::-1] @ precision / suspects.sum())


def measure_all(
    normal: Mapping[str, np.ndarray], suspects: Mapping[str, np.ndarray]
) -> dict[str, Measured]:
    """`measure` of every score that both groups have."""
    return {name: measure(normal[name], suspects[name]) for name in normal if name in suspects}


def roc_curve(normal: np.ndarray, suspects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(false positive rate, true positive rate), from (0, 0) to (1, 1); from scikit-learn."""
    from sklearn.metrics import roc_curve

    labels = np.r_[np.zeros(len(normal)), np.ones(len(suspects))]
    false_rate, true_rate, _ = roc_curve(labels, np.r_[normal, suspects])
    return false_rate, true_rate


def precision_recall_curve(
    normal: np.ndarray, suspects: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(recall, precision), recall falling to 0; from scikit-learn."""
    from sklearn.metrics import precision_recall_curve

    labels = np.r_[np.zeros(len(normal)), np.ones(len(suspects))]
    precision, recall, _ = precision_recall_curve(labels, np.r_[normal, suspects])
    return recall, precision


def threshold(normal: np.ndarray, percentile: float = 95.0) -> float:
    """The score above which images are flagged: a percentile of normal scores, of no others.

    Take them from images that neither the model nor the detector was fitted to: scores of the
    training images are lower, and more new normal images than that share would be flagged.
    """
    return float(np.percentile(normal, percentile))


def confusion(normal: np.ndarray, suspects: np.ndarray, above: float) -> Confusion:
    """How many images of each group score above a threshold."""
    flagged, caught = int((normal > above).sum()), int((suspects > above).sum())
    return Confusion(len(normal) - flagged, flagged, len(suspects) - caught, caught)
