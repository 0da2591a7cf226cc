"""What pages keep between script runs is what they would compute again, and is keyed by content."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from convae import images as pixels
from convae import plots
from convae.models import checkpoints
from convae.ui import caches, charts, pictures
from convae.ui.kept_texts import KeptTexts


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)


def test_kept_texts_are_made_once_and_limited_in_size():
    made, kept = [], KeptTexts(10)

    def text(key, size):
        return kept.get(key, lambda: made.append(key) or key * size)

    assert text("a", 4) == text("a", 4) == "aaaa" and made == ["a"]
    text("b", 4), text("a", 4), text("c", 4)
    assert kept.size == 8 and made == ["a", "b", "c"]
    assert text("b", 4) == "bbbb" and made[-1] == "b"  # the one not asked for had to go
    assert text("d", 99) == "d" * 99 and kept.size == 99  # one text is kept, whatever its size


def test_a_data_url_depends_on_pixels_and_shape(images):
    first = pictures.data_url(images[0])
    assert pictures.data_url(images[0].copy()) is first
    changed = images[0].copy()
    changed[31, 31, 2] ^= 1
    assert pictures.data_url(changed) != first
    assert pictures.data_url(images[0].reshape(16, 64, 3)) != first
    assert pictures.data_url(images[0][:, ::-1]) == pictures.data_url(images[0][:, ::-1].copy())
    encoded = pixels.png_bytes(images[0], small=False)
    assert first.startswith("data:image/png;base64,") and len(first) > len(encoded)


def test_remembered_codes_are_those_of_the_checkpoint(tiny_weights, images):
    checkpoint = checkpoints.load(str(tiny_weights))
    calls = []
    encode = checkpoint.encode
    checkpoint.encode = lambda given: calls.append(len(given)) or encode(given)
    remembered = caches.Remembered(checkpoint)
    codes = remembered.encode(images)
    assert remembered.encode(images.copy()) is codes and calls == [3]
    np.testing.assert_array_equal(codes, encode(images))
    np.testing.assert_array_equal(remembered.decode(codes), checkpoint.decode(codes))
    np.testing.assert_array_equal(remembered.reconstruct(images), checkpoint.decode(codes))
    with pytest.raises(ValueError, match="read-only"):
        codes[0] = 0
    other = images.copy()
    other[2, 0, 0, 0] ^= 1
    assert remembered.encode(other) is not codes and calls == [3, 3]


def test_remembered_codes_of_refined_and_plain_models_differ(tiny_weights, images):
    plain = checkpoints.load(str(tiny_weights)).with_refinement_steps(0)
    refined = plain.with_refinement_steps(2)
    first, second = (caches.Remembered(model).encode(images) for model in (plain, refined))
    assert not np.array_equal(first, second)
    assert plain.with_refinement_steps(0) is plain


def test_a_figure_is_built_once_for_the_same_content():
    curves = {"a": (np.array([0.0, 1.0]), np.array([0.0, 1.0]))}
    first = charts.figure(plots.roc, curves, ["a"])
    again = charts.figure(plots.roc, {"a": tuple(part.copy() for part in curves["a"])}, ["a"])
    assert again is first
    assert first.to_dict() is first.to_dict()
    assert json.loads(first.to_json()) == json.loads(plots.roc(curves, ["a"]).to_json())
    assert charts.figure(plots.roc, curves, []) is not first
    moved = {"a": (np.array([0.0, 1.0]), np.array([0.5, 1.0]))}
    assert charts.figure(plots.roc, moved, ["a"]).to_json() != first.to_json()


def test_a_keyed_figure_is_kept_by_its_key():
    made = []

    def make():
        made.append(1)
        return go.Figure(go.Scatter(x=[1], y=[2]))

    key = ("test", "one")
    assert charts.keyed(key, make) is charts.keyed(key, make) and made == [1]
    assert charts.keyed(("test", "two"), make) is not charts.keyed(key, make)
