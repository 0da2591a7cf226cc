import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from convae.evaluation.metrics import set_psnr
from convae.evaluation.pca import (
    _largest,
    _load,
    components_beside,
    fewer_components,
    fit_pca,
    pca_for,
)
from convae.process_state import one_thread


def test_pca_is_the_one_of_scikit_learn(waves):
    from sklearn.decomposition import PCA

    pca = fit_pca(waves[:60], components=20)
    oracle = PCA(20, svd_solver="full").fit(waves[:60].reshape(60, -1) / 255)
    np.testing.assert_allclose(pca.mean, oracle.mean_, atol=1e-6)
    np.testing.assert_allclose(pca.variances * 60 / 59, oracle.explained_variance_, rtol=1e-3)
    alike = np.abs((pca.components[:10] * oracle.components_[:10]).sum(axis=1))
    np.testing.assert_allclose(alike, 1, atol=1e-3)


def test_many_images_and_few_images_give_the_same_pca(waves):
    small = waves[:150, ::4, ::4]
    few = fit_pca(small, components=20)
    many = fit_pca(np.concatenate([small, small]), components=20)
    assert len(small) <= small[0].size < 2 * len(small)
    np.testing.assert_allclose(many.mean, few.mean, atol=1e-6)
    np.testing.assert_allclose(many.variances, few.variances, rtol=1e-3)
    alike = (many.components[:10] * few.components[:10]).sum(axis=1)
    np.testing.assert_allclose(alike, 1, atol=1e-3)


def test_components_are_orthonormal_and_their_largest_entry_is_positive(pca_of_waves):
    np.testing.assert_allclose(
        pca_of_waves.components @ pca_of_waves.components.T, np.eye(40), atol=1e-5
    )
    assert (pca_of_waves.components.max(axis=1) >= -pca_of_waves.components.min(axis=1)).all()
    assert (np.diff(pca_of_waves.variances) <= 0).all()
    assert pca_of_waves.mean.dtype == pca_of_waves.components.dtype == np.float32


def test_more_values_never_rebuild_worse(waves, pca_of_waves):
    quality = [set_psnr(waves, pca_of_waves.reconstruct(waves, each)) for each in (1, 4, 16, 40)]
    assert quality == sorted(quality)
    assert pca_of_waves.encode(waves, 16).shape == (300, 16)
    assert pca_of_waves.encode(waves, 16).dtype == np.float32


def test_as_many_values_as_directions_rebuild_the_images_they_were_fitted_on():
    few = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    pca = fit_pca(few)
    assert pca.components.shape == (5, 3072)
    assert (pca.reconstruct(few, 5) == few).all()
    assert (pca.encode(few, 64)[:, 5:] == 0).all()
    assert (pca.reconstruct(few, 64) == few).all()


def test_one_image_is_its_own_mean(waves):
    one = waves[:1]
    pca = fit_pca(one)
    assert pca.components.shape == (0, 3072)
    assert (pca.reconstruct(one, 8) == one).all()


def test_equal_images_do_not_upset_the_fit():
    pca = fit_pca(np.full((9, 32, 32, 3), 77, np.uint8), components=4)
    assert np.isfinite(pca.components).all()
    np.testing.assert_allclose(pca.variances, 0, atol=1e-9)


def test_no_images_give_no_pca():
    with pytest.raises(ValueError, match="at least one image"):
        fit_pca(np.zeros((0, 32, 32, 3), np.uint8))


def test_asking_for_values_that_were_not_kept_is_refused(waves, pca_of_waves):
    with pytest.raises(ValueError, match=r"latent_dim \(=41\) is above the 40"):
        pca_of_waves.encode(waves, 41)


def test_encoding_nothing_gives_nothing(waves, pca_of_waves):
    assert pca_of_waves.encode(waves[:0], 3).shape == (0, 3)
    assert pca_of_waves.decode(np.zeros((0, 3), np.float32)).shape == (0, 32, 32, 3)


def test_progress_rises_to_one(waves):
    shares = []
    fit_pca(waves[:50], 5, shares.append)
    assert shares == sorted(shares) and shares[-1] == 1.0


@pytest.fixture
def image_set(waves, tmp_path, monkeypatch):
    monkeypatch.setenv("CONVAE_CACHE_DIR", str(tmp_path / "made" / "here"))
    return SimpleNamespace(images=waves[:60], fingerprint="ab12")


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_second_time_the_pca_comes_from_disk(image_set, monkeypatch):
    first = pca_for(image_set, 8)
    monkeypatch.setattr("convae.evaluation.pca.fit_pca", None)
    assert same(pca_for(image_set, 8), first)


def test_other_images_or_other_components_are_not_taken_from_the_cache(image_set):
    pca_for(image_set, 8)
    other = SimpleNamespace(images=image_set.images[:20], fingerprint="../../cd")
    assert pca_for(other, 8).fitted_on == 20
    assert len(pca_for(image_set, 9).components) == 9


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "words", "pickle"])
def test_a_damaged_cache_is_fitted_again(image_set, tmp_path, damage):
    first = pca_for(image_set, 8)
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
    assert same(pca_for(image_set, 8), first)
    assert path.read_bytes() == sound


def test_a_cache_that_cannot_be_written_costs_time_alone(image_set, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CONVAE_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert len(pca_for(image_set, 8).components) == 8


def test_writers_at_once_leave_one_sound_file(image_set, tmp_path):
    threads = [threading.Thread(target=pca_for, args=(image_set, 8), daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (path,) = (tmp_path / "made" / "here").iterdir()
    assert _load(path) is not None


def test_other_threads_go_on_while_eigenvectors_are_computed():
    """A page of another visitor is such a thread."""
    matrix = np.random.default_rng(0).normal(size=(1500, 1500))
    matrix, gaps, ended = matrix @ matrix.T, [], threading.Event()

    def tick():
        last = time.perf_counter()
        while not ended.is_set():
            time.sleep(0.005)
            gaps.append(time.perf_counter() - last)
            last += gaps[-1]

    _largest(matrix[:2, :2], 1)  # whatever it imports
    thread = threading.Thread(target=tick)
    thread.start()
    began = time.perf_counter()
    with one_thread():
        _largest(matrix, 1000)
    took = time.perf_counter() - began
    ended.set()
    thread.join()
    assert max(gaps) < took / 2


@pytest.mark.parametrize(
    ("latent_dim", "real", "images", "count", "said"),
    [
        (256, 3072, 15, 14, "14 components and not 256, as 15 images span no more"),
        (256, 64, 15, 14, "14 components and not 256, as 15 images span no more"),
        (256, 64, 1000, 64, "64 components and not 256, as an image has no more values"),
        (8, 3072, 1, 1, "1 component and not 8, as 1 image spans no more"),
        (14, 3072, 15, 14, ""),
    ],
)
def test_the_components_beside_a_code_are_those_that_exist(latent_dim, real, images, count, said):
    assert components_beside(latent_dim, real, images) == count
    assert fewer_components(latent_dim, real, images) == said
