import numpy as np
import pytest

from convae.latent import directions as latent_directions
from convae.latent import neighbors, paths, priors
from convae.latent.neighbors import nearest_neighbors


def codes_of(n=200, d=6, seed=0):
    """Codes as a network makes them: off center, and wider in some directions than in others."""
    rng = np.random.default_rng(seed)
    return (5 + rng.normal(size=(n, d)) * np.geomspace(30, 0.01, d)).astype(np.float32)


def test_lerp_by_hand():
    assert paths.lerp([0, 0], [4, -8], 5).tolist() == [[0, 0], [1, -2], [2, -4], [3, -6], [4, -8]]


@pytest.mark.parametrize("line", [paths.lerp, paths.slerp])
@pytest.mark.parametrize("steps", [2, 3, 17])
def test_ends_are_exact_and_the_way_back_is_the_same(line, steps):
    a, b = codes_of(2) * np.float32(0.1)
    forth, back = line(a, b, steps), line(b, a, steps)
    assert forth.shape == (steps, 6) and forth.dtype == np.float32
    assert (forth[0] == a).all() and (forth[-1] == b).all()
    np.testing.assert_allclose(forth, back[::-1], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("line", [paths.lerp, paths.slerp])
def test_a_path_needs_two_ends(line):
    with pytest.raises(ValueError, match=r"steps \(=1\) must be at least 2"):
        line([0.0], [1.0], 1)


def test_slerp_turns_evenly_and_its_length_changes_in_a_straight_line():
    way = paths.slerp([1, 0], [0, 3], 4)
    angles, lengths = np.degrees(np.arctan2(way[:, 1], way[:, 0])), np.linalg.norm(way, axis=1)
    np.testing.assert_allclose(angles, [0, 30, 60, 90], atol=1e-4)
    np.testing.assert_allclose(lengths, [1, 5 / 3, 7 / 3, 3], rtol=1e-6)


def test_slerp_around_a_center_is_slerp_moved_there():
    a, b, center = codes_of(3)
    moved = paths.slerp(a - center, b - center, 7) + center
    np.testing.assert_allclose(paths.slerp(a, b, 7, center=center), moved, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "a, b",
    [([1, 2], [2, 4]), ([1, 2], [-1, -2]), ([0, 0], [1, 2]), ([0, 0], [0, 0]), ([3, 1], [3, 1])],
    ids=["parallel", "opposite", "zero", "both zero", "equal"],
)
def test_slerp_without_a_plane_to_turn_in_is_lerp(a, b):
    np.testing.assert_allclose(paths.slerp(a, b, 5), paths.lerp(a, b, 5), atol=1e-6)


@pytest.mark.parametrize("angle", [1e-7, 1e-5, 1e-3, 3.14, 3.141592])
def test_slerp_is_finite_and_between_at_any_angle(angle):
    way = paths.slerp([1.0, 0.0], [np.cos(angle), np.sin(angle)], 9)
    assert np.isfinite(way).all() and (np.linalg.norm(way, axis=1) < 1.001).all()


@pytest.mark.parametrize("kind", ["linear", "in", "out", "in-out"])
def test_easing_goes_from_zero_to_one_and_never_back(kind):
    eased = paths.ease(np.linspace(0, 1, 101), kind)
    assert eased[0] == 0 and eased[-1] == 1 and (np.diff(eased) >= 0).all()


def test_easing_by_hand():
    assert paths.ease(0.5, "in") == 0.25
    assert paths.ease(0.5, "out") == 0.75
    assert paths.ease(0.5, "in-out") == 0.5
    assert paths.ease([-1, 2]).tolist() == [0, 1]
    with pytest.raises(ValueError, match="kind .*bounce.* must be one of linear, in, out, in-out"):
        paths.ease(0.5, "bounce")


@pytest.mark.parametrize("kind", ["lerp", "slerp", "spline"])
@pytest.mark.parametrize("easing", ["linear", "in-out"])
@pytest.mark.parametrize("count", [2, 3, 6])
def test_a_path_passes_its_keyframes_exactly(kind, easing, count):
    keyframes = codes_of(count) * np.float32(0.3)
    way = paths.path(keyframes, 5, kind, easing=easing)
    assert way.shape == ((count - 1) * 5 + 1, 6) and way.dtype == np.float32
    assert (way[::5] == keyframes).all()
    ring = paths.path(keyframes, 5, kind, loop=True, easing=easing)
    assert ring.shape == (count * 5, 6)
    assert (ring[::5] == keyframes).all()


def test_a_path_by_hand():
    keyframes = [[0.0], [4.0], [0.0]]
    assert paths.path(keyframes, 2)[:, 0].tolist() == [0, 2, 4, 2, 0]
    assert paths.path(keyframes, 2, loop=True)[:, 0].tolist() == [0, 2, 4, 2, 0, 0]
    assert paths.path(keyframes, 2, easing="in")[:, 0].tolist() == [0, 1, 4, 3, 0]
    assert paths.path(keyframes, 1)[:, 0].tolist() == [0, 4, 0]


def test_a_spline_does_not_turn_sharply_at_a_keyframe():
    keyframes = [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]
    sharpest = {}
    for kind in ("lerp", "spline"):
        steps = np.diff(paths.path(keyframes, 50, kind), axis=0)
        directions = np.arctan2(steps[:, 1], steps[:, 0])
        sharpest[kind] = np.abs(np.diff(directions)).max()
    assert sharpest["lerp"] == pytest.approx(np.pi / 2, abs=1e-3) and sharpest["spline"] < 0.1


def test_a_spline_through_evenly_spaced_keyframes_is_their_line():
    way = paths.path([[0.0], [1.0], [2.0], [3.0]], 4, "spline")
    np.testing.assert_allclose(way[:, 0], np.arange(13) / 4, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_path_has_two_to_six_keyframes(count):
    with pytest.raises(ValueError, match="2 to 6 codes"):
        paths.path(np.zeros((count, 3)), 4)


def test_a_path_of_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="must be one of lerp, slerp, spline"):
        paths.path(np.zeros((2, 3)), 4, "teleport")


def test_the_way_along_a_horseshoe_does_not_cross_the_gap():
    angles = np.linspace(0, 1.75 * np.pi, 60)
    horseshoe = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = neighbors.graph_path(horseshoe, 0, 59, k=2)
    # each code knows the ones beside it; at the two ends those are both on one side
    assert found.indices == [0, *range(2, 58), 59]
    assert found.k == 2 and found.length == pytest.approx(1.75 * np.pi, rel=1e-3)


def test_the_shortest_of_two_ways_is_taken():
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1.1]])
    found = neighbors.graph_path(square, 0, 2, k=2)
    assert found.indices == [0, 1, 2] and found.length == pytest.approx(2)


def test_the_way_is_as_long_in_both_directions():
    codes = codes_of(150)
    forth, back = neighbors.graph_path(codes, 3, 90, k=4), neighbors.graph_path(codes, 90, 3, k=4)
    assert forth.length == pytest.approx(back.length)
    assert forth.indices[0] == 3 and forth.indices[-1] == 90


def test_two_islands_are_joined_by_more_neighbors():
    islands = np.array([[0.0], [1], [2], [100], [101], [102]])
    graph = neighbors.neighbor_graph(islands, 2)
    assert neighbors.shortest_path(graph, 0, 5) == ([], np.inf)
    found = neighbors.graph_path(islands, 0, 5, k=2)
    assert found.k == 4 and found.length == pytest.approx(102, abs=1e-6)


def test_a_code_is_at_home_where_it_is_and_equal_codes_are_neighbors():
    codes = np.array([[1.0], [1.0], [1.0], [5.0]])
    assert neighbors.graph_path(codes, 2, 2, k=1).indices == [2]
    assert neighbors.graph_path(codes, 0, 3, k=3).length == pytest.approx(4)
    with pytest.raises(ValueError, match=r"end \(=4\)"):
        neighbors.graph_path(codes, 0, 4)


def test_principal_directions_by_hand():
    codes = np.array([[1.0, 10], [1, 14], [3, 10], [3, 14]])
    mean, directions, spreads = latent_directions.principal_directions(codes)
    assert mean.tolist() == [2, 12]
    np.testing.assert_allclose(directions, [[0, 1], [1, 0]], atol=1e-7)
    np.testing.assert_allclose(spreads, [2, 1], rtol=1e-6)


@pytest.mark.parametrize("n, d", [(200, 6), (3, 6), (1, 6), (50, 1)])
def test_principal_directions_are_orthonormal_with_falling_spread(n, d):
    codes = codes_of(n, d)
    mean, directions, spreads = latent_directions.principal_directions(codes)
    np.testing.assert_allclose(directions @ directions.T, np.eye(d), atol=1e-5)
    assert (np.diff(spreads) <= 0).all()
    assert (spreads**2).sum() == pytest.approx(codes.astype(float).var(axis=0).sum(), rel=1e-4)
    assert (directions.max(axis=1) >= -directions.min(axis=1)).all()


def test_bilinear_has_its_corners_and_its_middle():
    corners = codes_of(4)
    square = paths.bilinear(corners, 5)
    assert square.shape == (5, 5, 6) and square.dtype == np.float32
    assert (square[[0, 0, -1, -1], [0, -1, 0, -1]] == corners).all()
    np.testing.assert_allclose(square[2, 2], corners.mean(axis=0), rtol=1e-5)
    with pytest.raises(ValueError, match="four codes"):
        paths.bilinear(corners[:3], 5)


def test_samples_of_a_gaussian_have_the_mean_and_the_covariance_of_the_codes():
    codes = codes_of(4000, 3)
    new = priors.fit_gaussian(codes).sample(20_000, seed=1)
    assert new.shape == (20_000, 3) and new.dtype == np.float32
    spread = codes.std(axis=0)
    np.testing.assert_allclose(new.mean(axis=0), codes.mean(axis=0), atol=0.05 * spread.max())
    np.testing.assert_allclose(new.std(axis=0), spread, rtol=0.05)


def test_samples_follow_the_seed_and_the_temperature():
    prior = priors.fit_gaussian(codes_of())
    assert (prior.sample(5, seed=3) == prior.sample(5, seed=3)).all()
    assert (prior.sample(5, seed=3) != prior.sample(5, seed=4)).any()
    cold, warm, mean = (prior.sample(5, 3, each) for each in (0.0, 1.0, 0.5))
    np.testing.assert_allclose(cold, np.tile(prior.means, (5, 1)), rtol=1e-6)
    np.testing.assert_allclose((cold + warm) / 2, mean, rtol=1e-4, atol=1e-4)
    assert prior.sample(0, seed=0).shape == (0, 6)


def test_a_value_that_never_changes_stays_in_samples():
    codes = codes_of()
    codes[:, 2] = 7
    assert priors.fit_gaussian(codes).sample(50, 0)[:, 2] == pytest.approx(7, abs=1e-3)
    assert priors.fit_gaussian(codes[:1]).sample(3, 0) == pytest.approx(np.tile(codes[0], (3, 1)))
    with pytest.raises(ValueError, match="at least one code"):
        priors.fit_gaussian(codes[:0])


@pytest.mark.parametrize("unit", [1e-3, 1, 1e4])
def test_a_mixture_finds_two_clusters_in_any_unit(unit):
    rng = np.random.default_rng(0)
    codes = np.concatenate([rng.normal(9, 0.1, (300, 4)), rng.normal(-3, 0.1, (100, 4))]) * unit
    prior = priors.fit_gmm(codes, parts=2)
    order = np.argsort(prior.weights)
    np.testing.assert_allclose(prior.weights[order], [0.25, 0.75], atol=0.01)
    np.testing.assert_allclose(prior.means[order].mean(axis=1), [-3 * unit, 9 * unit], rtol=0.02)
    new = prior.sample(1000, seed=0) / unit
    assert (np.minimum(abs(new - 9), abs(new + 3)) < 1).all()


def test_a_mixture_of_too_few_or_equal_codes_is_still_a_prior():
    assert len(priors.fit_gmm(codes_of(3), parts=10).weights) == 1
    equal = priors.fit_gmm(np.full((30, 4), 2.5, np.float32), parts=3)
    assert equal.sample(9, 0) == pytest.approx(2.5, abs=0.1)


def test_percentiles_of_distances_by_hand():
    reference = [4, 1, 2, 3]
    assert neighbors.percentile_of_distance([0, 1, 2.5, 9], reference).tolist() == [0, 25, 50, 100]
    assert np.isnan(neighbors.percentile_of_distance([1.0], [])).all()


def test_neighbors_are_those_of_the_metrics():
    codes = codes_of(20)
    assert nearest_neighbors(codes, codes[3:4], 1)[1].tolist() == [[3]]
