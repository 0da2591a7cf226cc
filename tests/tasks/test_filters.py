import json

import numpy as np
import pytest

from convae.data.corruptions import CORRUPTIONS, corrupt
from convae.errors import DataError
from convae.evaluation.pca import fit_pca
from convae.tasks import filters
from convae.tasks.filters import FILTERS, PCA_WIENER

METHODS = (PCA_WIENER, *FILTERS)


def direct(image, name, **p):
    """The same filter, called as scikit-image and SciPy document it; image: float32 in [0, 1]."""
    from scipy.ndimage import median_filter
    from skimage import restoration

    if name == "nl_means":
        return restoration.denoise_nl_means(
            image, patch_size=p["patch"], patch_distance=5, h=p["h"], sigma=p["sigma"],
            fast_mode=False, channel_axis=-1,
        )  # fmt: skip
    if name == "tv":
        return restoration.denoise_tv_chambolle(image, weight=p["weight"], channel_axis=-1)
    if name == "bilateral":
        return restoration.denoise_bilateral(
            image, win_size=7, sigma_color=p["sigma"], sigma_spatial=3, channel_axis=-1
        )
    if name == "median":
        return np.dstack([median_filter(image[..., c], p["size"]) for c in range(3)])
    total = 0
    for down in (0, 1):
        for across in (0, 1):
            moved = np.roll(np.roll(image, down, 0), across, 1)
            moved = restoration.denoise_wavelet(
                moved, sigma=p["sigma"], wavelet="db1", method="BayesShrink", mode="soft",
                convert2ycbcr=True, channel_axis=-1,
            )  # fmt: skip
            total = total + np.roll(np.roll(moved, -down, 0), -across, 1)
    return total / 4


@pytest.mark.parametrize("name", FILTERS)
def test_filters_are_those_of_scikit_image(name, waves):
    noisy = corrupt(waves[:3], "gaussian", 25)
    used = filters.parameters(name, "gaussian", 25)
    ours = filters.filtered(noisy, name, **used)
    for image, restored in zip(noisy, ours, strict=True):
        expected = direct(image.astype(np.float32) / 255, name, **used)
        np.testing.assert_array_equal(restored, np.rint(np.clip(expected, 0, 1) * 255))


def test_wiener_shrinks_each_component_by_its_signal_share(waves, pca_of_waves):
    from sklearn.decomposition import PCA

    flat = waves.reshape(len(waves), -1) / 255
    oracle = PCA(40, svd_solver="full").fit(flat)
    variances = oracle.explained_variance_ * (len(waves) - 1) / len(waves)
    codes = oracle.transform(flat[:5]) * variances / (variances + 0.1**2)
    expected = oracle.inverse_transform(codes).clip(0, 1).reshape(-1, 32, 32, 3) * 255
    ours = filters.wiener(waves[:5], pca_of_waves, 0.1)
    assert np.abs(ours - expected).max() < 0.51


def test_wiener_has_the_error_that_theory_predicts():
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.standard_normal((3072, 20)))[0].T
    spreads = np.linspace(6, 0.5, 20)
    codes = rng.standard_normal((4000, 20)) * spreads
    clean = (0.5 + (codes @ directions) / 3).reshape(-1, 32, 32, 3)
    images = np.rint(clean.clip(0, 1) * 255).astype(np.uint8)
    pca = fit_pca(images[:3000], 20)
    sigma = 0.05
    noisy = clean[3000:] + sigma * rng.standard_normal((1000, 32, 32, 3))
    noisy = np.rint(noisy.clip(0, 1) * 255).astype(np.uint8)
    restored = filters.wiener(noisy, pca, sigma)
    variances = (spreads / 3) ** 2
    expected = (variances * sigma**2 / (variances + sigma**2)).sum() / 3072
    rounding = 1 / 12 / 255**2 + 1e-6
    error = np.mean((restored / 255 - clean[3000:]) ** 2)
    assert error == pytest.approx(expected + rounding, rel=0.1)


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("method", METHODS)
def test_parameters_were_tuned_at_every_strength_of_the_curve(kind, method):
    columns = json.loads(filters.TUNED.read_text())["parameters"][kind][method]
    assert tuple(columns["strength"]) == CORRUPTIONS[kind].curve
    for place, strength in enumerate(columns["strength"]):
        found = filters.parameters(method, kind, strength)
        assert found == {n: pytest.approx(v[place]) for n, v in columns.items() if n != "strength"}


def test_parameters_are_interpolated_between_tuned_strengths():
    low, middle, high = (filters.parameters("tv", "gaussian", s)["weight"] for s in (10, 15, 25))
    assert middle == pytest.approx(low + (high - low) / 3)
    assert filters.parameters("tv", "gaussian", 150) == filters.parameters("tv", "gaussian", 100)
    first = filters.parameters("tv", "gaussian", 5)["weight"]
    assert filters.parameters("tv", "gaussian", 1)["weight"] == pytest.approx(first / 5)


def test_what_is_unknown_is_one_sentence():
    with pytest.raises(DataError, match="`rain` is not a corruption: give gaussian"):
        filters.parameters("tv", "rain", 1)
    with pytest.raises(DataError, match=r"`strength` \(=-1\) of gaussian must lie in 0..150"):
        filters.parameters("tv", "gaussian", -1)
