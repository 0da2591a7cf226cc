"""Results kept between script runs. They are shared by all sessions and therefore read-only.

Keys are digests, names and numbers, never arrays: Streamlit 1.67 hashes large arrays by sample.
"""

import hashlib
import time
from pathlib import Path

import numpy as np
import streamlit as st

from convae import data
from convae.data import ImageSet
from convae.evaluation.pca import PCA, pca_for
from convae.latent.encode_cache import codes_for, is_kept
from convae.models import checkpoints
from convae.models.checkpoints import Checkpoint
from convae.ui import frame, long_work, uploads
from convae.ui.address import UPLOADS

MANY = 300  # images; to encode more takes a second or more with refinement steps
QUICK_S = 0.1  # a scan of a folder that takes no longer is repeated in every script run
RESCAN_S = 5.0  # a slower scan is repeated at most this often


def load_checkpoint(name: str) -> Checkpoint:
    """The checkpoint of this name, in eval mode; loaded again when its file has changed."""
    path = checkpoints.find(name)
    return _checkpoint(str(path), _stamp(path / "model.safetensors"), _stamp(path / "card.json"))


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@st.cache_resource(max_entries=6, show_spinner="Loading the model")
def _checkpoint(path: str, weights_changed: int, card_changed: int) -> Checkpoint:
    return checkpoints.load(path)


def refined(checkpoint: Checkpoint, steps: int) -> Checkpoint:
    """The same model with this number of refinement steps after the encoder."""
    if steps == checkpoint.config.refinement_steps:
        return checkpoint
    return _refined(checkpoint.name, checkpoint.sha256, steps, checkpoint)


@st.cache_resource(max_entries=16, show_spinner=False)
def _refined(name: str, sha256: str, steps: int, _checkpoint: Checkpoint) -> Checkpoint:
    return _checkpoint.with_refinement_steps(steps)


def image_set(spec: str, split: str = "test") -> ImageSet:
    """One split of an image set, read again when a file was added, removed or replaced; with a
    progress bar for sets that take long. UPLOADS: of the images of the session. Raises DataError.
    """
    if spec == UPLOADS:
        return uploads.image_set(split)
    request = (spec, split, _stamp_of(spec))
    if spec.partition(":")[0] in ("cifar10", "folder") and request not in _prepared():
        # the first read, with a bar, creates the disk cache; a cached function must not draw
        with frame.progress() as report:
            data.load(spec, split, report)
        _prepared().add(request)
    return _image_set(*request)


def splits(spec: str) -> tuple[str, ...]:
    """As `data.splits`, also of the images of the session."""
    return uploads.splits() if spec == UPLOADS else data.splits(spec)


def _stamp_of(spec: str) -> str:
    """`data.stamp`; where that takes long (0.6 s for 50,000 files), at most every RESCAN_S."""
    began, known = time.monotonic(), _stamps()
    if spec in known and began < known[spec][1]:
        data.check_spec(spec)
        return known[spec][0]
    stamp = data.stamp(spec)
    if time.monotonic() - began > QUICK_S:
        known[spec] = (stamp, time.monotonic() + RESCAN_S)
    return stamp


@st.cache_resource(show_spinner=False)
def _stamps() -> dict[str, tuple[str, float]]:
    """spec -> (stamp, valid until this time.monotonic())."""
    return {}


@st.cache_resource(show_spinner=False)
def _prepared() -> set[tuple[str, str, str]]:
    return set()


@st.cache_resource(max_entries=8, show_spinner="Reading the images")
def _image_set(spec: str, split: str, stamp: str) -> ImageSet:
    images = data.load(spec, split)
    images.images.flags.writeable = False
    images.labels.flags.writeable = False
    return images


def codes_of(checkpoint: Checkpoint, images: ImageSet, limit: int | None = None) -> np.ndarray:
    """Codes float32 (N, latent_dim) of the first `limit` images, or of all.

    More than MANY are encoded with a progress bar the first time and cached on disk (`codes_for`).
    """
    count = len(images) if limit is None else min(limit, len(images))
    if count > MANY:

        def encode(report: long_work.Report) -> np.ndarray:
            codes = codes_for(checkpoint, images.images[:count], images.fingerprint, report)
            codes.flags.writeable = False
            return codes

        slot = _slot_of_codes(checkpoint.sha256, images.fingerprint, count)
        return long_work.fill(slot, encode)
    return _codes(checkpoint.sha256, images.fingerprint, count, checkpoint, images)


def codes_ready(checkpoint: Checkpoint, images: ImageSet) -> bool:
    """Whether `codes_of` would answer at once, or within a second."""
    count = len(images)
    return (
        count <= MANY
        or _slot_of_codes(checkpoint.sha256, images.fingerprint, count).value is not None
        or is_kept(checkpoint.sha256, images.fingerprint, count)
    )


@st.cache_resource(max_entries=16, show_spinner="Encoding the images")
def _codes(
    sha256: str, fingerprint: str, count: int, _checkpoint: Checkpoint, _images: ImageSet
) -> np.ndarray:
    codes = _checkpoint.encode(_images.images[:count])
    codes.flags.writeable = False
    return codes


@st.cache_resource(max_entries=16, show_spinner=False)
def _slot_of_codes(sha256: str, fingerprint: str, count: int) -> long_work.Slot:
    return long_work.Slot()


def pca_of(images: ImageSet, components: int = 1024) -> PCA:
    """The PCA of these images, fitted once and cached on disk and in memory."""
    return _pca(images.fingerprint, components, images)


@st.cache_resource(max_entries=4, show_spinner="Fitting the PCA baseline")
def _pca(fingerprint: str, components: int, _images: ImageSet) -> PCA:
    return pca_for(_images, components)


def pca_with_progress(images: ImageSet, components: int = 1024) -> PCA:
    """`pca_of` with a bar, as the first fit takes seconds; not for use in a cached function."""

    def fit(report: long_work.Report) -> PCA:
        return pca_for(
            images, components, lambda share: report(round(100 * share), 100, "fitting PCA")
        )

    return long_work.fill(_slot_of_pca(images.fingerprint, components), fit)


@st.cache_resource(max_entries=4, show_spinner=False)
def _slot_of_pca(fingerprint: str, components: int) -> long_work.Slot:
    return long_work.Slot()


def rebuilt_of(checkpoint: Checkpoint, images: ImageSet) -> np.ndarray:
    """The reconstructions of these images, cached: uint8 (N, 32, 32, 3)."""
    codes = codes_of(checkpoint, images)
    return _rebuilt(checkpoint.sha256, images.fingerprint, checkpoint, codes)


@st.cache_resource(max_entries=8, show_spinner="Reconstructing the images")
def _rebuilt(
    sha256: str, fingerprint: str, _checkpoint: Checkpoint, _codes: np.ndarray
) -> np.ndarray:
    rebuilt = _checkpoint.decode(_codes)
    rebuilt.flags.writeable = False
    return rebuilt


class Remembered:
    """A checkpoint whose codes and images are kept for inputs it has seen: for the few images that
    a page shows and that every script run would encode and refine again."""

    def __init__(self, checkpoint: Checkpoint):
        self.checkpoint, self.config = checkpoint, checkpoint.config

    def encode(self, images: np.ndarray) -> np.ndarray:
        """As `Checkpoint.encode`; the result is read-only."""
        return _few(self.checkpoint.sha256, "encode", digest_of(images), self.checkpoint, images)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """As `Checkpoint.decode`; the result is read-only."""
        return _few(self.checkpoint.sha256, "decode", digest_of(codes), self.checkpoint, codes)

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """As `Checkpoint.reconstruct`; the result is read-only."""
        return self.decode(self.encode(images))


def digest_of(array: np.ndarray) -> str:
    """Of type, shape and all values: what Streamlit's own hash of a large array leaves out."""
    whole = np.ascontiguousarray(array)
    digest = hashlib.blake2b(f"{whole.dtype} {whole.shape}".encode(), digest_size=16)
    digest.update(whole.data)
    return digest.hexdigest()


@st.cache_resource(max_entries=300, show_spinner=False)
def _few(
    sha256: str, method: str, digest: str, _checkpoint: Checkpoint, _values: np.ndarray
) -> np.ndarray:
    result = getattr(_checkpoint, method)(_values)
    result.flags.writeable = False
    return result


def sample(images: ImageSet, limit: int) -> ImageSet:
    """A fixed random sample of `limit` images; the first ones could all be of one class."""
    return images if len(images) <= limit else _sample(images.fingerprint, limit, images)


@st.cache_resource(max_entries=16, show_spinner=False)
def _sample(fingerprint: str, limit: int, _images: ImageSet) -> ImageSet:
    return _images.sample(limit)
