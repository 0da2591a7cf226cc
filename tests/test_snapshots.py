import numpy as np

from convae import snapshots


class Mirror:
    """A model that rebuilds perfectly; its code is the mean colour."""

    training = False

    def eval(self):
        return self

    def train(self, _):
        return self

    def reconstruct(self, images):
        return images

    def encode(self, images):
        return images.mean((1, 2)).astype(np.float32)


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


def test_missing_and_damaged_snapshots_are_none(tmp_path):
    (tmp_path / "00003.npz").write_bytes(b"PK\x03\x04 cut short")
    assert snapshots.read(tmp_path, 3) is None and snapshots.read(tmp_path, 4) is None
    assert snapshots.pinned(tmp_path) is None and snapshots.epochs(tmp_path / "none") == []


def test_the_map_moves_with_the_epochs_and_does_not_jump():
    codes = np.random.default_rng(1).normal(size=(60, 5)).astype(np.float32) * [5, 3, 1, 1, 1]
    first = snapshots.aligned_map(codes, None)
    turned = snapshots.aligned_map(-codes[:, ::-1] + 0.01, first)
    assert np.abs(turned - first).max() < 0.1


def test_a_code_of_one_direction_still_has_a_map():
    assert snapshots.aligned_map(np.ones((5, 1), np.float32), None).shape == (5, 2)


def test_snapshots_of_other_images_are_forgotten(tmp_path):
    snapshots.Recorder(tmp_path, images(), np.zeros(40)).take(1, Mirror())
    snapshots.Recorder(tmp_path, images(), np.zeros(40))
    assert snapshots.epochs(tmp_path) == [1]
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
