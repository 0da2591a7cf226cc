"""The editor of the Overview: its frames, its state, its address."""

from types import SimpleNamespace

import numpy as np
import pytest

from convae import data
from convae.models import checkpoints
from convae.ui.components import code_editor
from convae.ui.overview import editing
from tests.support.visiting import healthy, visit


@pytest.fixture
def parts(tiny_checkpoint):
    checkpoint = checkpoints.load("tiny")
    images = data.load("shapes", "test").sample(30).images
    codes = checkpoint.encode(images)
    return checkpoint, editing.spread_of(codes), images[0], codes[0]


def test_frames_are_what_the_model_decodes(parts):
    checkpoint, spread, image, code = parts
    frames = editing.frames_along(checkpoint, spread, image, code, {2: 1.5}, 5)
    assert frames.values[0] == -3 and frames.values[-1] == 3 and 0 in frames.values
    for place, value in enumerate(frames.values):
        changed = code.copy()
        changed[2] = spread.mean[2] + 1.5 * spread.std[2]
        changed[5] = spread.mean[5] + value * spread.std[5]
        expected = checkpoint.decode(changed[None])[0].astype(int)
        assert np.abs(frames.images[place] - expected).max() <= 1  # rounding in another batch size
    changed[5] = code[5]
    expected = checkpoint.decode(changed[None])[0].astype(int)
    assert np.abs(frames.images[-1] - expected).max() <= 1
    error = np.mean((frames.images[3].astype(float) - image) ** 2) / 255**2
    assert frames.psnr[3] == pytest.approx(-10 * np.log10(error), abs=2e-3)


def test_a_code_without_edits_stays_exactly_as_it_is(parts):
    _, spread, _, code = parts
    assert np.array_equal(spread.edited(code, {}), code)


def test_a_value_that_never_varies_can_still_be_standardized():
    codes = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    codes[:, 1] = 0
    spread = editing.spread_of(codes)
    assert np.isfinite(spread.standardized(codes[0])).all()
    assert spread.std[1] > 0


@pytest.mark.parametrize(
    "edits",
    [{0: 1.25}, {3: -3.0, 60: 0.25}, {n: 0.5 for n in range(editing.MOST_IN_ADDRESS)}],
)
def test_edits_survive_the_address(edits):
    assert editing.from_text(editing.to_text(4, edits)) == (4, edits)


def test_many_edits_stay_out_of_the_address():
    assert editing.to_text(0, {n: 1.0 for n in range(editing.MOST_IN_ADDRESS + 1)}) == ""


@pytest.mark.parametrize("text", ["", "x", "1~", "1~2", "1~2_nan", "0~1_1", "1~1_1_1", "1~a_b"])
def test_an_address_that_means_nothing_gives_no_edits(text):
    assert editing.from_text(text) == (-1, {})


@pytest.mark.parametrize("sent", [None, [], "x", {"99": 1}, {"1": "nan"}, {"1": 9}, {"-1": 0}])
def test_edits_that_no_cell_can_hold_are_left_out(sent):
    assert editing.checked(sent, 8) == {}


@pytest.mark.parametrize(("latent_dim", "columns"), [(2, 2), (8, 4), (64, 8), (128, 16),
                                                     (256, 16), (512, 32)])  # fmt: skip
def test_the_grid_is_square_or_wide(latent_dim, columns):
    assert code_editor.columns_of(latent_dim) == columns


def test_the_address_chooses_the_image_and_its_edits(tiny_checkpoint):
    app = healthy(visit(**{editing.ADDRESS: "3~1_2.5"}))
    assert app.session_state["overview-one"] == 2
    assert app.session_state[editing.KEPT].edits == {0: 2.5}
    app.pills(key="overview-one").set_value(0)
    assert healthy(app.run()).session_state[editing.KEPT].edits == {}
    assert editing.ADDRESS not in app.query_params


@pytest.mark.parametrize("address", ["3~1_2.5", ""])
def test_edits_of_any_image_are_there_again_after_another_page(tiny_checkpoint, address):
    app = healthy(visit(**{editing.ADDRESS: "3~1_2.5"}))
    app.switch_page("pages/reconstruct.py")
    healthy(app.run())
    if address:  # a link
        app.query_params[editing.ADDRESS] = address
        app.query_params["overview-count"] = "many"  # a value that is removed by a rerun
    app.switch_page("app.py")
    healthy(app.run())
    assert app.session_state["overview-one"] == 2
    assert app.session_state[editing.KEPT].edits == {0: 2.5}
    assert app.query_params[editing.ADDRESS] == "3~1_2.5"


def test_edits_of_an_image_do_not_come_back_after_another_image(monkeypatch):
    page = SimpleNamespace(session_state={}, query_params={})
    monkeypatch.setattr(editing, "st", page)
    sent = {"token": "a", "edits": {"0": 1.0}, "at": 1}
    assert editing._edits("a", sent, 0, 8) == {0: 1.0}
    assert editing._edits("a", sent, 0, 8) == {0: 1.0}, "a rerun for another reason"
    assert editing._edits("b", sent, 1, 8) == {}
    assert editing._edits("a", sent, 0, 8) == {} and not page.query_params
    assert editing._edits("a", sent | {"at": 2}, 0, 8) == {0: 1.0}
