import threading
from types import SimpleNamespace

import numpy as np
import pytest

from convae import baselines
from convae.metrics import set_psnr


def photos(n, seed=0):
    """Smooth random images: a few waves each, so that codecs and PCA have something to find."""
    rng = np.random.default_rng(seed)
    grid = np.arange(32) / 32
    u, v = rng.uniform(-2, 2, (2, n, 4, 1, 1, 1))
    phase, colour = rng.uniform(0, 6.3, (n, 4, 1, 1, 1)), rng.normal(0, 30, (n, 4, 1, 1, 3))
    waves = np.cos(6.3 * (u * grid[:, None, None] + v * grid[None, :, None]) + phase) * colour
    return (128 + waves.sum(axis=1)).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def images():
    return photos(300)


@pytest.fixture(scope="module")
def pca(images):
    return baselines.fit_pca(images, components=40)


def test_pca_is_the_one_of_scikit_learn(images):
    from sklearn.decomposition import PCA

    pca = baselines.fit_pca(images[:60], components=20)
    oracle = PCA(20, svd_solver="full").fit(images[:60].reshape(60, -1) / 255)
    np.testing.assert_allclose(pca.mean, oracle.mean_, atol=1e-6)
    np.testing.assert_allclose(pca.variances * 60 / 59, oracle.explained_variance_, rtol=1e-3)
    alike = np.abs((pca.components[:10] * oracle.components_[:10]).sum(axis=1))
    np.testing.assert_allclose(alike, 1, atol=1e-3)


def test_many_images_and_few_images_give_the_same_pca(images):
    small = images[:150, ::4, ::4]
    few = baselines.fit_pca(small, components=20)
    many = baselines.fit_pca(np.concatenate([small, small]), components=20)
    assert len(small) <= small[0].size < 2 * len(small)
    np.testing.assert_allclose(many.mean, few.mean, atol=1e-6)
    np.testing.assert_allclose(many.variances, few.variances, rtol=1e-3)
    alike = (many.components[:10] * few.components[:10]).sum(axis=1)
    np.testing.assert_allclose(alike, 1, atol=1e-3)


def test_components_are_orthonormal_and_their_largest_entry_is_positive(pca):
    np.testing.assert_allclose(pca.components @ pca.components.T, np.eye(40), atol=1e-5)
    assert (pca.components.max(axis=1) >= -pca.components.min(axis=1)).all()
    assert (np.diff(pca.variances) <= 0).all()
    assert pca.mean.dtype == pca.components.dtype == np.float32


def test_more_values_never_rebuild_worse(images, pca):
    quality = [set_psnr(images, pca.reconstruct(images, each)) for each in (1, 4, 16, 40)]
    assert quality == sorted(quality)
    assert pca.encode(images, 16).shape == (300, 16)
    assert pca.encode(images, 16).dtype == np.float32


def test_as_many_values_as_directions_rebuild_the_images_they_were_fitted_on():
    few = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    pca = baselines.fit_pca(few)
    assert pca.components.shape == (5, 3072)
    assert (pca.reconstruct(few, 5) == few).all()
    assert (pca.encode(few, 64)[:, 5:] == 0).all()
    assert (pca.reconstruct(few, 64) == few).all()


def test_one_image_is_its_own_mean():
    one = photos(1)
    pca = baselines.fit_pca(one)
    assert pca.components.shape == (0, 3072)
    assert (pca.reconstruct(one, 8) == one).all()


def test_equal_images_do_not_upset_the_fit():
    pca = baselines.fit_pca(np.full((9, 32, 32, 3), 77, np.uint8), components=4)
    assert np.isfinite(pca.components).all()
    np.testing.assert_allclose(pca.variances, 0, atol=1e-9)


def test_no_images_give_no_pca():
    with pytest.raises(ValueError, match="at least one image"):
        baselines.fit_pca(np.zeros((0, 32, 32, 3), np.uint8))


def test_asking_for_values_that_were_not_kept_is_refused(images, pca):
    with pytest.raises(ValueError, match=r"latent_dim \(=41\) is above the 40"):
        pca.encode(images, 41)


def test_encoding_nothing_gives_nothing(images, pca):
    assert pca.encode(images[:0], 3).shape == (0, 3)
    assert pca.decode(np.zeros((0, 3), np.float32)).shape == (0, 32, 32, 3)


def test_progress_rises_to_one(images):
    shares = []
    baselines.fit_pca(images[:50], 5, shares.append)
    assert shares == sorted(shares) and shares[-1] == 1.0


@pytest.fixture
def image_set(images, tmp_path, monkeypatch):
    monkeypatch.setenv("CONVAE_CACHE_DIR", str(tmp_path / "made" / "here"))
    return SimpleNamespace(images=images[:60], fingerprint="ab12")


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_second_time_the_pca_comes_from_disk(image_set, monkeypatch):
    first = baselines.pca_for(image_set, 8)
    monkeypatch.setattr(baselines, "fit_pca", None)
    assert same(baselines.pca_for(image_set, 8), first)


def test_other_images_or_other_components_are_not_taken_from_the_cache(image_set):
    baselines.pca_for(image_set, 8)
    other = SimpleNamespace(images=image_set.images[:20], fingerprint="../../cd")
    assert baselines.pca_for(other, 8).fitted_on == 20
    assert len(baselines.pca_for(image_set, 9).components) == 9


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "words", "pickle"])
def test_a_damaged_cache_is_fitted_again(image_set, tmp_path, damage):
    first = baselines.pca_for(image_set, 8)
    (path,) = (tmp_path / "made" / "here").iterdir()
    sound = path.read_bytes()
    middle = len(sound) // 2
    if damage == "pickle":
        np.savez(path, mean=np.array([{}], dtype=object))
    else:
        path.write_bytes(
            {
                "cut": sound[:middle],
                "flip": sound[:middle] + bytes([sound[middle] ^ 1]) + sound[middle + 1 :],
                "empty": b"",
                "words": b"not an archive",
            }[damage]
        )
    assert same(baselines.pca_for(image_set, 8), first)
    assert path.read_bytes() == sound


def test_a_cache_that_cannot_be_written_costs_time_alone(image_set, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CONVAE_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert len(baselines.pca_for(image_set, 8).components) == 8


def test_writers_at_once_leave_one_sound_file(image_set, tmp_path):
    threads = [
        threading.Thread(target=baselines.pca_for, args=(image_set, 8), daemon=True)
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (path,) = (tmp_path / "made" / "here").iterdir()
    assert baselines._load(path) is not None


@pytest.mark.parametrize("codec", [baselines.jpeg, baselines.webp])
@pytest.mark.parametrize("n", [1, 5, 16])
def test_a_codec_gives_every_image_back_in_its_place(codec, n, images):
    rebuilt, size = codec(images[:n], 90)
    assert rebuilt.shape == (n, 32, 32, 3) and rebuilt.dtype == np.uint8
    assert set_psnr(images[:n], rebuilt) > 28
    assert size > 0


@pytest.mark.parametrize("codec", [baselines.jpeg, baselines.webp])
def test_a_single_image_carries_no_header_of_its_own(codec, images):
    alone = [codec(images[i : i + 1], 40)[1] for i in range(20)]
    assert np.mean(alone) == pytest.approx(codec(images[:20], 40)[1], rel=0.1)


def test_no_image_touches_its_neighbour_in_jpeg(images):
    beside_black, beside_white = images[:4].copy(), images[:4].copy()
    beside_black[1:], beside_white[1:] = 0, 255
    assert (baselines.jpeg(beside_black, 20)[0][0] == baselines.jpeg(beside_white, 20)[0][0]).all()


@pytest.mark.parametrize("codec", [baselines.jpeg, baselines.webp])
def test_no_images_need_no_bytes(codec):
    rebuilt, size = codec(np.zeros((0, 32, 32, 3), np.uint8), 50)
    assert rebuilt.shape == (0, 32, 32, 3) and size == 0


@pytest.mark.parametrize("at", [baselines.jpeg_at, baselines.webp_at])
def test_the_best_quality_within_the_budget_is_found(at, images):
    codec = {baselines.jpeg_at: baselines.jpeg, baselines.webp_at: baselines.webp}[at]
    found = at(images[:50], 120)
    assert found.bytes_per_image <= 120 < codec(images[:50], found.quality + 1)[1]
    rebuilt, size = codec(images[:50], found.quality)
    assert (found.rebuilt == rebuilt).all() and found.bytes_per_image == size


def test_a_budget_below_the_lowest_quality_gives_that_and_its_real_bytes(images):
    assert baselines.jpeg_at(images[:9], 1).quality == 1
    assert baselines.webp_at(images[:9], 1).quality == 0
    assert baselines.webp_at(images[:9], 1).bytes_per_image > 1
    assert baselines.jpeg_at(images[:9], 1e6).quality == 95


@pytest.mark.parametrize("bits", range(1, 9))
def test_quantised_codes_come_back_within_half_a_cell(bits):
    codes = np.random.default_rng(bits).normal(3, 5, (40, 13)).astype(np.float32)
    low, high = codes.min(axis=0), codes.max(axis=0)
    packed = baselines.quantise(codes, bits, low, high)
    assert packed.shape == (40, -(-13 * bits // 8)) and packed.dtype == np.uint8
    back = baselines.dequantise(packed, bits, low, high)
    assert (np.abs(back - codes) <= (high - low) / 2**bits / 2 * 1.0001).all()


def test_two_bits_by_hand():
    low, high = np.zeros(4, np.float32), np.full(4, 4, np.float32)
    packed = baselines.quantise(np.array([[0.2, 1.9, 2.5, 99.0]]), 2, low, high)
    assert packed.tolist() == [[0b00_01_10_11]]
    assert baselines.dequantise(packed, 2, low, high).tolist() == [[0.5, 1.5, 2.5, 3.5]]


def test_a_value_that_never_changes_keeps_its_value():
    dead = np.full((3, 2), 7, np.float32)
    packed = baselines.quantise(dead, 3, dead[0], dead[0])
    assert (baselines.dequantise(packed, 3, dead[0], dead[0]) == 7).all()


@pytest.mark.parametrize("bits", [0, 9])
def test_bits_out_of_range_are_refused(bits):
    with pytest.raises(ValueError, match=rf"bits \(={bits}\) must be 1 to 8"):
        baselines.quantise(np.zeros((1, 2)), bits, np.zeros(2), np.ones(2))


def test_more_bits_cost_more_bytes_and_lose_less(images, pca):
    codes = pca.encode(images, 16)
    points = baselines.rate_distortion(images, codes, pca.decode, codes)
    assert [size for size, _ in points] == [2, 4, 6, 8, 10, 12, 14, 16]
    assert [quality for _, quality in points] == sorted(quality for _, quality in points)
    assert points[-1][1] == pytest.approx(set_psnr(images, pca.decode(codes)), abs=0.1)


def test_a_codec_curve_rises(images):
    points = baselines.codec_curve(baselines.jpeg, images, [5, 40, 90])
    assert points == sorted(points) and points[0][1] < points[-1][1]
