import os
from types import SimpleNamespace

import numpy as np
import pytest

from convae.data.disk_cache import PRIVATE
from convae.latent import encode_cache


class Model:
    sha256 = "weights"
    config = SimpleNamespace(latent_dim=3)

    def __init__(self):
        self.encoded = 0

    def encode(self, images, precision):
        self.precision = precision
        self.encoded += len(images)
        return images.reshape(len(images), -1)[:, :3].astype(np.float32)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (1200, 32, 32, 3), np.uint8)


def test_codes_are_made_once_part_by_part_and_found_again(images):
    model, reports = Model(), []
    made = encode_cache.codes_for(model, images, "set", lambda *step: reports.append(step[:2]))
    assert reports == [(0, 1200), (500, 1200), (1000, 1200)]
    assert np.array_equal(made, images.reshape(1200, -1)[:, :3])
    assert np.array_equal(encode_cache.codes_for(model, images, "set", print), made)
    assert model.encoded == 1200 and model.precision == "float32"
    other = Model()
    other.sha256 = "weights+2"
    encode_cache.codes_for(other, images, "set", print)
    encode_cache.codes_for(model, images, "another set", print)
    assert (other.encoded, model.encoded) == (1200, 2400)


def test_very_many_codes_are_made_fast(images):
    model = Model()
    encode_cache.codes_for(model, np.concatenate([images, images]), "twice", lambda *said: None)
    assert model.precision == "auto"


def test_a_damaged_file_is_computed_again_and_old_ones_are_evicted(
    images, own_folders, monkeypatch
):
    model = Model()
    folder = own_folders / "cache" / "codes"
    folder.mkdir(parents=True)
    for i in range(30):
        np.save(folder / f"{i}.npy", np.zeros(12_000))
        os.utime(folder / f"{i}.npy", (i, i))
    monkeypatch.setenv("CONVAE_CACHE_MB", "1")
    encode_cache.codes_for(model, images, "set", print)
    left = {path.name for path in folder.glob("*.npy")}
    assert len(left) == 11 and {f"{i}.npy" for i in range(20, 30)} < left
    mine = max(folder.glob("*.npy"), key=lambda file: file.stat().st_mtime)
    mine.write_bytes(mine.read_bytes()[:2000])
    encode_cache.codes_for(model, images, "set", print)
    assert model.encoded == 2400


def test_without_a_folder_to_write_to_there_are_codes_all_the_same(images, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CONVAE_CACHE_DIR", str(tmp_path / "file"))
    assert encode_cache.codes_for(Model(), images, "set", print).shape == (1200, 3)


def test_codes_of_private_images_are_never_written(images, own_folders):
    model = Model()
    for _ in range(2):
        encode_cache.codes_for(model, images, f"set{PRIVATE}", lambda *said: None)
    assert model.encoded == 2400
    assert not [path for path in (own_folders / "cache").rglob("*") if path.is_file()]
