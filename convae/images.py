"""Images in and out: pixels <-> batches, uploads behind their guards, sheets and films.

`images` are uint8 (N, 32, 32, 3) numpy, what people see; a `batch` is a float32 (N, 3, 32, 32)
tensor in [0, 1], what the network sees. They change into one another here and nowhere else. Bytes
that come from a person are decoded here and nowhere else, and leave only as fresh 32x32 pixels.
"""

import io
import stat
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from convae import zips
from convae.errors import DataError
from convae.sheets import contact_sheet, enlarge, gif_bytes, png_bytes, webp_bytes

__all__ = [
    "contact_sheet",
    "decode",
    "decode_upload",
    "decode_upload_with_notes",
    "decode_uploads",
    "enlarge",
    "fit_square",
    "from_batch",
    "gif_bytes",
    "png_bytes",
    "to_batch",
    "webp_bytes",
]

SIZE = 32
UPLOAD_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
BACKGROUND = (255, 255, 255)  # transparent areas are shown on white

MAX_FILE_BYTES = 8 * 2**20
MAX_PIXELS = 16_000_000
MAX_UPLOADS = 500  # images in one go, and members of one zip
MAX_ZIP_BYTES = 64 * 2**20  # of all members together, unpacked
MAX_ZIP_RATIO = 200
MAX_ZIP_ENTRIES = 10_000  # whatever they are: the listing itself costs memory
MAX_WORK_PIXELS = 500_000_000  # of all images in one go: some ten seconds of decoding

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
_PLEASE = "give a PNG, JPEG, WebP, BMP or GIF"


def to_batch(images: np.ndarray, device="cpu"):
    """uint8 (N, 32, 32, 3) -> float32 tensor (N, 3, 32, 32) in [0, 1] on `device`, laid out in
    memory as the images are (channels_last)."""
    import torch

    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(f"images must be uint8 (N, 32, 32, 3), not {images.dtype} {images.shape}")
    if not (images.flags.c_contiguous and images.flags.writeable):
        images = images.copy()  # torch warns about arrays that it cannot write to
    batch = torch.from_numpy(images).to(device).permute(0, 3, 1, 2)
    return batch.to(torch.float32).div_(255)


def from_batch(batch) -> np.ndarray:
    """Float tensor (N, 3, 32, 32), meant to be in [0, 1] -> uint8 (N, 32, 32, 3).

    Values outside are clamped, NaN becomes black, the rest is rounded to the nearest of 256 steps.
    """
    import torch

    batch = batch.detach().to(torch.float32).nan_to_num(0).clamp(0, 1)
    pixels = batch.mul(255).round_().to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def fit_square(image: Image.Image, size: int = SIZE) -> Image.Image:
    """The largest centred square of `image`, at `size` x `size` pixels."""
    width, height = image.size
    if width == height == size:
        return image
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    shrinking = side >= size
    return image.resize(
        (size, size),
        # Lanczos rings when it enlarges a few pixels to many
        Image.Resampling.LANCZOS if shrinking else Image.Resampling.BICUBIC,
        box=(left, top, left + side, top + side),
        reducing_gap=3.0 if shrinking else None,
    )


def decode(
    source: bytes | Path, formats: Sequence[str] = UPLOAD_FORMATS, max_pixels: int = MAX_PIXELS
) -> tuple[np.ndarray, list[str], int]:
    """One image file -> (uint8 (32, 32, 3), notes on what was done to it, work in pixels).

    DataError, of one sentence without a subject ("is damaged ..."), for whatever cannot be decoded.
    """
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else source
        image = Image.open(file, formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large("more than 89 megapixels", max_pixels) from None
    except Exception:
        raise DataError(f"is not an image that can be read here; {_PLEASE}.") from None
    with image:
        pixels = image.width * image.height
        if pixels > max_pixels:
            raise _too_large(f"{image.width} x {image.height} pixels", max_pixels)
        # a JPEG is not decoded at its full size, see _decoded
        work = pixels // 4 if image.format == "JPEG" else pixels
        try:
            return np.array(_decoded(image)), _notes(image), work
        except Exception:  # the types that decoders raise on damaged files are many
            raise _Damaged(work) from None


class _Damaged(DataError):
    def __init__(self, work: int):
        super().__init__("is damaged or incomplete and cannot be decoded; save it again and retry.")
        self.work = work  # was done before the damage showed


def _too_large(given: str, max_pixels: int) -> DataError:
    return DataError(
        f"is too large ({given}; at most {max_pixels / 1e6:.0f} megapixels); "
        "make it smaller and retry."
    )


def _notes(image: Image.Image) -> list[str]:
    # a phone's JPEG may hold a second picture (MPO), which is no animation
    animated = image.format in ("GIF", "WEBP", "PNG") and getattr(image, "is_animated", False)
    return ["is an animation; its first frame is used."] if animated else []


def _decoded(image: Image.Image) -> Image.Image:
    """An opened image, decoded: upright, the centred square, RGB, 32x32."""
    if image.format in ("JPEG", "MPO"):  # decodes a large photograph at 1/2, 1/4 or 1/8 of its size
        image.draft("RGB", (2 * SIZE, 2 * SIZE))
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    square = fit_square(_eight_bits(image))
    if square.mode == "RGBA":
        square = Image.alpha_composite(Image.new("RGBA", square.size, BACKGROUND), square)
    return square.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Any mode to L, RGB or RGBA. More bits are scaled, where Pillow's convert() would clip."""
    if image.mode.startswith("I;16"):
        grey = np.asarray(image).astype(np.float32) / 257
    elif image.mode in ("I", "F"):  # no range is agreed on: darkest to black, brightest to white
        grey = np.nan_to_num(np.asarray(image, dtype=np.float32))
        grey = (grey - grey.min()) / max(np.ptp(grey), 1e-12) * 255
    else:
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return Image.fromarray(grey.round().astype(np.uint8))


def decode_upload(data: bytes) -> np.ndarray:
    """The bytes of one uploaded image -> uint8 (32, 32, 3): centre crop, resized, on white.

    DataError, of one sentence that begins "The image", for whatever it is that cannot be used.
    """
    image, _ = decode_upload_with_notes(data)
    return image


def decode_upload_with_notes(data: bytes) -> tuple[np.ndarray, list[str]]:
    """As `decode_upload`, with sentences on what a person might wonder at (first frame used)."""
    try:
        image, notes, _ = _decode_bytes(data)
    except DataError as error:
        raise DataError(f"The image {error}") from None
    return image, [f"The image {note}" for note in notes]


def _decode_bytes(data: bytes) -> tuple[np.ndarray, list[str], int]:
    if not data:
        raise DataError(f"is empty (0 bytes); {_PLEASE}.")
    if len(data) > MAX_FILE_BYTES:
        raise DataError(
            f"is too large a file ({len(data) / 2**20:.1f} MB; at most {MAX_FILE_BYTES >> 20} MB); "
            "save it smaller and retry."
        )
    return decode(data)


def decode_uploads(files: Sequence[bytes]) -> tuple[np.ndarray, list[str]]:
    """Uploaded files, each the bytes of an image or of a zip of images -> (images, problems).

    images: uint8 (N, 32, 32, 3), in the order given. problems: a sentence for each file that was
    left out and for each thing done that a person might wonder at. Files are called by their place,
    "Image 3" or "Image 5 of zip 2", never by their name. One bad file does not lose the others.
    """
    images: list[np.ndarray] = []
    problems: list[str] = []
    work = 0
    for name, data in _entries(files, problems):
        if len(images) == MAX_UPLOADS or work > MAX_WORK_PIXELS:
            limit = (
                f"{MAX_UPLOADS} images"
                if len(images) == MAX_UPLOADS
                else f"{MAX_WORK_PIXELS / 1e6:,.0f} megapixels"
            )
            problems.append(
                f"{name} and all after it were left out: at most {limit} are taken at once; "
                "give the rest later."
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
