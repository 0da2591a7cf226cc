"""Classical filters for one image each, and the parameters they were tuned to.

The filters are those of scikit-image and SciPy. tuned_filters.json holds the best parameters for
each corruption and strength, found once on images of a training split by
`python -m benchmarks.tune_filters`.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from convae.data.corruptions import check_corruption
from convae.evaluation.pca import PCA

PCA_WIENER = "pca_wiener"
TUNED = Path(__file__).with_name("tuned_filters.json")
DISCRETE = ("patch", "size")  # parameters that are taken from the nearest tuned strength


def _nl_means(image: np.ndarray, h: float, sigma: float, patch: int) -> np.ndarray:
    """Non-local means (Buades, Coll and Morel 2005), distances corrected for the noise."""
    from skimage.restoration import denoise_nl_means

    # the windowed variant (fast_mode=False): 0.5 dB better on 32x32 pixels than the fast one
    cleaned = denoise_nl_means(
        image, int(patch), 5, h=h, sigma=sigma, fast_mode=False, channel_axis=-1
    )
    # where h is far below sigma the weights vanish and the mean is 0 / 0: nothing to average
    return np.where(np.isfinite(cleaned), cleaned, image)


def _wavelet(image: np.ndarray, sigma: float) -> np.ndarray:
    """BayesShrink (Chang, Yu and Vetterli 2000) of Haar wavelets, averaged over four shifts."""
    from skimage.restoration import denoise_wavelet

    total = np.zeros_like(image)
    for shift in ((0, 0), (0, 1), (1, 0), (1, 1)):  # cycle spinning (Coifman and Donoho 1995)
        moved = np.roll(image, shift, (0, 1))
        cleaned = denoise_wavelet(
            moved, sigma=sigma, wavelet="db1", mode="soft", convert2ycbcr=True, channel_axis=-1
        )
        total += np.roll(cleaned, (-shift[0], -shift[1]), (0, 1))
    return total / 4


def _total_variation(image: np.ndarray, weight: float) -> np.ndarray:
    """Total variation (Rudin, Osher and Fatemi 1992) by Chambolle's algorithm of 2004."""
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(image, weight=weight, channel_axis=-1)


def _bilateral(image: np.ndarray, sigma: float) -> np.ndarray:
    """The bilateral filter (Tomasi and Manduchi 1998), 7x7 pixels, 3 pixels wide."""
    from skimage.restoration import denoise_bilateral

    return denoise_bilateral(
        image, win_size=7, sigma_color=sigma, sigma_spatial=3.0, channel_axis=-1
    )


def _median(image: np.ndarray, size: int) -> np.ndarray:
    from scipy import ndimage  # not at the top: every page imports this module

    return ndimage.median_filter(image, (int(size), int(size), 1))


FILTERS: dict[str, Callable[..., np.ndarray]] = {
    "nl_means": _nl_means,
    "wavelet": _wavelet,
    "tv": _total_variation,
    "bilateral": _bilateral,
    "median": _median,
}


def filtered(images: np.ndarray, name: str, **parameters: float) -> np.ndarray:
    """Each image by one of FILTERS: uint8 (N, 32, 32, 3) in and out, pixels in [0, 1] inside."""
    restored = np.empty_like(images)
    for number, image in enumerate(images):
        pixels = FILTERS[name](image.astype(np.float32) / 255, **parameters)
        restored[number] = np.rint(np.clip(pixels, 0, 1) * 255)
    return restored


def wiener(images: np.ndarray, pca: PCA, sigma: float) -> np.ndarray:
    """Shrinks each principal component of variance w by w / (w + sigma^2), the Wiener filter for
    white noise. images: uint8 (N, 32, 32, 3); sigma: its standard deviation, pixels in [0, 1]."""
    variances = pca.variances
    gains = variances / np.maximum(variances + sigma**2, np.finfo(np.float64).tiny)
    codes = pca.encode(images, len(variances))
    return pca.decode((codes * gains).astype(np.float32))


@cache
def _tuned() -> dict[str, dict[str, dict[str, list[float]]]]:
    return json.loads(TUNED.read_text())["parameters"]


def parameters(method: str, kind: str, strength: float) -> dict[str, float]:
    """The tuned parameters of a filter, or of PCA_WIENER, for this corruption.

    Between tuned strengths they are interpolated linearly, below the first in proportion to the
    strength, and above the last they are constant. DataError for an unknown kind or strength.
    """
    check_corruption(kind, strength)
    columns = dict(_tuned()[kind][method])
    strengths = columns.pop("strength")
    nearest = int(np.abs(np.array(strengths) - strength).argmin())
    return {
        name: values[nearest]
        if name in DISCRETE
        else float(np.interp(strength, [0.0, *strengths], [0.0, *values]))
        for name, values in columns.items()
    }
