"""The Latent map page without a browser: what is drawn for which choice."""

import io

import numpy as np
import pytest
from PIL import Image

from convae import projection
from tests.test_pages import healthy, png, visit

PAGE = "pages/latent_map.py"


def headings(app) -> list[str]:
    return [element.value for element in [*app.subheader, *app.header]]


def columns_of_the_table(app) -> list[str]:
    table = next(element.value for element in app.markdown if "Trustworthiness" in element.value)
    return table.splitlines()[0].strip("|").split("|")


@pytest.mark.parametrize("colour", ["Class", "PSNR", "Oddness", "Neighbours kept", "Cluster"])
def test_map_is_drawn_in_every_colour(colour, tiny_checkpoint):
    app = healthy(visit(PAGE, **{"latent-colour": colour, "data": "Digits"}))
    assert "Image 0: " in headings(app)[0]


def test_first_view_shows_a_point_its_neighbours_and_how_true_the_map_is(tiny_checkpoint):
    app = healthy(visit(PAGE, data="Digits"))
    assert headings(app)[1:] and "How true is this map?" in headings(app)
    assert columns_of_the_table(app) == ["PCA", "The codes"]


def test_spot_and_loop_are_looked_at_and_forgotten_with_their_map(tiny_checkpoint):
    app = healthy(visit(PAGE, data="Digits"))
    from convae import checkpoints, data

    images = data.load("digits", "test")
    weights = checkpoints.load("tiny").sha256
    key = projection.key(weights, images.fingerprint, projection.Settings())
    app.session_state["latent-event"] = {"kind": "spot", "at": [0.0, 0.0], "of": key}
    assert "A place between the images" in headings(healthy(app.run()))
    loop = {"kind": "lasso", "ids": [1, 2, 5, 10**6], "of": images.fingerprint}
    app.session_state["latent-event"] = loop
    assert "3 images in your loop" in headings(healthy(app.run()))
    app.button(key="latent-isolate").click()
    healthy(app.run())
    app.button(key="latent-alone").click()
    assert "Image 0: " in headings(healthy(app.run()))[0]
    app.button(key="latent-all").click()
    healthy(app.run())
    app.session_state["latent-event"] = {"kind": "spot", "at": [0.0, 0.0], "of": "another map"}
    assert "Image 0: " in headings(healthy(app.run()))[0]


def test_umap_that_is_kept_is_shown_at_once_and_beside_pca(tiny_checkpoint):
    from convae import checkpoints, data

    images, model = data.load("digits", "test"), checkpoints.load("tiny")
    key = projection.key(model.sha256, images.fingerprint, projection.Settings("UMAP"))
    points = projection.pca_map(model.encode(images.images)).points
    projection.save(tiny_checkpoint / "maps", key, points)
    app = healthy(visit(PAGE, data="Digits"))
    assert columns_of_the_table(app) == ["This UMAP", "PCA", "The codes"]


@pytest.mark.parametrize("count", [1, 2, 6])
def test_a_handful_of_uploads_has_a_map_too(count, tiny_checkpoint):
    app = visit(PAGE, data="Your images")
    files = [(f"{n}.png", png(40 * n), "image/png") for n in range(count)]
    app.file_uploader[0].set_value(files)
    assert "Image 0: " in headings(healthy(app.run()))[0]
    app.session_state["latent-method"] = "UMAP"
    healthy(app.run())
    app.button(key="latent-make").click()
    assert "needs at least 16 images" in app.run().error[0].value


def test_an_upload_gets_its_neighbours_and_a_bad_one_a_sentence(tiny_checkpoint):
    app = healthy(visit(PAGE, data="Digits"))
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    app.file_uploader(key="latent-files").set_value(
        [("a.png", buffer.getvalue(), "image/png"), ("b.png", b"nothing", "image/png")]
    )
    healthy(app.run())
    assert any("Nearest to the first" in element.value for element in app.markdown)
    assert "Image 2 is not an image" in app.warning[0].value
