import numpy as np
import pytest

from convae.data.corruptions import CORRUPTIONS, corrupt
from convae.evaluation.pca import fit_pca
from convae.models import checkpoints
from convae.tasks import denoising
from convae.tasks.denoising import CORRUPTED, FILTERS, MODEL, PCA_WIENER, Quality

METHODS = (PCA_WIENER, *FILTERS)


@pytest.fixture
def model(tiny_checkpoint):
    return checkpoints.load("tiny")


@pytest.fixture
def by(model, pca_of_waves):
    return denoising.methods(model, pca_of_waves)


def test_quality_is_that_of_scikit_image(waves):
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    noisy = corrupt(waves[:6], "gaussian", 25)
    psnr = peak_signal_noise_ratio(waves[:6], noisy, data_range=255)  # of the whole set
    likeness = [
        structural_similarity(
            a, b, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
            data_range=255,
        )
        for a, b in zip(waves[:6], noisy, strict=True)
    ]  # fmt: skip
    found = denoising.quality(waves[:6], noisy)
    assert found.psnr == pytest.approx(psnr) and found.ssim == pytest.approx(np.mean(likeness))


def test_all_methods_get_the_same_clipped_image(waves, by):
    seen = []

    def look(images, kind, strength):
        seen.append((images, kind, strength))
        return images

    found = denoising.compare(waves[:4], {"a": look, "b": look}, "gaussian", 60, seed=3)
    first, second = (given[0] for given in seen)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, corrupt(waves[:4], "gaussian", 60, seed=3))
    assert first.dtype == np.uint8 and seen[0][1:] == ("gaussian", 60)
    np.testing.assert_array_equal(found.restored["a"], found.restored[CORRUPTED])


def test_refinement_is_never_used_on_a_corrupted_input(model, waves):
    refined = model.with_refinement_steps(3)
    noisy = corrupt(waves[:4], "gaussian", 50)
    restore = denoising.by_model(refined)
    np.testing.assert_array_equal(restore(noisy, "gaussian", 50), model.reconstruct(noisy))
    assert not np.array_equal(refined.reconstruct(noisy), model.reconstruct(noisy))


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_every_method_restores_every_corruption(kind, waves, by):
    strength = CORRUPTIONS[kind].default
    found = denoising.compare(waves[:2], by, kind, strength)
    assert list(found.restored) == [CORRUPTED, MODEL, PCA_WIENER, *FILTERS]
    for images in found.restored.values():
        assert images.shape == (2, 32, 32, 3) and images.dtype == np.uint8
    assert all(np.isfinite(each).all() for each in found.quality.values())


def test_filters_remove_noise(waves, by):
    """On smooth images, where each of them has to gain a lot."""
    quality = denoising.compare(waves[:20], by, "gaussian", 25).quality
    for name in METHODS:
        assert quality[name].psnr > quality[CORRUPTED].psnr + 3, name


@pytest.mark.parametrize("strength", [0.2, 0.5, 1, 2, 3])
def test_weak_noise_is_not_made_worse_by_much(strength, waves, by):
    quality = denoising.compare(waves[:5], by, "gaussian", strength).quality
    for name in ("nl_means", "wavelet", "tv", "bilateral"):
        assert quality[name].psnr > quality[CORRUPTED].psnr - 1, name


def test_strength_zero_leaves_filters_without_work(waves, by):
    found = denoising.compare(waves[:3], by, "gaussian", 0)
    for name in (CORRUPTED, *METHODS):
        np.testing.assert_array_equal(found.restored[name], waves[:3])
        assert found.quality[name] == Quality(200.0, 1.0)


def test_first_images_do_not_depend_on_how_many_follow(waves, by):
    few, many = (denoising.compare(waves[:n], by, "speckle", 0.3, seed=1) for n in (2, 30))
    for name, images in few.restored.items():
        np.testing.assert_array_equal(images, many.restored[name][:2])


def test_curve_has_the_psnr_of_each_comparison(waves, by):
    seen = []
    found = denoising.curve(
        waves[:3], by, "gaussian", (10, 50), seed=2,
        progress=lambda done, total, what: seen.append((done, total)),
    )  # fmt: skip
    assert found.strengths == (10, 50)
    for place, strength in enumerate(found.strengths):
        alone = denoising.compare(waves[:3], by, "gaussian", strength, seed=2).quality
        assert {name: values[place] for name, values in found.psnr.items()} == {
            name: each.psnr for name, each in alone.items()
        }
    assert seen == sorted(seen) and seen[-1] == (2 * 3 * len(by), 2 * 3 * len(by))


def test_progress_can_end_the_work(waves, by):
    def stop(done, total, what):
        if done > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        denoising.curve(waves[:3], by, "gaussian", (10, 50), progress=stop)


def test_without_training_images_there_is_no_pca(model, waves):
    assert PCA_WIENER not in denoising.methods(model, None)
    assert PCA_WIENER not in denoising.methods(model, fit_pca(waves[:1]))


def quality_of(**psnr):
    return {name: Quality(value, 0.5) for name, value in psnr.items()}


def test_the_verdict_names_the_winner_even_if_it_is_a_baseline():
    text = denoising.verdict(quality_of(corrupted=20, model=25, tv=26.5))
    assert text.startswith("Total variation restores the measured images best: 26.50 dB.")
    assert "The model reaches 25.00 dB: 1.50 dB less, and 5.00 dB above the corrupted" in text
    text = denoising.verdict(quality_of(corrupted=20, model=27, tv=26.5, median=20))
    assert text.startswith("The model restores the measured images best: 27.00 dB, 7.00 dB above")
    assert "0.50 dB above the best other method, Total variation" in text


def test_the_verdict_of_unchanged_images_has_no_figure_for_them():
    text = denoising.verdict(quality_of(corrupted=200.0, model=25, tv=200.0))
    assert text.startswith("At this strength the images are unchanged") and "200" not in text
    assert "The model reaches 25.00 dB." in text


def test_the_verdict_says_when_doing_nothing_is_best():
    text = denoising.verdict(quality_of(corrupted=35, model=25, tv=34))
    assert text.startswith("No method improves on the corrupted images, which have 35.00 dB.")
    assert "10.00 dB below the corrupted images" in text
