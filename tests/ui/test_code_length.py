"""The Code length part of the Reconstruct page: its figures are those of the package."""

from types import SimpleNamespace

import numpy as np
import pytest

from convae import data
from convae.evaluation import compare, compressors, metrics
from convae.evaluation.pca import pca_for
from convae.models import checkpoints
from convae.ui.reconstruct import code_length
from tests.support.visiting import healthy, visit

PART = {"reconstruct-part": "Code length"}


def test_lengths_run_from_1_to_the_latent_dimension():
    for latent_dim in (1, 2, 16, 64, 256, 512):
        lengths = code_length.lengths_of(latent_dim)
        assert lengths[0] == 1 and lengths[-1] == latent_dim and lengths == sorted(set(lengths))
    assert 20 <= len(code_length.lengths_of(256)) <= 24


@pytest.mark.parametrize("bits", [5, compressors.FLOAT])
def test_pca_codes_cut_to_k_values_are_those_of_pca_with_k_components(bits):
    train, test = data.load("digits", "train"), data.load("digits", "test").take(np.arange(9))
    pca = pca_for(train)
    codes = code_length.pca_codes(pca, train, test.images, 24, bits)
    for length in (1, 7, 24):
        expected = compressors.pca_method(pca, train, length, bits).rebuild(test.images)
        assert np.array_equal(pca.decode(codes[:, :length]), expected)


def test_the_verdict_says_where_the_model_is_above_pca():
    lengths = [1, 2, 4, 8]
    say = code_length.verdict
    assert "above PCA at each of the 4 lengths" in say(lengths, {"m": [2, 3, 4, 5], "PCA": [1] * 4})
    assert "below PCA at each of the 4 lengths" in say(lengths, {"m": [0] * 4, "PCA": [1, 2, 3, 4]})
    mixed = say(lengths, {"m": [2, 2, 1, 1], "PCA": [1, 1, 1, 2]})
    assert "above PCA at 1 to 2 values, level with PCA at 4 values, below PCA at 8" in mixed
    assert mixed.endswith("From 8 values on, PCA is better.")
    assert say(lengths, {"m": [1, 2, 3, 4]}) == ""
    shown_figures = {"m": [20.006, 24.536], "PCA": [20.004, 24.246]}  # 20.01, 20.00
    assert "(+0.01 dB at 1 value, +0.29 dB at 2)" in say([1, 2], shown_figures)


def test_the_page_shows_the_figures_of_the_command_line(add_checkpoint):
    add_checkpoint("tiny", "digits")
    app = healthy(visit("pages/reconstruct.py", data="Digits", **PART))
    assert any("This model was trained for its full code length" in c.value for c in app.caption)
    trained = checkpoints.load("tiny")
    shown = {trace["name"]: trace for trace in curve(app)}
    measured = data.load("digits", "test").sample(500).sample(200)
    lengths = code_length.lengths_of(trained.config.latent_dim)
    rows = compare.by_length(trained, measured, data.load("digits", "train"), lengths)
    for name, key in (("tiny", "psnr"), ("PCA", "pca_psnr")):
        assert list(shown[name]["x"]) == lengths
        assert shown[name]["y"] == pytest.approx([row[key] for row in rows], abs=1e-6)
    full = metrics.set_psnr(measured.images, trained.reconstruct(measured.images))
    assert shown["tiny"]["y"][-1] == pytest.approx(full, abs=1e-6)


def test_each_length_is_decoded_once_and_the_last_frame_is_the_reconstruction(
    add_checkpoint, monkeypatch
):
    add_checkpoint("tiny", "digits")
    trained = checkpoints.load("tiny")
    shown = data.load("digits", "test").take(np.arange(9))
    held = SimpleNamespace(checkpoint=trained, bits=compressors.FLOAT, fitted_on=None)
    lengths = code_length.lengths_of(trained.config.latent_dim)
    asked, decode = [], type(trained).decode

    def counted(self, codes, keep=None):
        asked.append(keep)
        return decode(self, codes, keep)

    monkeypatch.setattr(type(trained), "decode", counted)
    first = code_length._both(held, shown, lengths)["tiny"]
    again = code_length._both(held, shown, lengths)["tiny"]
    assert asked == lengths and again.images is first.images
    codes = compressors.stored_codes(trained, shown.images, shown, compressors.FLOAT)
    assert np.array_equal(first.images[-1], decode(trained, codes))
    assert first.psnr()[-1] == pytest.approx(metrics.set_psnr(shown.images, first.images[-1]))
    for place in range(len(shown)):
        one = slice(place, place + 1)
        expected = metrics.set_psnr(shown.images[one], first.images[-1][one])
        assert first.psnr(place)[-1] == pytest.approx(expected)


def curve(app):
    import base64
    import json

    figure = json.loads(app.get("plotly_chart")[0].proto.spec)

    def numbers(values):
        if isinstance(values, dict):  # plotly's base64 form of an array
            raw = base64.b64decode(values["bdata"])
            return np.frombuffer(raw, values["dtype"]).tolist()
        return values

    return [trace | {axis: numbers(trace[axis]) for axis in ("x", "y")} for trace in figure["data"]]
