"""Images of a session never reach the cache that all sessions share."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from convae import data
from convae.data.disk_cache import is_private
from convae.evaluation.pca import pca_for
from convae.ui import caches, uploads
from tests.support.visiting import healthy, visit

PAGES = ("reconstruct", "latent_map", "generate", "features", "anomalies", "denoise", "interpolate")


def many(count: int = 320) -> bytes:
    """A zip of `count` different small PNGs."""
    rng, buffer = np.random.default_rng(1), io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(count):
            picture = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(picture, "PNG")
            archive.writestr(f"{number}.png", picture.getvalue())
    return buffer.getvalue()


def test_a_part_of_private_images_is_private():
    whole = uploads.as_set(np.zeros((9, 32, 32, 3), np.uint8))
    parts = [whole.take([1, 2]), whole.sample(3).take([0]), whole]
    assert all(is_private(part.fingerprint) for part in parts)
    assert len({part.fingerprint for part in parts}) == 3
    assert not is_private(data.load("sample").take([1]).fingerprint)


def test_the_pca_of_private_images_is_not_written(own_folders):
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), np.uint8)
    pca = pca_for(uploads.as_set(images), 8)
    assert pca.fitted_on == 20 and not (own_folders / "cache").exists()


@pytest.mark.parametrize("page", PAGES)
def test_more_than_many_uploads_leave_nothing_in_the_cache(page, tiny_checkpoint, own_folders):
    assert caches.MANY < 320
    app = visit(f"pages/{page}.py", data="Your images", **{"features-part": "Dimensions"})
    kept = set()
    for count in (320, 330):  # the first page may also keep what it made of other images
        files = [("many.zip", many(count), "application/zip")]
        app.file_uploader(key="uploads-files").set_value(files)
        healthy(app.run())
        assert len(app.session_state["uploads-set"]) == count
        before, kept = kept, {path for path in (own_folders / "cache").rglob("*") if path.is_file()}
        assert not [path for path in kept if path.suffix == ".npy" and len(np.load(path)) == count]
    assert kept == before


def test_no_umap_of_private_images_is_offered(tiny_checkpoint):
    app = visit("pages/latent_map.py", data="Your images", **{"latent-method": "UMAP"})
    app.file_uploader(key="uploads-files").set_value([("many.zip", many(40), "application/zip")])
    healthy(app.run())
    assert any("never written" in info.value for info in app.info)
    assert "latent-make" not in [button.key for button in app.button]
