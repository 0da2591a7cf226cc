"""What the Overview says: the losses, the architecture, where the program comes from."""

import numpy as np
import pytest

from convae import __version__
from convae.evaluation import metrics
from convae.models import checkpoints
from convae.ui.overview import about, architecture, editing
from tests.support.visiting import healthy, visit


def test_the_overview_explains_the_blur_and_the_losses_and_names_its_origin(tiny_checkpoint):
    app = healthy(visit())
    text = " ".join(item.value for item in app.markdown)
    assert "All images that share a code get one output" in text and "is their average" in text
    entropy = next(item.value for item in app.get("latex") if "BCE" in item.value)
    assert entropy.count("[") == entropy.count("]") == 1
    assert any(__version__ in item.value and "MIT license" in item.value for item in app.caption)


def test_the_residual_model_is_explained_in_two_sentences():
    assert architecture.RESIDUAL.count(". ") == 1 and architecture.RESIDUAL.endswith(".")
    assert "starts as PCA" in architecture.RESIDUAL.split(". ")[0]


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://example.org/convae", "https://example.org/convae"),
        ("http://example.org", ""),
        ("https://example.org/) [x](https://other", ""),
        ("javascript:alert(1)", ""),
        ("", ""),
    ],
)
def test_only_a_plain_https_address_is_linked_as_the_source(given, used, monkeypatch):
    monkeypatch.setenv("CONVAE_SOURCE_URL", given)
    assert about.source_address() == used


def test_thumbnails_are_named_by_their_class(tiny_checkpoint):
    app = healthy(visit(data="Shapes"))
    names = [label.split("](")[0] for label in app.get("button_group")[0].options]
    rows = np.random.default_rng(1).permutation(2_000)[:12]  # the numbers of the images in the set
    assert len(names) == 12
    for name, row in zip(names, rows, strict=True):
        assert name.startswith(f"![image {row}, ")


def test_prefixes_of_the_code_are_those_of_decode_with_the_edits(tiny_checkpoint):
    checkpoint = checkpoints.load("tiny")
    code = np.linspace(-1, 1, checkpoint.config.latent_dim).astype(np.float32)
    spread = editing.Spread(np.zeros_like(code), np.ones_like(code))
    image = np.zeros((32, 32, 3), np.uint8)
    lengths = editing.slider_lengths(checkpoint)
    assert lengths[0] == 1 and lengths[-1] == len(code) and lengths == sorted(set(lengths))
    found = editing.prefixes_of(checkpoint, spread, image, code, {0: 2.0})
    edited = code.copy()
    edited[0] = 2.0
    for length, picture, psnr in zip(lengths, found.images, found.psnr, strict=True):
        expected = checkpoint.decode(edited[None], length)
        np.testing.assert_array_equal(picture, expected[0])
        assert psnr == pytest.approx(float(metrics.psnr(image[None], expected)[0]))
