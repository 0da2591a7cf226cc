"""Maps of codes: points in two or three dimensions, and the mapping from codes to points and back.

PCA is computed at once. UMAP is slow, so a separate process
(`convae.projection.umap_job`) fits it, and the map is saved under a digest of weights, images and
settings. No path or machine is in the digest, so a map shipped beside a model is found anywhere.

umap is imported only in the functions that these processes call: it takes 5 to 24 s and 100 MB.
"""

import hashlib
import io
import json
import re
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from convae import cached_files, files
from convae.errors import ConvaeError
from convae.latent import directions as latent_directions
from convae.latent import neighbors
from convae.latent.neighbors import nearest_neighbors
from convae.settings import check, setting

LIMIT = 10_000  # codes on one map
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Settings:
    """The settings of a map. PCA uses `dimensions` only."""

    method: str = setting(
        "PCA", "PCA: linear projection; UMAP: non-linear embedding.", choices=("PCA", "UMAP")
    )
    dimensions: int = setting(2, "Dimensions of the map.", low=2, high=3)
    n_neighbors: int = setting(
        15,
        "Neighbors per code: few preserve local detail, many global structure.",
        low=2,
        high=200,
    )
    min_dist: float = setting(
        0.1, "Minimum distance between points: 0 packs clusters tightly.", low=0.0, high=1.0
    )
    metric: str = setting(
        "euclidean", "Distance between codes.", choices=("euclidean", "cosine", "manhattan")
    )
    seed: int = setting(0, "Random seed of the UMAP layout.", low=0, high=9999)

    def __post_init__(self) -> None:
        check(self)


UMAP_FIELDS = tuple(f for f in fields(Settings) if f.name != "method")  # shown in the form


def key(sha256: str, fingerprint: str, settings: Settings) -> str:
    """The name of a saved map: a digest of the weights, the images and the settings."""
    parts = json.dumps([1, sha256, fingerprint, asdict(settings)])
    return hashlib.sha256(parts.encode()).hexdigest()[:24]


def folder() -> Path:
    """Where maps that are computed here are kept: below CONVAE_CACHE_DIR."""
    return cached_files.folder() / "maps"


def load(name: str, shipped: Path | None = None) -> np.ndarray | None:
    """The points float32 (N, 2 or 3) kept under this key, here or in the `shipped` folder."""
    if not re.fullmatch(r"[0-9a-f]{24}", name):
        raise ValueError(f"name (={name!r}) is not a key")
    for place in (folder(), shipped):
        if place is not None and (points := _read(place / f"{name}.npz")) is not None:
            if place != shipped:
                cached_files.mark_used(place / f"{name}.npz")
            return points
    return None


def _read(path: Path) -> np.ndarray | None:
    if (arrays := files.read_npz(path, "steps", "low", "high")) is None:
        return None
    steps, low, high = arrays
    if steps.ndim != 2 or steps.shape[1] not in (2, 3) or low.shape != steps.shape[1:]:
        return None
    return (low + steps / 65535 * (high - low)).astype(np.float32)


def save(place: Path, name: str, points: np.ndarray) -> Path:
    """Keep points under this key: 65,536 steps an axis, 40 kB for 10,000 points."""
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.where(high > low, high - low, 1)
    buffer = io.BytesIO()
    steps = np.rint((points - low) / span * 65535).astype(np.uint16)
    np.savez_compressed(buffer, steps=steps, low=low, high=high)
    place.mkdir(parents=True, exist_ok=True)
    files.write_atomically(place / f"{name}.npz", buffer.getvalue())
    if place == folder():
        cached_files.evict(place / f"{name}.npz")
    return place / f"{name}.npz"


@dataclass(frozen=True, eq=False)
class Map:
    """Codes float32 (N, d) and their points (N, 2 or 3); of a PCA also the axes it looks along."""

    codes: np.ndarray
    points: np.ndarray
    mean: np.ndarray | None = None  # (d,)
    axes: np.ndarray | None = None  # (2 or 3, d), orthonormal rows

    def place(self, codes: np.ndarray, k: int = 15) -> np.ndarray:
        """Where codes (M, d) lie on this map: points (M, 2 or 3).

        PCA: exact. Otherwise the mean of the points of the k nearest codes, weighted by how likely
        they are neighbors: where UMAP's own transform begins (McInnes 2018, section 3.1, with
        the bandwidth simplified to the mean distance beyond the nearest).
        """
        if self.axes is not None:
            return ((codes - self.mean) @ self.axes.T).astype(np.float32)
        distances, near = nearest_neighbors(self.codes, codes, k)
        beyond = distances - distances[:, :1]
        weights = np.exp(-beyond / np.maximum(beyond.mean(axis=1, keepdims=True), 1e-9))
        # on top of a code there is no doubt
        weights = np.where(distances[:, :1] < 1e-6, distances < 1e-6, weights)
        weights = weights / weights.sum(axis=1, keepdims=True)
        return (weights[:, :, None] * self.points[near]).sum(axis=1).astype(np.float32)

    def code_at(self, place: ArrayLike, k: int = 8) -> np.ndarray:
        """A code for a place on the map, (d,): the mean of the codes of the k nearest points, each
        weighted by 1 / distance^2 (Shepard 1968)."""
        distances, near = nearest_neighbors(self.points, np.asarray(place)[None], k)
        weights = 1 / np.maximum(distances[0], 1e-6 * self.spacing) ** 2
        return (weights / weights.sum() @ self.codes[near[0]]).astype(np.float32)

    def inverse(self, place: ArrayLike) -> np.ndarray | None:
        """The code that PCA draws at a place, (d,), all else being average; None for a UMAP."""
        if self.axes is None:
            return None
        return (self.mean + np.asarray(place) @ self.axes).astype(np.float32)

    @cached_property
    def spacing(self) -> float:
        """Median distance on the map from a point to its nearest."""
        return float(np.median(self.gaps)) or 1.0

    @cached_property
    def gaps(self) -> np.ndarray:
        """Distances on the map from points to their nearest point, for up to 1,000 of them."""
        chosen = np.random.default_rng(0).permutation(len(self.points))[:1000]
        return nearest_neighbors(self.points, self.points[chosen], 2)[0][:, -1]

    def emptiness(self, place: ArrayLike) -> float:
        """How empty the map is at a place (2 or 3,): the percentage of points whose nearest point
        is not farther away than that of the place."""
        away = nearest_neighbors(self.points, np.asarray(place)[None], 1)[0][:, 0]
        return float(neighbors.percentile_of_distance(away, self.gaps)[0])


def pca_map(codes: np.ndarray, dimensions: int = 2) -> Map:
    """The codes seen along their widest directions; the points are centered."""
    mean, directions, _ = latent_directions.principal_directions(codes)
    axes = np.zeros((dimensions, codes.shape[1]), np.float32)
    kept = directions[:dimensions]
    axes[: len(kept)] = kept
    return Map(codes, (codes - mean) @ axes.T, mean, axes)


def check_umap(count: int, settings: Settings) -> None:
    """ConvaeError where there are too few codes for UMAP with these settings."""
    needed = max(settings.n_neighbors + 1, settings.dimensions + 3, 16)
    if count < needed:
        raise ConvaeError(
            f"UMAP with {settings.n_neighbors} neighbors needs at least {needed} images, not "
            f"{count}: choose more images, or fewer neighbors."
        )


class _Report:
    """Receives what umap prints: its stages and epochs become a share of the work."""

    STAGES = {
        "fuzzy simplicial": (0.1, "Finding neighbors"),
        "Finding Nearest": (0.1, "Finding neighbors"),
        "Construct embedding": (0.4, "Laying out"),
    }

    def __init__(self, progress: Progress):
        self.progress = progress

    def write(self, text: str) -> None:
        if result := re.search(r"epoch (\d+)/(\d+)", text):
            done = int(result[1]) / max(int(result[2]), 1)
            self.progress(0.4 + 0.6 * done, "Laying out")
        for word, (share, stage) in self.STAGES.items():
            if word in text:
                self.progress(share, stage)

    def flush(self) -> None:
        pass


def fit_umap(codes: np.ndarray, settings: Settings, progress: Progress | None = None) -> Any:
    """A fitted umap.UMAP of codes (N, d); its points are `.embedding_`. For the UMAP process.

    progress(share in [0, 1], stage) is called at each stage and during the layout.
    """
    mapper = _fit(codes, settings, progress)
    if progress:
        progress(1.0, "Laying out")
    return mapper


def umap_of_map(
    codes: np.ndarray, points: np.ndarray, settings: Settings, progress: Progress | None = None
) -> Any:
    """The umap.UMAP that produced these points (N, 2 or 3) from codes (N, d), made again without
    optimizing the layout: for its `transform` and `inverse_transform`. For the UMAP process."""
    mapper = _fit(codes, settings, progress, init=points, n_epochs=0)
    mapper.embedding_ = np.ascontiguousarray(points, np.float32)
    mapper.n_epochs = None  # both transforms take as many epochs as after a real fit
    return mapper


def _fit(codes: np.ndarray, settings: Settings, progress: Progress | None, **changes: Any) -> Any:
    report = _Report(progress or (lambda share, stage: None))
    report.progress(0.0, "Loading UMAP")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on deprecations inside its libraries
        import umap

        mapper = umap.UMAP(
            n_components=settings.dimensions,
            n_neighbors=settings.n_neighbors,
            min_dist=settings.min_dist,
            metric=settings.metric,
            random_state=settings.seed,
            n_jobs=1,  # a fixed seed requires it
            verbose=True,
            tqdm_kwds={
                "file": report,
                "disable": False,
                "bar_format": "epoch {n_fmt}/{total_fmt}",
                "mininterval": 1.0,
            },
            **changes,
        )
        with redirect_stdout(report):
            mapper.fit(codes)
    mapper.verbose = False
    return mapper
