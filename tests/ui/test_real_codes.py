"""The off-manifold percentile: one number for a code on Interpolate, Latent map and Generate."""

import json
import re
from dataclasses import replace

import pytest

from convae import data
from convae.models import checkpoints
from convae.ui import caches, real_codes
from convae.ui.address import UPLOADS
from convae.ui.generate import sampling
from tests.support.visiting import healthy, visit

IMAGE = 7


@pytest.fixture
def digits():
    return data.load("digits", "test")


@pytest.fixture
def sentence(tiny_checkpoint, digits):
    """What every page says of the untouched test image."""
    model = checkpoints.load("tiny")
    code = caches.codes_of(model, digits)[IMAGE]
    return real_codes.sentence(model, digits, code)


def captions(app) -> list[str]:
    return [element.value for element in app.caption]


def walks(app) -> dict[str, list[str]]:
    """The words below each frame of each path."""
    (scrubber,) = [
        e.proto for e in app.get("bidi_component") if "scrubber" in e.proto.component_name
    ]
    return {walk["name"]: walk["words"] for walk in json.loads(scrubber.json)["walks"]}


def test_sliders_path_and_map_say_the_same_of_an_untouched_test_image(sentence):
    assert re.search(r"than \d+% of held-out real codes", sentence), sentence
    interpolate = {"data": "Digits", "interpolate-part": "Sliders"}
    app = healthy(visit("pages/interpolate.py", **interpolate, **{"interpolate-start": f"{IMAGE}"}))
    assert sentence in captions(app)
    app = healthy(
        visit("pages/interpolate.py", data="Digits", **{"interpolate-frames": f"{IMAGE},3"})
    )
    first = {words[0] for words in walks(app).values()}
    assert len(walks(app)) == 4 and first == {sentence}
    app = healthy(visit("pages/latent_map.py", data="Digits", **{"latent-point": f"{IMAGE}"}))
    assert sentence in captions(app)


def test_generate_measures_codes_as_the_other_pages_do(sentence, digits):
    model = checkpoints.load("tiny")
    setting = sampling.setting(model, digits)
    code = caches.codes_of(model, digits)[IMAGE]
    assert setting.typical.sentence(setting.off_manifold(code[None])[0]) == sentence


def test_with_few_real_codes_their_number_stands_beside_each_percentile(tiny_checkpoint):
    counted = re.compile(r"less typical than \d+% of 20 held-out real codes")
    app = healthy(
        visit("pages/interpolate.py", data="CIFAR-10 sample", **{"interpolate-part": "Sliders"})
    )
    assert any(counted.search(caption) for caption in captions(app))
    app = healthy(
        visit("pages/interpolate.py", data="CIFAR-10 sample", **{"interpolate-inspect": "true"})
    )
    assert all(counted.search(word) for words in walks(app).values() for word in words)
    steps = "There are 20 real codes, so it moves in steps of 5%."
    assert any(steps in caption for caption in captions(app))
    app = healthy(visit("pages/latent_map.py", data="CIFAR-10 sample", **{"latent-point": "3"}))
    assert any(counted.search(caption) for caption in captions(app))
    app = healthy(visit("pages/generate.py", data="CIFAR-10 sample", **{"generate-shown": "8"}))
    assert any(steps in caption for caption in captions(app))


def test_every_page_asks_the_one_function(monkeypatch, tiny_checkpoint):
    asked = []
    one = real_codes.typical
    monkeypatch.setattr(real_codes, "typical", lambda *args: asked.append(args) or one(*args))
    for page, query in (
        ("interpolate", {"interpolate-part": "Path", "interpolate-steps": "5"}),
        ("interpolate", {"interpolate-part": "Sliders"}),
        ("latent_map", {}),
        ("generate", {"generate-shown": "8"}),
    ):
        asked.clear()
        healthy(visit(f"pages/{page}.py", data="Digits", **query))
        assert {(model.name, images.name) for model, images in asked} == {("tiny", "digits")}, page


@pytest.mark.parametrize("name", [UPLOADS, "own:mine"])
def test_few_own_images_are_compared_with_the_images_of_the_model(name, tiny_checkpoint, digits):
    model = checkpoints.load("tiny")
    own = replace(digits, name=name)
    assert real_codes.reference(model, own) is own
    assert real_codes.reference(model, own.take(slice(9))).name == "shapes"
    assert real_codes.reference(model, digits) is digits
