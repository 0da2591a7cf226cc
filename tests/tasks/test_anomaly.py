import io

import numpy as np
import pytest
from PIL import Image

from convae.evaluation.pca import fit_pca
from convae.models import checkpoints
from convae.tasks import anomaly
from convae.tasks.separation import Measured


@pytest.fixture
def model(tiny_checkpoint):
    return checkpoints.load("tiny")


def test_scores_are_those_of_scikit_learn_and_scikit_image(model, waves):
    from skimage.metrics import structural_similarity
    from sklearn.covariance import LedoitWolf
    from sklearn.neighbors import NearestNeighbors

    normal, images = waves[:100], waves[100:140]
    detector = anomaly.fit(model, normal)
    found = detector.scores(images)
    assert list(found) == list(anomaly.SCORES)
    codes, normal_codes = model.encode(images), model.encode(normal)
    rebuilt = model.decode(codes)

    distances, _ = NearestNeighbors(n_neighbors=5).fit(normal_codes).kneighbors(codes)
    np.testing.assert_allclose(found["knn_codes"], distances.mean(axis=1), rtol=1e-4)
    squares = LedoitWolf().fit(normal_codes.astype(float)).mahalanobis(codes.astype(float))
    np.testing.assert_allclose(found["mahalanobis_codes"] ** 2, squares, rtol=1e-4)
    error = ((images / 255 - rebuilt / 255) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(found["reconstruction_mse"], error, rtol=1e-5)
    likeness = [
        structural_similarity(
            a, b, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
            data_range=255,
        )
        for a, b in zip(images, rebuilt, strict=True)
    ]  # fmt: skip
    np.testing.assert_allclose(1 - found["one_minus_ssim"], likeness, atol=1e-5)


def test_pca_has_no_more_components_than_an_image_has_values(model, waves):
    normal, images = waves[:100], waves[100:140]
    limited = anomaly.fit(model, normal, real_dimension=3)
    assert limited.codes.shape == (100, 8) and limited.pca_codes.shape == (100, 3)
    rebuilt = fit_pca(normal, 3).reconstruct(images, 3)
    error = ((images / 255 - rebuilt / 255) ** 2).mean(axis=(1, 2, 3))
    found = limited.scores(images)
    np.testing.assert_allclose(found["pca_residual"], error, rtol=1e-4)
    unlimited = anomaly.fit(model, normal).scores(images)
    assert (unlimited["pca_residual"] < found["pca_residual"]).mean() > 0.9
    np.testing.assert_array_equal(found["knn_codes"], unlimited["knn_codes"])


def test_baselines_know_nothing_of_the_model(model, waves):
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors

    normal, images = waves[:100], waves[100:140]
    found = anomaly.fit(model, normal).scores(images)
    flat = [part.reshape(len(part), -1) / 255 for part in (normal, images)]
    oracle = PCA(8, svd_solver="full").fit(flat[0])
    codes = oracle.transform(flat[1])
    rest = ((oracle.inverse_transform(codes).clip(0, 1) - flat[1]) ** 2).mean(axis=1)
    np.testing.assert_allclose(found["pca_residual"], rest, rtol=0.02, atol=1e-5)
    near = NearestNeighbors(n_neighbors=5).fit(oracle.transform(flat[0])).kneighbors(codes)[0]
    np.testing.assert_allclose(found["knn_pca"], near.mean(axis=1), rtol=1e-3)

    packed = io.BytesIO()
    Image.fromarray(images[0]).save(packed, "PNG", optimize=True)
    assert found["png_bytes"][0] == len(packed.getvalue())


def test_total_variation_of_stripes():
    images = np.zeros((2, 32, 32, 3), np.uint8)
    images[1, :, ::2] = 255  # every step across is 1, none down
    np.testing.assert_allclose(anomaly.total_variation(images), [0, 0.5])


def test_codes_are_never_refined(add_checkpoint, waves):
    add_checkpoint("tiny")
    plain = checkpoints.load("tiny")
    refined = plain.with_refinement_steps(3)
    assert not np.array_equal(refined.encode(waves[:20]), plain.encode(waves[:20]))
    detector = anomaly.fit(refined, waves[:20])
    np.testing.assert_array_equal(detector.codes, plain.encode(waves[:20]))
    np.testing.assert_array_equal(detector.rebuild(waves[:3]), plain.reconstruct(waves[:3]))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_normal_images_are_enough(model, waves, count):
    found = anomaly.fit(model, waves[:count]).scores(waves[:5])
    assert ("mahalanobis_codes" in found) == (count > 1)
    assert all(np.isfinite(values).all() for values in found.values())
    assert found["knn_codes"][0] >= 0


def test_equal_normal_images_have_no_covariance(model, waves):
    same = np.repeat(waves[:1], 30, axis=0)
    assert "mahalanobis_codes" not in anomaly.fit(model, same).scores(waves[:5])


def test_no_normal_image_is_an_error(model, waves):
    with pytest.raises(ValueError, match="at least one normal image"):
        anomaly.fit(model, waves[:0])


def test_heat_is_where_the_image_differs():
    image = np.full((1, 32, 32, 3), 90, np.uint8)
    strange = image.copy()
    strange[0, 4:12, 20:28] = 250
    heat = anomaly.heat_map(strange, image)
    assert heat.shape == (1, 32, 32) and heat.dtype == np.float32
    row, column = np.unravel_index(heat[0].argmax(), (32, 32))
    assert 4 <= row < 12 and 20 <= column < 28
    assert heat[0, 25:, :15].max() < 1e-6
    np.testing.assert_allclose(heat[0, 8, 24], 160 / 255, rtol=1e-3)


def test_progress_is_reported_and_can_end_the_work(model, waves):
    seen = []
    anomaly.fit(model, waves, lambda done, total, what: seen.append((done, total)))
    assert (250, 300) in seen and seen[-1] == (100, 100)

    def stop(done, total, what):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        anomaly.fit(model, waves, stop)


def measured(**auroc):
    return {name: Measured(value, 0.01, 0.5, 0.01) for name, value in auroc.items()}


def test_the_verdict_names_the_winner_even_if_it_is_a_baseline():
    groups = measured(knn_codes=0.7, reconstruction_mse=0.5, png_bytes=0.75)
    text = anomaly.verdict(groups, 200, 200)
    assert text.startswith("A baseline separates best: PNG bytes, AUROC 75.0%.")
    assert "kNN distance, codes, is 5.0 points lower." in text
    text = anomaly.verdict(measured(knn_codes=0.8, png_bytes=0.75), 200, 200)
    assert text.startswith("kNN distance, codes separates best: AUROC 80.0%.")
    for codes, codec in ((0.73, 0.75), (0.75, 0.735)):
        text = anomaly.verdict(measured(knn_codes=codes, png_bytes=codec), 200, 200)
        assert text.startswith("No winner: kNN distance, codes, AUROC 7")
        assert text.endswith("differ by less than two standard errors.")
    text = anomaly.verdict(measured(knn_codes=0.8001, png_bytes=0.8002), 200, 200)
    assert "equally well" in text
    assert anomaly.verdict(groups, 4, 90).startswith("4 normal images are too few to name a winner")


def test_pca_has_no_more_components_than_the_normal_images_span(model, waves):
    detector = anomaly.fit(model, waves[:5])
    assert detector.pca_codes.shape == (5, 4) == (5, len(detector.pca.components))


def test_pca_has_the_latent_dimension_of_the_model(model, waves):
    detector = anomaly.fit(model, waves[:50])
    assert detector.pca_codes.shape == (50, 8)
    np.testing.assert_allclose(detector.pca.variances, fit_pca(waves[:50], 8).variances)
