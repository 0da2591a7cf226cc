"""Features: how much of the class of an image is in its code.

A linear probe and k nearest neighbors classify images by their codes, beside three baselines that
have learned nothing from images but their covariance, or nothing at all: raw pixels, PCA of the
same dimension, and a randomly initialized encoder of the same architecture. Codes are those of the
encoder alone, without refinement steps.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from convae.codec import Codec
from convae.config import ModelConfig
from convae.data import VALUES, ImageSet
from convae.data.folder_layout import UNLABELED
from convae.errors import DataError
from convae.evaluation.pca import PCA
from convae.latent.encode_cache import codes_for
from convae.process_state import no_convergence_warnings, one_thread
from convae.tasks.evidence import standard_error

if TYPE_CHECKING:
    from convae.models.autoencoder import ConvAutoencoder

SPACES = {
    "codes": "codes of the model",
    "pca": "PCA of the same dimension",
    "random_encoder": "randomly initialized encoder",
    "pixels": "raw pixels",
}
TITLES = {"codes": "codes", "pca": "PCA", "random_encoder": "random encoder", "pixels": "pixels"}
PROBES = {"logistic": "linear probe", "knn": "k nearest neighbors"}
NEIGHBORS = 10
# C of scikit-learn: within a point of the best of 1e-4 to 1 for codes, PCA and
# pixels of 5,085 original CIFAR-10 images, so one value for all spaces (benchmarks/RESULTS.md)
INVERSE_PENALTY = 0.01
TOLERANCE, MOST_STEPS = 1e-3, 500  # at 1e-4 pixels take twice the steps, accuracies stay the same
SETTINGS = {"logistic": (INVERSE_PENALTY, TOLERANCE, MOST_STEPS), "knn": (NEIGHBORS,)}
LABEL_COUNTS = (10, 100, 1_000)
DRAWS = 5  # of the labeled images at each label count
PART = 2_000  # test images standardized at once
TRAINING, TESTED = 5_000, 10_000  # images of each split at most, drawn once
SEEDING = threading.Lock()  # the generator of torch belongs to the whole process
Progress = Callable[[int, int | None, str], None]
Encode = Callable[[ImageSet], np.ndarray]


class Space(NamedTuple):
    """The same images as points of one space: train float32 (N, D), test float32 (M, D)."""

    train: np.ndarray
    test: np.ndarray


def space(encode: Encode, train: ImageSet, test: ImageSet) -> Space:
    return Space(encode(train), encode(test))


class Classified(NamedTuple):
    """accuracy of a probe on the test images, in [0, 1]; error: its standard error from the number
    of test images, `evidence.standard_error`. predicted: int64 (M,)."""

    accuracy: float
    error: float
    predicted: np.ndarray


Results = Mapping[str, Mapping[str, Classified]]  # space -> probe -> accuracy


def encoders(
    checkpoint: Codec, fit: Callable[[], PCA], progress: Progress, real_dimension: int = VALUES
) -> dict[str, Encode]:
    """For each of SPACES what takes an ImageSet of N images to its points, float32 (N, D).

    checkpoint: of the encoder alone. fit: gives the PCA of the training images, called when its
    points are needed; their `real_dimension` limits its components. One space at a time need be in
    memory: 10,000 images take 123 MB as pixels.
    """
    config = checkpoint.config
    pca, random_model = cache(fit), cache(lambda: random_encoder(config))
    return {
        "codes": lambda result: codes_for(checkpoint, result.images, result.fingerprint, progress),
        "pca": lambda result: pca().encode(result.images, min(config.latent_dim, real_dimension)),
        "random_encoder": lambda result: random_model().encode(result.images),
        "pixels": lambda result: result.images.reshape(len(result), -1) / np.float32(255),
    }


def random_encoder(config: ModelConfig, seed: int = 0) -> "ConvAutoencoder":
    """A model of this ModelConfig with its initial weights, in eval mode: what the architecture
    gives without training. A residual one starts from random directions, not from PCA."""
    import torch

    from convae.models.autoencoder import ConvAutoencoder

    with SEEDING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ConvAutoencoder(replace(config, refinement_steps=0))
    return model.eval().requires_grad_(False)


def labeled(images: ImageSet) -> ImageSet:
    """Without the images that have no class folder beside others that have one. DataError if there
    are no others."""
    if images.class_names[-1] != UNLABELED:
        return images
    names = images.class_names[:-1]
    rows = np.flatnonzero(images.labels < len(names))
    if not len(rows):
        raise DataError(
            f"None of the {images.split} images has a label: add more images in class folders."
        )
    return replace(images.take(rows), class_names=names)


def check_labels(labels: np.ndarray, tested: np.ndarray) -> None:
    """DataError if there is nothing to classify: a single class, or no test images."""
    if not len(tested):
        raise DataError("A probe needs test images: this set has none.")
    if len(np.unique(labels)) < 2:
        raise DataError(
            f"A probe needs labeled images of at least two classes: these {len(labels):,} are of "
            "one. Choose a set with classes."
        )


def linear_probe(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Classes that multinomial logistic regression on standardized features gives to test (M, D):
    int64 (M,). train (N, D), labels (N,); features without spread are only centered."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)
    model = LogisticRegression(C=INVERSE_PENALTY, tol=TOLERANCE, max_iter=MOST_STEPS)
    with one_thread(), no_convergence_warnings:
        model.fit(scaler.transform(train), labels)
        parts = [test[start : start + PART] for start in range(0, len(test), PART)]
        return np.concatenate([model.predict(scaler.transform(part)) for part in parts])


def nearest_probe(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Classes by majority of the nearest of train (N, D), Euclidean: int64 (M,). Of classes with
    equally many the one with the lowest number. NEIGHBORS, or as many as a class has on average
    where that is less: with one image of each class only the nearest is used."""
    from sklearn.neighbors import KNeighborsClassifier

    k = max(1, min(NEIGHBORS, len(train) // len(np.unique(labels))))
    model = KNeighborsClassifier(k, algorithm="brute")
    with one_thread():
        return model.fit(train, labels).predict(test)


_PROBES = {"logistic": linear_probe, "knn": nearest_probe}


def classify(probe: str, space: Space, labels: np.ndarray, tested: np.ndarray) -> Classified:
    """One of PROBES, fitted to labels (N,) of space.train, on space.test with classes (M,)."""
    check_labels(labels, tested)
    return scored(predict(probe, space, labels), tested)


def predict(probe: str, space: Space, labels: np.ndarray) -> np.ndarray:
    """The classes that one of PROBES, fitted to labels (N,) of space.train, gives to space.test:
    int64 (M,)."""
    return _PROBES[probe](space.train, labels, space.test)


def scored(predicted: np.ndarray, tested: np.ndarray) -> Classified:
    """Predicted classes (M,) compared with the true ones (M,)."""
    accuracy = float((predicted == tested).mean())
    return Classified(accuracy, standard_error(accuracy, len(tested)), predicted)


def confusion(tested: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Test images of each class (rows) by the class they were given (columns): int (C, C)."""
    return np.bincount(tested * classes + predicted, minlength=classes**2).reshape(classes, -1)


class LabelPoint(NamedTuple):
    """labels: how many in total, all classes together. accuracy: mean over draws of the labeled
    images; error: its standard error over draws or, if larger, from the number of test images."""

    labels: int
    accuracy: float
    error: float


def draw_labeled(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Rows of `count` labeled images, as even over the classes as they allow: int64 (count,).

    With the same seed a smaller count gives the first rows of a larger one.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    rank = np.empty(len(labels), np.int64)  # the place of each image within its class
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        rank[rows] = np.arange(len(rows))
    return order[np.argsort(rank[order], kind="stable")][:count]


def label_counts(labels: np.ndarray) -> list[int]:
    """The numbers of labels of a curve: LABEL_COUNTS, as far as there are, and all of them."""
    fewest = len(np.unique(labels))
    return [count for count in LABEL_COUNTS if fewest <= count < len(labels)] + [len(labels)]


def label_curve(
    probe: str, space: Space, labels: np.ndarray, tested: np.ndarray, whole: Classified
) -> list[LabelPoint]:
    """Accuracy over the number of labels, see `label_counts`.

    whole: the result of `classify` with all labels.
    """
    points = []
    for count in label_counts(labels)[:-1]:
        accuracies = []
        for seed in range(DRAWS):
            rows = draw_labeled(labels, count, seed)
            part = Space(space.train[rows], space.test)
            accuracies.append(classify(probe, part, labels[rows], tested).accuracy)
        mean = float(np.mean(accuracies))
        spread = float(np.std(accuracies, ddof=1) / np.sqrt(DRAWS))
        points.append(LabelPoint(count, mean, max(spread, standard_error(mean, len(tested)))))
    return [*points, LabelPoint(len(labels), whole.accuracy, whole.error)]


def neighbors_of(points: Space, row: int, k: int) -> np.ndarray:
    """Rows of points.train nearest to the test image `row`, nearest first: int64 (k,), or as many
    as there are. For one image faster than `neighbors`, and without a second copy of the pixels."""
    distances = np.linalg.norm(points.train - points.test[row], axis=1)
    return np.argsort(distances, kind="stable")[:k]


def chance_level(tested: np.ndarray) -> float:
    """The accuracy of always guessing the most frequent class of the test images."""
    return float(np.bincount(tested).max() / len(tested))


def per_class(tested: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """The accuracy on the test images of each class that has any."""
    return {
        name: float((predicted[tested == label] == label).mean())
        for label, name in enumerate(names)
        if (tested == label).any()
    }
