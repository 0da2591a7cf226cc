"""Uploaded files to uint8 images: one image, several, or a zip of them, within fixed limits."""

import io
import stat
import time
import zipfile
from collections.abc import Iterator, Sequence

import numpy as np

from convae.data import zips
from convae.data.decoding import PLEASE, SIZE, decode
from convae.errors import DataError

MAX_FILE_BYTES = 8 * 2**20
MAX_UPLOADS = 500  # images in one go, and members of one zip
MAX_ZIP_BYTES = 64 * 2**20  # of all members together, unpacked
MAX_ZIP_RATIO = 200
MAX_ZIP_ENTRIES = 10_000  # of any type: the listing itself costs memory
MAX_WORK_PIXELS = 500_000_000  # of all images in one go: some ten seconds of decoding
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


def decode_uploads(files: Sequence[bytes]) -> tuple[np.ndarray, list[str]]:
    """Uploaded files, each the bytes of an image or of a zip of images -> (images, problems).

    images: uint8 (N, 32, 32, 3), in the order given. problems: a sentence for each file that was
    left out and for each thing done that a user should know. Files are called by their place,
    "Image 3" or "Image 5 of zip 2", never by their name. A bad file does not affect the others.
    """
    images: list[np.ndarray] = []
    problems: list[str] = []
    work, began = 0, time.monotonic()
    for name, data in _entries(files, problems):
        limit = _limit_reached(len(images), work, time.monotonic() - began)
        if limit:
            problems.append(
                f"{name} and all after it were left out: {limit} at once; give the rest later."
            )
            break
        try:
            image, notes, cost = _decode_bytes(data)
        except DataError as error:
            problems.append(f"{name} {error}")
            work += getattr(error, "work", 0)
            continue
        images.append(image)
        problems.extend(f"{name} {note}" for note in notes)
        work += cost
    stacked = np.stack(images) if images else np.zeros((0, SIZE, SIZE, 3), np.uint8)
    return stacked, problems


def _limit_reached(count: int, work: int, elapsed_s: float) -> str:
    if count == MAX_UPLOADS:
        return f"at most {MAX_UPLOADS} images are taken"
    if work > MAX_WORK_PIXELS:
        return f"at most {MAX_WORK_PIXELS / 1e6:,.0f} megapixels are taken"
    return f"decoding may take at most {MAX_SECONDS:.0f} s" if elapsed_s > MAX_SECONDS else ""


def _entries(files: Sequence[bytes], problems: list[str]) -> Iterator[tuple[str, bytes]]:
    for number, data in enumerate(files, start=1):
        if data[:2] != b"PK":
            yield f"Image {number}", data
            continue
        try:
            yield from _zip_entries(data, number, problems)
        except DataError as error:
            problems.append(f"Zip {number} {error}")


def _zip_entries(data: bytes, number: int, problems: list[str]) -> Iterator[tuple[str, bytes]]:
    """The images inside a zip, unpacked one by one in memory; paths inside are never used."""
    try:
        count = zips.count_entries(data, MAX_ZIP_ENTRIES)
        if count > MAX_ZIP_ENTRIES:
            raise DataError(f"has more than {MAX_ZIP_ENTRIES:,} entries; give a smaller one.")
        archive = zipfile.ZipFile(io.BytesIO(data))
    except DataError:
        raise
    except Exception:
        raise DataError("is damaged and cannot be opened; make it again and retry.") from None
    members = [member for member in archive.infolist() if not _is_clutter(member.filename)]
    pictures = [member for member in members if member.filename.lower().endswith(_SUFFIXES)]
    if not pictures:
        raise DataError("holds no images; put PNG, JPEG, WebP, BMP or GIF files in it.")
    if len(pictures) < len(members):
        others = len(members) - len(pictures)
        problems.append(f"Zip {number} also holds {others} files that are not images; left out.")
    if len(pictures) > MAX_UPLOADS:
        problems.append(
            f"Zip {number} holds {len(pictures):,} images; the first {MAX_UPLOADS} are used."
        )
    unpacked = 0
    for place, member in enumerate(pictures[:MAX_UPLOADS], start=1):
        name = f"Image {place} of zip {number}"
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
        yield name, content


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
