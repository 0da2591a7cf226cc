"""Every image set by one name: CIFAR-10, built-in sets, folders and archives, arrays in a file.

`load(spec, split)` gives an ImageSet. A spec is a word or a word and a path:
sample, cifar10, shapes, digits, photos, folder:PATH (a folder, zip or tar), npz:PATH,
own:NAME (a set kept on this machine, see `own_sets`).
"""

import os
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from convae.data import builtin, cifar10, disk_cache, image_folder, own_sets, photographs
from convae.data.sample import sample
from convae.errors import DataError

Progress = disk_cache.Progress
SPLITS = ("train", "test")
VALUES = 32 * 32 * 3  # of an image
MAX_CLASSES = 10_000  # of an npz without class_names
SPECS = {
    "sample": "The first 20 CIFAR-10 test images; they come with the app.",
    "cifar10": "60,000 photographs of ten kinds of things; a download of 170 MB.",
    "shapes": "12,000 drawings of ten shapes in many colors; made on the spot.",
    "digits": "1,797 handwritten digits, enlarged from 8x8; comes with scikit-learn.",
    "photos": "6,400 crops of ten photographs; they come with scikit-learn and scikit-image.",
}
TRAINING_SPECS = tuple(spec for spec in SPECS if spec != "sample")  # with a training split
_FORMS = "sample, cifar10, shapes, digits, photos, folder:PATH, npz:PATH or own:NAME"
_BUILT_IN = {"shapes": builtin.shapes, "digits": builtin.digits, "photos": photographs.photos}


@dataclass(frozen=True, eq=False)
class ImageSet:
    """One split of an image set.

    images: uint8 (N, 32, 32, 3). labels: int64 (N,), indices into class_names; a set without labels
    has the one class "all". fingerprint: hex digest of pixels, labels and class names, so equal
    content has an equal fingerprint; that of a visitor's own images says so (`is_private` of
    `data.disk_cache`). Large sets are memory maps: writing to one changes a private copy, never the
    file.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    split: str
    name: str
    fingerprint: str

    def __len__(self) -> int:
        return len(self.images)

    @property
    def real_dimension(self) -> int:
        """See `real_dimension`."""
        return real_dimension(self.name)

    def take(self, indices: ArrayLike) -> "ImageSet":
        """The images at `indices` (integers or a mask, as numpy takes them), in that order."""
        chosen = np.arange(len(self))[indices]
        digest = disk_cache.derived(self.fingerprint, chosen.tobytes())
        return ImageSet(
            self.images[chosen],
            self.labels[chosen],
            self.class_names,
            self.split,
            self.name,
            digest,
        )

    def sample(self, limit: int) -> "ImageSet":
        """`limit` of these images, a fixed random choice, as the first ones may be all of one
        class; the set itself if it has no more."""
        return self if len(self) <= limit else self.take(self.sample_rows(limit))

    def sample_rows(self, limit: int) -> np.ndarray:
        """Where in this set the images of `sample` are: rising, int64."""
        return np.sort(np.random.default_rng(0).permutation(len(self))[:limit])


def real_dimension(spec: str) -> int:
    """How many numbers determine an image of this set: 3,072 (32x32 pixels, three channels), or
    fewer where the images are enlarged."""
    return builtin.REAL_DIMENSION.get(spec, VALUES)


def check_spec(spec: str) -> None:
    """DataError if `spec` is not the name of an image set or its path does not exist. Cheap."""
    kind, _, path = spec.partition(":")
    if spec in SPECS:
        return
    shown = spec if len(spec) <= 200 else f"{spec[:200]}..."
    if kind == "own" and path:
        own_sets.open_set(path)
        return
    if kind not in ("folder", "npz") or not path:
        raise DataError(f"`{shown}` is not an image set: give {_FORMS}.")
    place = os.path.expanduser(path)
    if not os.path.exists(place):
        raise DataError(f"`{shown.partition(':')[2]}` does not exist: check the path.")
    if kind == "folder" and not (os.path.isfile(place) or os.path.isdir(place)):
        raise DataError(f"`{spec}` is not a folder or a regular file; give a folder, zip or tar.")
    if kind == "npz" and not os.path.isfile(place):
        raise DataError(f"`{spec}` is not a file; images in a folder are `folder:{path}`.")


def stamp(spec: str) -> str:
    """What tells whether the files behind `spec` have changed; "" for a set without files of the
    user's. No image is read. DataError as `check_spec`."""
    check_spec(spec)
    kind, _, path = spec.partition(":")
    if kind == "folder":
        return image_folder.stamp(path)
    if kind == "npz":
        about = os.stat(os.path.expanduser(path))
        return f"{about.st_ino}-{about.st_size}-{about.st_mtime_ns}"
    return own_sets.stamp(path) if kind == "own" else ""


def splits(spec: str, progress: Progress | None = None) -> tuple[str, ...]:
    """Those of ("train", "test") that the set has. A new folder is read for it: minutes."""
    check_spec(spec)
    if spec == "sample":
        return ("test",)
    if spec in SPECS:
        return SPLITS
    kind, _, path = spec.partition(":")
    if kind == "npz":
        with _npz(path) as arrays:
            return tuple(split for split in SPLITS if f"{split}_images" in arrays)
    if kind == "own":
        result = own_sets.open_set(path)
    else:
        result = image_folder.open_set(path, progress)
    return tuple(split for split in SPLITS if split in result.splits)


def load(spec: str, split: str = "test", progress: Progress | None = None) -> ImageSet:
    """The images of one split of the set that `spec` names.

    DataError: no such set, no such split (it says which exist), or files that cannot be used.
    `progress(done, total or None, what)` is called repeatedly when loading takes long.
    """
    check_spec(spec)
    if split not in SPLITS:
        raise DataError(f"`{split}` is not a split: give train or test.")
    kind, _, path = spec.partition(":")
    if kind == "npz":
        return _load_npz(spec, path, split)
    if kind == "folder":
        return _from_kept(image_folder.open_set(path, progress), spec, split)
    if kind == "own":
        return _from_kept(own_sets.open_set(path), spec, split)
    if kind == "cifar10":
        return _from_kept(cifar10.open_set(progress), spec, split)
    if kind == "sample":
        if split == "train":
            raise _no_split(spec, split, splits(spec))
        return _image_set(*sample(), split, spec)
    images, labels, class_names = _BUILT_IN[kind](split, progress)
    return _image_set(images, labels, class_names, split, spec)


def cifar10_present() -> bool:
    """Whether `load("cifar10")` works without a download."""
    return cifar10.present()


def download_cifar10(progress: Progress | None = None) -> Path:
    """Download CIFAR-10 (170 MB) into CONVAE_DATA_DIR, unless it is there; resumes after a break.

    Returns that folder. DataError: no address could give it, the disk is full, or nothing can be
    written there.
    """
    return cifar10.fetch(progress)


def _image_set(
    images: np.ndarray, labels: np.ndarray, class_names: Iterable[str], split: str, name: str
) -> ImageSet:
    class_names = disk_cache.printable(class_names)
    digest = disk_cache.fingerprint(images, labels, class_names)
    return ImageSet(images, labels, class_names, split, name, digest)


def _from_kept(result: disk_cache.KeptSet, spec: str, split: str) -> ImageSet:
    if split not in result.splits:
        raise _no_split(spec, split, result.splits)
    images, labels = result.arrays(split)
    digest = result.splits[split]["fingerprint"]
    return ImageSet(images, labels, disk_cache.printable(result.class_names), split, spec, digest)


def _no_split(spec: str, split: str, existing: Iterable[str]) -> DataError:
    there = " and ".join(existing) or "none"
    return DataError(f"`{spec}` has no {split} split; it has: {there}.")


def _npz(path: str) -> Any:
    try:
        place = os.path.expanduser(path)
        with zipfile.ZipFile(place):  # np.load would leave a file open that is none
            return np.load(place, allow_pickle=False)
    except Exception:  # a zip of an unknown version, a header that does not parse, and more
        pass
    raise DataError(f"`npz:{path}` is not a .npz file: write it with numpy.savez_compressed.")


def _array(arrays: Mapping[str, np.ndarray], key: str, spec: str) -> np.ndarray:
    try:
        return arrays[key]
    except Exception:  # numpy's own message would say how to disable this check
        raise DataError(
            f"`{key}` of `{spec}` cannot be read: it is damaged or holds Python objects; "
            "write plain arrays with numpy.savez_compressed."
        ) from None


def _highest_labels(arrays: Mapping[str, np.ndarray], spec: str) -> list[int]:
    """The highest usable label of each split, so that both splits have the same classes."""
    highest = []
    for key in (f"{split}_labels" for split in SPLITS):
        if key in arrays:
            labels = _array(arrays, key, spec)
            if labels.size and np.issubdtype(labels.dtype, np.integer):
                if (most := int(labels.max())) < MAX_CLASSES:
                    highest.append(most)
    return highest


def _load_npz(spec: str, path: str, split: str) -> ImageSet:
    with _npz(path) as arrays:
        images_key, labels_key = f"{split}_images", f"{split}_labels"
        if images_key not in arrays:
            raise _no_split(spec, split, [s for s in SPLITS if f"{s}_images" in arrays])
        images = _array(arrays, images_key, spec)
        if (
            images.dtype != np.uint8
            or images.shape[1:] != disk_cache.IMAGE_SHAPE
            or not len(images)
        ):
            raise DataError(
                f"`{images_key}` of `{spec}` is {images.dtype} {images.shape}; it must be uint8 "
                "(N, 32, 32, 3) with N at least 1."
            )
        names = None
        if "class_names" in arrays:
            names = tuple(str(name) for name in _array(arrays, "class_names", spec).ravel())
        if labels_key not in arrays:
            return _image_set(
                np.ascontiguousarray(images), np.zeros(len(images), np.int64), ("all",), split, spec
            )
        labels = _array(arrays, labels_key, spec)
        others = () if names else _highest_labels(arrays, spec)
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"`{labels_key}` of `{spec}` is {labels.dtype} {labels.shape}; it must be one integer "
            f"for each of the {len(images)} images."
        )
    classes = len(names) if names else MAX_CLASSES
    if labels.min() < 0 or labels.max() >= classes:
        what = f"there are {classes} class names" if names else f"the limit is {classes} classes"
        raise DataError(
            f"`{labels_key}` of `{spec}` goes from {labels.min()} to {labels.max()}, but {what}: "
            f"labels must lie in 0..{classes - 1}."
        )
    if not names:
        highest = max([int(labels.max()), *others])
        names = tuple(str(number) for number in range(highest + 1))
    return _image_set(np.ascontiguousarray(images), labels.astype(np.int64), names, split, spec)
