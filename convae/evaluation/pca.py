"""Principal component analysis of images, the best linear autoencoder, fitted once and kept."""

import hashlib
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from convae import cached_files, files
from convae.data import ImageSet
from convae.data.disk_cache import is_private
from convae.process_state import one_thread
from convae.wording import counted

BLOCK = 5_000

Blocks = Iterator[tuple[slice, np.ndarray]]  # rows of a block, their pixels minus the mean


class PCA(NamedTuple):
    """The best linear code. Pixels in [0, 1], an image flattened as it lies: (32, 32, 3) -> 3,072.

    mean: float32 (3072,). components: float32 (K, 3072), orthonormal rows, the largest variance
    first. variances: float64 (K,). fitted_on: how many images it was fitted on.
    """

    mean: np.ndarray
    components: np.ndarray
    variances: np.ndarray
    fitted_on: int = 0

    def encode(self, images: np.ndarray, latent_dim: int) -> np.ndarray:
        """images: uint8 (N, 32, 32, 3). Returns codes float32 (N, latent_dim).

        N images span N - 1 directions at most: values beyond them are zero. Raises ValueError where
        latent_dim asks for directions that exist but were not kept.
        """
        known = len(self.components)
        if latent_dim > known and known < min(self.fitted_on - 1, len(self.mean)):
            raise ValueError(f"latent_dim (={latent_dim}) is above the {known} components kept")
        directions = self.components[:latent_dim].T
        codes = np.zeros((len(images), latent_dim), np.float32)
        for block, pixels in _centered(images, self.mean):
            codes[block, :known] = pixels @ directions
        return codes

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """codes: float32 (N, latent_dim). Returns images uint8 (N, 32, 32, 3)."""
        images = np.empty((len(codes), len(self.mean)), np.uint8)
        directions = self.components[: codes.shape[1]]
        for start in range(0, len(codes), BLOCK):
            pixels = codes[start : start + BLOCK, : len(directions)] @ directions + self.mean
            images[start : start + BLOCK] = np.rint(pixels.clip(0, 1) * 255)
        return images.reshape(-1, 32, 32, 3)

    def reconstruct(self, images: np.ndarray, latent_dim: int) -> np.ndarray:
        """images: uint8 (N, 32, 32, 3). Returns the reconstruction from latent_dim components."""
        return self.decode(self.encode(images, latent_dim))


def _centered(images: np.ndarray, mean: np.ndarray) -> Blocks:
    for start in range(0, len(images), BLOCK):
        block = slice(start, start + BLOCK)
        pixels = images[block].reshape(len(images[block]), -1).astype(np.float32)
        pixels /= 255
        pixels -= mean
        yield block, pixels


def fit_pca(
    images: np.ndarray, components: int = 1024, progress: Callable[[float], None] | None = None
) -> PCA:
    """Fit PCA to images, uint8 (N, 32, 32, 3): about 10 s for 50,000 on two cores.

    progress is called with the share done, in [0, 1]. Fewer than `components` come back where there
    are fewer directions: min(N - 1, 3072). The largest entry of every component is positive, so
    that the same images give the same signs on every machine. Raises ValueError without images.
    """
    if not len(images):
        raise ValueError("PCA needs at least one image, got none")
    report = progress or (lambda share: None)
    flat = images.reshape(len(images), -1)
    mean = (flat.sum(axis=0, dtype=np.int64) / (255 * len(flat))).astype(np.float32)
    n, pixels = flat.shape
    keep = min(components, n - 1, pixels)
    report(0.02)
    if keep < 1:
        report(1.0)
        return PCA(mean, np.zeros((0, pixels), np.float32), np.zeros(0), n)
    find = _from_inner_products if n <= pixels else _from_covariance
    values, vectors = find(_centered(images, mean), n, keep, report)
    directions = vectors.T[::-1].astype(np.float32)
    largest = np.abs(directions).argmax(axis=1)
    directions *= np.sign(directions[np.arange(keep), largest])[:, None]
    report(1.0)
    return PCA(mean, np.ascontiguousarray(directions), values[::-1].clip(0) / n, n)


def components_beside(latent_dim: int, real_dimension: int, fitted_on: int) -> int:
    """How many components PCA has that is compared with codes of latent_dim values: no more than
    values determine an image (`data.real_dimension`), nor than the `fitted_on` images span around
    their mean; at least 1."""
    return max(1, min(latent_dim, real_dimension, fitted_on - 1))


def fewer_components(latent_dim: int, real_dimension: int, fitted_on: int) -> str:
    """`14 components and not 256, as 15 images span no more`; "" where PCA has latent_dim."""
    count = components_beside(latent_dim, real_dimension, fitted_on)
    if count >= latent_dim:
        return ""
    reason = "an image has no more values"
    if count < real_dimension:
        reason = f"{fitted_on:,} image{'s span' if fitted_on != 1 else ' spans'} no more"
    return f"{counted(count, 'component')} and not {latent_dim:,}, as {reason}"


def squared_errors(pca: PCA, images: np.ndarray, latent_dim: int) -> np.ndarray:
    """The mean squared error of a pixel in [0, 1] with K components, at K - 1: float64
    (latent_dim,). images: those that the PCA was fitted on, uint8 (N, 32, 32, 3)."""
    total = sum(
        float(np.einsum("np,np->", pixels, pixels, dtype=np.float64))
        for _, pixels in _centered(images, pca.mean)
    )
    explained = np.zeros(latent_dim)
    known = min(latent_dim, len(pca.variances))
    explained[:known] = pca.variances[:known]
    return ((total / len(images) - explained.cumsum()) / len(pca.mean)).clip(0)


def _from_covariance(
    blocks: Blocks, n: int, keep: int, report: Callable[[float], None]
) -> tuple[np.ndarray, np.ndarray]:
    covariance = 0.0
    for block, rows in blocks:
        covariance = covariance + (rows.T @ rows).astype(np.float64)
        report(0.5 * min(1.0, block.stop / n))
    with one_thread():
        return _largest(covariance, keep)


def _from_inner_products(
    blocks: Blocks, n: int, keep: int, report: Callable[[float], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Few images: the N x N matrix of their inner products has the same spectrum and is smaller."""
    rows = np.concatenate([rows for _, rows in blocks])
    with one_thread():
        values, vectors = _largest((rows @ rows.T).astype(np.float64), keep)
        report(0.5)
        # QR and not a division by the lengths, which are zero where images repeat
        vectors = np.linalg.qr(rows.T @ vectors[:, ::-1].astype(np.float32))[0]
    return values, vectors[:, ::-1]


def _largest(matrix: np.ndarray, keep: int) -> tuple[np.ndarray, np.ndarray]:
    """The `keep` largest eigenvalues of a symmetric matrix, rising, and the vectors as columns.

    scipy.linalg.eigh computes a part of them in 4 s instead of 5, but keeps the interpreter lock
    all the time, so that the pages of all visitors stop (scipy 1.17).
    """
    values, vectors = np.linalg.eigh(matrix)
    return values[-keep:], vectors[:, -keep:]


def pca_for(
    image_set: ImageSet, components: int = 1024, progress: Callable[[float], None] | None = None
) -> PCA:
    """The PCA of an ImageSet (which has .images and .fingerprint), fitted once and kept in
    CONVAE_CACHE_DIR (see `convae.cached_files`).

    A damaged file is replaced; where nothing can be written the PCA is still returned. For
    `shipped_pca.stand_in` it is the PCA that ships with the models. The PCA of private images
    (`disk_cache.is_private`) is never written.
    """
    from convae.evaluation import shipped_pca  # which imports this module

    if (shipped := shipped_pca.pca_of(image_set)) is not None:
        return shipped
    name = image_set.fingerprint
    if is_private(name):
        return fit_pca(image_set.images, components, progress)
    if not re.fullmatch(r"[a-z0-9_-]{1,80}", name):
        name = hashlib.sha256(name.encode()).hexdigest()[:32]
    path = cached_files.folder() / f"pca-{name}-{components}.npz"
    pca = _load(path)
    if pca is None:
        pca = fit_pca(image_set.images, components, progress)
        _save(path, pca)
    return pca


def _load(path: Path) -> PCA | None:
    if (arrays := files.read_npz(path, *PCA._fields)) is None:
        return None
    mean, components, variances, fitted_on = arrays
    if mean.shape != (3072,) or components.shape != (variances.size, 3072) or fitted_on.shape:
        return None
    cached_files.mark_used(path)
    return PCA(mean, components, variances, int(fitted_on))


def _save(path: Path, pca: PCA) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **pca._asdict())
    cached_files.save(path, buffer.getvalue())
