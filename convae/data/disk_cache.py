"""Image sets on disk as plain bytes, mapped into memory, so that they open quickly.

A set is one folder, CONVAE_DATA_DIR/sets/<name>/: for each split `<split>.images` (N * 3072 bytes
of uint8) and `<split>.labels` (N int64), and set.json with the other fields. It is written to a
temporary folder and renamed, by one process at a time, so that no reader sees an incomplete set.
"""

import errno
import hashlib
import json
import os
import shutil
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convae import files, processes, records
from convae.errors import DataError

Progress = Callable[[int, int | None, str], None]
IMAGE_SHAPE = (32, 32, 3)
IMAGE_BYTES = 32 * 32 * 3
PRIVATE = "-private"  # how the fingerprint of a visitor's own images ends


def data_dir() -> Path:
    """The folder of data, see `files.folder`."""
    return files.folder("DATA")


@dataclass(frozen=True)
class KeptSet:
    """An opened set: the content of set.json, and how to map a split."""

    folder: Path
    class_names: tuple[str, ...]
    splits: dict  # split -> {"count": int, "fingerprint": str}
    unreadable: int  # files that were left out when the set was made
    encrypted: int  # zip members that were left out because they have a password

    def arrays(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """(images uint8 (N, 32, 32, 3), labels int64 (N,)). Images are read when first touched;
        writing to them changes a private copy, never the file."""
        count = self.splits[split]["count"]
        shape = (count, *IMAGE_SHAPE)
        images = np.memmap(self.folder / f"{split}.images", np.uint8, mode="c", shape=shape)
        labels = np.fromfile(self.folder / f"{split}.labels", np.int64)
        return images, labels


class SetWriter:
    """Appends images in order of arrival, then sorts them. It appends to plain files: a full disk
    is an error here, where writing through a memory map would kill the process."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.unreadable = self.encrypted = 0
        self._files: dict = {}
        self._labels: dict[str, list[int]] = {}
        self._keys: dict[str, list[bytes]] = {}

    def add(
        self, split: str, images: np.ndarray, labels: Iterable[int], keys: Iterable[bytes] = ()
    ) -> None:
        """images: uint8 (n, 32, 32, 3); labels: n integers; keys: n bytes to order them by."""
        if split not in self._files:
            self._files[split] = open(self.folder / f"{split}.unordered", "wb")
            self._labels[split], self._keys[split] = [], []
        self._files[split].write(np.ascontiguousarray(images, np.uint8).data)
        self._labels[split].extend(int(label) for label in labels)
        self._keys[split].extend(keys)

    def finish(self, class_names: Iterable[str]) -> None:
        self.close()
        splits = {}
        for split, unordered in self._labels.items():
            count, keys = len(unordered), self._keys[split]
            order = sorted(range(count), key=keys.__getitem__) if keys else slice(None)
            labels = np.array(unordered, np.int64)[order]
            labels.tofile(self.folder / f"{split}.labels")
            source = self.folder / f"{split}.unordered"
            target = self.folder / f"{split}.images"
            if keys:
                rows = np.memmap(source, np.uint8, mode="r", shape=(count, *IMAGE_SHAPE))
                with open(target, "wb") as file:
                    for start in range(0, count, 4096):
                        file.write(rows[order[start : start + 4096]].data)
                del rows
                source.unlink()
            else:
                source.rename(target)
            with open(target, "rb") as file:
                digest = _fingerprint(hashlib.file_digest(file, "sha256"), labels, class_names)
            splits[split] = {"count": count, "fingerprint": digest}
        about = {
            "class_names": list(class_names),
            "splits": splits,
            "unreadable": self.unreadable,
            "encrypted": self.encrypted,
        }
        (self.folder / "set.json").write_text(json.dumps(about), encoding="utf-8")

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def fingerprint(images: np.ndarray, labels: np.ndarray, class_names: Iterable[str]) -> str:
    """Hex digest of a split's content: equal pixels, labels and class names give equal digests."""
    return _fingerprint(hashlib.sha256(np.ascontiguousarray(images).data), labels, class_names)


def is_private(digest: str) -> bool:
    """Whether this fingerprint is of images that belong to one session: nothing that is computed
    from them may be written to CONVAE_CACHE_DIR, which all sessions and later ones share."""
    return digest.endswith(PRIVATE)


def derived(digest: str, what: bytes) -> str:
    """The fingerprint of a part of a split, private if the whole is; what: names the part."""
    part = hashlib.sha256(digest.encode() + what).hexdigest()[:32]
    return part + PRIVATE if is_private(digest) else part


def _fingerprint(
    images_hash: "hashlib._Hash", labels: np.ndarray, class_names: Iterable[str]
) -> str:
    images_hash.update(np.ascontiguousarray(labels, np.int64).data)
    images_hash.update(json.dumps(list(class_names)).encode())
    return images_hash.hexdigest()[:32]


def printable(class_names: Iterable[str]) -> tuple[str, ...]:
    """The names with each surrogate, control character, line separator and mark of direction
    replaced by U+FFFD.

    Surrogates come from file names that are not UTF-8 and from arrays; they cannot be encoded.
    Names that become equal by this are numbered; all others stay as they are.
    """
    class_names = tuple(class_names)
    taken, counts, result = set(class_names), Counter(), []
    for name in class_names:
        clean = unique = "".join(
            "\ufffd" if unicodedata.category(c) in ("Cs", "Cc", "Zl", "Zp") else c
            for c in name.translate(records.DIRECTION)
        )
        while clean != name and unique in taken:
            counts[clean] += 1
            unique = f"{clean} ({counts[clean] + 1})"
        taken.add(unique)
        result.append(unique)
    return tuple(result)


def opened(name: str) -> KeptSet | None:
    """The set kept under `name`; None if there is none or it is incomplete."""
    return opened_in(data_dir() / "sets" / name)


def opened_in(folder: Path) -> KeptSet | None:
    """The set in this folder; None if there is none or it is incomplete."""
    try:
        about = json.loads((folder / "set.json").read_text(encoding="utf-8"))
        if not all(isinstance(name, str) for name in about["class_names"]):
            return None
        for split, facts in about["splits"].items():
            if not isinstance(facts["fingerprint"], str) or facts["count"] < 0:
                return None
            if (folder / f"{split}.images").stat().st_size != facts["count"] * IMAGE_BYTES:
                return None
            if (folder / f"{split}.labels").stat().st_size != facts["count"] * 8:
                return None
        left_out = about["unreadable"], about.get("encrypted", 0)
        return KeptSet(folder, tuple(about["class_names"]), about["splits"], *left_out)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def kept(
    name: str,
    fill: Callable[[SetWriter], tuple[str, ...]],
    progress: Progress | None = None,
    supersedes: str | None = None,
) -> KeptSet:
    """The set kept under `name`; made by `fill(writer) -> class_names` if there is none.

    Once made, other sets whose name begins with `supersedes` are removed: older states of the same
    source.
    """
    results = opened(name)
    if results:
        return results
    root = data_dir() / "sets"
    with writing_to(root):
        root.mkdir(parents=True, exist_ok=True)
        with locked(root / f"{supersedes or name}.lock", progress):
            results = opened(name)  # made by another process while this one waited
            if results:
                return results
            for leftover in root.glob(f"{name}.*.part"):  # of a process that was killed
                shutil.rmtree(leftover, ignore_errors=True)
            part = root / f"{name}.{os.getpid()}.part"
            part.mkdir()
            writer = SetWriter(part)
            try:
                writer.finish(fill(writer))
                shutil.rmtree(root / name, ignore_errors=True)
                part.rename(root / name)
            finally:
                writer.close()
                shutil.rmtree(part, ignore_errors=True)
            if supersedes:
                for older in root.glob(f"{supersedes}*"):
                    if older.is_dir() and older.name != name:
                        shutil.rmtree(older, ignore_errors=True)
    results = opened(name)
    if results is None:
        raise DataError(f"{root / name} was written but cannot be read back; check that disk.")
    return results


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Translates OSError into a DataError with a readable message."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
            raise DataError(
                f"The disk of {folder} is full: free some space, or set CONVAE_DATA_DIR to a "
                "folder on another disk, and try again."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise DataError(
                f"Nothing can be written to {folder}: set CONVAE_DATA_DIR to a "
                "folder that you can write to."
            ) from error
        raise DataError(
            f"Reading or writing below {folder} failed: {error.strerror or error}."
        ) from error


@contextmanager
def locked(
    path: Path, progress: Progress | None = None, waiting: str = "waiting"
) -> Iterator[None]:
    """Holds the lock `path`, see `processes.take_lock`; progress is called while it waits."""
    while (handle := processes.take_lock(path)) is None:
        if progress:
            progress(0, None, f"{waiting} for another process that is making it")
        time.sleep(0.2)
    try:
        yield
    finally:
        processes.release_lock(handle)
