"""Folders, zips and tars of images, read once and kept as one memory map for each split.

Only the owner of the machine can name these files, so their number is not limited; still nothing is
ever extracted, and every image goes through `images.decode`.
"""

import gzip
import hashlib
import lzma
import os
import stat
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from convae.data import decoding, disk_cache
from convae.data.folder_layout import arrange, order_key
from convae.errors import DataError

FORMATS = (*decoding.UPLOAD_FORMATS, "TIFF", "PPM")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
MAX_PIXELS = 80_000_000  # a camera may give 60; Pillow warns from 89
MAX_FILE_BYTES = 64 * 2**20

_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
)
_CHUNK = 256  # images decoded between progress reports


def open_set(path: str, progress: disk_cache.Progress | None = None) -> disk_cache.KeptSet:
    """The images of a folder, zip or tar; decoded at the first call, mapped at every later one.

    It is decoded anew when a file was added, removed, or changed in size or time.
    """
    source, listing, digest = _survey(path)
    place = "folder-" + hashlib.sha256(os.fsencode(source)).hexdigest()[:12]

    def fill(writer: disk_cache.SetWriter) -> tuple[str, ...]:
        try:
            names = [name for name, _, _ in listing] if source.is_dir() else _archive_names(source)
            locked = _encrypted(source, names)
            writer.encrypted = len(locked)
            if locked and len(locked) == len(names):
                raise DataError(
                    f"All {len(names)} images of `folder:{path}` are encrypted: make the zip again "
                    "without a password."
                )
            names = [name for name in names if name not in locked]
            return _fill(writer, source, path, names, progress)
        except _DAMAGED:
            raise DataError(
                f"`folder:{path}` is damaged and cannot be read to its end; make the archive again."
            ) from None

    result = disk_cache.kept(f"{place}-{digest[:16]}", fill, progress, supersedes=place)
    if result.unreadable:
        warnings.warn(
            f"{result.unreadable} files of `folder:{path}` could not be read as images; left out.",
            stacklevel=2,
        )
    if result.encrypted:
        warnings.warn(
            f"{result.encrypted} images of `folder:{path}` are encrypted and left out: make the "
            "zip again without a password.",
            stacklevel=2,
        )
    return result


def stamp(path: str) -> str:
    """A digest of the names, sizes and times of the files of a folder, zip or tar. It changes when
    an image is added, removed or replaced, in class folders too. No image is read. DataError."""
    return _survey(path)[2]


def _survey(path: str) -> tuple[Path, list[tuple[str, int, int]], str]:
    """(resolved path, (name, bytes, mtime in ns) of its files, a digest of these)."""
    try:
        source = Path(os.path.expanduser(path)).resolve(strict=True)
        if source.is_dir():
            listing = _scan(source)
        else:
            about = source.stat()
            listing = [(source.name, about.st_size, about.st_mtime_ns)]
    except OSError as error:
        raise DataError(
            f"`folder:{path}` cannot be read ({error.strerror}); give a folder, zip or tar."
        ) from error
    digest = hashlib.sha256()
    for name, size, changed in listing:
        digest.update(f"{name}\0{size}\0{changed}\n".encode("utf-8", "surrogateescape"))
    return source, listing, digest.hexdigest()


def _scan(root: Path) -> list[tuple[str, int, int]]:
    """(relative name, bytes, mtime in ns) of the image files below `root`, links followed."""
    result = []
    folders = [(str(root), "")]
    seen = set()
    while folders:
        folder, prefix = folders.pop()
        about = os.stat(folder)
        if (about.st_dev, about.st_ino) in seen:  # a link to a parent folder
            continue
        seen.add((about.st_dev, about.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if _is_clutter(name):
                    continue
                if name.lower().endswith(SUFFIXES):
                    try:
                        about = entry.stat()
                    except OSError:  # a broken link
                        continue
                    if stat.S_ISREG(about.st_mode):
                        result.append((prefix + name, about.st_size, about.st_mtime_ns))
                elif entry.is_dir():
                    folders.append((entry.path, f"{prefix}{name}/"))
    result.sort()
    return result


def _is_clutter(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _archive_names(path: Path) -> list[str]:
    try:
        return _listed(path)
    except (ValueError, OverflowError) as error:
        # a tar header that claims 2^63 bytes; zip names that say they are UTF-8 and are not
        raise tarfile.ReadError("the listing is damaged") from error


def _encrypted(source: Path, names: list[str]) -> set[str]:
    """Those of `names` that need a password; only a zip can have any."""
    if source.is_dir() or not zipfile.is_zipfile(source):
        return set()
    with zipfile.ZipFile(source) as archive:
        locked = {member.filename for member in archive.infolist() if member.flag_bits & 1}
    return locked.intersection(names)


def _listed(path: Path) -> list[str]:
    names = []
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = [member.filename for member in archive.infolist()]
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            names = [member.name for member in archive if member.isreg()]
    else:
        raise DataError(f"`folder:{path}` is neither a folder nor a zip nor a tar.")
    return [
        name
        for name in names
        if name.lower().endswith(SUFFIXES) and not any(map(_is_clutter, name.split("/")))
    ]


def _fill(
    writer: disk_cache.SetWriter,
    source: Path,
    path: str,
    names: list[str],
    progress: disk_cache.Progress | None,
) -> tuple[str, ...]:
    placed, class_names = arrange(names)
    if not placed:
        raise DataError(
            f"`folder:{path}` holds no images; it takes train/<class>/*, <class>/* or images side "
            "by side, as JPEG, PNG, WebP, BMP, GIF, TIFF or PPM."
        )
    numbers = {kind: number for number, kind in enumerate(class_names)}
    done = 0
    workers = min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        for chunk in _chunks(_contents(source, placed)):
            squares = list(pool.map(_decode, [content for _, content in chunk]))
            for split in ("train", "test"):
                good = [
                    (square, numbers[placed[name][1]], order_key(name))
                    for (name, _), square in zip(chunk, squares, strict=True)
                    if square is not None and placed[name][0] == split
                ]
                if good:
                    squares_of_split, labels, keys = zip(*good, strict=True)
                    writer.add(split, np.stack(squares_of_split), labels, keys)
            writer.unreadable += sum(square is None for square in squares)
            done += len(chunk)
            if progress:
                progress(done, len(placed), "reading images")
    if writer.unreadable == len(placed):
        raise DataError(f"None of the {done} image files of `folder:{path}` could be read.")
    return class_names


def _contents(source: Path, placed: dict) -> Iterator[tuple[str, bytes | Path]]:
    """(name, what to decode); each archive is read in its own order, from front to back."""
    if source.is_dir():
        yield from ((name, source / name) for name in placed)
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            for member in archive.infolist():
                if member.filename in placed and not member.flag_bits & 1:
                    try:
                        with archive.open(member) as file:
                            yield member.filename, file.read(MAX_FILE_BYTES + 1)
                    except (*_DAMAGED, NotImplementedError, OSError):
                        yield member.filename, b""
    else:
        with tarfile.open(source) as archive:
            for member in archive:
                if member.name in placed and member.isreg():
                    yield member.name, archive.extractfile(member).read(MAX_FILE_BYTES + 1)


def _chunks(items: Iterator) -> Iterator[list]:
    chunk, held = [], 0
    for item in items:
        chunk.append(item)
        held += len(item[1]) if isinstance(item[1], bytes) else 0
        if len(chunk) == _CHUNK or held > MAX_FILE_BYTES:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _decode(source: bytes | Path) -> np.ndarray | None:
    try:
        if isinstance(source, bytes) and len(source) > MAX_FILE_BYTES:
            return None
        image, _, _ = decoding.decode(source, FORMATS, MAX_PIXELS)
        return image
    except DataError:
        return None
