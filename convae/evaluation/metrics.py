"""Numbers about images and about maps. Images are uint8 (N, H, W, 3), pixels count as [0, 1]."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

BLOCK = 500


class Summary(NamedTuple):
    """A whole set in a few numbers: mean MSE, the PSNR of that mean in dB, mean SSIM.

    psnr_mean, psnr_spread, ssim_spread: mean and standard deviation over the images, of those whose
    value is finite.
    """

    n: int
    mse: float
    psnr: float
    ssim: float
    psnr_mean: float
    psnr_spread: float
    ssim_spread: float


class BandError(NamedTuple):
    """One band of spatial frequencies: low <= cycles per pixel < high.

    mse: this band's part of the MSE; the parts of all bands add up to it.
    signal: this band's part of the originals' mean square. mse / signal is the share that is lost.
    """

    low: float
    high: float
    mse: float
    signal: float


def _pair(images: np.ndarray, rebuilt: np.ndarray) -> None:
    for given in (images, rebuilt):
        if given.dtype != np.uint8 or given.ndim != 4:
            raise ValueError(f"images must be uint8 (N, H, W, C), got {given.dtype} {given.shape}")
    if images.shape != rebuilt.shape:
        raise ValueError(f"images {images.shape} and rebuilt {rebuilt.shape} differ in shape")


def _blocks(n: int, size: int = BLOCK) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, n, size))


def _squared_error(images: np.ndarray, rebuilt: np.ndarray) -> np.ndarray:
    """Sum of squared differences of each image in gray levels, exact: int64 (N,)."""
    _pair(images, rebuilt)
    total = np.empty(len(images), np.int64)
    for block in _blocks(len(images)):
        difference = images[block].astype(np.int32) - rebuilt[block]
        total[block] = (difference * difference).sum(axis=(1, 2, 3))
    return total


def _mse(images: np.ndarray, rebuilt: np.ndarray) -> np.ndarray:
    return _squared_error(images, rebuilt) / (255.0**2 * max(1, int(np.prod(images.shape[1:]))))


def _decibel(mean_squared_error: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return -10 * np.log10(mean_squared_error)


def mse(images: np.ndarray, rebuilt: np.ndarray) -> np.ndarray:
    """Mean squared error of each image, pixels in [0, 1]. Lower is better.

    images, rebuilt: uint8 (N, H, W, C). Returns float32 (N,).
    """
    return _mse(images, rebuilt).astype(np.float32)


def psnr(images: np.ndarray, rebuilt: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of each image, in dB. Higher is better; equal images give inf.

    images, rebuilt: uint8 (N, H, W, C). Returns float32 (N,). 10 log10(255^2 / MSE).
    For captions; the PSNR of a set is `set_psnr`, not the mean of these.
    """
    return _decibel(_mse(images, rebuilt)).astype(np.float32)


EXACT_DB = 200.0  # what stands for infinity in files and charts: an exact reconstruction


def capped_psnr(error: float) -> float:
    """PSNR in dB of this mean squared error, at most EXACT_DB; nan stays nan."""
    return -10 * math.log10(max(error, 10 ** (-EXACT_DB / 10))) if error == error else math.nan


def set_psnr(images: np.ndarray, rebuilt: np.ndarray) -> float:
    """PSNR of a whole set, in dB: 10 log10(1 / mean MSE). The one definition for every table.

    The mean of `psnr` is about 0.7 dB higher on CIFAR-10. Equal sets give inf, empty ones nan.
    """
    errors = _mse(images, rebuilt)
    return float(_decibel(errors.mean())) if len(errors) else float("nan")


def ssim(images: np.ndarray, rebuilt: np.ndarray) -> np.ndarray:
    """Structural similarity of each image, 1 for equal images. Returns float32 (N,).

    images, rebuilt: uint8 (N, H, W, C), H and W at least 11. Wang et al. 2004: Gaussian window of
    11 x 11 with sigma 1.5, K1 = 0.01, K2 = 0.03, data range 255; the mean over all places where
    the window lies inside the image, and over the channels.
    """
    _pair(images, rebuilt)
    if min(images.shape[1:3]) < 11:
        raise ValueError(f"ssim needs images of at least 11 x 11 pixels, got {images.shape[1:3]}")
    rows, columns = (_window(side) for side in images.shape[1:3])
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = np.empty(len(images), np.float32)
    for block in _blocks(len(images), 64):
        # centered, so that the variances survive the subtraction of two large numbers
        x, y = (np.moveaxis(item[block], 3, 1) - 127.5 for item in (images, rebuilt))
        mean_x, mean_y, xx, yy, xy = (
            rows @ item @ columns.T for item in (x, y, x * x, y * y, x * y)
        )
        variances = xx - mean_x**2 + yy - mean_y**2
        covariance = xy - mean_x * mean_y
        mean_x, mean_y = mean_x + 127.5, mean_y + 127.5
        likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
        likeness /= (mean_x**2 + mean_y**2 + c1) * (variances + c2)
        values[block] = likeness.mean(axis=(1, 2, 3))
    return values


def _window(side: int) -> np.ndarray:
    """The Gaussian window as a matrix (side - 10, side): a blur is then two matrix products."""
    weights = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    weights /= weights.sum()
    matrix = np.zeros((side - 10, side))
    for row in range(side - 10):
        matrix[row, row : row + 11] = weights
    return matrix


def summary(images: np.ndarray, rebuilt: np.ndarray) -> Summary:
    """A whole set in a few numbers; nan where the set is empty."""
    if not len(images):
        return Summary(0, *[float("nan")] * 6)
    errors, likeness = _mse(images, rebuilt), ssim(images, rebuilt)
    mean, item = float(errors.mean()), _decibel(errors)
    item = item[np.isfinite(item)]
    of_each = (float(item.mean()), float(item.std())) if len(item) else (float("nan"),) * 2
    ssim_mean, ssim_spread = float(likeness.mean()), float(likeness.std())
    return Summary(len(images), mean, float(_decibel(mean)), ssim_mean, *of_each, ssim_spread)


def pixel_entropy(images: np.ndarray) -> float:
    """Mean binary entropy of the pixels in nats: no model's binary cross-entropy can be lower.

    With a pixel v in [0, 1] as soft target, BCE(v, p) is least at p = v, where it is the entropy
    -v log v - (1 - v) log(1 - v). 0.5478 on CIFAR-10. nan for an empty set.
    """
    counts = sum(
        (np.bincount(images[block].ravel(), minlength=256) for block in _blocks(len(images))),
        np.zeros(256, np.int64),
    )
    if not counts.sum():
        return float("nan")
    value = np.arange(1, 255) / 255
    entropy = np.zeros(256)
    entropy[1:255] = -value * np.log(value) - (1 - value) * np.log1p(-value)
    return float(counts @ entropy / counts.sum())


def roc(scores_normal: np.ndarray, scores_odd: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """How well scores tell odd images from normal ones; a higher score means odder.

    Returns (false positive rate, true positive rate, area under the curve); the curve runs from
    (0, 0) to (1, 1) and the area is the chance that an odd image scores above a normal one, equal
    scores counting half. Raises ValueError where one side is empty or a score is nan.
    """
    normal, odd = np.ravel(scores_normal), np.ravel(scores_odd)
    if not len(normal) or not len(odd):
        raise ValueError(f"a ROC needs scores of both kinds, got {len(normal)} and {len(odd)}")
    if np.isnan(normal).any() or np.isnan(odd).any():
        raise ValueError("a score is nan")
    thresholds = np.unique(np.concatenate([normal, odd]))[::-1]
    rates = [
        np.concatenate([[0.0], 1 - np.searchsorted(np.sort(item), thresholds) / len(item)])
        for item in (normal, odd)
    ]
    return rates[0], rates[1], float(np.trapezoid(rates[1], rates[0]))


def _radii(shape: tuple[int, ...]) -> np.ndarray:
    """Spatial frequency of each entry of a 2-D Fourier transform, in cycles per pixel."""
    return np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1]))


def _mean_power(images: np.ndarray, rebuilt: np.ndarray | None = None) -> np.ndarray:
    """Mean over images and channels of |DFT|^2 / (H W)^2, pixels in [0, 1]: float64 (H, W).

    Its sum is the mean square of the pixels (Parseval). With rebuilt: of the difference.
    """
    from scipy import fft

    height, width = images.shape[1:3]
    total = np.zeros((height, width))
    for block in _blocks(len(images)):
        pixels = images[block].astype(np.float32)
        if rebuilt is not None:
            pixels -= rebuilt[block]
        transform = fft.fft2(pixels / 255, axes=(1, 2))
        total += (transform.real**2 + transform.imag**2).sum(axis=(0, 3), dtype=np.float64)
    return total / (max(1, len(images)) * images.shape[3] * (height * width) ** 2)


def power_spectrum(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Radial power spectrum: how much detail of which size there is.

    images: uint8 (N, H, W, C), H = W. Returns frequencies in cycles per pixel (H // 2,), from
    1 / H up to 0.5, and the mean power per Fourier coefficient at each, pixels in [0, 1]. The mean
    brightness (frequency 0) and the corners of the spectrum, above 0.5, are left out.
    """
    side = images.shape[1]
    ring = np.rint(_radii(images.shape[1:3]) * side).astype(int)
    power = _mean_power(images)
    frequencies = np.arange(1, side // 2 + 1)
    return frequencies / side, np.array([power[ring == item].mean() for item in frequencies])


def band_error(images: np.ndarray, rebuilt: np.ndarray) -> list[BandError]:
    """The MSE split by spatial frequency, in octaves: which sizes of detail are lost?

    images, rebuilt: uint8 (N, H, W, C). The first band is the mean brightness alone, the last one
    reaches into the corners of the spectrum. The bands' mse add up to the MSE of the set.
    """
    _pair(images, rebuilt)
    radii = _radii(images.shape[1:3])
    error, signal = _mean_power(images, rebuilt), _mean_power(images)
    edges = [0.0, 1e-9, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 0.75]
    edges[1] = 1 / (2 * max(images.shape[1:3]))
    bands = []
    for low, high in zip(edges, edges[1:], strict=False):
        inside = (radii >= low) & (radii < high)
        bands.append(BandError(low, high, float(error[inside].sum()), float(signal[inside].sum())))
    return bands
