"""The PCA of the CIFAR-10 training images that ships beside the models, as their baseline where the
training images themselves are absent.

The file has 1,024 components and the codes of 500 training images; decoded, these give the range of
each value for quantization. The first 128 components are float16. The others, which have 8% of the
variance, and the codes are int8 with a scale for each row: 3.7 MB instead of 7.3, and PSNRs change
by less than 0.003 dB up to 512 components and by 0.02 dB with all of them.
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
EXACT = 128  # components that are float16
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
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        mean=pca.mean,
        components=pca.components[:EXACT].astype(np.float16),
        variances=pca.variances,
        fitted_on=pca.fitted_on,
        **_as_int8("small_components", pca.components[EXACT:]),
        **_as_int8("reference", codes.T),
    )
    files.write_atomically(path(), buffer.getvalue())
    return path()


def _as_int8(name: str, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Rows (N, D) as int8 and the scale (N, 1) that restores them."""
    scale = np.abs(rows).max(axis=1, keepdims=True, initial=1e-6) / 127
    return {name: np.rint(rows / scale).astype(np.int8), f"{name}_scale": scale.astype(np.float32)}


def pca_of(image_set: ImageSet) -> PCA | None:
    """The PCA that `stand_in` stands for; None for any other set."""
    if not image_set.fingerprint.startswith("shipped-pca-"):
        return None
    loaded = _load(path())
    return loaded[1] if loaded and loaded[0].fingerprint == image_set.fingerprint else None


@functools.lru_cache(maxsize=1)
def _load(file: Path) -> tuple[ImageSet, PCA] | None:
    small = ("small_components", "small_components_scale", "reference", "reference_scale")
    if (arrays := files.read_npz(file, *PCA._fields, *small)) is None:
        return None
    mean, exact, variances, fitted_on, rest, rest_scale, reference, reference_scale = arrays
    count = variances.size
    if (mean.shape, exact.shape[1:], rest.shape, fitted_on.shape) != (
        (3072,), (3072,), (count - len(exact), 3072), (),
    ):  # fmt: skip
        return None
    if reference.ndim != 2 or len(reference) != count:
        return None
    if (rest_scale.shape, reference_scale.shape) != ((len(rest), 1), (count, 1)):
        return None
    components = np.concatenate([exact.astype(np.float32), rest * rest_scale])
    pca = PCA(mean, components, variances, int(fitted_on))
    images = pca.decode((reference * reference_scale).T)
    images.flags.writeable = False
    labels = np.zeros(len(images), np.int64)
    digest = hashlib.sha256(components.tobytes()).hexdigest()[:20]
    return ImageSet(images, labels, ("all",), "train", "cifar10", f"shipped-pca-{digest}"), pca
