"""Probes against scikit-learn itself, dimensionality against cases with a known answer."""

import numpy as np
import pytest
from sklearn.decomposition import PCA as ReferencePCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from convae.config import ModelConfig
from convae.data import ImageSet
from convae.errors import DataError
from convae.evaluation.pca import fit_pca
from convae.models import checkpoints
from convae.tasks import dimensionality, features, probe_verdict
from convae.tasks.features import Classified, Space


def clouds(n, d=6, classes=3, seed=0, apart=2.0):
    """Points around a center for each class, of very different scales: (N, d), labels (N,)."""
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(99).normal(size=(classes, d)) * apart
    labels = rng.integers(0, classes, n)
    points = (centers[labels] + rng.normal(size=(n, d))) * np.geomspace(1, 1000, d)
    return points.astype(np.float32), labels


@pytest.fixture(scope="module")
def problem():
    train, labels = clouds(400)
    test, tested = clouds(150, seed=1)
    return Space(train, test), labels, tested


# --- probes


def test_the_linear_probe_is_scikit_learns(problem):
    space, labels, tested = problem
    reference = make_pipeline(
        StandardScaler(), LogisticRegression(C=features.INVERSE_PENALTY, tol=1e-6, max_iter=2_000)
    ).fit(space.train.astype(np.float64), labels)
    found = features.classify("logistic", space, labels, tested)
    agree = (found.predicted == reference.predict(space.test.astype(np.float64))).mean()
    assert agree >= 0.99
    assert found.accuracy == accuracy_score(tested, found.predicted) > 0.8


def test_the_nearest_probe_is_scikit_learns(problem):
    space, labels, tested = problem
    reference = KNeighborsClassifier(features.NEIGHBORS).fit(space.train, labels)
    found = features.classify("knn", space, labels, tested)
    np.testing.assert_array_equal(found.predicted, reference.predict(space.test))


def test_the_nearest_probe_with_one_label_a_class_takes_the_nearest_alone():
    train, test = np.array([[0.0], [4], [9]], np.float32), np.array([[1.0], [6], [7]], np.float32)
    found = features.nearest_probe(train, np.array([2, 0, 1]), test)
    assert found.tolist() == [2, 0, 1]


def test_the_standard_error_is_that_of_repeated_test_sets():
    """A probe that is right 70 times of 100: the spread of its accuracy over many test sets."""
    rng = np.random.default_rng(0)
    spread = (rng.random((4_000, 500)) < 0.7).mean(axis=1).std()
    tested = np.arange(500) % 2
    wrong = np.where(np.arange(500) < 350, tested, 1 - tested)
    train = np.array([[0.0], [1.0]], np.float32).repeat(20, axis=0)
    space = Space(train, wrong[:, None].astype(np.float32))
    found = features.classify("knn", space, np.repeat([0, 1], 20), tested)
    assert found.accuracy == 0.7
    assert found.error == pytest.approx(spread, rel=0.05)


def test_confusion_is_scikit_learns():
    rng = np.random.default_rng(0)
    tested, predicted = rng.integers(0, 4, (2, 300))
    np.testing.assert_array_equal(
        features.confusion(tested, predicted, 4), confusion_matrix(tested, predicted)
    )
    assert features.confusion(np.array([0, 0]), np.array([1, 0]), 3).tolist() == [
        [1, 1, 0], [0, 0, 0], [0, 0, 0],
    ]  # fmt: skip


def test_accuracy_by_class_is_the_diagonal_of_the_confusion():
    tested, predicted = np.array([0, 0, 0, 2]), np.array([0, 1, 0, 2])
    found = features.per_class(tested, predicted, ("cat", "dog", "frog"))
    assert found == {"cat": pytest.approx(2 / 3), "frog": 1.0}


@pytest.mark.parametrize("probe", features.PROBES)
def test_one_class_is_a_sentence(probe, problem):
    space, labels, tested = problem
    with pytest.raises(DataError, match="at least two classes: these 400 are of one"):
        features.classify(probe, space, np.zeros_like(labels), tested)


def test_no_test_images_are_a_sentence(problem):
    space, labels, _ = problem
    with pytest.raises(DataError, match="needs test images"):
        features.check_labels(labels, labels[:0])


def test_features_without_spread_and_two_images_do_no_harm():
    train = np.array([[1, 0], [1, 5]], np.float32)
    space = Space(train, np.array([[1, 4]], np.float32))
    for probe in features.PROBES:
        found = features.classify(probe, space, np.array([0, 1]), np.array([1]))
        assert found.accuracy in (0, 1)


# --- label counts


def test_labeled_images_are_even_over_the_classes_and_nested():
    labels = np.repeat(np.arange(10), [5, 500, *[50] * 8])
    few, many = (features.draw_labeled(labels, count, seed=3) for count in (20, 200))
    assert np.bincount(labels[few]).tolist() == [2] * 10
    np.testing.assert_array_equal(many[:20], few)
    assert len(set(many)) == 200 and (np.bincount(labels[many])[0]) == 5
    assert (features.draw_labeled(labels, 20, seed=4) != few).any()


def test_more_labels_are_better_and_the_last_point_is_the_whole(problem):
    train, labels = clouds(1_500, apart=0.8)
    test, tested = clouds(300, seed=1, apart=0.8)
    space = Space(train, test)
    whole = features.classify("logistic", space, labels, tested)
    curve = features.label_curve("logistic", space, labels, tested, whole)
    assert [point.labels for point in curve] == [10, 100, 1_000, 1_500]
    assert curve[0].accuracy < curve[1].accuracy <= curve[-1].accuracy == whole.accuracy
    assert all(point.error > 0 for point in curve)


def test_a_label_count_below_the_classes_is_left_out():
    labels = np.arange(60) % 20
    space = Space(np.eye(60, dtype=np.float32), np.eye(60, dtype=np.float32))
    whole = features.classify("knn", space, labels, labels)
    assert [p.labels for p in features.label_curve("knn", space, labels, labels, whole)] == [60]


# --- spaces


def test_a_random_encoder_has_no_training_and_is_the_same_every_time():
    config = ModelConfig("residual", latent_dim=6, base_channels=8)
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    one, again, other = (features.random_encoder(config, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.encode(images), again.encode(images))
    assert np.abs(one.encode(images) - other.encode(images)).max() > 1e-3
    assert one.encode(images).shape == (4, 6)


def image_set(images, labels, split):
    return ImageSet(images, labels, ("a", "b"), split, "waves", f"{split}-{len(images)}")


@pytest.fixture
def splits(waves):
    labels = (waves.mean(axis=(1, 2, 3)) > np.median(waves.mean(axis=(1, 2, 3)))).astype(np.int64)
    train, test = slice(0, 200), slice(200, 300)
    return image_set(waves[train], labels[train], "train"), image_set(
        waves[test], labels[test], "test"
    )


def test_spaces_hold_the_same_images(tiny_checkpoint, splits, pca_of_waves):
    checkpoint = checkpoints.load("tiny")
    found = features.encoders(checkpoint, lambda: pca_of_waves, lambda *step: None)
    points = {name: features.space(encode, *splits) for name, encode in found.items()}
    assert list(points) == list(features.SPACES)
    assert [space.train.shape for space in points.values()] == [
        (200, 8), (200, 8), (200, 8), (200, 3072),
    ]  # fmt: skip
    np.testing.assert_array_equal(points["codes"].test, checkpoint.encode(splits[1].images))
    np.testing.assert_array_equal(points["pca"].test, pca_of_waves.encode(splits[1].images, 8))
    np.testing.assert_allclose(points["pixels"].test[2, -1], splits[1].images[2, -1, -1, -1] / 255)
    # the tiny model is untrained, its weights initialized from the same seed
    np.testing.assert_array_equal(points["random_encoder"].test, points["codes"].test)


def test_pca_has_no_more_components_than_an_image_has_values(tiny_checkpoint, splits, pca_of_waves):
    model = checkpoints.load("tiny")
    found = features.encoders(model, lambda: pca_of_waves, lambda *step: None, 3)
    points = {name: encode(splits[1]) for name, encode in found.items()}
    np.testing.assert_array_equal(points["pca"], pca_of_waves.encode(splits[1].images, 3))
    assert points["codes"].shape == (len(splits[1]), 8)


# --- dimensionality


def test_dimensions_of_codes_with_known_variances():
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    codes = rng.normal(size=(50_000, 4)) * np.sqrt([8, 4, 4, 0]) @ turn + 7
    found = dimensionality.dimensions(codes)
    np.testing.assert_allclose(found.explained, [0.5, 0.75, 1, 1], atol=0.01)
    assert found.participation == pytest.approx(256 / 96, rel=0.02)
    np.testing.assert_allclose(found.correlation, np.corrcoef(codes.T), atol=1e-9)


def test_explained_variance_is_scikit_learns():
    codes, _ = clouds(200)
    reference = np.cumsum(ReferencePCA().fit(codes).explained_variance_ratio_)
    np.testing.assert_allclose(dimensionality.dimensions(codes).explained, reference, rtol=1e-5)


@pytest.mark.parametrize("d", [1, 3, 16])
def test_equal_variances_use_every_dimension_and_one_direction_uses_one(d):
    assert dimensionality.participation_ratio(np.full(d, 2.5)) == pytest.approx(d)
    line = np.arange(10)[:, None] * np.ones(d)
    assert dimensionality.dimensions(line).participation == pytest.approx(1)


def test_dead_dimensions_are_found_and_correlate_with_nothing():
    codes = np.random.default_rng(0).normal(size=(100, 3)) * [1, 0, 0.001]
    found = dimensionality.dimensions(codes)
    assert found.dead.tolist() == [1, 2]
    assert found.correlation[1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("codes", [np.ones((1, 3)), np.ones((5, 3))])
def test_codes_without_variance_are_a_sentence(codes):
    with pytest.raises(DataError, match=f"at least two different images: there .* {len(codes)}"):
        dimensionality.dimensions(codes)


# --- neighbors


def test_neighbors_are_scikit_learns():
    points, _ = clouds(60)
    queries, _ = clouds(5, seed=1)
    _, reference = NearestNeighbors(n_neighbors=6).fit(points).kneighbors(queries)
    for row in range(5):
        np.testing.assert_array_equal(
            features.neighbors_of(Space(points, queries), row, 6), reference[row]
        )
    assert len(features.neighbors_of(Space(points[:2], queries), 4, 6)) == 2


# --- the sentence


def results(knn=None, **accuracies):
    """Results with a standard error of 0.01; knn: the accuracies of the other probe, by space."""
    of = {"logistic": accuracies} | ({"knn": knn} if knn else {})
    return {
        name: {probe: Classified(row[name], 0.01, np.zeros(1)) for probe, row in of.items()}
        for name in accuracies
    }


LESSON = "Reconstruction alone does not learn classes"


def test_the_verdict_names_the_winner_also_where_it_is_a_baseline():
    text = probe_verdict.verdict(results(codes=0.3, pca=0.4, pixels=0.35), 0.1, 900)
    assert text.startswith(
        "Linear probe: a baseline wins: PCA of the same dimension 40.0%, the codes 30.0%. " + LESSON
    )
    text = probe_verdict.verdict(results(codes=0.3, pca=0.31), 0.1, 900)
    assert "no winner, a difference below two standard errors" in text and LESSON in text


def test_the_verdict_of_codes_that_win():
    text = probe_verdict.verdict(results(codes=0.6, pca=0.5, pixels=0.2), 0.1, 900)
    assert text == "Linear probe: the codes win: 60.0%, against 50.0% of PCA of the same dimension."
    text = probe_verdict.verdict(results(codes=0.51, pca=0.5), 0.1, 900)
    assert "no winner, a difference below two standard errors" in text and LESSON in text


def test_the_verdict_has_a_sentence_for_each_probe_and_knows_guessing():
    split = results(codes=0.5, pca=0.51, knn={"codes": 0.8, "pca": 0.7})
    text = probe_verdict.verdict(split, 0.5, 900)
    assert text.startswith("Linear probe: nothing is better than guessing; the best, PCA")
    assert "K nearest neighbors: the codes win: 80.0%" in text


def test_chance_is_the_share_of_the_most_frequent_class():
    assert features.chance_level(np.array([0, 2, 2, 1])) == 0.5


def test_the_spectrum_of_a_fitted_pca_gives_the_participation_of_the_pixels(waves):
    pca = fit_pca(waves, components=len(waves) - 1)
    flat = waves.reshape(len(waves), -1) / 255
    variances = np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False) ** 2 / len(flat)
    expected = variances.sum() ** 2 / (variances**2).sum()
    assert dimensionality.participation_ratio(pca.variances) == pytest.approx(expected, rel=1e-4)


def test_a_few_test_images_name_no_winner_and_have_an_error():
    tested = np.zeros(9, np.int64)
    rows = {
        name: {"logistic": features.scored(tested + (np.arange(9) < wrong), tested)}
        for name, wrong in (("codes", 3), ("random_encoder", 0))
    }
    assert rows["random_encoder"]["logistic"].error == pytest.approx(0.0867, abs=1e-4)
    assert probe_verdict.verdict(rows, 0.3, 9) == (
        "9 test images are too few to name a winner: at least 20 are needed."
    )
