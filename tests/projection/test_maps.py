"""Maps of codes: kept, found again, walked both ways; made by a worker that is on its own."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from convae import data, processes
from convae.errors import ConfigError, ConvaeError
from convae.latent import clustering, neighbors
from convae.models import checkpoints
from convae.projection import fidelity, maps, umap_job
from convae.projection.maps import Map, Settings
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def codes():
    """300 codes of 12 values around three middles, and their labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    middles = rng.standard_normal((3, 12)) * 2
    return (middles[labels] + rng.standard_normal((300, 12))).astype(np.float32), labels


def test_pca_map_is_scikit_learns_up_to_signs(codes):
    ours = maps.pca_map(codes[0], 3).points
    theirs = PCA(3).fit_transform(codes[0])
    assert np.allclose(np.abs(ours), np.abs(theirs), atol=1e-3)


def test_pca_map_of_fewer_values_than_dimensions_is_flat():
    found = maps.pca_map(np.random.default_rng(0).standard_normal((9, 2), np.float32), 3)
    assert found.points.shape == (9, 3)
    assert not found.points[:, 2].any()


def test_places_of_a_pca_map_and_its_inverse_agree(codes):
    found = maps.pca_map(codes[0])
    assert np.allclose(found.place(codes[0][:5]), found.points[:5], atol=1e-5)
    assert np.allclose(found.place(found.inverse([0.5, -1.0])[None]), [[0.5, -1.0]], atol=1e-5)


def test_a_known_code_is_placed_on_its_own_point(codes):
    points = np.random.default_rng(1).standard_normal((300, 2)).astype(np.float32)
    found = Map(codes[0], points)
    assert np.allclose(found.place(codes[0][:20]), points[:20], atol=1e-5)
    assert found.inverse([0, 0]) is None


def test_a_new_code_is_placed_among_its_neighbors(codes):
    flat = maps.pca_map(codes[0])
    found = Map(codes[0], flat.points)
    middle = codes[0][codes[1] == 1].mean(axis=0, keepdims=True)
    at = found.place(middle)[0]
    near = neighbors.nearest_neighbors(flat.points, at[None], 15)[1][0]
    assert (codes[1][near] == 1).mean() > 0.9


def test_the_code_at_a_point_is_the_code_of_that_point(codes):
    found = maps.pca_map(codes[0])
    assert np.allclose(found.code_at(found.points[7]), codes[0][7], atol=1e-3)


def test_a_place_away_from_all_points_is_empty(codes):
    found = maps.pca_map(codes[0])
    far = np.array([1e3, 1e3], np.float32)
    assert found.emptiness(far) == 100
    assert found.emptiness(found.points[3]) < 5


def test_a_map_comes_back_from_disk_within_a_step_of_65536(codes, tmp_path):
    points = maps.pca_map(codes[0], 3).points
    name = maps.key("a", "b", Settings())
    path = maps.save(maps.folder(), name, points)
    assert np.abs(maps.load(name) - points).max() <= np.ptp(points, axis=0).max() / 65535
    path.rename(tmp_path / path.name)
    assert maps.load(name) is None
    assert maps.load(name, shipped=tmp_path) is not None


def test_ten_thousand_points_are_below_200_kb():
    points = np.random.default_rng(0).standard_normal((10_000, 3)).astype(np.float32)
    path = maps.save(maps.folder(), "0" * 24, points)
    assert path.stat().st_size < 200_000


def test_a_damaged_map_is_no_map(codes):
    path = maps.save(maps.folder(), "0" * 24, np.zeros((3, 2), np.float32))
    assert maps.load("0" * 24).tolist() == [[0, 0]] * 3
    path.write_bytes(path.read_bytes()[:100])
    assert maps.load("0" * 24) is None
    with pytest.raises(ValueError, match="not a key"):
        maps.load("../../etc/passwd")


def test_key_depends_on_weights_images_and_settings_alone():
    one = maps.key("weights", "images", Settings("UMAP"))
    assert one == maps.key("weights", "images", Settings("UMAP"))
    others = [
        maps.key("w", "images", Settings("UMAP")),
        maps.key("weights", "i", Settings("UMAP")),
        maps.key("weights", "images", Settings("UMAP", seed=1)),
    ]
    assert len({one, *others}) == 4


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="n_neighbors"):
        Settings(n_neighbors=1)
    with pytest.raises(ConvaeError, match="at least 16 images, not 9"):
        maps.check_umap(9, Settings("UMAP"))


def test_trustworthiness_is_scikit_learns(codes):
    points = maps.pca_map(codes[0]).points
    everyone = np.arange(300)
    near = neighbors.nearest_neighbors(points, points, 15, skip_self=True)[1]
    ours = fidelity.trustworthiness(codes[0], near, everyone, 15)
    assert ours == pytest.approx(trustworthiness(codes[0], points, n_neighbors=15), abs=1e-9)


def test_truth_of_a_map_agrees_with_scikit_learn(codes):
    points = maps.pca_map(codes[0]).points
    found = fidelity.measure(codes[0], points, codes[1])
    for k in fidelity.KS:
        near = [
            NearestNeighbors().fit(each).kneighbors(None, k, False) for each in (codes[0], points)
        ]
        shares = [len(set(a) & set(b)) / k for a, b in zip(*near, strict=True)]
        assert found.kept[k] == pytest.approx(np.mean(shares), abs=1e-6)
    for values, ours in ((codes[0], found.accuracy_codes), (points, found.accuracy_map)):
        right = [
            KNeighborsClassifier(15)
            .fit(np.delete(values, i, 0), np.delete(codes[1], i))
            .predict(values[i : i + 1])[0]
            == codes[1][i]
            for i in range(60)
        ]
        alone = fidelity._accuracy(
            fidelity._others(values, np.arange(60), 15), codes[1], np.arange(60)
        )
        assert alone == np.mean(right)
        assert ours > 0.5


def test_neighbors_kept_by_hand():
    codes = np.array([[0.0], [1], [3], [7]], np.float32)
    points = np.array([[0.0], [1], [9], [3]], np.float32)
    # nearest codes: 1 0 1 2; nearest points: 1 0 3 1
    assert fidelity.kept_neighbors(codes, points, 1).tolist() == [1, 1, 0, 0]
    assert fidelity.kept_neighbors(codes[:1], points[:1], 1).tolist() == [1]


def test_a_turned_map_keeps_every_neighbor_and_a_shuffled_one_few():
    codes = np.random.default_rng(0).normal(size=(200, 2))
    turned = 3 * codes @ np.array([[0.6, -0.8], [0.8, 0.6]]) + 5
    assert fidelity.kept_neighbors(codes, turned, 10).mean() == 1
    assert fidelity.kept_neighbors(codes, codes[::-1], 10).mean() < 0.15


def test_a_map_that_is_the_code_space_is_wholly_true(codes):
    flat = codes[0][:, :2]
    found = fidelity.measure(flat, flat, codes[1])
    assert found.trustworthiness == 1
    assert set(found.kept.values()) == {1.0}
    assert fidelity.kept_neighbors(flat, flat).min() == 1


def test_equal_codes_are_their_own_neighbors_all_the_same():
    same = np.zeros((80, 4), np.float32)
    found = fidelity.measure(same, same[:, :2], np.zeros(80, np.int64))
    assert 0 <= found.kept[5] <= 1
    assert np.isnan(found.accuracy_codes)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_truth_of_next_to_nothing_is_not_an_error(count):
    few = np.random.default_rng(0).standard_normal((count, 4)).astype(np.float32)
    assert np.isnan(fidelity.measure(few, few[:, :2], np.arange(count)).trustworthiness)
    assert len(fidelity.kept_neighbors(few, few[:, :2])) == count


@pytest.mark.parametrize(
    ("count", "measured"), [(5, []), (7, [5]), (16, [5]), (17, [5, 15]), (52, [5, 15, 50])]
)
def test_no_figure_is_given_where_all_other_codes_are_the_nearest(count, measured):
    few = np.random.default_rng(0).standard_normal((count, 4)).astype(np.float32)
    found = fidelity.measure(few, few[:, :2], np.arange(count) % 2)
    assert [k for k, share in found.kept.items() if not np.isnan(share)] == measured
    for accuracy in (found.accuracy_codes, found.accuracy_map):
        assert np.isnan(accuracy) == (15 not in measured)


def test_nothing_imports_umap_or_torch_until_it_is_asked():
    code = (
        "import sys; from convae.projection import fidelity, maps, umap_job;"
        "assert not {'umap', 'numba', 'torch', 'streamlit'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


FAKE = """
import time
import numpy as np

class UMAP:
    def __init__(self, **asked):
        self.asked = asked

    def fit(self, codes):
        print("Construct embedding")
        for epoch in range(1, 11):
            self.asked["tqdm_kwds"]["file"].write(f"epoch {epoch}/10")
            time.sleep(0.1)
        if np.isnan(codes).any():
            raise ValueError("Input contains NaN")
        self.embedding_ = codes[:, : self.asked["n_components"]]
"""


@pytest.fixture
def quick_umap(tmp_path, monkeypatch):
    """A stand-in for umap that takes a second: the real one is met in tests/e2e."""
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "umap.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fake"))


def ended(key: str) -> umap_job.Status:
    deadline = time.monotonic() + 60
    while (now := umap_job.status(key)).state == "working" and time.monotonic() < deadline:
        time.sleep(0.05)
    return now


def test_worker_draws_the_map_tells_its_progress_and_tidies_up(codes, quick_umap):
    settings = Settings("UMAP", n_neighbors=5)
    key = maps.key("w", "i", settings)
    assert umap_job.start(key, codes[0][:80], settings)
    assert not umap_job.start(key, codes[0][:80], settings)  # a second visitor: no second worker
    with pytest.raises(ConvaeError, match="only one runs at a time"):
        umap_job.start("f" * 24, codes[0], settings)
    seen, deadline = [], time.monotonic() + 60
    while (now := umap_job.status(key)).state == "working" and time.monotonic() < deadline:
        seen.append(now.share)
        time.sleep(0.05)
    assert now.state == "done", now
    assert seen == sorted(seen) and max(seen) > 0.4
    assert np.allclose(maps.load(key), codes[0][:80, :2], atol=1e-3)
    # the map is there before its worker has tidied up
    wait_for(lambda: not (maps.folder() / "jobs" / key).exists())


def test_a_map_whose_lock_is_held_is_one_sentence_and_leaves_the_slot_free(codes, tmp_path):
    key = "d" * 24
    job = maps.folder() / "jobs" / key
    job.mkdir(parents=True)
    held = processes.take_lock(job / "lock")
    with pytest.raises(ConvaeError, match="being computed already"):
        umap_job.start(key, codes[0], Settings("UMAP"))
    assert not processes.is_locked(job.parent / ".slot")
    os.close(held)


def test_worker_that_is_canceled_leaves_nothing_and_makes_room(codes, quick_umap):
    umap_job.start("a" * 24, codes[0], Settings("UMAP"))
    umap_job.cancel("a" * 24)
    assert umap_job.status("a" * 24).state == "none"
    umap_job.start("b" * 24, codes[0], Settings("UMAP"))
    assert ended("b" * 24).state == "done"


def test_worker_that_fails_says_so_and_can_be_started_again(codes, quick_umap):
    key = "b" * 24
    umap_job.start(key, np.full((40, 4), np.nan, np.float32), Settings("UMAP"))
    assert ended(key).state == "failed"
    assert "could not compute this map: Input contains NaN" in ended(key).message
    umap_job.start(key, codes[0], Settings("UMAP"))
    assert ended(key).state == "done"


def test_worker_that_is_killed_has_failed(codes, quick_umap):
    key = "c" * 24
    umap_job.start(key, codes[0], Settings("UMAP"))
    while umap_job.status(key).pid == 0:
        time.sleep(0.02)
    os.kill(umap_job.status(key).pid, signal.SIGKILL)
    assert ended(key).message == "The UMAP process ended before the map was computed."


def test_map_on_the_command_line_is_found_beside_the_model(add_checkpoint, quick_umap):
    folder = add_checkpoint("small", spec="digits")
    command = [sys.executable, "-m", "convae", "map", "small", "--data", "digits", "--quiet"]
    subprocess.run(command, check=True, capture_output=True)
    images = data.load("digits", "test")
    settings = Settings("UMAP")
    name = maps.key(checkpoints.load("small").sha256, images.fingerprint, settings)
    assert maps.load(name) is None
    assert len(maps.load(name, folder / "maps")) == len(images)


def test_clusters_and_mahalanobis_distances_of_ordinary_and_of_equal_codes(codes):
    groups = clustering.clusters(codes[0], 3)
    pairs = np.unique(np.stack([groups, codes[1]]), axis=1)
    assert pairs.shape == (2, 3)  # the three groups that were put in
    odd = codes[0].copy()
    odd[7] *= 10
    assert clustering.mahalanobis(odd).argmax() == 7
    assert 0.8 < clustering.mahalanobis(codes[0]).mean() < 1.2
    same = np.ones((5, 3), np.float32)
    assert not clustering.mahalanobis(same).any()
    assert len(clustering.clusters(same)) == 5
