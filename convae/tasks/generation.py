"""Generation: new images decoded from codes that a prior draws.

An autoencoder has no prior of its own: training determines where its codes are. A prior is
therefore fitted to the codes of training images; only a variational model is trained so that its
codes are near N(0, I). Codes are those of the encoder alone, without refinement steps. How good the
samples are is measured by `convae.tasks.merits`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from convae import data
from convae.codec import Codec
from convae.config import ModelConfig
from convae.data import ImageSet
from convae.errors import ConfigError, DataError
from convae.evaluation.pca import PCA, components_beside, pca_for
from convae.latent import typicality
from convae.latent.paths import path
from convae.latent.priors import ByClass, Jitter, Prior, fit_gaussian, fit_gmm, fit_jitter
from convae.tasks.evidence import FEWEST, is_close, standard_error
from convae.tasks.merits import SPACE_DIM, Figures, figures_of_merit, nearest_training
from convae.wording import counted

COUNT = 2_000  # samples that the figures of merit are measured on
TRAINING = 5_000  # training images that a prior is fitted to, drawn once; fewer where there are
COMPONENTS = 10
NEIGHBORS = 10
PART = 500  # codes decoded between progress reports

PRIORS = {
    "normal": "N(0, I), whatever the codes are",
    "gaussian": "one Gaussian with the mean and covariance of the codes",
    "gmm": "a mixture of Gaussians",
    "jitter": "the code of a training image plus noise shaped by its nearest neighbors",
    "vae": "N(0, I), which the codes of a variational model are trained to follow",
}
BASELINES = {"pca_gaussian": "gaussian", "pca_gmm": "gmm"}  # priors of PCA codes of the same size
CEILING = "training_images"  # real images instead of samples
Progress = Callable[[int, int | None, str], None]
Sampler = Prior | Jitter | ByClass


def kinds_for(config: ModelConfig) -> list[str]:
    """Those of PRIORS that a model of this ModelConfig has: `vae` only if it is variational."""
    return [kind for kind in PRIORS if kind != "vae" or getattr(config, "variational", False)]


def check_prior(kind: str, name: str, config: ModelConfig) -> None:
    """ConfigError where `kind` is no prior, or is `vae` and the model `name` is not variational."""
    if kind not in PRIORS:
        raise ConfigError(f"`{kind}` is not a prior: choose {', '.join(PRIORS)}.")
    if kind not in kinds_for(config):
        others = ", ".join(kinds_for(config))
        raise ConfigError(
            f"`{name}` is not a variational model, so its codes do not follow N(0, I): choose the "
            f"prior {others}, or a variational model."
        )


def fit_prior(
    kind: str,
    codes: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    components: int = COMPONENTS,
    neighbors: int = NEIGHBORS,
    seed: int = 0,
) -> Sampler:
    """The prior `kind` (one of PRIORS) of codes (N, d), N at least 1; has `sample(n, seed,
    temperature)`.

    labels: (N,), then one prior for each class (`ByClass`); normal and vae have no classes.
    components: of a mixture; neighbors: of `fit_jitter`; seed: of the fit.
    """
    if labels is not None and kind not in ("normal", "vae"):
        classes, counts = np.unique(labels, return_counts=True)
        options = dict(components=components, neighbors=neighbors, seed=seed)
        priors = tuple(fit_prior(kind, codes[labels == label], **options) for label in classes)
        return ByClass(priors, classes, counts / counts.sum())
    dimension = codes.shape[1]
    if kind in ("normal", "vae"):
        return Prior(
            np.ones(1), np.zeros((1, dimension)), np.ones((1, dimension)), np.eye(dimension)
        )
    if kind == "gaussian":
        return fit_gaussian(codes)
    if kind == "gmm":
        return fit_gmm(codes, components, seed)
    if kind == "jitter":
        return fit_jitter(codes, neighbors)
    raise ConfigError(f"`{kind}` is not a prior: choose {', '.join(PRIORS)}.")


@dataclass(frozen=True, eq=False)
class Material:
    """What priors are fitted to and what samples are measured against.

    model: trained. train: N images, codes float32 (N, latent_dim) theirs. pca: fitted to the
    train images. train_points (N, SPACE_DIM), real_points (M, SPACE_DIM): of the train images and
    of real images, best ones that the prior has not seen, in the space of the figures.
    """

    model: Codec
    train: ImageSet
    codes: np.ndarray
    pca: PCA
    train_points: np.ndarray
    real_points: np.ndarray
    typicality: typicality.Typicality


def fit_and_real(
    spec: str, limit: int = TRAINING, progress: Progress | None = None
) -> tuple[ImageSet, ImageSet]:
    """The images that priors are fitted to, `limit` of the training split, and the real ones that
    samples are measured against, COUNT of the test split. A set with a single split gives both."""
    splits = data.splits(spec, progress)
    train, real = (data.load(spec, split, progress) for split in (splits[0], splits[-1]))
    return train.sample(limit), real.sample(COUNT)


def prepare(model: Codec, train: ImageSet, codes: np.ndarray, real: ImageSet) -> Material:
    """The material of one model, seconds for TRAINING images: worth keeping. codes: float32
    (N, latent_dim), of the train images by the encoder alone."""
    pca = pca_for(train)
    points = (pca.encode(images.images, SPACE_DIM) for images in (train, real))
    return Material(model, train, codes, pca, *points, typicality.fit(codes))


class Samples(NamedTuple):
    """M new images. codes (M, latent_dim), images uint8 (M, 32, 32, 3). labels: the class that each
    was asked for (M,), or None. off_manifold (M,): `Typicality.percentile`. nearest (M,): row of
    the nearest training image. copies (M,): whether it is a near copy of that."""

    codes: np.ndarray
    images: np.ndarray
    labels: np.ndarray | None
    off_manifold: np.ndarray
    nearest: np.ndarray
    copies: np.ndarray


def generate(
    material: Material,
    prior: Sampler,
    count: int,
    seed: int = 0,
    temperature: float = 1.0,
    progress: Progress | None = None,
) -> Samples:
    """`count` images decoded from codes of the prior; equal seeds give equal images."""
    codes = prior.sample(count, seed, temperature)
    images = _decoded(material.model.decode, codes, progress)
    labels = prior.labels(count, seed) if isinstance(prior, ByClass) else None
    nearest = nearest_training(material.train_points, material.pca.encode(images, SPACE_DIM))
    return Samples(codes, images, labels, material.typicality.percentile(codes), *nearest)


def _decoded(
    decode: Callable[[np.ndarray], np.ndarray], codes: np.ndarray, progress: Progress | None
) -> np.ndarray:
    parts = []
    for start in range(0, len(codes), PART):
        if progress:
            progress(start, len(codes), "decoding samples")
        parts.append(decode(codes[start : start + PART]))
    return np.concatenate(parts)


def measure(material: Material, images: np.ndarray) -> Figures:
    """The figures of merit of images uint8 (M, 32, 32, 3). DataError where there are too few: a few
    real images, each with its K nearest around it, are covered by almost any samples, and PCA of a
    few training images spans a space in which all images look alike."""
    for points, kind in ((material.real_points, "real"), (material.train_points, "training")):
        if (count := len(points)) < FEWEST:
            raise DataError(
                f"{counted(count, f'{kind} image')} {'is' if count == 1 else 'are'} too few for "
                f"precision, recall, density and coverage: at least {FEWEST} are needed."
            )
    points = material.pca.encode(images, SPACE_DIM)
    merits = figures_of_merit(material.real_points, points)
    return Figures(*merits, int(nearest_training(material.train_points, points)[1].sum()))


def baseline_images(
    material: Material, name: str, count: int, seed: int = 0, components: int = COMPONENTS
) -> np.ndarray:
    """One of BASELINES: the same prior of as many principal components of the pixels, or of all
    there are (`components_beside`). It shows whether the network or the prior is what makes
    the samples good."""
    size = components_beside(
        material.codes.shape[1], material.train.real_dimension, len(material.train)
    )
    codes = material.pca.encode(material.train.images, size)
    prior = fit_prior(BASELINES[name], codes, components=components, seed=seed)
    return material.pca.decode(prior.sample(count, seed))


def ceiling_images(material: Material, count: int) -> np.ndarray:
    """Training images instead of samples: the scores of a generator as good as they are."""
    return material.train.sample(count).images


def random_walk(
    prior: Sampler, center: np.ndarray, seed: int = 0, temperature: float = 1.0, steps: int = 12
) -> np.ndarray:
    """Codes of a closed path through six samples of a prior, float32 (6 * steps, d).

    Along arcs around `center` (d,), the mean of the codes: between two samples the distance from it
    goes from that of one to that of the other, so no frame is an average image.
    """
    return path(prior.sample(6, seed, temperature), steps, "slerp", loop=True, center=center)


NAMES = {
    "normal": "N(0, I)",
    "gaussian": "Gaussian",
    "gmm": "Gaussian mixture",
    "jitter": "kNN jitter",
    "vae": "VAE, N(0, I)",
    "pca_gaussian": "PCA + Gaussian",
    "pca_gmm": "PCA + Gaussian mixture",
    CEILING: "training images",
}


def verdict(rows: Mapping[str, Figures], count: int) -> str:
    """Which prior covers most of the `count` real images, in a sentence; the training images are
    left out. rows: of priors of a model and of BASELINES, at least one of each."""
    own, other = (
        max((kind for kind in rows if kind in group), key=lambda kind: rows[kind].coverage)
        for group in (PRIORS, BASELINES)
    )
    first, second = (own, other) if rows[own].coverage > rows[other].coverage else (other, own)
    best, next_best = rows[first].coverage, rows[second].coverage
    # each real image is covered or not
    errors = (standard_error(share, count) for share in (best, next_best))
    if is_close(best - next_best, np.hypot(*errors)):
        return (
            f"No winner: the best prior of this model, {NAMES[own]}, covers "
            f"{rows[own].coverage:.1%} of the real images, the best baseline, {NAMES[other]}, "
            f"{rows[other].coverage:.1%}, a difference below two standard errors."
        )
    if first == other:
        return (
            f"A baseline wins: {NAMES[other]}, without any network, covers {best:.1%} of the real "
            f"images; the best prior of this model, {NAMES[own]}, {next_best:.1%}."
        )
    return (
        f"{NAMES[own]} covers most: {best:.1%} of the real images. The best baseline, "
        f"{NAMES[other]}, covers {next_best:.1%}."
    )
