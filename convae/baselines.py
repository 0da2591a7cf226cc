"""The straw men every claim is held against: PCA with as many values, JPEG and WebP as small."""

import hashlib
import io
import math
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.linalg
import threadpoolctl
from PIL import Image

from convae.metrics import set_psnr

BLOCK = 5_000
PACKED = 256  # images in the file of a codec at least


class PCA(NamedTuple):
    """The best linear code. Pixels in [0, 1], an image flattened as it lies: (32, 32, 3) -> 3,072.

    mean: float32 (3072,). components: float32 (K, 3072), orthonormal rows, the largest variance
    first. variances: float64 (K,). fitted_on: how many images it was fitted on.
    """

    mean: np.ndarray
    components: np.ndarray
    variances: np.ndarray
    fitted_on: int = 0

    def encode(self, images: np.ndarray, latent_dim: int) -> np.ndarray:
        """images: uint8 (N, 32, 32, 3). Returns codes float32 (N, latent_dim).

        N images span N - 1 directions at most: values beyond them are zero. Raises ValueError where
        latent_dim asks for directions that exist but were not kept.
        """
        known = len(self.components)
        if latent_dim > known and known < min(self.fitted_on - 1, len(self.mean)):
            raise ValueError(f"latent_dim (={latent_dim}) is above the {known} components kept")
        directions = self.components[:latent_dim].T
        codes = np.zeros((len(images), latent_dim), np.float32)
        for block, pixels in _centred(images, self.mean):
            codes[block, :known] = pixels @ directions
        return codes

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """codes: float32 (N, latent_dim). Returns images uint8 (N, 32, 32, 3)."""
        images = np.empty((len(codes), len(self.mean)), np.uint8)
        directions = self.components[: codes.shape[1]]
        for start in range(0, len(codes), BLOCK):
            pixels = codes[start : start + BLOCK, : len(directions)] @ directions + self.mean
            images[start : start + BLOCK] = np.rint(pixels.clip(0, 1) * 255)
        return images.reshape(-1, 32, 32, 3)

    def reconstruct(self, images: np.ndarray, latent_dim: int) -> np.ndarray:
        """images: uint8 (N, 32, 32, 3). Returns what latent_dim values of each can tell of it."""
        return self.decode(self.encode(images, latent_dim))


def _centred(images: np.ndarray, mean: np.ndarray):
    for start in range(0, len(images), BLOCK):
        block = slice(start, start + BLOCK)
        pixels = images[block].reshape(len(images[block]), -1).astype(np.float32)
        pixels /= 255
        pixels -= mean
        yield block, pixels


def fit_pca(
    images: np.ndarray, components: int = 1024, progress: Callable[[float], None] | None = None
) -> PCA:
    """Fit PCA to images, uint8 (N, 32, 32, 3): about 10 s for 50,000 on two cores.

    progress is called with the share done, in [0, 1]. Fewer than `components` come back where there
    are fewer directions: min(N - 1, 3072). The largest entry of every component is positive, so
    that the same images give the same signs on every machine. Raises ValueError without images.
    """
    if not len(images):
        raise ValueError("PCA needs at least one image, got none")
    report = progress or (lambda share: None)
    flat = images.reshape(len(images), -1)
    mean = (flat.sum(axis=0, dtype=np.int64) / (255 * len(flat))).astype(np.float32)
    n, pixels = flat.shape
    keep = min(components, n - 1, pixels)
    report(0.02)
    if keep < 1:
        report(1.0)
        return PCA(mean, np.zeros((0, pixels), np.float32), np.zeros(0), n)
    find = _from_inner_products if n <= pixels else _from_covariance
    values, vectors = find(_centred(images, mean), n, keep, report)
    directions = vectors.T[::-1].astype(np.float32)
    largest = np.abs(directions).argmax(axis=1)
    directions *= np.sign(directions[np.arange(keep), largest])[:, None]
    report(1.0)
    return PCA(mean, np.ascontiguousarray(directions), values[::-1].clip(0) / n, n)


def _from_covariance(blocks, n, keep, report):
    covariance = 0.0
    for block, rows in blocks:
        covariance = covariance + (rows.T @ rows).astype(np.float64)
        report(0.5 * min(1.0, block.stop / n))
    with _one_thread():
        return _largest(covariance, keep)


def _from_inner_products(blocks, n, keep, report):
    """Few images: the N x N matrix of their inner products has the same spectrum and is smaller."""
    rows = np.concatenate([rows for _, rows in blocks])
    with _one_thread():
        values, vectors = _largest((rows @ rows.T).astype(np.float64), keep)
        report(0.5)
        # QR and not a division by the lengths, which are zero where images repeat
        vectors = np.linalg.qr(rows.T @ vectors[:, ::-1].astype(np.float32))[0]
    return values, vectors[:, ::-1]


def _largest(matrix: np.ndarray, keep: int) -> tuple[np.ndarray, np.ndarray]:
    """The `keep` largest eigenvalues of a symmetric matrix, rising, and the vectors as columns."""
    size = len(matrix)
    return scipy.linalg.eigh(matrix, subset_by_index=(size - keep, size - 1), overwrite_a=True)


def _one_thread():
    """Beside a running training, two threads of BLAS mostly wait for each other: 35 s against 6."""
    return threadpoolctl.threadpool_limits(1, user_api="blas")


def pca_for(image_set, components: int = 1024, progress=None) -> PCA:
    """The PCA of an ImageSet (which has .images and .fingerprint), fitted once and kept on disk.

    Kept in the folder CONVAE_CACHE_DIR (default: cache). A damaged file is fitted again; where
    nothing can be written the PCA is returned all the same.
    """
    name = image_set.fingerprint
    if not re.fullmatch(r"[a-z0-9_-]{1,80}", name):
        name = hashlib.sha256(name.encode()).hexdigest()[:32]
    folder = Path(os.environ.get("CONVAE_CACHE_DIR", "cache"))
    path = folder / f"pca-{name}-{components}.npz"
    pca = _load(path)
    if pca is None:
        pca = fit_pca(image_set.images, components, progress)
        _save(path, pca)
    return pca


def _load(path: Path) -> PCA | None:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            pca = PCA(*(file[field] for field in PCA._fields[:3]), int(file["fitted_on"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    kept = len(pca.variances)
    sound = pca.mean.shape == (3072,) and pca.components.shape == (kept, 3072)
    return pca if sound else None


def _save(path: Path, pca: PCA) -> None:
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            temporary = file.name
            np.savez(file, **pca._asdict())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        # a full or read-only disk costs time, not the result
        if temporary:
            Path(temporary).unlink(missing_ok=True)


class Coded(NamedTuple):
    """What a codec made of images: uint8 (N, 32, 32, 3), bytes an image, the quality it took."""

    rebuilt: np.ndarray
    bytes_per_image: float
    quality: int


def jpeg(images: np.ndarray, quality: int) -> tuple[np.ndarray, float]:
    """What JPEG makes of images at a quality of 1 to 95, and the bytes it needs for each.

    images: uint8 (N, 32, 32, 3). All are packed into one sheet, and the bytes are those of the
    whole file over N: of the header (about 300 bytes) an image carries next to nothing. Where there
    are fewer than 256 they are repeated up to that, so that it stays so. Colour is not subsampled
    (4:4:4): in RGB that gives the better PSNR from about 70 bytes an image, and as every block of
    8 x 8 pixels lies inside one tile, no image touches its neighbour. Huffman tables are optimised.
    """
    return _coded(images, "JPEG", quality=int(quality), subsampling=0, optimize=True)


def webp(images: np.ndarray, quality: int) -> tuple[np.ndarray, float]:
    """What lossy WebP makes of images at a quality of 0 to 100, and the bytes it needs for each.

    images: uint8 (N, 32, 32, 3), packed into one sheet as in `jpeg`. WebP always halves the colour
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


def _within(codec, images, budget, lowest, highest) -> Coded:
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


def _coded(images: np.ndarray, form: str, **options) -> tuple[np.ndarray, float]:
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
    Image.fromarray(sheet).save(file, form, **options)
    decoded = np.asarray(Image.open(file, formats=[form]).convert("RGB"))
    tiles = decoded.reshape(rows, 32, columns, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)
    return tiles[:n], file.tell() / n


def code_range(codes: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """The range of each value of the code that `bits` bits should cover: low, high float32 (d,).

    codes: float32 (N, d), a reference set such as the training split's, not the images coded. The
    share 0.45 / 3^bits of rare values is cut off, as a narrower range has finer steps: found by
    trial on PCA codes of CIFAR-10, where it is within 0.1 dB of the best for 2 to 8 bits.
    """
    rare = 0.45 / 3**bits / 2
    low, high = np.quantile(codes, [rare, 1 - rare], axis=0)
    return low.astype(np.float32), high.astype(np.float32)


def quantise(codes: np.ndarray, bits: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Codes in whole steps of `bits` bits (1 to 8), packed: uint8 (N, ceil(d * bits / 8)).

    codes: (N, d). low, high: (d,), the range of each value, cut into 2^bits equal cells; what lies
    outside goes into the outermost cell.
    """
    cells = _cells(bits)
    width = np.where(high > low, (high - low) / cells, 1)
    cell = np.floor((codes - low) / width).clip(0, cells - 1).astype(np.uint8)
    ones = np.unpackbits(cell[:, :, None], axis=2)[:, :, 8 - bits :]
    return np.packbits(ones.reshape(len(codes), -1), axis=1)


def dequantise(packed: np.ndarray, bits: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The middle of each value's cell: codes float32 (N, d). The inverse of `quantise`."""
    cells, d = _cells(bits), len(low)
    ones = np.unpackbits(packed, axis=1, count=d * bits).reshape(len(packed), d, bits)
    cell = ones @ (1 << np.arange(bits)[::-1])
    return (low + (cell + 0.5) * ((high - low) / cells)).astype(np.float32)


def _cells(bits: int) -> int:
    if not 1 <= bits <= 8:
        raise ValueError(f"bits (={bits}) must be 1 to 8")
    return 1 << bits


def rate_distortion(
    images: np.ndarray,
    codes: np.ndarray,
    decode: Callable[[np.ndarray], np.ndarray],
    reference: np.ndarray,
    bits: Iterable[int] = range(1, 9),
) -> list[tuple[int, float]]:
    """What quantising a code costs: (bytes an image, PSNR of the set in dB) at each of the bits.

    images: uint8 (N, 32, 32, 3) and their codes (N, d); decode turns codes into images, of a PCA or
    of a network; reference: codes (M, d) of other images, for the range of each value.
    """
    points = []
    for each in bits:
        low, high = code_range(reference, each)
        packed = quantise(codes, each, low, high)
        rebuilt = decode(dequantise(packed, each, low, high))
        points.append((packed.shape[1], set_psnr(images, rebuilt)))
    return points


def codec_curve(codec, images: np.ndarray, qualities: Iterable[int]) -> list[tuple[float, float]]:
    """(bytes an image, PSNR of the set in dB) of `jpeg` or `webp` at each quality."""
    points = []
    for quality in qualities:
        rebuilt, size = codec(images, quality)
        points.append((size, set_psnr(images, rebuilt)))
    return points
