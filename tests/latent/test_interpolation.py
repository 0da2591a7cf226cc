import numpy as np
import pytest

from convae.latent import directions, interpolation, paths
from tests.support.models import Halves, flat


def cloud(n=300, d=5, seed=0):
    """Codes off center, and wider in some directions than in others."""
    rng = np.random.default_rng(seed)
    return (3 + rng.normal(size=(n, d)) * np.geomspace(5, 0.1, d)).astype(np.float32)


def horseshoe(n=60):
    """Codes along three quarters of a circle around (100, 100), with a gap below."""
    turn = np.linspace(-0.25 * np.pi, 1.25 * np.pi, n)
    return (100 + 50 * np.stack([np.cos(turn), np.sin(turn)], axis=1)).astype(np.float32)


@pytest.fixture(scope="module")
def ring():
    return interpolation.real_codes(horseshoe())


def ends(ring):
    codes = ring.codes[[0, -1]]
    return Halves().decode(codes), codes


def test_center_and_spread_by_hand():
    real = interpolation.real_codes(np.array([[0, 0], [3, 4], [3, 5]], np.float32))
    np.testing.assert_allclose(real.center, [2, 3])
    assert real.spread == pytest.approx(np.sqrt((13 + 2 + 5) / 3))


def test_one_real_code_has_no_spread_and_no_percentile():
    real = interpolation.real_codes(np.ones((1, 4), np.float32))
    assert real.spread == 0 and np.isnan(real.typicality.percentile(real.codes)).all()


def test_crossfade_by_hand():
    faded = interpolation.crossfade(flat(0, 100, 50), 4)
    assert faded[:, 3, 3, 1].tolist() == [0, 25, 50, 75, 100, 88, 75, 63, 50]
    assert faded.dtype == np.uint8
    assert len(interpolation.crossfade(flat(0, 100, 50), 4, loop=True)) == 12


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("way", interpolation.PATHS)
def test_every_way_has_as_many_frames_and_passes_the_keyframes(ring, way, loop):
    codes = ring.codes[[3, 30, 50]]
    images = Halves().decode(codes)
    found = interpolation.walk(way, images, codes, Halves(), ring, steps=5, loop=loop)
    count = 15 if loop else 11
    assert all(len(part) == count for part in found)
    assert found.images.dtype == np.uint8 and found.nearest.shape == (count, 3)
    for place, image in zip([0, 5, 10], images, strict=True):
        assert np.abs(found.images[place].astype(int) - image).max() <= 1
    if way != interpolation.FADE:
        assert np.array_equal(found.codes[[0, 5, 10]], codes)


def test_an_unknown_way_is_refused(ring):
    with pytest.raises(ValueError, match="path .*'teleport'.* must be one of Cross-fade"):
        interpolation.walk("teleport", *ends(ring), Halves(), ring)


def test_the_way_through_real_codes_keeps_to_the_horseshoe(ring):
    _, codes = ends(ring)
    along = interpolation.through_real(codes, ring, 40)
    distance = np.linalg.norm(along - 100, axis=1)
    assert distance.min() > 45, "it cuts across the gap"
    np.testing.assert_allclose(along[20], [100, 150], atol=2)  # half-way is the top
    straight = paths.path(codes, 40)
    assert np.linalg.norm(straight - 100, axis=1).min() < 40


def test_the_way_through_real_codes_goes_at_an_even_rate(ring):
    along = interpolation.through_real(ends(ring)[1], ring, 40)
    steps = np.linalg.norm(np.diff(along, axis=0), axis=1)
    assert steps.max() < 1.1 * steps.min()  # shorter where a corner is cut


def test_the_way_through_real_codes_joins_islands():
    codes = np.concatenate([cloud(30), cloud(30) + 1000])
    real = interpolation.real_codes(codes)
    along = interpolation.through_real(codes[[0, 45]], real, 6)
    assert np.array_equal(along[0], codes[0]) and np.array_equal(along[-1], codes[45])
    assert np.isfinite(along).all()


def test_keyframes_need_not_be_among_the_real_codes(ring):
    codes = np.array([[160, 100], [40, 100]], np.float32)
    along = interpolation.through_real(codes, ring, 30)
    assert np.array_equal(along[[0, -1]], codes)
    assert np.linalg.norm(along - 100, axis=1).min() > 45


def test_twice_the_same_keyframe_stays_where_it_is(ring):
    code = ring.codes[[7, 7]]
    np.testing.assert_allclose(interpolation.through_real(code, ring, 5), code[[0] * 6], atol=1e-4)


def test_along_by_hand():
    nodes = np.array([[0, 0], [3, 4], [3, 5]])
    found = interpolation.along(nodes, [0, 0.5, 5 / 6, 11 / 12, 1])
    np.testing.assert_allclose(found, [[0, 0], [1.8, 2.4], [3, 4], [3, 4.5], [3, 5]], rtol=1e-6)
    assert interpolation.along(nodes[:1], [0, 1]).tolist() == [[0, 0], [0, 0]]


def test_the_middle_of_a_straight_line_is_off_the_manifold(ring):
    found = interpolation.walk(interpolation.LINE, *ends(ring), Halves(), ring, steps=20)
    np.testing.assert_allclose(
        found.off_manifold, ring.typicality.percentile(found.codes), atol=0.01
    )
    assert found.off_manifold[10] > 80  # in the gap
    along = interpolation.walk(interpolation.REAL, *ends(ring), Halves(), ring, steps=20)
    assert np.median(along.off_manifold) < 70


def test_the_mean_of_all_codes_is_off_the_manifold():
    """However near real codes are: the distance to the nearest of them cannot see an average."""
    real = interpolation.real_codes(cloud(500, 64))
    rows, off = interpolation.nearest_real(real.center, real, 3, np.array([0]))
    assert off == 100 and len(rows) == 3


def test_a_keyframe_counts_as_data_if_it_is_some(ring):
    codes = np.array([[100, 100], [100, 150]], np.float32)
    images = Halves().decode(codes)
    for new in [True, True], [False, True]:
        found = interpolation.walk(
            interpolation.LINE, images, codes, Halves(), ring, steps=8, new=np.array(new)
        )
        assert (found.nearest[0, 0] == len(ring.codes)) == new[0]


def test_a_keyframe_of_the_sample_is_not_added_again_however_coarse_its_code(ring):
    codes = ring.codes[:2] + 0.01 * ring.spread  # as bfloat16 rounds: beyond any fixed tolerance
    found = interpolation.walk(
        interpolation.LINE, Halves().decode(codes), codes, Halves(), ring, steps=4
    )
    assert found.nearest.max() < len(ring.codes)


def test_speed_by_hand(ring):
    codes = np.array([[0, 0], [255, 255]], np.float32)
    images = Halves().decode(codes)
    once = interpolation.walk(interpolation.FADE, images, codes, Halves(), ring, steps=5)
    np.testing.assert_allclose(once.speed, 0.2)
    looped = interpolation.walk(
        interpolation.FADE, images, codes, Halves(), ring, steps=5, loop=True
    )
    np.testing.assert_allclose(looped.speed, 0.2)


def test_echo_is_nothing_where_a_code_comes_back_and_large_where_pixels_are_cut_off(ring):
    inside = interpolation.walk(interpolation.LINE, *ends(ring), Halves(), ring, steps=5)
    assert inside.echo.max() < 1.5  # rounding to pixels
    codes = np.array([[100, 100], [600, 100]], np.float32)
    outside = interpolation.walk(
        interpolation.LINE, Halves().decode(codes), codes, Halves(), ring, steps=5
    )
    assert outside.echo[-1] == pytest.approx(100 * 345 / ring.spread, rel=0.01)


def test_nearest_real_leaves_out_what_it_is_told_to(ring):
    found, off = interpolation.nearest_real(ring.codes[5], ring, 3, np.array([5, 4]))
    assert found[0] == 6 and not {4, 5} & set(found)
    assert off == ring.typicality.percentile(ring.codes[5:6])[0]
    assert interpolation.nearest_real(ring.codes[5], ring, 3, np.array([9]))[0][0] == 5


def test_an_image_is_never_its_own_nearest_however_coarse_its_code(ring):
    coarse = ring.codes[5] + 0.004 * ring.spread  # as bfloat16 rounds
    assert 5 not in interpolation.nearest_real(coarse, ring, 3, np.array([5]))[0]


def test_corners_by_hand():
    images = flat(0, 100, 100, 200)
    decoded, mixed, codes = interpolation.corners(images, Halves().encode(images), 5, Halves())
    assert decoded.shape == mixed.shape == (25, 32, 32, 3) and codes.shape == (25, 2)
    assert mixed[[0, 4, 12, 20, 24], 0, 0, 0].tolist() == [0, 100, 100, 100, 200]
    assert np.array_equal(decoded, mixed)  # this model is linear


def test_csv_has_a_line_for_each_code():
    text = interpolation.codes_csv(
        {"a": np.array([[1, 0.5]]), "b": np.array([[2, 3], [4, 5]])}
    ).decode()
    assert text == "of,number,z0,z1\na,0,1,0.5\nb,0,2,3\nb,1,4,5\n"


def test_inspected_has_each_quantity_of_each_walk(ring):
    found = {
        interpolation.LINE: interpolation.walk(
            interpolation.LINE, *ends(ring), Halves(), ring, steps=4
        )
    }
    table = interpolation.inspected(found)
    assert len(table) == 3
    assert all(len(by_path[interpolation.LINE]) == 5 for by_path in table.values())


def test_arithmetic_by_hand():
    found = directions.arithmetic([1, 2], [0, 1], [5, 5], [0, 1, -2])
    assert found.tolist() == [[5, 5], [6, 6], [3, 3]]


def test_principal_knobs_move_by_one_spread():
    codes = cloud(2_000)
    knobs = directions.principal_knobs(codes, most=3)
    assert knobs.names == ("Direction 1", "Direction 2", "Direction 3")
    lengths = np.linalg.norm(knobs.moves, axis=1)
    units = knobs.moves / lengths[:, None]
    np.testing.assert_allclose((codes @ units.T).std(axis=0), lengths, rtol=1e-3)
    assert (np.diff(lengths) < 0).all()


def test_directions_without_spread_have_no_knob():
    codes = np.zeros((50, 4), np.float32)
    codes[:, 2] = np.arange(50)
    assert len(directions.principal_knobs(codes).names) == 1


def test_ends_are_where_the_knobs_would_be():
    knobs = directions.Knobs(("x", "y"), np.array([[2, 0], [0, 10]], np.float32))
    code, amounts = np.array([100, 100], np.float32), [1, 0]
    assert knobs.turned(code, amounts).tolist() == [102, 100]
    ends = knobs.ends(code, amounts, 3)
    assert ends.tolist() == [[[94, 100], [106, 100]], [[102, 70], [102, 130]]]


def test_class_knobs_lead_from_the_others_to_the_class():
    codes = np.concatenate([cloud(100), cloud(100) + [[0, 0, 0, 0, 8]]]).astype(np.float32)
    labels = np.repeat([0, 2], 100)
    knobs = directions.class_knobs(codes, labels, ("low", "absent", "high"))
    assert knobs.names == ("low", "high")
    assert knobs.moves[1, 4] > 0 > knobs.moves[0, 4]
    unit = knobs.moves[1] / np.linalg.norm(knobs.moves[1])
    assert np.linalg.norm(knobs.moves[1]) == pytest.approx((codes @ unit).std(), rel=1e-4)


def test_one_class_has_no_knob():
    knobs = directions.class_knobs(cloud(), np.zeros(300, int), ("all",))
    assert knobs.names == () and knobs.moves.shape == (0, 5)
