"""Addresses from anywhere: what no widget can take is ignored, with a note."""

import pytest

from convae.tasks import generation
from convae.ui import address, query
from convae.ui.escape import plain
from convae.ui.interpolate import controls as interpolate_controls  # noqa: F401
from convae.ui.reconstruct import controls, images, tables  # noqa: F401
from tests.support.visiting import healthy, visit

NUMBERS = [
    ("app.py", "overview-count"), ("app.py", "overview-sample"),
    ("pages/reconstruct.py", "reconstruct-count"), ("pages/reconstruct.py", "reconstruct-sample"),
    ("pages/interpolate.py", "interpolate-count"), ("pages/interpolate.py", "interpolate-sample"),
    ("pages/interpolate.py", "interpolate-steps"), ("pages/interpolate.py", "interpolate-fps"),
    ("pages/latent_map.py", "latent-point"), ("pages/latent_map.py", "latent-from"),
    ("pages/denoise.py", "denoise-count"), ("pages/denoise.py", "denoise-sample"),
    ("pages/denoise.py", "denoise-seed"), ("pages/denoise.py", "denoise-strength-gaussian"),
    ("pages/anomalies.py", "anomalies-percentile"),
    ("pages/generate.py", "generate-components"), ("pages/generate.py", "generate-temperature"),
    ("pages/generate.py", "generate-seed"),
]  # fmt: skip


@pytest.mark.parametrize("value", ["inf", "-inf", "1e309", "nan", "many", ""])
@pytest.mark.parametrize(("page", "key"), NUMBERS)
def test_a_number_in_the_address_that_is_none_is_ignored_with_a_note(
    page, key, value, tiny_checkpoint
):
    app = healthy(visit(page, **{key: value}))
    notes = [info.value for info in app.info if key in info.value]
    assert bool(notes) == (value != ""), notes
    assert key not in app.query_params


@pytest.mark.parametrize("key", ["train-view", "train-run", "train-chosen"])
def test_unknown_choices_of_the_train_page_are_ignored_with_a_note(key, tiny_checkpoint):
    app = healthy(visit("pages/train.py", **{key: "nothing-of-this-name"}))
    assert any(f"`{key}` in the address" in info.value for info in app.info)


@pytest.mark.parametrize("value", ["", "Nowhere"])
def test_an_unknown_part_of_a_page_opens_its_first(value, tiny_checkpoint):
    app = healthy(visit("pages/interpolate.py", **{"interpolate-part": value}))
    assert app.session_state["interpolate-part"] == "Path"


def test_good_numbers_in_the_address_are_kept(tiny_checkpoint):
    app = healthy(visit("app.py", **{"overview-count": "5"}))
    assert app.session_state["overview-count"] == 5


CHOICES = {
    "reconstruct-part": {}, "reconstruct-bits": {}, "reconstruct-which": {},
    "reconstruct-many": {"reconstruct-part": "The whole set"},
    "reconstruct-spread": {"reconstruct-part": "The whole set"},
    "reconstruct-half": {"reconstruct-part": "One image"},
    "interpolate-part": {}, "interpolate-easing": {}, "interpolate-paths": {},
    "denoise-corruption": {}, "denoise-measured": {},
    "anomalies-limit": {}, "anomalies-fit": {}, "anomalies-score": {}, "anomalies-gallery": {},
    "generate-part": {}, "generate-prior": {}, "generate-shown": {},
    "features-part": {}, "features-count": {}, "features-space": {"features-part": "Confusion"},
    "features-probe": {"features-part": "Confusion"},
    "latent-method": {}, "latent-dimensions": {}, "latent-metric": {}, "latent-distance": {},
    "latent-color": {},
}  # fmt: skip


def page_of(key):
    page = key.partition("-")[0]
    return f"pages/{'latent_map' if page == 'latent' else page}.py"


def offered(app, key):
    """The options of the widget of this key, in the words of the address."""
    for kind in ("selectbox", "select_slider", "button_group"):
        for widget in app.get(kind):
            if widget.key == key:
                options = getattr(widget.proto, "options", ())
                return [getattr(option, "content", option) for option in options]
    raise AssertionError(f"{key} is not on the page")


@pytest.mark.parametrize("key", CHOICES)
def test_unknown_choices_are_ignored_with_a_note(key, add_checkpoint):
    add_checkpoint("tiny", "digits")
    app = healthy(visit(page_of(key), **CHOICES[key] | {key: "Nowhere"}))
    notes = [info.value for info in app.info if f"`{key}`" in info.value]
    assert notes == [f"`{key}` in the address (=Nowhere) is not an option here and is ignored."]


@pytest.mark.parametrize("key", CHOICES)
def test_every_choice_that_a_widget_offers_is_known(key, add_checkpoint):
    add_checkpoint("tiny", "digits")
    app = healthy(visit(page_of(key), **CHOICES[key]))
    known = list(query.options_of(key))
    if key == "generate-prior":  # a model without a variational posterior has no such prior
        known.remove(generation.NAMES["vae"])
    assert offered(app, key) == known


def test_all_fixed_choices_are_covered():
    known = {*query.OPTIONS, *address.SETTINGS}
    assert set(CHOICES) == {
        key for key in known if not key.startswith(("train-", "tour", "present"))
    }


def test_a_link_with_old_names_opens_the_same_view(tiny_checkpoint):
    app = healthy(visit("pages/reconstruct.py", **{"reconstruct-corrections-0": "3"}))
    assert app.select_slider(key="reconstruct-refinement-steps-0").value == 3
    assert "reconstruct-corrections-0" not in app.query_params and not app.info
    app = healthy(visit("pages/reconstruct.py", **{"reconstruct-which": "Outside"}))
    assert app.session_state["reconstruct-which"] == "Out of distribution" and not app.info
    app = healthy(visit("pages/latent_map.py", **{"latent-colour": "PSNR"}))
    assert app.session_state["latent-color"] == "PSNR" and not app.info


@pytest.mark.parametrize(("key", "old"), list(query.RENAMED_VALUES))
def test_each_old_value_becomes_its_present_one(key, old):
    new = query.RENAMED_VALUES[key, old]
    assert new != old and query.renamed({key: ["a", old]}) == {key: ["a", new]}


def test_old_names_give_way_to_present_ones(monkeypatch):
    monkeypatch.setattr(query, "RENAMED_VALUES", {("latent-color", "Old"): "New"})
    assert query.renamed({"latent-colour": ["Old"], "model": ["a"]}) == {
        "latent-color": ["New"], "model": ["a"],
    }  # fmt: skip
    assert query.renamed({"latent-colour": ["Class"], "latent-color": ["PSNR"]}) == {
        "latent-color": ["PSNR"]
    }
    assert query.renamed({"latent-colours": ["x"]}) == {"latent-colours": ["x"]}


def test_model_and_images_are_in_the_address_of_the_page_and_of_its_links(tiny_checkpoint):
    app = healthy(visit("pages/reconstruct.py", data="Digits"))
    assert app.selectbox(key="data").value == "digits"
    healthy(app.selectbox(key="data").set_value("photos").run())
    assert app.query_params["data"] == "Photos"
    healthy(app.run())  # the menu is drawn before the images are chosen
    links = {link.proto.label: link.proto.query_string for link in app.get("page_link")}
    assert "data=Photos" in links["Interpolate"] and "model=tiny" in links["Interpolate"]


def test_a_default_is_left_out_of_the_address(tiny_checkpoint):
    app = healthy(visit("pages/reconstruct.py", data="Digits"))
    healthy(app.selectbox(key="data").set_value("shapes").run())
    assert "data" not in app.query_params


def test_another_page_takes_model_and_images_from_its_address(tiny_checkpoint):
    app = healthy(visit("pages/reconstruct.py", data="Digits"))
    app.switch_page("pages/interpolate.py")
    app.query_params["data"] = "Photos"
    assert healthy(app.run()).selectbox(key="data").value == "photos"


def test_an_unknown_image_set_in_the_address_is_named_and_replaced(tiny_checkpoint):
    app = healthy(visit("pages/reconstruct.py", data="nowhere"))
    assert any("image set in the address is not available" in info.value for info in app.info)
    assert app.selectbox(key="data").value == "shapes"


@pytest.mark.parametrize(
    ("page", "key", "value"),
    [
        ("app.py", "overview-count", "500"),
        ("pages/reconstruct.py", "reconstruct-beside", "gone"),
        ("pages/reconstruct.py", "reconstruct-class", "unicorn"),
        ("pages/interpolate.py", "interpolate-loop", "maybe"),
        ("pages/interpolate.py", "interpolate-steps", "1000"),
        ("pages/denoise.py", "denoise-strength-gaussian", "1e6"),
        ("pages/generate.py", "generate-temperature", "-3"),
        ("pages/anomalies.py", "anomalies-percentile", "-1"),
        ("pages/latent_map.py", "latent-classes", "unicorn"),
        ("pages/denoise.py", "denoise-methods", "magic"),
        ("pages/generate.py", "generate-classes", "only unicorn"),
        ("pages/anomalies.py", "anomalies-suspects-class", "unicorns"),
    ],
)
def test_what_a_widget_does_not_take_is_ignored_with_a_note(page, key, value, tiny_checkpoint):
    app = healthy(visit(page, **{key: value}))
    assert any(f"`{key}` in the address (={plain(value)})" in info.value for info in app.info)


@pytest.mark.parametrize(
    ("page", "key", "value"),
    [
        ("app.py", "overview-count", "8"),
        ("pages/reconstruct.py", "reconstruct-beside", "PCA"),
        ("pages/interpolate.py", "interpolate-loop", "true"),
        ("pages/interpolate.py", "interpolate-loop", "false"),
        ("pages/interpolate.py", "interpolate-steps", "9"),
        ("pages/denoise.py", "denoise-strength-gaussian", "25.0"),
        ("pages/generate.py", "generate-temperature", "1"),
        ("pages/generate.py", "generate-seed", "0"),
        ("pages/anomalies.py", "anomalies-percentile", "95"),
        ("pages/denoise.py", "denoise-methods", "Median"),
        ("pages/generate.py", "generate-classes", "one prior each"),
        ("pages/anomalies.py", "anomalies-suspects-class", "Digits"),
    ],
)
def test_what_a_widget_takes_has_no_note_even_where_it_is_the_default(
    page, key, value, tiny_checkpoint
):
    app = healthy(visit(page, **{key: value}))
    assert not [info.value for info in app.info if "in the address" in info.value]
