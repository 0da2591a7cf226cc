"""The PCA of the CIFAR-10 training images that ships beside the models, as their baseline where the
training images themselves are absent.

The file has 1,024 components and the codes of 500 training images; decoded, these give the range of
each value for quantization. The first 256 components are float16, the others, which have 4% of the
variance, int8 with a scale for each: that saves 2.8 MB and costs 0.002 dB with 512 components and
0.02 dB with all of them.
"""

import functools
import hashlib
import io
from pathlib import Path

import numpy as np

from convae import files
from convae.data import ImageSet, Progress, cifar10_present, load, splits
from convae.evaluation.pca import PCA, pca_for

FILE = "cifar10-pca.npz"
COMPONENTS = 1024
EXACT = 256  # components that are float16
REFERENCE = 500  # training images whose codes are in the file


def path() -> Path:
    return files.folder("CHECKPOINTS") / FILE


def stand_in() -> ImageSet | None:
    """An ImageSet in the place of the CIFAR-10 training images: `pca_for` gives its PCA without a
    fit. It holds the PCA reconstructions of 500 training images. None if there is no such file."""
    loaded = _load(path())
    return None if loaded is None else loaded[0]


def fit_images(spec: str, progress: Progress | None = None) -> ImageSet | None:
    """The training split of an image set, to fit PCA to; None if it has none. For `sample` that of
    CIFAR-10; where CIFAR-10 is absent, `stand_in`. DataError as `data.load`."""
    if spec == "sample":
        spec = "cifar10"
    if spec == "cifar10" and not cifar10_present():
        return stand_in()
    return load(spec, "train", progress) if "train" in splits(spec) else None


def write(train: ImageSet) -> Path:
    """Fit PCA to `train` and write the file; returns its path."""
    pca = pca_for(train, COMPONENTS)
    codes = pca.encode(train.sample(REFERENCE).images, len(pca.components))
    small = pca.components[EXACT:]
    scale = np.abs(small).max(axis=1, keepdims=True, initial=1e-6) / 127
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        mean=pca.mean,
        components=pca.components[:EXACT].astype(np.float16),
        small_components=np.rint(small / scale).astype(np.int8),
        scale=scale,
        variances=pca.variances,
        fitted_on=pca.fitted_on,
        reference=codes.astype(np.float16),
    )
    files.write_atomically(path(), buffer.getvalue())
    return path()


def pca_of(image_set: ImageSet) -> PCA | None:
    """The PCA that `stand_in` stands for; None for any other set."""
    if not image_set.fingerprint.startswith("shipped-pca-"):
        return None
    loaded = _load(path())
    return loaded[1] if loaded and loaded[0].fingerprint == image_set.fingerprint else None


@functools.lru_cache(maxsize=1)
def _load(file: Path) -> tuple[ImageSet, PCA] | None:
    names = (*PCA._fields, "small_components", "scale", "reference")
    if (arrays := files.read_npz(file, *names)) is None:
        return None
    mean, exact, variances, fitted_on, small, scale, reference = arrays
    count = variances.size
    if (mean.shape, exact.shape[1:], small.shape, scale.shape, fitted_on.shape) != (
        (3072,), (3072,), (count - len(exact), 3072), (len(small), 1), (),
    ):  # fmt: skip
        return None
    if reference.ndim != 2 or reference.shape[1] != count:
        return None
    components = np.concatenate([exact.astype(np.float32), small * scale])
    pca = PCA(mean, components, variances, int(fitted_on))
    images = pca.decode(reference.astype(np.float32))
    images.flags.writeable = False
    labels = np.zeros(len(images), np.int64)
    digest = hashlib.sha256(components.tobytes()).hexdigest()[:20]
    return ImageSet(images, labels, ("all",), "train", "cifar10", f"shipped-pca-{digest}"), pca
