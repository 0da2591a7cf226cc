"""Every page through app.py, as a visitor meets it: AppTest runs the scripts, no browser."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from convae import data, runs
from convae.config import TrainConfig
from convae.data import builtin
from convae.ui import caches, model_cards
from tests.support import cards
from tests.support.visiting import PAGES, ROOT, WITH_MODEL, healthy, numbers, png, shown, visit


@pytest.mark.parametrize("page", ["app.py", *PAGES])
def test_page_opens(page, tiny_checkpoint):
    app = healthy(visit(page))
    assert app.title[0].value
    assert "Terms on this page" in [item.label for item in app.expander]


@pytest.mark.parametrize("page", ["app.py", *PAGES])
def test_page_opens_without_any_model(page):
    healthy(visit(page))


@pytest.mark.parametrize("page", WITH_MODEL)
def test_page_says_how_to_get_a_model(page):
    app = visit(page)
    assert "no model yet" in app.info[0].value


@pytest.mark.parametrize("page", ["app.py", *PAGES])
def test_page_is_short_and_holds_no_forbidden_import(page):
    text = (ROOT / page).read_text()
    assert len(text.splitlines()) <= 120
    assert not re.search(r"^\s*(import|from) (torch|umap)", text, re.M)


def test_no_page_draws_unchecked_html():
    for path in [ROOT / "app.py", *ROOT.glob("pages/*.py"), *ROOT.glob("convae/**/*.py")]:
        assert "unsafe_allow_html" not in path.read_text(), path.name


def test_damaged_model_is_one_sentence(tiny_checkpoint):
    (tiny_checkpoint / "model.safetensors").write_bytes(b"not weights")
    app = visit("pages/reconstruct.py")
    assert not app.exception
    assert "damaged" in app.error[0].value


def test_address_chooses_the_model_and_the_images(add_checkpoint):
    add_checkpoint("one")
    add_checkpoint("two")
    app = healthy(visit("pages/reconstruct.py", model="two", data="Digits"))
    assert app.sidebar.selectbox(key="model").value == "two"
    assert app.sidebar.selectbox(key="data").value == "digits"


def test_address_that_names_nothing_is_ignored_with_a_note(tiny_checkpoint):
    app = healthy(visit("pages/reconstruct.py", model="../../etc", data="nothing"))
    assert app.sidebar.selectbox(key="model").value == "tiny"
    assert "The model in the address is not available" in app.info[0].value
    assert "The image set in the address is not available" in app.info[1].value


def test_choices_survive_a_change_of_page(add_checkpoint):
    add_checkpoint("one")
    add_checkpoint("two")
    app = visit("pages/reconstruct.py")
    app.sidebar.selectbox(key="model").select("two")
    app.sidebar.selectbox(key="data").select("digits")
    healthy(app.run())
    app.switch_page("pages/train.py")
    healthy(app.run())
    app.switch_page("app.py")
    healthy(app.run())
    assert app.sidebar.selectbox(key="model").value == "two"
    assert app.sidebar.selectbox(key="data").value == "digits"


def test_images_follow_the_model_until_one_chooses(add_checkpoint):
    add_checkpoint("drawn", "shapes")
    add_checkpoint("written", "digits")
    app = healthy(visit("pages/reconstruct.py", model="drawn"))
    assert app.sidebar.selectbox(key="data").value == "shapes"
    app.sidebar.selectbox(key="model").select("written")
    assert healthy(app.run()).sidebar.selectbox(key="data").value == "digits"
    app.sidebar.selectbox(key="data").select("photos")
    app.run()
    app.sidebar.selectbox(key="model").select("drawn")
    assert healthy(app.run()).sidebar.selectbox(key="data").value == "photos"


def test_best_shipped_cifar10_model_is_the_default(add_checkpoint):
    add_checkpoint("a-shapes", "shapes", psnr=40)
    add_checkpoint("b-cifar", "cifar10", psnr=23)
    add_checkpoint("c-cifar", "cifar10", psnr=24)
    folder = add_checkpoint("d-denoiser", "cifar10", psnr=30)
    with cards.edited(folder) as card:
        card["config"]["noise_std"] = 0.3
    app = healthy(visit())
    assert app.sidebar.selectbox(key="model").value == "c-cifar"
    assert app.sidebar.selectbox(key="data").value == "sample", "CIFAR-10 is not available"


def test_cifar10_is_offered_for_download(tiny_checkpoint):
    app = visit("pages/reconstruct.py", data="CIFAR-10")
    assert not app.exception
    assert "170 MB" in app.button(key="download-cifar10").label
    assert any("Showing CIFAR-10 sample until then" in note.value for note in app.info)
    assert len(numbers(app, "original")) == 16, "the page keeps its pictures"


def test_the_download_of_cifar10_shows_its_progress_and_can_be_canceled(
    tiny_checkpoint, monkeypatch
):
    from convae.data import cifar10_job

    canceled = []
    working = cifar10_job.Status("working", 50_000_000, 170_498_071, "downloading")
    monkeypatch.setattr(
        cifar10_job, "status", lambda: cifar10_job.Status() if canceled else working
    )
    monkeypatch.setattr(cifar10_job, "cancel", lambda: canceled.append(1))
    app = healthy(visit("pages/reconstruct.py", data="CIFAR-10"))
    assert "50 of 170 MB" in app.get("progress")[0].proto.text
    app.button(key="cancel-cifar10").click()
    assert healthy(app.run()).button(key="download-cifar10") and canceled


def test_only_who_started_the_download_and_who_may_train_can_cancel_it(
    tiny_checkpoint, monkeypatch
):
    from convae.data import cifar10_job
    from convae.ui import access

    working = cifar10_job.Status("working", 50_000_000, 170_498_071, "downloading")
    monkeypatch.setattr(cifar10_job, "status", lambda: working)
    monkeypatch.delenv("CONVAE_TRAINING")
    monkeypatch.setattr(access, "is_local", lambda: False)
    app = healthy(visit("pages/reconstruct.py", data="CIFAR-10"))
    assert "cancel-cifar10" not in {button.key for button in app.button}
    app.session_state["started"] = frozenset({"cifar10"})
    assert healthy(app.run()).button(key="cancel-cifar10")


def test_a_failed_download_of_cifar10_says_why_and_is_offered_again(tiny_checkpoint, monkeypatch):
    from convae.data import cifar10_job

    failed = cifar10_job.Status("failed", message="no address could give it")
    monkeypatch.setattr(cifar10_job, "status", lambda: failed)
    app = visit("pages/reconstruct.py", data="CIFAR-10")
    assert "did not succeed" in app.error[0].value and app.button(key="download-cifar10")
    assert any("no address could give it" in text.value for text in app.markdown)


def test_sample_is_a_function_of_its_number(tiny_checkpoint):
    app = visit("pages/reconstruct.py")
    first = shown(app)
    app.sidebar.number_input(key="reconstruct-sample").set_value(2)
    assert shown(healthy(app.run())) != first
    app.sidebar.number_input(key="reconstruct-sample").set_value(1)
    assert shown(healthy(app.run())) == first


def test_class_filter_keeps_one_class(tiny_checkpoint):
    app = visit("pages/reconstruct.py")
    app.sidebar.selectbox(key="reconstruct-class").select("star")
    app.sidebar.number_input(key="reconstruct-count").set_value(3)
    assert len(numbers(healthy(app.run()), "original")) == 3


def test_click_on_a_thumbnail_shows_that_image(tiny_checkpoint):
    def editor(app):
        components = [item.proto for item in app.get("bidi_component")]
        return next(proto.json for proto in components if "editor" in proto.component_name)

    app = visit()
    first = editor(app)
    app.pills(key="overview-one").set_value(3)
    assert editor(healthy(app.run())) != first


def test_uploads_are_shown_and_problems_are_sentences(tiny_checkpoint):
    app = visit("pages/reconstruct.py", data="Your images")
    assert not app.exception
    files = [("a<b>.png", png(), "image/png"), ("c.png", b"rubbish", "image/png")]
    app.file_uploader[0].set_value(files)
    app.run()
    assert not app.exception
    assert app.warning[0].value.startswith('"c.png" is not an image')
    assert numbers(app, "original") == [0]
    texts = [element.value for element in [*app.warning, *app.markdown, *app.caption]]
    assert "a<b>" not in " ".join([*texts, shown(app)])
    kept = app.session_state["uploads-set"]
    assert kept.images.shape == (1, 32, 32, 3)


def test_uploads_survive_a_change_of_page(tiny_checkpoint):
    app = visit("pages/reconstruct.py", data="Your images")
    app.file_uploader[0].set_value([("a.png", png(), "image/png")])
    app.run()
    app.switch_page("app.py")
    healthy(app.run())
    assert app.sidebar.selectbox(key="data").value == "uploads"


def test_finished_run_is_chosen_on_every_page(add_checkpoint, tiny_weights):
    add_checkpoint("shipped", "cifar10")
    run = runs.claim(TrainConfig(), "mine")
    for name in ("card.json", "model.safetensors"):
        (run.path / name).write_bytes((tiny_weights / name).read_bytes())
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    app.session_state["followed"] = "mine"
    healthy(app.run())
    assert app.sidebar.selectbox(key="model").value == "mine"


def test_a_model_that_waits_to_be_chosen_gives_way_to_the_one_in_the_address(add_checkpoint):
    add_checkpoint("one")
    add_checkpoint("two")
    app = visit("pages/train.py")
    app.session_state["model-next"] = "one"  # a run that ended there
    healthy(app.run())
    app.query_params["model"] = "two"
    app.switch_page("pages/reconstruct.py")
    healthy(app.run())
    assert app.sidebar.selectbox(key="model").value == "two"
    assert "model-next" not in app.session_state


def test_the_menu_names_the_model_of_a_run_that_has_just_ended(add_checkpoint, tiny_weights):
    add_checkpoint("other")
    run = runs.claim(TrainConfig(), "mine")
    for name in ("card.json", "model.safetensors"):
        (run.path / name).write_bytes((tiny_weights / name).read_bytes())
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    app.session_state["followed"] = "mine"
    app.query_params["model"] = "other"
    app.switch_page("pages/train.py")
    healthy(app.run())
    links = [link.proto for link in app.get("page_link")]
    (menu,) = [link for link in links if link.label == "Reconstruct"]
    assert "model=mine" in menu.query_string


def test_a_model_that_waits_to_be_chosen_and_is_gone_is_forgotten(add_checkpoint):
    add_checkpoint("one")
    app = visit("pages/reconstruct.py")
    app.session_state["model-next"] = "gone"
    assert healthy(app.run()).sidebar.selectbox(key="model").value == "one"
    assert "model-next" not in app.session_state


def test_a_line_says_which_images_are_shown_and_what_the_model_was_trained_on(tiny_checkpoint):
    shown_set = data.load("sample", "test").take([0, 1])
    words = "Shown: the first 20 CIFAR-10 test images. Model: trained on Shapes, PSNR 12.3 dB on"
    assert words in model_cards.provenance(caches.load_checkpoint("tiny"), shown_set)


def test_what_figures_mean_on_enlarged_images_is_said(tiny_checkpoint, monkeypatch):
    query = {"data": "Digits"}
    app = healthy(visit("pages/reconstruct.py", **query))
    assert any("64 numbers, not 3,072. A code of 8 values" in item.value for item in app.caption)
    assert not app.warning
    monkeypatch.setitem(builtin.REAL_DIMENSION, "digits", 4)
    app = healthy(visit("pages/reconstruct.py", **query))
    warning = app.warning[0].value
    assert "is as large as the data: it compresses nothing" in warning
    assert "PCA fitted on them has 4 components, not 8." in warning
    assert not healthy(visit("pages/reconstruct.py", data="Shapes")).warning


def test_the_compression_ratio_counts_the_numbers_that_an_image_has(add_checkpoint):
    add_checkpoint("small", "digits")
    assert model_cards.compression_of("digits", 8) == 8
    assert model_cards.compression_of("shapes", 128) == 24
    app = healthy(visit(model="small", data="Digits"))
    assert {item.label: item.value for item in app.metric}["Compression ratio"] == "8:1"
    assert app.dataframe[-1].value["Compression"].tolist() == ["8:1"]
    assert any("64 values from 8." in item.value for item in app.markdown)
