"""What the probes of `features` predict and their accuracy over the number of labels, kept on disk:
half a minute of work each, and a few kB.

    CONVAE_CACHE_DIR/probes/<key>.npy    of all images but a visitor's own
    CONVAE_CHECKPOINTS_DIR/probes.npz    of the shipped models on the built-in image sets, an array
                                         for each key (written by benchmarks/ship_probes.py)

The key is a digest of the probe and its settings, of what makes the features (weights; a dimension
of PCA; the architecture of a random encoder) and of the training and test images: other weights or
images have other keys.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from convae import cached_files, files
from convae.codec import Codec
from convae.config import ModelConfig
from convae.data import ImageSet
from convae.data.disk_cache import is_private
from convae.evaluation.pca import PCA, components_beside
from convae.tasks import features
from convae.tasks.features import PROBES, Classified, LabelPoint, Progress

FILE = "probes.npz"
VERSION = 1  # to be raised where the probes, PCA or initial weights change
Found = Callable[[dict], None]


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
    """Every probe in every space: space -> probe -> result, with predictions from disk where there
    are some.

    checkpoint: of the encoder alone. fit: gives the PCA of the training images, called only if it
    is needed. found: called with the results so far after each space that had to be computed.
    DataError where there is nothing to classify.
    """
    features.check_labels(train.labels, test.labels)
    results: dict[str, dict[str, Classified]] = {}
    total = len(PROBES) * len(features.SPACES)
    spaces = features.encoders(checkpoint, fit, progress, train.real_dimension)
    for place, (name, encode) in enumerate(spaces.items()):
        keys, points, row = keys_of(name, checkpoint, train, test), None, {}
        for number, (probe, key) in enumerate(keys.items()):
            progress(
                len(PROBES) * place + number, total, f"fitting classifiers: {features.SPACES[name]}"
            )
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


def label_curves(
    probe: str,
    checkpoint: Codec,
    fit: Callable[[], PCA],
    train: ImageSet,
    test: ImageSet,
    whole: dict[str, dict[str, Classified]],
    progress: Progress,
    found: Found = lambda curves: None,
) -> dict[str, list[LabelPoint]]:
    """`features.label_curve` of one probe in every space, from disk where it is there.

    whole: the results of `probe_all`. fit, found: as there, with the curves so far.
    """
    curves: dict[str, list[LabelPoint]] = {}
    spaces = features.encoders(checkpoint, fit, progress, train.real_dimension)
    for place, (name, encode) in enumerate(spaces.items()):
        progress(
            place, len(spaces), f"fitting classifiers to fewer labels: {features.SPACES[name]}"
        )
        key = curve_key(keys_of(name, checkpoint, train, test)[probe])
        curve = _read_curve(key, train.labels) if key else None
        if is_new := curve is None:
            points = features.space(encode, train, test)
            labels = train.labels, test.labels
            curve = features.label_curve(probe, points, *labels, whole[name][probe])
            if key:
                write(key, np.array(curve))
        curves[name] = curve
        if is_new:
            found(dict(curves))
    return curves


def curve_key(key: str) -> str:
    """The key of the accuracies over the number of labels that belong to predictions."""
    settings = f"{features.LABEL_COUNTS} {features.DRAWS}"
    return key and hashlib.sha256(f"curve|{key}|{settings}".encode()).hexdigest()[:24]


def _read_curve(key: str, labels: np.ndarray) -> list[LabelPoint] | None:
    rows, counts = _load(key), features.label_counts(labels)
    if rows is None or rows.shape != (len(counts), 3) or rows.dtype != np.float64:
        return None
    if not np.isfinite(rows).all() or rows[:, 0].tolist() != counts:
        return None
    return [LabelPoint(int(count), *map(float, values)) for count, *values in rows]


def keys_of(space: str, checkpoint: Codec, train: ImageSet, test: ImageSet) -> dict[str, str]:
    """probe -> key of its predictions in a space; "" for images that are kept nowhere.

    checkpoint: of the encoder alone.
    """
    prints = train.fingerprint, test.fingerprint
    if any(map(is_private, prints)):
        return dict.fromkeys(PROBES, "")
    limits = train.real_dimension, len(train)
    dimension = components_beside(checkpoint.config.latent_dim, *limits)
    source = {
        "codes": lambda: checkpoint.sha256,
        "pca": lambda: f"pca {dimension}",
        # not its weights: their last digit may depend on the processor
        "random_encoder": lambda: str(_changed(replace(checkpoint.config, refinement_steps=0))),
        "pixels": lambda: "pixels",
    }[space]()
    return {
        probe: hashlib.sha256(
            "|".join([f"{VERSION} {probe} {features.SETTINGS[probe]}", source, *prints]).encode()
        ).hexdigest()[:24]
        for probe in PROBES
    }


def _changed(config: ModelConfig) -> dict[str, object]:
    """The settings that differ from their defaults: a setting that is new leaves them the same."""
    plain = asdict(ModelConfig())
    return {name: value for name, value in asdict(config).items() if value != plain[name]}


def read(key: str, count: int, classes: int) -> np.ndarray | None:
    """The classes predicted for so many test images, int64 (count,); None where they are not kept
    or damaged. classes: how many there are."""
    predicted = _load(key)
    if predicted is None or predicted.shape != (count,) or predicted.dtype != np.int16:
        return None
    sound = count and predicted.min() >= 0 and predicted.max() < classes
    return predicted.astype(np.int64) if sound else None


def _load(key: str) -> np.ndarray | None:
    path = _path(key)
    try:
        kept = np.load(path, allow_pickle=False)
        cached_files.mark_used(path)
        return kept
    except (OSError, ValueError, EOFError):
        shipped = files.read_npz(shipped_path(), key)
        return None if shipped is None else shipped[0]


def write(key: str, values: np.ndarray) -> None:
    """Keep predicted classes (M,) or a curve (P, 3), if the disk allows it."""
    buffer = io.BytesIO()
    np.save(buffer, _small(values))
    cached_files.save(_path(key), buffer.getvalue())


def _small(values: np.ndarray) -> np.ndarray:
    """Classes take two bytes each; a curve is kept as it is."""
    return values.astype(np.int16) if values.ndim == 1 else values


def ship(arrays: dict[str, np.ndarray]) -> Path:
    """Write the file of the shipped models: key -> predicted classes (M,) or a curve (P, 3).
    Returns its path."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{key: _small(values) for key, values in arrays.items()})
    files.write_atomically(shipped_path(), buffer.getvalue())
    return shipped_path()


def _path(key: str) -> Path:
    return cached_files.folder() / "probes" / f"{key}.npy"
