"""Baselines of the size of a code: JPEG and WebP (PCA is in `pca`)."""

import io
import math
import threading
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageFile

from convae.evaluation.metrics import set_psnr

PACKED = 256  # images in the file of a codec at least


class Coded(NamedTuple):
    """What a codec made of images: uint8 (N, 32, 32, 3), bytes an image, the quality it took."""

    rebuilt: np.ndarray
    bytes_per_image: float
    quality: int


Compress = Callable[[np.ndarray, int], tuple[np.ndarray, float]]  # jpeg, webp


def jpeg(images: np.ndarray, quality: int) -> tuple[np.ndarray, float]:
    """What JPEG makes of images at a quality of 1 to 95, and the bytes it needs for each.

    images: uint8 (N, 32, 32, 3). All are packed into one sheet, and the bytes are those of the
    whole file over N: of the header (about 300 bytes) an image carries next to nothing. Where there
    are fewer than 256 they are repeated up to that, so that it stays so. Color is not subsampled
    (4:4:4): in RGB that gives the better PSNR from about 70 bytes an image, and as every block of
    8 x 8 pixels lies inside one tile, no image touches its neighbor. Huffman tables are optimized.
    """
    return _coded(images, "JPEG", quality=int(quality), subsampling=0, optimize=True)


def webp(images: np.ndarray, quality: int) -> tuple[np.ndarray, float]:
    """What lossy WebP makes of images at a quality of 0 to 100, and the bytes it needs for each.

    images: uint8 (N, 32, 32, 3), packed into one sheet as in `jpeg`. WebP always halves the color
    (4:2:0); its blocks of 16 x 16 lie inside the tiles, but it predicts from and smooths across
    their edges a little. Method 4, the default of libwebp; 6 takes twice the time for 0.1 dB.
    """
    return _coded(images, "WEBP", quality=int(quality), method=4)


def jpeg_at(images: np.ndarray, bytes_per_image: float) -> Coded:
    """The best JPEG of at most so many bytes an image.

    Where even quality 1 needs more, it comes back with the bytes it really needs.
    """
    return _within(jpeg, images, bytes_per_image, 1, 95)


def webp_at(images: np.ndarray, bytes_per_image: float) -> Coded:
    """The best WebP of at most so many bytes an image; see `jpeg_at`."""
    return _within(webp, images, bytes_per_image, 0, 100)


def _within(codec: Compress, images: np.ndarray, budget: float, lowest: int, highest: int) -> Coded:
    best = Coded(*codec(images, lowest), lowest)
    low, high = lowest, highest
    while low < high and best.bytes_per_image <= budget:
        quality = (low + high + 1) // 2
        rebuilt, size = codec(images, quality)
        if size <= budget:
            best, low = Coded(rebuilt, size, quality), quality
        else:
            high = quality - 1
    return best


def _coded(images: np.ndarray, form: str, **options: Any) -> tuple[np.ndarray, float]:
    n = len(images)
    if not n:
        return images.copy(), 0.0
    if n < PACKED:
        rebuilt, size = _coded(np.tile(images, (-(-PACKED // n), 1, 1, 1)), form, **options)
        return rebuilt[:n], size
    columns = math.ceil(math.sqrt(n))
    rows = -(-n // columns)
    tiles = np.full((rows * columns, 32, 32, 3), 128, np.uint8)
    tiles[:n] = images
    sheet = tiles.reshape(rows, columns, 32, 32, 3).swapaxes(1, 2).reshape(rows * 32, -1, 3)
    file = io.BytesIO()
    _enlarge_buffer(2 * sheet.nbytes)
    Image.fromarray(sheet).save(file, form, **options)
    decoded = np.asarray(Image.open(file, formats=[form]).convert("RGB"))
    tiles = decoded.reshape(rows, 32, columns, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)
    return tiles[:n], file.tell() / n


_BUFFER_LOCK = threading.Lock()


def _enlarge_buffer(size: int) -> None:
    """Let Pillow write a file of up to `size` bytes at once, as optimized Huffman tables require.

    Its own choice, a byte a pixel or two, is too small for noise at a high quality. The setting
    belongs to the process and is only ever raised, so no thread can take the room from another.
    """
    with _BUFFER_LOCK:
        ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, size)


def codec_curve(
    codec: Compress, images: np.ndarray, qualities: Iterable[int]
) -> list[tuple[float, float]]:
    """(bytes an image, PSNR of the set in dB) of `jpeg` or `webp` at each quality."""
    points = []
    for quality in qualities:
        rebuilt, size = codec(images, quality)
        points.append((size, set_psnr(images, rebuilt)))
    return points
