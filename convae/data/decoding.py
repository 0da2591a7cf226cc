"""One image file, decoded to 32x32 pixels within bounds of memory and time.

A large image is never converted whole: its square is cut into bands, and each band is converted and
reduced on its own. So it takes little more memory than its decoder needs, see `large_images`.
"""

import io
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from convae.data import large_images
from convae.errors import DataError

SIZE = 32
UPLOAD_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
PLEASE = "give a PNG, JPEG, WebP, BMP or GIF"
BACKGROUND = (255, 255, 255)  # transparent areas are shown on white
MAX_PIXELS = 80_000_000  # a camera may give 60; Pillow warns from 89
MAX_FILE_SECONDS = 5.0  # from its first byte to its 32x32 pixels
REDUCED = 8 * SIZE  # a side of twice this or more is reduced band by band

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def fit_square(image: Image.Image, size: int = SIZE) -> Image.Image:
    """The largest centered square of `image`, at `size` x `size` pixels."""
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
    Bytes that take longer than MAX_FILE_SECONDS are rejected, and so is what needs more memory than
    `large_images` allows.
    """
    try:
        image = Image.open(_Timed(source) if isinstance(source, bytes) else source, formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large("more than 89 megapixels", max_pixels) from None
    except _TooSlow:
        raise _too_slow(0) from None
    except Exception:
        raise DataError(f"is not an image that can be read here; {PLEASE}.") from None
    with image:
        pixels = image.width * image.height
        if pixels > max_pixels:
            raise _too_large(f"{image.width} x {image.height} pixels", max_pixels)
        # a JPEG is not decoded at its full size, see _decoded
        work = pixels // 4 if image.format == "JPEG" else pixels
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        try:
            with large_images.room_for(image, size):
                return np.array(_decoded(image)), _notes(image), work
        except DataError:
            raise
        except _TooSlow:
            raise _too_slow(work) from None
        except Exception:  # the types that decoders raise on damaged files are many
            raise Failed(
                "is damaged or incomplete and cannot be decoded; save it again and retry.", work
            ) from None


class Failed(DataError):
    """A file that could not be used, after `work` pixels were worked on."""

    def __init__(self, message: str, work: int):
        super().__init__(message)
        self.work = work


class _TooSlow(Exception):
    """Ends decoders that read in small pieces when the time limit is over."""


class _Timed(io.BytesIO):
    def __init__(self, data: bytes):
        super().__init__(data)
        self.deadline = time.monotonic() + MAX_FILE_SECONDS

    def read(self, *args: int) -> bytes:
        if time.monotonic() > self.deadline:
            raise _TooSlow
        return super().read(*args)


def _too_slow(work: int) -> Failed:
    return Failed(
        f"takes more than {MAX_FILE_SECONDS:.0f} s to decode; save it as a plain PNG or JPEG, "
        "smaller, and retry.",
        work,
    )


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
    """An opened image, decoded: upright, the centered square, RGB, 32x32."""
    if image.format in ("JPEG", "MPO"):  # decodes a large photograph at 1/2, 1/4 or 1/8 of its size
        image.draft("RGB", (2 * SIZE, 2 * SIZE))
    image.load()
    # the range of these two is known only when all of the image is
    if min(image.size) >= 2 * REDUCED and image.mode not in ("I", "F"):
        square = _reduced_by_bands(image)
        turn = _TRANSPOSE.get(image.getexif().get(ExifTags.Base.Orientation))
        square = square if turn is None else square.transpose(turn)
    else:
        ImageOps.exif_transpose(image, in_place=True)
        square = fit_square(_eight_bits(image))
    if square.mode == "RGBA":
        square = Image.alpha_composite(Image.new("RGBA", square.size, BACKGROUND), square)
    return square.convert("RGB")


def _reduced_by_bands(image: Image.Image) -> Image.Image:
    """The centered square of a large image at 32x32, in L, RGB or RGBA: as `fit_square`, but only
    a few rows at a time are converted."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    factor = side // REDUCED
    rows = 32 * factor
    canvas = None
    for row in range(0, side, rows):
        height = min(rows, side - row)
        band = image.crop((left, top + row, left + side, top + row + height))
        band = _eight_bits(band)
        if band.mode == "RGBA":  # colors of transparent pixels must not bleed into the others
            band = band.convert("RGBa")
        band = band.reduce(factor)
        if canvas is None:
            canvas = Image.new(band.mode, (band.width, -(-side // factor)))
        canvas.paste(band, (0, row // factor))
    end = side / factor
    square = canvas.resize(
        (SIZE, SIZE), Image.Resampling.LANCZOS, box=(0, 0, end, end), reducing_gap=3.0
    )
    return square.convert("RGBA") if square.mode == "RGBa" else square


def _eight_bits(image: Image.Image) -> Image.Image:
    """Any mode to L, RGB or RGBA. More bits are scaled, where Pillow's convert() would clip."""
    if image.mode.startswith("I;16"):
        deep = np.asarray(image)
        gray = Image.fromarray((deep.astype(np.float32) / 257).round().astype(np.uint8))
        clear = image.info.get("transparency")
        if not isinstance(clear, int):
            return gray
        alpha = Image.fromarray(np.where(deep == clear, 0, 255).astype(np.uint8))
        return Image.merge("RGBA", (gray, gray, gray, alpha))
    if image.mode in ("I", "F"):  # no range is agreed on: darkest to black, brightest to white
        gray = np.nan_to_num(np.asarray(image, dtype=np.float32))
        gray = (gray - gray.min()) / max(np.ptp(gray), 1e-12) * 255
        return Image.fromarray(gray.round().astype(np.uint8))
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == wanted else image.convert(wanted)
