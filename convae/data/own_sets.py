"""Image sets of a visitor: labels and splits from folder names, and the sets kept on this machine.

A kept set is CONVAE_DATA_DIR/own/<name>/, in the format of `disk_cache`, and its spec is
`own:<name>`: pages and the command line load it like any other set. Its images were decoded to
32x32 when they were added; the files that they came from are not kept.
"""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from convae.data import disk_cache
from convae.data.folder_layout import ALL, arrange
from convae.errors import DataError

KIND = "own:"  # how the spec of a kept set begins
NAME = r"[a-z0-9][a-z0-9_-]{0,47}"
MAX_CLASSES = 100  # of an uploaded set: a list of more cannot be chosen from
MAX_KEPT = 50  # sets, at most 15 MB each
MIN_TRAINING = 3  # images: one is split off for validation
FEW_TRAINING = 200  # images; a model trained on fewer mostly memorizes them
FEW_STEPS = 500  # as many as the preset Live demo trains for


class Arranged(NamedTuple):
    """Images with labels and splits.

    images: uint8 (N, 32, 32, 3). labels: int64 (N,), indices into class_names. is_test: bool (N,).
    notes: a sentence for each thing that a user should know.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    is_test: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def training_count(self) -> int:
        return int((~self.is_test).sum())


def arranged(images: np.ndarray, names: Sequence[str]) -> Arranged:
    """Images uint8 (N, 32, 32, 3) and their relative names, as `folder_layout` arranges them.

    `train/<class>/*` and `test/<class>/*`, `<class>/*`, or images side by side, which are of the
    one class "all", or "unlabeled" beside class folders. Without a test split a tenth is held out,
    by the hashes of the names.
    """
    placed, class_names = arrange(list(names))
    kept = [n for n, name in enumerate(names) if name in placed]
    notes = []
    if left := len(names) - len(kept):
        notes.append(f"Left out, beside the folders train and test: {left} of {len(names)} images.")
    if len(class_names) > MAX_CLASSES:
        notes.append(
            f"There are {len(class_names):,} class folders; at most {MAX_CLASSES} are used as "
            "classes, so the images have no labels."
        )
        class_names = (ALL,)
    number = {kind: n for n, kind in enumerate(class_names)}
    labels = np.array([number.get(placed[names[n]][1], 0) for n in kept], np.int64)
    is_test = np.array([placed[names[n]][0] == "test" for n in kept], bool)
    if not is_test.any():  # a single image: pages show test images
        is_test[:] = True
    shown_names = disk_cache.printable(class_names)
    images = images if len(kept) == len(names) else images[kept]  # no copy where all are kept
    return Arranged(images, labels, shown_names, is_test, tuple(notes))


def names() -> list[str]:
    """The names of the sets that are kept here, sorted."""
    try:
        found = sorted(path.name for path in _root().iterdir())
    except OSError:
        return []
    return [name for name in found if _opened(name) is not None]


def specs() -> list[str]:
    """The specs of the sets that are kept here."""
    return [KIND + name for name in names()]


def keep(name: str, images: Arranged) -> str:
    """Keep these images under CONVAE_DATA_DIR; returns the spec of the set.

    DataError: the name is not usable or taken, too many sets are kept, or nothing can be written.
    """
    check_name(name)
    present = names()
    if name in present:
        raise DataError(f"A set `{name}` is kept already: choose another name, or delete that set.")
    if len(present) >= MAX_KEPT:
        raise DataError(f"At most {MAX_KEPT} sets are kept: delete one first.")
    if not len(images.images):
        raise DataError("A set needs at least one image.")
    root = _root()
    with disk_cache.writing_to(root):
        root.mkdir(parents=True, exist_ok=True)
        with disk_cache.locked(root / ".lock"):
            part = root / f".{name}.part"
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            writer = disk_cache.SetWriter(part)
            try:
                for split, rows in (("train", ~images.is_test), ("test", images.is_test)):
                    if rows.any():
                        writer.add(split, images.images[rows], images.labels[rows])
                writer.finish(images.class_names)
                shutil.rmtree(root / name, ignore_errors=True)  # what cannot be opened
                part.rename(root / name)
            finally:
                writer.close()
                shutil.rmtree(part, ignore_errors=True)
    return KIND + name


def open_set(name: str) -> disk_cache.KeptSet:
    """The kept set of this name; DataError, which names the others, if there is none."""
    check_name(name)
    if (result := _opened(name)) is None:
        there = ", ".join(names()) or "none"
        raise DataError(f"No set `{name}` is kept on this machine; kept are: {there}.")
    return result


def stamp(name: str) -> str:
    """Changes when the set is deleted and another one is kept under its name. DataError."""
    return " ".join(facts["fingerprint"] for facts in open_set(name).splits.values())


def delete(name: str) -> None:
    """Delete a kept set. DataError if there is none, or the disk does not allow it."""
    folder = open_set(name).folder
    with disk_cache.writing_to(folder):
        going = folder.with_name(f".{name}.{os.getpid()}.deleted")
        folder.rename(going)  # at once: no reader sees half a set
        shutil.rmtree(going)


def check_name(name: str) -> None:
    """DataError unless this can be the name of a kept set."""
    if not re.fullmatch(NAME, name):
        shown = name if len(name) <= 60 else f"{name[:60]}..."
        raise DataError(
            f"`{shown}` cannot be the name of a set: give 1 to 48 characters a-z, 0-9, - and _, "
            "the first a letter or a digit."
        )


def check_trainable(spec: str) -> None:
    """DataError if this kept set has too few training images; other specs are not checked."""
    if not spec.startswith(KIND):
        return
    count = training_count(spec)
    if count < MIN_TRAINING:
        raise DataError(
            f"`{spec}` has {count} training images, at least {MIN_TRAINING} are needed: add a set "
            "with more images."
        )


def training_note(spec: str, batch_size: int, epochs: int) -> str | None:
    """A sentence where this kept set has few images or these settings give few training steps;
    None if not, or for other specs."""
    if not spec.startswith(KIND):
        return None
    count, parts = training_count(spec), []
    if count < FEW_TRAINING:
        parts.append(
            f"`{spec.removeprefix(KIND)}` has only {count} training images: the model will mostly "
            "memorize them."
        )
    per_epoch = max(count // batch_size, 1)
    if per_epoch * epochs < FEW_STEPS:
        parts.append(
            f"With these settings training takes only {per_epoch * epochs} steps: choose "
            f"{-(-FEW_STEPS // per_epoch)} epochs or more for at least {FEW_STEPS} steps."
        )
    return " ".join(parts) or None


def training_count(spec: str) -> int:
    """How many training images the kept set of this spec has."""
    return open_set(spec.removeprefix(KIND)).splits.get("train", {"count": 0})["count"]


def _root() -> Path:
    return disk_cache.data_dir() / "own"


def _opened(name: str) -> disk_cache.KeptSet | None:
    folder = _root() / name
    if not re.fullmatch(NAME, name) or folder.is_symlink():
        return None
    return disk_cache.opened_in(folder)
