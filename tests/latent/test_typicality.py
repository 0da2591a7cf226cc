"""The off-manifold percentile: which codes are typical, and that real ones come out uniform."""

from pathlib import Path

import numpy as np
import pytest

from convae import data
from convae.latent import typicality
from convae.latent.neighbors import nearest_neighbors
from convae.models import checkpoints

SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints"


def real_codes(n, d=64, seed=0):
    """Codes as a network makes them: off center, wider in some directions, of varying length."""
    rng = np.random.default_rng(seed)
    lengths = rng.lognormal(sigma=0.25, size=(n, 1))
    return (3 + lengths * rng.normal(size=(n, d)) * np.geomspace(5, 0.5, d)).astype(np.float32)


def far_midpoints(codes, count=100):
    """The means of the pairs with the largest angles between them, seen from the mean."""
    away = codes - codes.mean(axis=0)
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    order = np.argsort(away @ away.T, axis=None)[: 2 * count : 2]
    one, other = np.unravel_index(order, (len(codes), len(codes)))
    return (codes[one] + codes[other]) / 2


def distance_to_uniform(percentiles):
    """Kolmogorov-Smirnov distance between percentiles and the uniform distribution."""
    expected = (np.arange(len(percentiles)) + 0.5) / len(percentiles)
    return np.abs(np.sort(percentiles) / 100 - expected).max()


@pytest.fixture(scope="module")
def fitted():
    return typicality.fit(real_codes(1500))


def test_new_real_codes_are_near_uniform(fitted):
    found = fitted.percentile(real_codes(1000, seed=1))
    assert found.dtype == np.float32 and found.shape == (1000,)
    assert distance_to_uniform(found) < 0.07


def test_the_mean_of_all_codes_is_less_typical_than_any(fitted):
    assert fitted.percentile(fitted.codes.mean(axis=0, keepdims=True)) == 100


def test_means_of_nearby_codes_are_off_the_manifold(fitted):
    near = nearest_neighbors(fitted.codes, fitted.codes[:100], 8)[1]
    assert np.median(fitted.percentile(fitted.codes[near].mean(axis=1))) > 95


def test_midpoints_are_less_typical_than_their_ends(fitted):
    new = real_codes(400, seed=1)
    assert np.median(fitted.percentile((new[1:] + new[:-1]) / 2)) > 75
    assert np.median(fitted.percentile(far_midpoints(new))) > 75


def test_a_unit_normal_and_extrapolated_codes_are_off_the_manifold(fitted):
    rng = np.random.default_rng(2)
    assert np.median(fitted.percentile(rng.normal(size=(200, 64)))) > 95
    new, mean = real_codes(200, seed=1), fitted.codes.mean(axis=0)
    assert np.median(fitted.percentile(mean + 2 * (new - mean))) > 95


@pytest.mark.parametrize("count", [60, 200, 1500])
def test_fitted_codes_are_held_out_even_where_they_are_fewer_than_dimensions(count):
    """In-sample distances would all be alike where N < d."""
    real = real_codes(count, d=100)
    fitted = typicality.fit(real)
    assert distance_to_uniform(fitted.percentile(real)) < 2.5 / count
    assert distance_to_uniform(fitted.percentile(real_codes(1000, d=100, seed=1))) < 0.25


def test_codes_encoded_again_at_another_precision_keep_their_percentile(fitted):
    noise = np.random.default_rng(3).normal(size=fitted.codes.shape)
    again = fitted.codes + 0.003 * noise * fitted.codes.std(axis=0)
    change = fitted.percentile(again) - fitted.percentile(fitted.codes)
    assert np.abs(change).max() < 5


def test_unit_and_origin_of_the_codes_do_not_matter(fitted):
    new = real_codes(300, seed=1)
    moved = typicality.fit(40 * fitted.codes + 500).percentile(40 * new + 500)
    assert np.abs(moved - fitted.percentile(new)).max() < 1


def test_leaving_the_subspace_of_the_real_codes_is_seen():
    real = real_codes(500, d=20)
    real[:, 10:] = 0
    away = real.copy()
    away[:, 15] = 5
    assert (typicality.fit(real).percentile(away) == 100).all()


@pytest.mark.parametrize("codes", [np.zeros((0, 3)), np.eye(3), np.ones((50, 3))])
def test_too_few_or_equal_codes_tell_nothing(codes):
    fitted = typicality.fit(codes)
    found = fitted.percentile(np.zeros((2, 3)))
    assert found.shape == (2,) and np.isnan(found).all() and not fitted.steps
    assert fitted.sentence(found[0]) == "Off-manifold percentile: too few real codes to tell"


@pytest.mark.parametrize(
    ("count", "of", "steps"),
    [
        (20, "20 held-out real codes", " There are 20 real codes, so it moves in steps of 5%."),
        (
            199,
            "199 held-out real codes",
            " There are 199 real codes, so it moves in steps of 0.5%.",
        ),
        (200, "held-out real codes", ""),
    ],
)
def test_the_sentence_says_what_the_percentile_is_and_counts_few_codes(count, of, steps):
    fitted = typicality.fit(real_codes(count, d=4))
    assert fitted.sentence(93.4) == f"Off-manifold percentile: less typical than 93% of {of}"
    assert fitted.steps == steps


@pytest.mark.parametrize("name", ["shapes-16", "cifar10-64"])
def test_codes_of_shipped_models_rank_as_they_should(name):
    model = checkpoints.load(str(SHIPPED / name)).with_refinement_steps(0)
    real = model.encode(data.load("shapes", "train").images[:1000])
    new = model.encode(data.load("shapes", "test").images[:400])
    fitted = typicality.fit(real)
    assert distance_to_uniform(fitted.percentile(new)) < 0.12
    assert fitted.percentile(real.mean(axis=0, keepdims=True)) == 100
    assert np.median(fitted.percentile((new[1:] + new[:-1]) / 2)) > 70
    assert np.median(fitted.percentile(far_midpoints(new))) > 70
    if name == "cifar10-64":  # the codes of shapes-16 do have nearly unit variance
        normal = np.random.default_rng(0).normal(size=(200, real.shape[1]))
        assert np.median(fitted.percentile(normal)) > 95
