import os

import numpy as np
import pytest

from convae.runs import snapshots
from tests.support.models import Mirror


def images(count=40):
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8)


def test_what_was_recorded_is_read_again(tmp_path):
    recorder = snapshots.Recorder(tmp_path / "s", images(), np.arange(40))
    recorder.take(1, Mirror())
    recorder.take(12, Mirror())
    assert snapshots.epochs(tmp_path / "s") == [1, 12]
    shown, labels = snapshots.pinned(tmp_path / "s")
    found = snapshots.read(tmp_path / "s", 12)
    assert np.array_equal(found.rebuilt, shown) and found.points.shape == (40, 2)
    assert sorted(labels) == list(range(40))


def test_class_names_have_no_mark_of_direction_and_can_be_encoded(tmp_path):
    np.savez(tmp_path / "pinned.npz", class_names=np.array(["safe\u202egnp.exe", "\ud800a", "b"]))
    assert snapshots.class_names(tmp_path) == ["safe\ufffdgnp.exe", "?a", "b"]


def test_the_map_keeps_its_class_names_and_the_image_of_each_point(tmp_path):
    every = images()
    snapshots.Recorder(tmp_path, every, np.arange(40), [f"class-{n}" for n in range(40)])
    _, labels = snapshots.pinned(tmp_path)
    assert snapshots.class_names(tmp_path)[labels[3]] == f"class-{labels[3]}"
    assert np.array_equal(snapshots.mapped(tmp_path), every[labels])


def test_an_older_run_has_a_map_without_names_and_images(tmp_path):
    np.savez(tmp_path / "pinned.npz", images=images(8), labels=np.arange(8))
    assert snapshots.pinned(tmp_path) is not None
    assert snapshots.class_names(tmp_path) == [] and snapshots.mapped(tmp_path) is None


def test_a_denoising_run_restores_the_same_noisy_copies_at_every_epoch(tmp_path):
    recorder = snapshots.Recorder(
        tmp_path, images(), np.arange(40), corrupt=lambda clean: 255 - clean
    )
    recorder.take(1, Mirror())
    recorder.take(2, Mirror())
    clean, noisy = snapshots.pinned(tmp_path)[0], snapshots.noisy(tmp_path)
    assert np.array_equal(noisy, 255 - clean)
    for epoch in (1, 2):
        assert np.array_equal(snapshots.read(tmp_path, epoch).rebuilt, noisy)
    snapshots.Recorder(tmp_path, images(), np.arange(40), corrupt=lambda clean: 255 - clean)
    assert snapshots.epochs(tmp_path) == [1, 2], "a resumed run shows the same noise"


def test_snapshots_of_clean_input_are_forgotten_by_a_run_that_shows_its_noise(tmp_path):
    snapshots.Recorder(tmp_path, images(), np.arange(40)).take(1, Mirror())
    assert snapshots.noisy(tmp_path) is None and snapshots.epochs(tmp_path) == [1]
    snapshots.Recorder(tmp_path, images(), np.arange(40), corrupt=lambda clean: 255 - clean)
    assert snapshots.epochs(tmp_path) == []


def test_missing_and_damaged_snapshots_are_none(tmp_path):
    (tmp_path / "00003.npz").write_bytes(b"PK\x03\x04 cut short")
    assert snapshots.read(tmp_path, 3) is None and snapshots.read(tmp_path, 4) is None
    assert snapshots.pinned(tmp_path) is None and snapshots.epochs(tmp_path / "none") == []


def test_the_map_moves_with_the_epochs_and_does_not_jump():
    codes = np.random.default_rng(1).normal(size=(60, 5)).astype(np.float32) * [5, 3, 1, 1, 1]
    first = snapshots.aligned_map(codes, None)
    turned = snapshots.aligned_map(-codes[:, ::-1] + 0.01, first)
    assert np.abs(turned - first).max() < 0.1


def uncorrelated(deviations, count=200):
    """Codes (count, len(deviations)) whose principal components are exactly the axes."""
    noise = np.random.default_rng(2).normal(size=(count, len(deviations)))
    axes, _ = np.linalg.qr(noise - noise.mean(0))
    return axes * deviations


def spread(points):
    return np.sqrt((points**2).sum(1).mean())


def median_move(before, after):
    return np.median(np.linalg.norm(after - before, axis=1)) / spread(before)


def kept_variance(codes, points):
    scale = np.linalg.svd(codes - codes.mean(0), compute_uv=False)
    return (points.astype(float) ** 2).sum() / (scale[:2] ** 2).sum()


def test_principal_components_that_change_order_move_no_point():
    first = snapshots.aligned_map(uncorrelated([50, 30, 29, 5]), None)
    second = snapshots.aligned_map(uncorrelated([50, 29, 30, 5]), first)
    assert np.allclose(second, first * [1, 29 / 30], atol=1e-4)


def test_a_rotated_code_space_moves_no_point_whatever_the_order_of_its_components():
    codes = uncorrelated([50, 29, 30, 5])
    first = snapshots.aligned_map(uncorrelated([50, 30, 29, 5]), None)
    second = snapshots.aligned_map(codes, first)
    rotation, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(4, 4)))
    third = snapshots.aligned_map(codes @ rotation + 7, second)
    assert np.allclose(third, second, atol=1e-4) and median_move(first, third) < 0.05


def test_a_new_main_direction_enters_the_map_over_more_than_one_epoch():
    first = snapshots.aligned_map(uncorrelated([50, 30, 10, 5]), None)
    codes = uncorrelated([50, 30, 100, 5])
    points = [first]
    for _ in range(4):
        points.append(snapshots.aligned_map(codes, points[-1]))
    kept = [kept_variance(codes, shown) for shown in points]
    assert kept[0] < snapshots.MIN_VARIANCE <= kept[1] < 0.7
    assert kept[1] < kept[2] < kept[3] and kept[4] > 0.99


def test_every_map_keeps_the_least_share_of_the_variance():
    random = np.random.default_rng(4)
    points = None
    for _ in range(20):
        codes = random.normal(size=(100, 12)) * random.permutation(2.0 ** np.arange(12))
        points = snapshots.aligned_map(codes, points)
        assert kept_variance(codes, points) > snapshots.MIN_VARIANCE - 1e-6


def test_codes_that_were_all_equal_do_not_stop_the_map():
    flat = snapshots.aligned_map(np.ones((200, 4), np.float32), None)
    assert not flat.any()
    codes = uncorrelated([50, 30, 10, 5])
    assert kept_variance(codes, snapshots.aligned_map(codes, flat)) > 0.99
    assert not snapshots.aligned_map(np.ones((200, 4), np.float32), flat).any()


def test_a_resumed_run_continues_from_the_last_saved_map(tmp_path):
    class Trained(Mirror):
        """Its principal components change their order with the epochs."""

        def __init__(self, epoch):
            self.epoch = epoch

        def encode(self, images):
            return uncorrelated([50, 30 - self.epoch, 27 + self.epoch, 5], len(images))

    whole = snapshots.Recorder(tmp_path / "whole", images(), np.zeros(40))
    for epoch in (1, 2, 3, 4):
        whole.take(epoch, Trained(epoch))
        # a new recorder each time, as after a resume
        snapshots.Recorder(tmp_path / "parts", images(), np.zeros(40)).take(epoch, Trained(epoch))
    found = [snapshots.read(tmp_path / name, 4).points for name in ("whole", "parts")]
    assert np.array_equal(*found)
    assert median_move(snapshots.read(tmp_path / "parts", 1).points, found[1]) < 0.1


def test_a_code_of_one_direction_still_has_a_map():
    assert snapshots.aligned_map(np.ones((5, 1), np.float32), None).shape == (5, 2)


def test_snapshots_of_other_images_are_forgotten(tmp_path):
    recorder = snapshots.Recorder(tmp_path, images(), np.zeros(40))
    for epoch in (0, 1):
        recorder.take(epoch, Mirror())
    snapshots.Recorder(tmp_path, images(), np.zeros(40))
    assert snapshots.epochs(tmp_path) == [0, 1]
    snapshots.Recorder(tmp_path, images(30), np.zeros(30))
    assert snapshots.epochs(tmp_path) == []


def test_a_resumed_run_forgets_what_it_will_write_again(tmp_path):
    recorder = snapshots.Recorder(tmp_path, images(), np.zeros(40))
    for epoch in (1, 2, 3):
        recorder.take(epoch, Mirror())
    snapshots.forget_after(tmp_path, 2)
    assert snapshots.epochs(tmp_path) == [1, 2]


def test_kept_epochs_nest_and_hold_both_ends():
    for count in (0, 1, 59, 61, 500):
        kept = snapshots.kept_epochs(list(range(1, count + 1)))
        assert len(kept) <= 62 and kept[:1] == [1][:count] and kept[-1:] == [count][:count]
    few, many = (set(snapshots.kept_epochs(list(range(1, n)))) for n in (100, 200))
    assert {e for e in many if e < 99} <= few


def test_a_session_killed_while_it_begins_leaves_the_snapshots(tmp_path, monkeypatch):
    recorder = snapshots.Recorder(tmp_path, images(), np.arange(40))
    recorder.take(1, Mirror())
    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(OSError(5, "lost")))
        snapshots.Recorder(tmp_path, images(), np.arange(40))
    snapshots.Recorder(tmp_path, images(), np.arange(40))
    assert snapshots.epochs(tmp_path) == [1] and snapshots.read(tmp_path, 1) is not None
