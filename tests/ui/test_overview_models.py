"""The same image through other models, on the Overview."""

import numpy as np

from convae import data
from convae.evaluation import metrics
from convae.models import checkpoints
from tests.support.visiting import captions, healthy, shown, visit


def test_every_model_of_the_same_data_and_pca_show_the_image_with_their_psnr(add_checkpoint):
    add_checkpoint("one")
    add_checkpoint("two")
    add_checkpoint("other", "digits")
    app = healthy(visit(model="one", data="Shapes"))
    assert not app.get("plotly_chart")
    app.toggle(key="overview-models").set_value(True)
    body = shown(healthy(app.run()))
    for name in ("one", "two", "PCA, 8 values"):
        assert f"{name}\n" in body
    assert "other\n" not in body
    assert len(app.get("plotly_chart")) == 1
    images = data.load("shapes", "test")
    order = np.random.default_rng(1).permutation(len(images))
    first = images.images[order[:1]]
    rebuilt = checkpoints.load("one").reconstruct(first)
    assert f"one\n{metrics.psnr(first, rebuilt)[0]:.1f} dB" in body


def test_a_model_alone_on_its_data_has_no_chart_of_two_points(add_checkpoint):
    add_checkpoint("one")
    add_checkpoint("other", "digits")
    app = healthy(visit(model="one", data="Shapes", **{"overview-models": "true"}))
    assert "No other shipped model was trained on the images of this one." in captions(app)
    assert not app.get("plotly_chart")
