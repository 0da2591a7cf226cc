"""The classes that the probes of `features` predict, kept on disk: they take half a minute to
compute and a byte for each test image to keep.

    CONVAE_CACHE_DIR/probes/<key>.npy    of all images but a visitor's own
    CONVAE_CHECKPOINTS_DIR/probes.npz    of the shipped models on the built-in image sets, an array
                                         for each key (written by benchmarks/ship_probes.py)

The key is a digest of the probe and its settings, of what makes the features (weights; a dimension
of PCA) and of the training and test images: other weights or images have other keys.
"""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from convae import cached_files, files
from convae.codec import Codec
from convae.data import ImageSet
from convae.data.disk_cache import is_private
from convae.evaluation.pca import PCA
from convae.tasks import features
from convae.tasks.features import PROBES, Classified, Progress

FILE = "probes.npz"
Found = Callable[[dict[str, dict[str, Classified]]], None]


def shipped_path() -> Path:
    return files.folder("CHECKPOINTS") / FILE


def probe_all(
    checkpoint: Codec,
    fit: Callable[[], PCA],
    train: ImageSet,
    test: ImageSet,
    progress: Progress,
    found: Found = lambda results: None,
) -> dict[str, dict[str, Classified]]:
    """`features.probe_all`, with predictions from disk where there are some.

    fit: gives the PCA of the training images, called only if it is needed. found: called with the
    results so far after each space that had to be computed. DataError where there is nothing to
    classify.
    """
    features.check_labels(train.labels, test.labels)
    results: dict[str, dict[str, Classified]] = {}
    total = len(PROBES) * len(features.SPACES)
    spaces = features.encoders(checkpoint, fit, progress, train.real_dimension)
    for place, (name, encode) in enumerate(spaces.items()):
        keys, points, row = keys_of(name, checkpoint, train, test), None, {}
        for number, (probe, key) in enumerate(keys.items()):
            progress(len(PROBES) * place + number, total, f"classifying by {features.SPACES[name]}")
            predicted = read(key, len(test), len(test.class_names)) if key else None
            if predicted is None:
                points = points or features.space(encode, train, test)
                predicted = features.predict(probe, points, train.labels)
                if key:
                    write(key, predicted)
            row[probe] = features.scored(predicted, test.labels)
        results[name] = row
        if points is not None:
            found(dict(results))
    return results


def keys_of(space: str, checkpoint: Codec, train: ImageSet, test: ImageSet) -> dict[str, str]:
    """probe -> key of its predictions in a space; "" for images that are kept nowhere.

    checkpoint: of the encoder alone.
    """
    prints = train.fingerprint, test.fingerprint
    if any(map(is_private, prints)):
        return dict.fromkeys(PROBES, "")
    dimension = min(checkpoint.config.latent_dim, train.real_dimension)
    source = {
        "codes": lambda: checkpoint.sha256,
        "pca": lambda: f"pca {dimension}",
        "random_encoder": lambda: features.digest_of(features.random_encoder(checkpoint.config)),
        "pixels": lambda: "pixels",
    }[space]()
    return {
        probe: hashlib.sha256(
            "|".join([f"1 {probe} {features.SETTINGS[probe]}", source, *prints]).encode()
        ).hexdigest()[:24]
        for probe in PROBES
    }


def read(key: str, count: int, classes: int) -> np.ndarray | None:
    """The classes predicted for so many test images, int64 (count,); None where they are not kept
    or damaged. classes: how many there are."""
    path = _path(key)
    try:
        predicted = np.load(path, allow_pickle=False)
        cached_files.mark_used(path)
    except (OSError, ValueError, EOFError):
        if (shipped := files.read_npz(shipped_path(), key)) is None:
            return None
        (predicted,) = shipped
    if predicted.shape != (count,) or predicted.dtype != np.int16:
        return None
    sound = count and predicted.min() >= 0 and predicted.max() < classes
    return predicted.astype(np.int64) if sound else None


def write(key: str, predicted: np.ndarray) -> None:
    """Keep predicted classes (M,), if the disk allows it."""
    buffer = io.BytesIO()
    np.save(buffer, predicted.astype(np.int16))
    cached_files.save(_path(key), buffer.getvalue())


def ship(arrays: dict[str, np.ndarray]) -> Path:
    """Write the file of the shipped models: key -> predicted classes (M,). Returns its path."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{key: row.astype(np.int16) for key, row in arrays.items()})
    files.write_atomically(shipped_path(), buffer.getvalue())
    return shipped_path()


def _path(key: str) -> Path:
    return cached_files.folder() / "probes" / f"{key}.npy"
