import time

import numpy as np
import pytest

from convae.evaluation import metrics
from convae.latent import neighbors


def noise(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)


def flat(*levels):
    levels = np.array(levels, np.uint8)[:, None, None, None]
    return np.broadcast_to(levels, (len(levels), 32, 32, 3)).copy()


def blurred(images):
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(images.astype(float), (0, 1.5, 1.5, 0)).astype(np.uint8)


def test_mse_by_hand():
    assert metrics.mse(flat(0, 0, 10), flat(255, 51, 10)).tolist() == [
        1.0,
        pytest.approx(0.04),
        0.0,
    ]
    assert metrics.mse(noise(2), noise(2, 1)).dtype == np.float32


def test_psnr_by_hand():
    assert metrics.psnr(flat(0, 0), flat(255, 51)).tolist() == pytest.approx([0, 13.9794], abs=1e-4)


def test_psnr_of_equal_images_is_infinite():
    assert metrics.psnr(noise(2), noise(2)).tolist() == [np.inf, np.inf]
    assert metrics.set_psnr(noise(2), noise(2)) == np.inf


def test_psnr_of_a_set_is_that_of_its_mean_error_and_not_the_mean_of_its_psnrs():
    images, rebuilt = flat(0, 0), flat(255, 51)
    assert metrics.set_psnr(images, rebuilt) == pytest.approx(-10 * np.log10(0.52))
    assert metrics.set_psnr(images, rebuilt) < metrics.psnr(images, rebuilt).mean()


def test_nothing_has_no_quality():
    nothing = noise(0)
    for measure in (metrics.mse, metrics.psnr, metrics.ssim):
        assert measure(nothing, nothing).shape == (0,)
    assert np.isnan(metrics.set_psnr(nothing, nothing))
    assert np.isnan(metrics.pixel_entropy(nothing))
    assert metrics.summary(nothing, nothing).n == 0


def test_more_images_than_a_block_change_nothing():
    images, rebuilt = noise(1100), noise(1100, 1)
    direct = ((images / 255.0 - rebuilt / 255.0) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(metrics.mse(images, rebuilt), direct, rtol=1e-6)


@pytest.mark.parametrize("measure", [metrics.mse, metrics.psnr, metrics.ssim, metrics.set_psnr])
def test_images_that_are_not_a_pair_are_refused(measure):
    with pytest.raises(ValueError, match=r"\(2, 32, 32, 3\) and rebuilt \(3, 32, 32, 3\) differ"):
        measure(noise(2), noise(3))
    with pytest.raises(ValueError, match="must be uint8 .* got float64"):
        measure(noise(2) / 255, noise(2))


def test_ssim_agrees_with_scikit_image():
    from skimage.metrics import structural_similarity

    soft = blurred(noise(6))
    images = np.concatenate([noise(6), soft, flat(0, 255, 200), soft])
    rebuilt = np.concatenate([soft, noise(6), flat(255, 254, 200), np.roll(soft, 1, axis=2)])
    expected = [
        structural_similarity(
            one,
            other,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=-1,
        )
        for one, other in zip(images, rebuilt, strict=True)
    ]
    np.testing.assert_allclose(metrics.ssim(images, rebuilt), expected, atol=1e-6)


def test_ssim_of_images_that_are_not_square_agrees_with_scikit_image():
    from skimage.metrics import structural_similarity

    one, other = noise(1)[:, :11], blurred(noise(1))[:, :11]
    expected = structural_similarity(
        one[0],
        other[0],
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1,
    )
    assert metrics.ssim(one, other)[0] == pytest.approx(expected, abs=1e-6)


def test_ssim_of_equal_images_is_one_and_is_symmetric():
    assert metrics.ssim(noise(3), noise(3)) == pytest.approx(1)
    forth, back = metrics.ssim(noise(3), noise(3, 1)), metrics.ssim(noise(3, 1), noise(3))
    np.testing.assert_allclose(forth, back, atol=1e-7)


def test_ssim_needs_room_for_its_window():
    with pytest.raises(ValueError, match="at least 11 x 11"):
        metrics.ssim(noise(1)[:, :10], noise(1)[:, :10])


def test_ssim_of_500_images_takes_under_half_a_second():
    images, rebuilt = noise(500), noise(500, 1)
    fastest = np.inf
    for _ in range(3):
        start = time.process_time()
        metrics.ssim(images, rebuilt)
        fastest = min(fastest, time.process_time() - start)
    assert fastest < 1.0  # of processor time, on two cores


def test_summary_holds_the_figures_of_the_set():
    images, rebuilt = noise(5), noise(5, 1)
    summary = metrics.summary(images, rebuilt)
    assert summary == (
        5,
        pytest.approx(metrics.mse(images, rebuilt).mean()),
        metrics.set_psnr(images, rebuilt),
        pytest.approx(metrics.ssim(images, rebuilt).mean()),
        pytest.approx(metrics.psnr(images, rebuilt).mean()),
        pytest.approx(metrics.psnr(images, rebuilt).std(), rel=1e-3),
        pytest.approx(metrics.ssim(images, rebuilt).std()),
    )


def test_an_exact_image_does_not_upset_the_mean_of_the_others():
    images = noise(3)
    rebuilt = np.concatenate([images[:1], noise(2, 1)])
    summary = metrics.summary(images, rebuilt)
    assert summary.psnr_mean == pytest.approx(metrics.psnr(images, rebuilt)[1:].mean())
    assert np.isnan(metrics.summary(images, images).psnr_mean)


def test_pixel_entropy_is_the_least_cross_entropy():
    images = noise(20)
    value = images / 255
    inside = value[(value > 0) & (value < 1)]
    least = -(inside * np.log(inside) + (1 - inside) * np.log(1 - inside)).sum() / value.size
    assert metrics.pixel_entropy(images) == pytest.approx(least)


def test_black_and_white_pixels_have_no_entropy():
    assert metrics.pixel_entropy(flat(0, 255)) == 0
    assert metrics.pixel_entropy(flat(51)) == pytest.approx(0.5004, abs=1e-4)


def test_roc_by_hand():
    fpr, tpr, auc = metrics.roc([1, 2, 3, 4], [3.5, 5])
    assert fpr.tolist() == [0, 0, 0.25, 0.25, 0.5, 0.75, 1]
    assert tpr.tolist() == [0, 0.5, 0.5, 1, 1, 1, 1]
    assert auc == 7 / 8


@pytest.mark.parametrize(
    "normal, odd, auc", [([0, 1], [2, 3], 1), ([2, 3], [0, 1], 0), ([5, 5], [5], 0.5)]
)
def test_roc_of_perfect_reversed_and_equal_scores(normal, odd, auc):
    assert metrics.roc(normal, odd)[2] == auc


def test_roc_agrees_with_scikit_learn_where_scores_tie():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    normal, odd = rng.integers(0, 9, 200), rng.integers(2, 12, 90)
    expected = roc_auc_score([0] * 200 + [1] * 90, np.concatenate([normal, odd]))
    assert metrics.roc(normal, odd)[2] == pytest.approx(expected)


def test_roc_needs_finite_scores_of_both_kinds():
    with pytest.raises(ValueError, match="both kinds, got 0 and 1"):
        metrics.roc([], [1])
    with pytest.raises(ValueError, match="nan"):
        metrics.roc([1.0], [np.nan])


def test_neighbors_by_hand():
    codes = np.array([[0.0], [1.0], [3.0], [7.0]])
    distances, indices = neighbors.nearest_neighbors(codes, np.array([[2.1], [100.0]]), 2)
    assert indices.tolist() == [[2, 1], [3, 2]]
    np.testing.assert_allclose(distances, [[0.9, 1.1], [93, 97]], rtol=1e-6)


def test_neighbors_are_exact_far_from_the_origin():
    rng = np.random.default_rng(0)
    codes = 1e5 + rng.normal(0, 1e-2, (3000, 5))
    distances, indices = neighbors.nearest_neighbors(codes, codes[:50], 4)
    direct = np.linalg.norm(codes[:50, None] - codes, axis=2)
    np.testing.assert_allclose(distances, np.sort(direct, axis=1)[:, :4], rtol=1e-4, atol=1e-7)
    assert (indices == np.argsort(direct, axis=1, kind="stable")[:, :4]).all()


def test_neighbors_do_not_depend_on_the_blocks(monkeypatch):
    codes = np.random.default_rng(0).normal(size=(70, 3))
    whole = neighbors.nearest_neighbors(codes, codes, 5, skip_self=True)[1]
    singly = [neighbors.nearest_neighbors(codes, code[None], 6)[1][0, 1:] for code in codes]
    assert (whole == singly).all()
    assert (whole != np.arange(70)[:, None]).all()


def test_there_are_no_more_neighbors_than_codes():
    codes = np.zeros((3, 2))
    assert neighbors.nearest_neighbors(codes, codes[:1], 9)[1].tolist() == [[0, 1, 2]]
    assert neighbors.nearest_neighbors(codes, codes, 9, skip_self=True)[0].shape == (3, 2)
    assert neighbors.nearest_neighbors(codes[:0], codes, 3)[1].shape == (3, 0)
    assert neighbors.nearest_neighbors(codes, codes[:0], 2)[1].shape == (0, 2)
    with pytest.raises(ValueError, match=r"codes \(3, 2\) and queries \(1, 4\)"):
        neighbors.nearest_neighbors(codes, np.zeros((1, 4)), 1)


def test_the_spectrum_of_a_wave_is_at_its_frequency():
    wave = 127.5 + 100 * np.cos(2 * np.pi * 4 * np.arange(32) / 32)
    images = np.broadcast_to(wave[None, None, :, None], (2, 32, 32, 3)).astype(np.uint8)
    frequencies, power = metrics.power_spectrum(images)
    assert frequencies[0] == 1 / 32 and frequencies[-1] == 0.5 and len(power) == 16
    assert frequencies[power.argmax()] == 4 / 32
    assert power.max() > 1e3 * np.sort(power)[-2]


def test_a_blur_takes_the_high_frequencies():
    power, less = (metrics.power_spectrum(each)[1] for each in (noise(4), blurred(noise(4))))
    assert less[0] / power[0] > 10 * less[-1] / power[-1]


def test_the_bands_add_up_to_the_error_and_to_the_signal():
    images, rebuilt = noise(4), blurred(noise(4))
    bands = metrics.band_error(images, rebuilt)
    assert sum(band.mse for band in bands) == pytest.approx(metrics.mse(images, rebuilt).mean())
    assert sum(band.signal for band in bands) == pytest.approx(((images / 255) ** 2).mean())
    assert all(one.high == other.low for one, other in zip(bands, bands[1:], strict=False))


def test_a_change_of_brightness_is_an_error_of_the_first_band_alone():
    bands = metrics.band_error(flat(100, 50), flat(110, 60))
    assert bands[0].mse == pytest.approx((10 / 255) ** 2)
    assert sum(band.mse for band in bands[1:]) == pytest.approx(0, abs=1e-12)
