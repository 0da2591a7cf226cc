"""Priors and figures of merit, against slow loops and cases with a known answer."""

from types import SimpleNamespace

import numpy as np
import pytest

from convae.data import ImageSet, builtin
from convae.errors import ConfigError, DataError
from convae.latent import priors
from convae.tasks import generation, merits
from convae.tasks.generation import CEILING
from convae.tasks.merits import Figures


def codes_of(n=400, d=5, seed=0):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(d, d))
    return (3 + rng.normal(size=(n, d)) @ mixing).astype(np.float32)


class Decoder:
    """Decodes a code of two values: brightness of the upper and of the lower half."""

    def decode(self, codes):
        halves = np.rint(np.clip(codes, 0, 255)).astype(np.uint8)
        return np.repeat(halves, 16, axis=1)[:, :, None, None].repeat(32, 2).repeat(3, 3)


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300)
    codes = rng.normal(100 + 60 * labels[:, None], (20, 5), (300, 2)).astype(np.float32)
    images = Decoder().decode(codes)
    train = ImageSet(images[:200], labels[:200], ("dark", "bright"), "train", "halves", "a")
    real = ImageSet(images[200:], labels[200:], ("dark", "bright"), "test", "halves", "b")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVAE_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        return generation.prepare(Decoder(), train, codes[:200], real)


# --- figures of merit


def slow_figures(real, samples, k):
    """Precision, recall, density and coverage by their definitions, one pair at a time."""

    def radius(points, i):
        return sorted(np.linalg.norm(points[i] - p) for j, p in enumerate(points) if j != i)[k - 1]

    real_radii = [radius(real, i) for i in range(len(real))]
    sample_radii = [radius(samples, j) for j in range(len(samples))]
    apart = [[np.linalg.norm(a - b) for b in samples] for a in real]
    pairs = [(i, j) for i in range(len(real)) for j in range(len(samples))]
    held = {(i, j) for i, j in pairs if apart[i][j] <= real_radii[i]}
    precise = {j for _, j in held}
    recalled = {i for i, j in pairs if apart[i][j] <= sample_radii[j]}
    covered = {i for i, _ in held}
    return (
        len(precise) / len(samples),
        len(recalled) / len(real),
        len(held) / (k * len(samples)),
        len(covered) / len(real),
    )


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("shift", [0.0, 0.7, 2.0])
def test_figures_of_merit_are_those_of_a_slow_loop(k, shift):
    rng = np.random.default_rng(k)
    real, samples = rng.normal(size=(60, 3)), rng.normal(shift, 0.8, size=(45, 3))
    found = merits.figures_of_merit(real, samples, k)
    np.testing.assert_allclose(found, slow_figures(real, samples, k))


def test_the_same_points_are_precise_and_covered():
    points = codes_of(80)
    precision, recall, density, coverage = merits.figures_of_merit(points, points)
    assert (precision, recall, coverage) == (1, 1, 1) and density > 1


def test_points_far_away_have_no_merit():
    points = codes_of(80)
    assert merits.figures_of_merit(points, points + 1000) == (0, 0, 0, 0)


def test_samples_at_one_place_are_precise_and_cover_little():
    """Precision alone would call the mean image, 100 times, perfect."""
    rng = np.random.default_rng(0)
    real = rng.normal(size=(300, 2))
    precision, recall, density, coverage = merits.figures_of_merit(
        real, 1e-3 * rng.normal(size=(100, 2))
    )
    assert precision == 1 and recall < 0.05 and coverage < 0.2 and density > 0.5


def test_too_few_images_are_a_sentence():
    with pytest.raises(DataError, match="more than 5 images .* 5 real ones and 9 samples"):
        merits.figures_of_merit(np.zeros((5, 2)), np.zeros((9, 2)))


# --- priors


def test_normal_ignores_the_codes():
    drawn = generation.fit_prior("normal", codes_of()).sample(20_000, 0)
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), np.eye(5), atol=0.04)


@pytest.mark.parametrize("kind", ["gaussian", "gmm", "jitter"])
def test_fitted_priors_have_the_mean_and_the_spread_of_the_codes(kind):
    codes = codes_of(2_000)
    drawn = generation.fit_prior(kind, codes).sample(20_000, 1)
    assert drawn.dtype == np.float32
    spread = codes.std(axis=0)
    np.testing.assert_allclose(drawn.mean(axis=0), codes.mean(axis=0), atol=0.1 * spread.max())
    np.testing.assert_allclose(drawn.std(axis=0), spread, rtol=0.15)


@pytest.mark.parametrize("kind", ["normal", "gaussian", "gmm", "jitter"])
@pytest.mark.parametrize("labeled", [False, True])
def test_equal_seeds_give_equal_codes_and_others_do_not(kind, labeled):
    codes, labels = codes_of(60), np.arange(60) % 3
    prior = generation.fit_prior(kind, codes, labels if labeled else None)
    assert (prior.sample(30, 5) == prior.sample(30, 5)).all()
    assert (prior.sample(30, 5) != prior.sample(30, 6)).any()


def test_temperature_0_of_jitter_gives_training_codes():
    codes = codes_of(50)
    drawn = generation.fit_prior("jitter", codes).sample(200, 0, temperature=0)
    assert {tuple(code) for code in drawn} <= {tuple(code) for code in codes}


def test_jitter_has_the_covariance_of_the_nearest_codes():
    """Two clusters far apart: the noise of a code is that of its own cluster."""
    rng = np.random.default_rng(0)
    codes = np.concatenate([rng.normal(0, (1, 0.1), (40, 2)), rng.normal(90, (0.1, 1), (40, 2))])
    codes = codes.astype(np.float32)
    prior = generation.fit_prior("jitter", codes, neighbors=39)
    one = priors.Jitter(codes, np.repeat(prior.nearest[:1], 80, axis=0))
    rows = np.random.default_rng(3).integers(80, size=50_000)
    noise = one.sample(50_000, 3) - codes[rows]
    around = codes[prior.nearest[0]]
    np.testing.assert_allclose(np.cov(noise.T), np.cov(around.T, bias=True), atol=0.03)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.03)


def test_classes_are_drawn_as_often_as_they_are_and_from_their_own_codes():
    labels = np.repeat([0, 4], [30, 90])
    codes = codes_of(120) + 1000 * labels[:, None].astype(np.float32)
    prior = generation.fit_prior("gaussian", codes, labels)
    drawn, of = prior.sample(4_000, 2), prior.labels(4_000, 2)
    assert set(of) == {0, 4} and abs((of == 4).mean() - 0.75) < 0.03
    np.testing.assert_array_equal(drawn[:, 0] > 2000, of == 4)


@pytest.mark.parametrize("kind", ["normal", "gaussian", "gmm", "jitter", "vae"])
def test_one_code_is_enough_for_every_prior(kind):
    code = codes_of(1)
    drawn = generation.fit_prior(kind, code).sample(3, 0)
    assert drawn.shape == (3, 5) and np.isfinite(drawn).all()
    if kind not in ("normal", "vae"):
        np.testing.assert_allclose(drawn, code.repeat(3, axis=0), rtol=1e-5)


def test_an_unknown_prior_and_a_model_that_is_not_variational_are_sentences():
    plain, variational = SimpleNamespace(), SimpleNamespace(variational=True)
    with pytest.raises(ConfigError, match="`flow` is not a prior: choose normal, gaussian"):
        generation.check_prior("flow", "mine", variational)
    with pytest.raises(ConfigError, match="`mine` is not a variational model.*normal, gaussian"):
        generation.check_prior("vae", "mine", plain)
    generation.check_prior("vae", "mine", variational)
    assert "vae" not in generation.kinds_for(plain)
    assert "vae" in generation.kinds_for(variational)


# --- samples


def test_a_training_image_is_its_own_near_copy_and_a_new_one_is_not():
    rng = np.random.default_rng(0)
    training = rng.normal(size=(200, 32))
    rows = np.arange(0, 200, 7)
    slightly = training[rows] + 0.01 * rng.normal(size=(len(rows), 32))
    nearest, copies = merits.nearest_training(training, slightly)
    np.testing.assert_array_equal(nearest, rows)
    assert copies.all()
    assert not merits.nearest_training(training, rng.normal(size=(200, 32)))[1].any()


def test_one_training_image_has_no_near_copies():
    nearest, copies = merits.nearest_training(np.ones((1, 8)), np.ones((3, 8)))
    assert nearest.tolist() == [0, 0, 0] and not copies.any()


def test_samples_belong_to_their_codes(material):
    prior = generation.fit_prior("gmm", material.codes, components=2)
    samples = generation.generate(material, prior, 1_200, seed=4)
    np.testing.assert_array_equal(samples.codes, prior.sample(1_200, 4))
    np.testing.assert_array_equal(samples.images, Decoder().decode(samples.codes))
    np.testing.assert_array_equal(
        samples.off_manifold, material.typicality.percentile(samples.codes)
    )
    apart = np.square(
        material.train.images.reshape(200, -1).astype(float)
        - samples.images[7].reshape(-1).astype(float)
    ).sum(axis=1)
    assert apart[samples.nearest[7]] == apart.min()
    assert samples.labels is None


def test_the_figures_rank_priors_as_they_fit(material):
    """Two classes far apart: a mixture fits, one Gaussian fills the gap, N(0, I) is black."""
    covered = {}
    for kind in ("normal", "gaussian", "gmm"):
        prior = generation.fit_prior(kind, material.codes, components=2)
        images = generation.generate(material, prior, 500).images
        covered[kind] = generation.measure(material, images).coverage
    assert covered["normal"] == 0 < covered["gaussian"] < covered["gmm"]
    ceiling = generation.measure(material, generation.ceiling_images(material, 500))
    assert ceiling.coverage > 0.8 and ceiling.nearest_copies == 200


@pytest.mark.parametrize("name", generation.BASELINES)
def test_a_baseline_is_a_prior_of_pca_codes(material, name):
    images = generation.baseline_images(material, name, 4_000)
    real = material.pca.encode(material.train.images, 2)
    drawn = material.pca.encode(images, 2)
    np.testing.assert_allclose(drawn.mean(axis=0), real.mean(axis=0), atol=0.05 * real.std())
    np.testing.assert_allclose(drawn.var(axis=0), real.var(axis=0), rtol=0.1)


def test_a_baseline_has_no_more_components_than_an_image_has_values(material, monkeypatch):
    monkeypatch.setitem(builtin.REAL_DIMENSION, "halves", 1)
    assert material.codes.shape[1] == 2
    drawn = generation.baseline_images(material, "pca_gaussian", 500)
    spread = material.pca.encode(drawn, 2).std(axis=0)
    assert spread[0] > 100 * spread[1]


def test_the_mixture_of_pca_codes_is_the_better_baseline_for_two_classes(material):
    covered = {
        name: generation.measure(material, generation.baseline_images(material, name, 500)).coverage
        for name in generation.BASELINES
    }
    assert covered["pca_gmm"] > covered["pca_gaussian"]


def test_a_walk_is_closed_and_goes_through_samples(material):
    prior, center = generation.fit_prior("gaussian", material.codes), material.codes.mean(axis=0)
    walk = generation.random_walk(prior, center, seed=1, steps=8)
    assert walk.shape == (48, 2)
    np.testing.assert_array_equal(walk[::8], prior.sample(6, 1))
    steps = np.linalg.norm(np.diff(np.concatenate([walk, walk[:1]]), axis=0), axis=1)
    assert steps[-1] <= steps[:-1].max()


# --- the sentence


def figures(coverage):
    return Figures(0.5, 0.5, 0.5, coverage, 0)


def test_the_verdict_names_the_winner_also_where_it_is_a_baseline():
    rows = {"normal": figures(0.1), "gmm": figures(0.8), "pca_gaussian": figures(0.6)}
    rows |= {"pca_gmm": figures(0.7), CEILING: figures(0.95)}
    assert generation.verdict(rows, 2_000) == (
        "Gaussian mixture covers most: 80.0% of the real images. The best baseline, PCA + Gaussian "
        "mixture, covers 70.0%."
    )
    text = generation.verdict(rows, 50)
    assert text.startswith(
        "No winner: the best prior of this model, Gaussian mixture, covers 80.0%"
    )
    assert text.endswith("a difference below two standard errors.")
    rows["pca_gmm"] = figures(0.85)
    assert generation.verdict(rows, 2_000) == (
        "A baseline wins: PCA + Gaussian mixture, without any network, covers 85.0% of the real "
        "images; the best prior of this model, Gaussian mixture, 80.0%."
    )
