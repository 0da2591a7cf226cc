"""Snapshots of a run: reconstructions and a map of the same images after every epoch.

snapshots/ holds pinned.npz (images uint8 (8, 32, 32, 3), labels int64 (500,), mapped uint8
(500, 32, 32, 3) and class_names; the last two not in older runs) and for every epoch
NNNNN.npz (rebuilt uint8 (8, 32, 32, 3), points float32 (500, 2)). A run with noise also keeps
noisy uint8 (8, 32, 32, 3) in pinned.npz: rebuilt is then restored from these. Older runs with noise
have none, there rebuilt is of the clean images. No torch here: pages read this.
"""

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from convae import files, records

PINNED = 8  # images whose reconstruction is kept after every epoch
MAPPED = 500  # codes on the small map that moves with the epochs
IMAGES = PINNED + MAPPED  # encoded or reconstructed for each snapshot
COMPONENTS = 20  # principal components of the codes that the map can follow
MIN_VARIANCE = 0.6  # share of the top-2 plane's variance that every map keeps


class Snapshot(NamedTuple):
    """rebuilt: uint8 (8, 32, 32, 3); points: float32 (500, 2). Fewer where the set is smaller."""

    rebuilt: np.ndarray
    points: np.ndarray


def aligned_map(codes: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
    """Project codes (N, latent_dim) to points float32 (N, 2) that stay close to the previous ones.

    The first map is the top-2 PCA plane. Later maps solve an orthogonal Procrustes problem in code
    space: with C the centered codes in their first principal components and Y the previous points,
    Q = U V^T from the SVD of C^T Y is the orthonormal projection whose points C Q have the largest
    inner product with Y. The map follows the same directions when principal components change
    order, and drifts toward directions of high variance. If C Q keeps less than MIN_VARIANCE of
    the variance of the top-2 plane, Q is rotated toward that plane just far enough to keep it.
    """
    centered = codes.astype(np.float64) - codes.mean(0, dtype=np.float64)
    left, scale, _ = np.linalg.svd(centered, full_matrices=False)
    components = (left * scale)[:, :COMPONENTS]
    if components.shape[1] < 2:
        components = np.pad(components, ((0, 0), (0, 1)))
    if previous is None or previous.shape != (len(codes), 2):
        return components[:, :2].astype(np.float32)
    u, _, v = np.linalg.svd(components.T @ previous, full_matrices=False)
    projection = _with_variance(u @ v, (components**2).sum(0))
    return (components @ projection).astype(np.float32)


def _with_variance(projection: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Rotate a projection (k, 2) of principal components, variances (k,) in descending order, along
    the shortest path (geodesic) to the top-2 plane until it keeps MIN_VARIANCE of its variance."""
    top = np.eye(len(projection), 2)
    # principal angles between the two planes and the directions they open in
    u, cosines, v = np.linalg.svd(projection.T @ top)
    start, cosines = projection @ u, cosines.clip(0, 1)
    across = top @ v.T - start * cosines
    across /= np.maximum(np.linalg.norm(across, axis=0), 1e-12)
    for share in np.linspace(0, 1, 101):
        angles = share * np.arccos(cosines)
        rotated = start * np.cos(angles) + across * np.sin(angles)
        if variances @ (rotated**2).sum(1) >= MIN_VARIANCE * variances[:2].sum():
            break
    return rotated @ u.T


class Recorder:
    """Writes a snapshot after each epoch."""

    def __init__(
        self, folder: Path, images: np.ndarray, labels: np.ndarray, class_names: Sequence[str] = (),
        corrupt: Callable[[np.ndarray], np.ndarray] | None = None,
    ):  # fmt: skip
        """images uint8 (N, 32, 32, 3), labels (N,), indices into class_names: 500 of them, drawn
        at random once, as a set may be sorted by class. corrupt, for a denoising run, gives noisy
        copies of the first 8, which are reconstructed in their place; the same at each call."""
        chosen = np.random.default_rng(0).permutation(len(images))[:MAPPED]
        self.folder, self.images = folder, images[chosen]
        self.previous: np.ndarray | None = None
        folder.mkdir(exist_ok=True)
        before, noisy_before = pinned(folder), noisy(folder)
        self.inputs, extra = self.images[:PINNED], {}
        if corrupt is not None:
            self.inputs = corrupt(self.inputs)
            extra["noisy"] = self.inputs
        unchanged = before is not None and np.array_equal(before[0], self.images[:PINNED])
        if not unchanged or not _same(noisy_before, extra.get("noisy")):
            forget_after(folder, -1)  # they show other images
        labels = np.asarray(labels)[chosen]
        content = io.BytesIO()
        np.savez(
            content,
            **extra,
            images=self.images[:PINNED],
            labels=labels,
            mapped=self.images,
            class_names=np.array(class_names, dtype=np.str_),
        )
        # a damaged one would make the next session remove all snapshots
        files.write_atomically(folder / "pinned.npz", content.getvalue())

    def take(self, epoch: int, model: Any, on_part: Callable[[], object] = lambda: None) -> None:
        """Write NNNNN.npz for this epoch; `model` encodes and reconstructs numpy images. `on_part`
        is called after every 125 images; what it raises ends it with nothing written."""
        was_training = model.training
        model.eval()
        rebuilt = model.reconstruct(self.inputs)
        parts = []
        try:
            for start in range(0, len(self.images), 125):
                parts.append(model.encode(self.images[start : start + 125]))
                on_part()
        finally:
            model.train(was_training)
        codes = np.concatenate(parts)
        if self.previous is None:
            before = [e for e in epochs(self.folder) if e < epoch]
            result = read(self.folder, before[-1]) if before else None
            self.previous = result.points if result else None
        self.previous = aligned_map(codes, self.previous)
        temporary = self.folder / ".next.npz"
        np.savez(temporary, rebuilt=rebuilt, points=self.previous)
        os.replace(temporary, self.folder / f"{epoch:05d}.npz")


def _same(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    return a is b if a is None or b is None else np.array_equal(a, b)


def epochs(folder: Path) -> list[int]:
    """The epochs that have a snapshot, in order."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(int(n[:-4]) for n in names if n.endswith(".npz") and n[:-4].isdecimal())


def pinned(folder: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """(images, labels) that all snapshots of this run are of; None where there are none."""
    return files.read_npz(folder / "pinned.npz", "images", "labels")


def noisy(folder: Path) -> np.ndarray | None:
    """The noisy copies of the images of ``pinned`` that a denoising run restores, uint8
    (8, 32, 32, 3); None for a run without noise and for an older one, which kept none."""
    result = files.read_npz(folder / "pinned.npz", "images", "noisy")
    if result is None or result[1].shape != result[0].shape or result[1].dtype != np.uint8:
        return None
    return result[1]


def mapped(folder: Path) -> np.ndarray | None:
    """The images of the points on the map, uint8 (N, 32, 32, 3); None where they were not kept."""
    result = files.read_npz(folder / "pinned.npz", "mapped", "labels")
    if (
        result is None
        or result[0].shape != (len(result[1]), 32, 32, 3)
        or result[0].dtype != np.uint8
    ):
        return None
    return result[0]


def class_names(folder: Path) -> list[str]:
    """The class names that the labels of ``pinned`` count, as `records.value` cleans them; empty
    where they were not kept."""
    result = files.read_npz(folder / "pinned.npz", "class_names")
    return [records.value(str(name), str) for name in result[0].ravel()] if result else []


def read(folder: Path, epoch: int) -> Snapshot | None:
    """The snapshot of one epoch; None where it is missing or damaged."""
    result = files.read_npz(folder / f"{epoch:05d}.npz", "rebuilt", "points")
    return Snapshot(*result) if result else None


def forget_after(folder: Path, epoch: int) -> None:
    """Remove the snapshots that a killed process wrote after its last save."""
    for later in epochs(folder):
        if later > epoch:
            (folder / f"{later:05d}.npz").unlink(missing_ok=True)


def kept_epochs(result: list[int], most: int = 60) -> list[int]:
    """At most about `most` of these epochs: every second, fourth, eighth one, the first and the
    last. A longer run keeps a part of what a shorter one kept, so nothing is sent twice."""
    stride = 1
    while len(result) > most * stride:
        stride *= 2
    return [e for i, e in enumerate(result) if i % stride == 0 or e == result[-1]]
