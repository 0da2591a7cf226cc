"""What the Overview says: the losses, the architecture, where the program comes from."""

import pytest

from convae import __version__
from convae.ui.overview import about, architecture
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
    assert names[0].startswith("![image 1, ") and names[11].startswith("![image 12, ")
