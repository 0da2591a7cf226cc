"""Uploaded files to uint8 images: one image, several, or a zip of them, within fixed limits."""

import io
import re
import stat
import time
import zipfile
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from convae.data import zips
from convae.data.decoding import PLEASE, SIZE, decode
from convae.errors import DataError

MAX_FILE_BYTES = 32 * 2**20  # a photograph of 80 megapixels
MAX_UPLOADS = 5_000  # images in one go, and members of one zip; decoded they take 15 MB
MAX_ZIP_BYTES = 64 * 2**20  # of all members together, unpacked
MAX_ZIP_RATIO = 200
MAX_ZIP_ENTRIES = 10_000  # of any type: the listing itself costs memory
MAX_WORK_PIXELS = 500_000_000  # of all images in one go: some ten seconds of decoding
MAX_SHOWN_NAME = 60  # characters of a file name in a message
MAX_SECONDS = 10.0  # of decoding in one go, as files of few pixels can be slow, too
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")


def decode_upload(data: bytes) -> np.ndarray:
    """The bytes of one uploaded image -> uint8 (32, 32, 3): center crop, resized, on white.

    DataError, of one sentence that begins "The image", for anything that cannot be used.
    """
    image, _ = decode_upload_with_notes(data)
    return image


def decode_upload_with_notes(data: bytes) -> tuple[np.ndarray, list[str]]:
    """As `decode_upload`, with notes on what a user should know (first frame used)."""
    try:
        image, notes, _ = _decode_bytes(data)
    except DataError as error:
        raise DataError(f"The image {error}") from None
    return image, [f"The image {note}" for note in notes]


def _decode_bytes(data: bytes) -> tuple[np.ndarray, list[str], int]:
    if not data:
        raise DataError(f"is empty (0 bytes); {PLEASE}.")
    if len(data) > MAX_FILE_BYTES:
        raise DataError(
            f"is too large a file ({len(data) / 2**20:.1f} MB; at most {MAX_FILE_BYTES >> 20} MB); "
            "save it smaller and retry."
        )
    return decode(data)


class Decoded(NamedTuple):
    """Uploaded images.

    images: uint8 (N, 32, 32, 3), in the order given. names: for each a different path with "/", to
    find its class by (`own_sets.arranged`); never a path on this machine. problems: a sentence for
    each file that was left out and for each thing done that a user should know.
    """

    images: np.ndarray
    names: list[str]
    problems: list[str]


def decode_uploads(files: Sequence[tuple[str, bytes]]) -> Decoded:
    """Uploaded files, each the name and the bytes of an image or of a zip of images.

    In problems files are called by their names as `shown_name` cleans them. A bad file does not
    affect the others.
    """
    images: dict[str, np.ndarray] = {}
    problems: list[str] = []
    work, began = 0, time.monotonic()
    for entry in _entries(files, problems):
        name = entry.shown
        limit = _limit_reached(len(images), work, time.monotonic() - began)
        if limit:
            problems.append(
                f"{name} and all after it were left out: {limit} at once; give the rest later."
            )
            break
        try:
            image, notes, cost = _decode_bytes(entry.data)
        except DataError as error:
            problems.append(f"{name} {error}")
            work += getattr(error, "work", 0)
            continue
        images[unused(entry.path, images)] = image
        problems.extend(f"{name} {note}" for note in notes)
        work += cost
    stacked = np.stack(list(images.values())) if images else np.zeros((0, SIZE, SIZE, 3), np.uint8)
    return Decoded(stacked, list(images), problems)


class _Entry(NamedTuple):
    """One image file: its name in messages, its path in the set, its bytes."""

    shown: str
    path: str
    data: bytes


def shown_name(path: str) -> str:
    """The last two parts of an uploaded file's path in quotes: letters, digits and a few signs
    stay, others become "_", so that nothing in it is markup, a link or a direction mark."""
    kept = "/".join(path.replace("\\", "/").split("/")[-2:]).strip("/")
    clean = re.sub(r"[^\w .,()+-/]", "_", kept)
    if len(clean) > MAX_SHOWN_NAME:
        clean = f"{clean[: MAX_SHOWN_NAME // 2]}...{clean[-(MAX_SHOWN_NAME // 2 - 3) :]}"
    return f'"{clean}"'


def unused(path: str, taken: Container[str]) -> str:
    """The path, with a number in its last part where it is taken."""
    folder, slash, name = path.rpartition("/")
    number, result = 2, path
    while result in taken:
        result = f"{folder}{slash}{number} {name}"
        number += 1
    return result


def _limit_reached(count: int, work: int, elapsed_s: float) -> str:
    if count == MAX_UPLOADS:
        return f"at most {MAX_UPLOADS:,} images are taken"
    if work > MAX_WORK_PIXELS:
        return f"at most {MAX_WORK_PIXELS / 1e6:,.0f} megapixels are taken"
    return f"decoding may take at most {MAX_SECONDS:.0f} s" if elapsed_s > MAX_SECONDS else ""


def _entries(files: Sequence[tuple[str, bytes]], problems: list[str]) -> Iterator[_Entry]:
    for name, data in files:
        if data[:2] != b"PK" and not name.lower().endswith(".zip"):
            yield _Entry(shown_name(name), _path(name), data)
            continue
        try:
            yield from _zip_entries(data, shown_name(name), problems)
        except DataError as error:
            problems.append(f"The zip {shown_name(name)} {error}")


def _path(name: str) -> str:
    """A name that zips or browsers give, with "/" and without parts that mean a place."""
    parts = name.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..")) or "image"


def _zip_entries(data: bytes, archive_name: str, problems: list[str]) -> Iterator[_Entry]:
    """The images inside a zip, unpacked one by one in memory; nothing is written to a path."""
    try:
        count = zips.count_entries(data, MAX_ZIP_ENTRIES)
        if count > MAX_ZIP_ENTRIES:
            raise DataError(f"has more than {MAX_ZIP_ENTRIES:,} entries; give a smaller one.")
        archive = zipfile.ZipFile(io.BytesIO(data))
    except DataError:
        raise
    except Exception:
        raise DataError(
            "is damaged or not a zip and cannot be opened; make it again and retry."
        ) from None
    members = [member for member in archive.infolist() if not _is_clutter(member.filename)]
    pictures = [member for member in members if member.filename.lower().endswith(_SUFFIXES)]
    if not pictures:
        raise DataError("holds no images; put PNG, JPEG, WebP, BMP or GIF files in it.")
    if len(pictures) < len(members):
        others = len(members) - len(pictures)
        kind = (
            "1 file that is not an image" if others == 1 else f"{others} files that are no images"
        )
        problems.append(f"The zip {archive_name} also holds {kind}; left out.")
    if len(pictures) > MAX_UPLOADS:
        problems.append(
            f"The zip {archive_name} holds {len(pictures):,} images; the first {MAX_UPLOADS:,} are "
            "used."
        )
    unpacked = 0
    for place, member in enumerate(pictures[:MAX_UPLOADS], start=1):
        name = f"{shown_name(member.filename)} in the zip {archive_name}"
        reason = _refusal(member)
        if reason:
            problems.append(f"{name} {reason}; left out.")
            continue
        try:
            with archive.open(member) as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except Exception:
            problems.append(f"{name} is damaged inside the zip; left out.")
            continue
        unpacked += len(content)
        if unpacked > MAX_ZIP_BYTES:
            raise DataError(
                f"unpacks to more than {MAX_ZIP_BYTES >> 20} MB; only the first {place - 1} images "
                "are used. Give the rest in another zip."
            )
        yield _Entry(name, _path(member.filename), content)


def _is_clutter(name: str) -> bool:
    parts = name.split("/")
    return name.endswith("/") or "__MACOSX" in parts or parts[-1].startswith(".")


def _refusal(member: zipfile.ZipInfo) -> str | None:
    """Why a member of an uploaded zip is not even unpacked."""
    if member.flag_bits & 0x1:
        return "is encrypted"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link, not a file"
    if member.compress_type not in zips.PACKINGS:
        return "is packed in an unusual way"
    if member.file_size > MAX_ZIP_RATIO * max(member.compress_size, 1):
        return f"unpacks to more than {MAX_ZIP_RATIO} times its size"
    return None
