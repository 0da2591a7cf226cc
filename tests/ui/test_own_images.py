"""Adding images in the app: for the session, kept on this machine, or forbidden."""

import base64
import io
import zipfile

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from convae import data
from convae import images as pixels
from convae.data import own_sets
from convae.data import uploads as image_uploads
from convae.evaluation import shipped_pca
from convae.ui import access, own_images, uploads
from tests.support import cards
from tests.support.visiting import captions, healthy, png, shown, visit


def zip_of(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(name, png(10 + number))
    return buffer.getvalue()


TOYS = zip_of(*(f"toys/{'red' if n % 2 else 'blue'}/{n}.png" for n in range(30)))


@pytest.fixture(autouse=True)
def local(monkeypatch):
    monkeypatch.setattr(access, "is_local", lambda: True)


def opened(target: str = "data", training: bool = False) -> AppTest:
    """The content of the dialog on a page of its own."""

    def page(target: str, training: bool) -> None:
        from convae.ui import own_images

        own_images.dialog_body(target, training)

    return AppTest.from_function(page, args=(target, training), default_timeout=60).run()


def given(app: AppTest, content: bytes = TOYS, name: str = "My Toys.zip") -> AppTest:
    app.file_uploader(key="own-files").set_value([(name, content, "application/zip")])
    return app.run()


def test_a_zip_becomes_the_set_of_the_session_and_nothing_is_written(own_folders):
    app = healthy(given(opened()))
    assert "30 images of 2 classes (blue, red): 27 to train on, 3 to test on." in (
        app.markdown[0].value
    )
    app.button(key="own-use").click()
    healthy(app.run())
    mine = app.session_state["uploads-set"]
    assert len(mine) == 30 and mine.class_names == ("blue", "red")
    assert app.session_state["data-next"] == "uploads"
    assert not (own_folders / "data").exists()


def test_a_kept_set_is_offered_on_every_page_and_to_train(tiny_checkpoint):
    app = given(opened())
    app.radio(key="own-where").set_value(own_images.KEPT).run()
    assert app.text_input(key="own-name").value == "my-toys"
    app.button(key="own-keep").click()
    healthy(app.run())
    assert app.session_state["data-next"] == "own:my-toys"
    assert app.session_state["train-spec-next"] == "own:my-toys"
    page = healthy(visit("pages/reconstruct.py", data="my-toys"))
    assert page.sidebar.selectbox(key="data").value == "own:my-toys"
    train = healthy(visit("pages/train.py", **{"train-view": "New"}))
    assert "my-toys" in train.selectbox(key="train-spec").options


def test_a_bad_name_and_a_taken_one_are_sentences():
    own_sets.keep(
        "toys", own_sets.arranged(data.load("sample").images, list("abcdefghijklmnopqrst"))
    )
    app = given(opened(training=True), name="toys.zip")
    assert app.text_input(key="own-name").value == "toys-2"
    for name, message in (("toys", "is kept already"), ("a b", "cannot be the name of a set")):
        app.text_input(key="own-name").set_value(name).run()
        app.button(key="own-keep").click()
        assert message in app.run().error[0].value


def test_a_set_too_small_to_train_on_is_refused_before_it_is_kept():
    app = given(opened("train-spec", training=True), zip_of("a/1.png", "a/2.png"))
    assert "1 training image; at least 3 are needed" in app.error[0].value
    assert not app.button and not own_sets.names()


def test_problems_name_the_file_and_stand_in_the_open():
    app = opened()
    files = [("a<b>.png", b"rubbish", "image/png"), ("fine.png", png(), "image/png")]
    app.file_uploader(key="own-files").set_value(files)
    app.run()
    assert app.warning[0].value.startswith('"a\\_b\\_.png" is not an image')
    assert not app.expander


def test_problems_of_the_images_in_use_can_be_dismissed(tiny_checkpoint):
    app = visit("pages/reconstruct.py", data="Your images")
    app.file_uploader(key="uploads-files").set_value(
        [("bad.png", b"rubbish", "image/png"), ("fine.png", png(), "image/png")]
    )
    assert '"bad.png" is not an image' in healthy(app.run()).warning[0].value
    assert app.run().warning
    app.button(key="uploads-dismiss").click().run()
    assert not healthy(app).warning
    assert "uploads-dismiss" not in [button.key for button in app.button]


def test_class_names_of_a_zip_are_text_and_no_markup():
    hostile = "<img src=x onerror=alert(1)>**b**"
    app = healthy(given(opened(), zip_of(f"{hostile}/1.png", "under_line/2.png", "c/3.png")))
    assert "<img src=x" not in shown(app) and "under_line" in shown(app)
    assert "&lt;img src=x" in shown(app)
    assert "\\*\\*b" in app.markdown[0].value


def test_files_without_a_single_image_are_one_error():
    app = given(opened(), zip_of())
    assert "None of these files can be used" in app.error[0].value
    assert not app.button


def test_the_images_of_the_session_can_be_kept_later():
    app = opened()
    given(app)
    app.button(key="own-use").click().run()
    app.file_uploader(key="own-files").set_value([]).run()
    app.toggle(key="own-from-session").set_value(True).run()
    app.text_input(key="own-name").set_value("later").run()
    app.button(key="own-keep").click().run()
    assert own_sets.names() == ["later"]


def test_a_folder_of_this_machine_is_offered_in_this_session(tmp_path, tiny_checkpoint):
    for number in range(12):
        place = tmp_path / "flowers" / ("rose" if number % 2 else "tulip")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(png(10 * number))
    app = opened()
    app.text_input(key="own-folder").set_value(str(tmp_path / "nothing"))
    app.button(key="own-use-folder").click()
    assert "does not exist: check the path" in app.run().error[0].value
    app.text_input(key="own-folder").set_value(str(tmp_path / "flowers"))
    app.button(key="own-use-folder").click()
    healthy(app.run())
    spec = f"folder:{tmp_path / 'flowers'}"
    assert app.session_state["data-next"] == spec
    assert app.session_state["own-folders"] == [spec]


def test_a_kept_set_is_deleted_only_after_a_confirmation():
    own_sets.keep(
        "toys", own_sets.arranged(data.load("sample").images, list("abcdefghijklmnopqrst"))
    )
    app = opened()
    app.button(key="own-delete-toys").click()
    assert "Models trained on them stay" in app.run().warning[0].value
    assert own_sets.names() == ["toys"]
    app.button(key="own-delete-now").click()
    healthy(app.run())
    assert own_sets.names() == []


def test_a_remote_visitor_adds_for_the_session_only(monkeypatch):
    monkeypatch.setattr(access, "is_local", lambda: False)
    own_sets.keep(
        "toys", own_sets.arranged(data.load("sample").images, list("abcdefghijklmnopqrst"))
    )
    app = opened()
    assert not app.text_input and not app.button, "no folder, no deletion"
    given(app)
    assert not app.radio and [button.key for button in app.button] == ["own-use"]
    monkeypatch.setenv("CONVAE_UPLOADS", "on")
    assert app.run().radio(key="own-where")


def test_uploads_off_forbids_them_with_one_sentence(monkeypatch, tiny_checkpoint):
    monkeypatch.setenv("CONVAE_UPLOADS", "off")
    app = healthy(visit("pages/reconstruct.py", data="Your images"))
    assert [info.value for info in app.info if "Uploads are disabled" in info.value]
    assert not app.file_uploader and "data-add" not in [button.key for button in app.button]
    for page in ("pages/latent_map.py", "pages/train.py"):
        app = healthy(visit(page, **{"train-view": "Runs"}))
        assert not app.file_uploader


def test_a_pasted_image_joins_those_of_the_session(monkeypatch):
    state: dict = {}
    for module in (uploads, own_images):
        monkeypatch.setattr(module.st, "session_state", state)
    own_images._pasted(png(10), "data")
    own_images._pasted(png(200), "data")
    assert len(state["uploads-set"]) == 2 and state["data-next"] == "uploads"
    own_images._pasted(b"rubbish", "data")
    assert len(state["uploads-set"]) == 2
    assert "is not an image" in state["uploads-problems"][0]


def test_a_pasted_image_without_a_label_is_no_class_of_its_own(tiny_checkpoint, monkeypatch):
    said = []
    monkeypatch.setattr(own_images.st, "toast", lambda text, **options: said.append(text))
    app = visit("pages/features.py", data="Your images")
    app.file_uploader(key="uploads-files").set_value([("mine.zip", ninety(), "application/zip")])
    assert "81 labeled training images and 9 test images" in captions(healthy(app.run()))
    with monkeypatch.context() as patched:
        for module in (uploads, own_images):
            patched.setattr(module.st, "session_state", app.session_state)
        own_images._pasted(png(10), "data")
    assert said == [
        "Pasted. Your images: 91 images of 3 classes (blue, green, red), 1 of them unlabeled: "
        "82 to train on, 9 to test on."
    ]
    assert "81 labeled training images and 9 test images" in captions(healthy(app.run()))


def test_one_class_beside_unlabeled_images_cannot_be_classified(tiny_checkpoint):
    names = [f"rose/{n}.png" for n in range(9)] + [f"{n}.png" for n in range(9)]
    for part, refused in (("Accuracy", True), ("Neighbors", False)):
        app = visit("pages/features.py", data="Your images", **{"features-part": part})
        given_files = [("roses.zip", zip_of(*names), "application/zip")]
        app.file_uploader(key="uploads-files").set_value(given_files)
        assert not app.run().exception
        assert [error.value.startswith("Your images have no labels, or only one") for error in
                app.error] == [True] * refused  # fmt: skip


def test_the_preview_names_classes_only_where_there_are_some():
    assert "cv-caption" in shown(given(opened())).replace("cv-caption-text", "")
    app = given(opened(), png(), "one.png")
    assert "examples" in shown(app) and '<div class="cv-caption">' not in shown(app)


def test_what_the_browser_pastes_is_decoded_strictly(monkeypatch):
    from convae.ui.components import paste

    taken = []
    monkeypatch.setattr(paste.st, "session_state", {"paste": {"pasted": "no base64!"}})
    mounted = {}
    monkeypatch.setattr(paste, "component", lambda name: lambda **options: mounted.update(options))
    paste.listen(taken.append)
    mounted["on_pasted_change"]()
    assert taken == []
    paste.st.session_state["paste"]["pasted"] = base64.b64encode(b"bytes").decode()
    mounted["on_pasted_change"]()
    assert taken == [b"bytes"]


def test_class_folders_of_the_session_are_classes_on_features(tiny_checkpoint):
    app = visit("pages/features.py", data="Your images", **{"features-part": "Accuracy"})
    app.file_uploader(key="uploads-files").set_value([("toys.zip", TOYS, "application/zip")])
    healthy(app.run())
    assert not app.code, "the command line has no images of the session"


def test_images_of_the_session_are_compared_with_a_named_pca(tiny_checkpoint, tmp_path):
    shipped_pca._load.cache_clear()
    shipped_pca.path().parent.mkdir(parents=True, exist_ok=True)
    shipped_pca.write(data.load("digits", "train").sample(300))
    with cards.edited(tiny_checkpoint) as card:
        card["config"]["data"]["spec"] = "folder:/gone"
    app = visit("pages/reconstruct.py", data="Your images", **{"reconstruct-beside": "PCA"})
    app.file_uploader(key="uploads-files").set_value([("toys.zip", TOYS, "application/zip")])
    healthy(app.run())
    assert "is fitted on CIFAR-10, 300 images" in shown(app)
    shipped_pca._load.cache_clear()


def test_a_preset_keeps_the_own_training_data(tiny_checkpoint):
    own_sets.keep(
        "toys", own_sets.arranged(data.load("sample").images, list("abcdefghijklmnopqrst"))
    )
    app = visit("pages/train.py", **{"train-view": "New"})
    app.selectbox(key="train-spec").set_value("own:toys").run()
    app.pills(key="train-preset").set_value("Denoiser").run()
    assert healthy(app).selectbox(key="train-spec").value == "own:toys"
    assert any("has only 18 training images" in info.value for info in app.info)


@pytest.mark.parametrize("written", ["toys", "own:toys"])
def test_train_opens_with_the_kept_set_that_the_address_names(written, tiny_checkpoint):
    own_sets.keep(
        "toys", own_sets.arranged(data.load("sample").images, list("abcdefghijklmnopqrst"))
    )
    app = healthy(visit("pages/train.py", **{"train-view": "New", "data": written}))
    assert app.selectbox(key="train-spec").value == "own:toys"
    assert "train-mine" not in [button.key for button in app.button]
    app.selectbox(key="train-spec").set_value("shapes").run()
    app.button(key="train-mine").click().run()
    assert healthy(app).selectbox(key="train-spec").value == "own:toys"
    app = healthy(visit("pages/train.py", **{"train-view": "New"}))
    assert app.selectbox(key="train-spec").value == "shapes"
    assert "train-mine" not in [button.key for button in app.button]


def test_kept_sets_can_be_suspects(tiny_checkpoint):
    own_sets.keep(
        "toys", own_sets.arranged(data.load("sample").images, list("abcdefghijklmnopqrst"))
    )
    app = healthy(visit("pages/anomalies.py", data="Digits"))
    (suspects,) = [box for box in app.selectbox if (box.key or "").startswith("anomalies-suspects")]
    assert "toys" in suspects.options


def ninety() -> bytes:
    """90 different images in three class folders, as a zip."""
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(90):
            kind = ("blue", "green", "red")[number % 3]
            image = rng.integers(0, 120, (32, 32, 3), np.uint8)
            image[..., number % 3] += 130
            archive.writestr(f"mine/{kind}/{number}.png", pixels.png_bytes(image))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("generate", "at least 20 test images, and there are 9."),
        ("features", "81 labeled training images and 9 test images"),
        ("anomalies", "Fitted to 27 normal images; measured on 3 normal images and 6 suspects"),
    ],
)
def test_images_of_the_session_have_the_split_and_the_figures_of_the_kept_set(
    page, said, tiny_checkpoint
):
    decoded = image_uploads.decode_uploads([("mine.zip", ninety())])
    own_sets.keep("mine", own_sets.arranged(decoded.images, decoded.names))
    kept = healthy(visit(f"pages/{page}.py", data="mine"))
    session = visit(f"pages/{page}.py", data="Your images")
    session.file_uploader(key="uploads-files").set_value(
        [("mine.zip", ninety(), "application/zip")]
    )
    healthy(session.run())
    assert "81 to train on, 9 to test on. This page fits to the training" in captions(session)
    assert figures_in(session) == figures_in(kept)
    for app in (session, kept):
        assert said in captions(app) + " ".join(item.value for item in app.info)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (
            "reconstruct",
            "This page shows all of them; figures of a whole set are those of the test",
        ),
        ("latent_map", "This page uses all of them."),
    ],
)
def test_pages_that_show_images_say_that_they_show_all(page, said, tiny_checkpoint):
    app = visit(f"pages/{page}.py", data="Your images", **{"reconstruct-part": "The whole set"})
    app.file_uploader(key="uploads-files").set_value([("mine.zip", ninety(), "application/zip")])
    assert said in captions(healthy(app.run()))
    if page == "reconstruct":
        assert any("the same images (9)" in item.value for item in app.markdown)


def test_features_offers_no_more_training_images_than_there_are(tiny_checkpoint):
    decoded = image_uploads.decode_uploads([("mine.zip", ninety())])
    own_sets.keep("mine", own_sets.arranged(decoded.images, decoded.names))
    app = healthy(visit("pages/features.py", data="mine"))
    assert not app.select_slider and "Training images: 81, all there are." in captions(app)
    app = healthy(visit("pages/features.py", data="Digits"))
    assert "All 1,437 training images are used: there are no more." in captions(app)
    assert app.select_slider(key="features-count").value == 5_000


def figures_in(app: AppTest) -> list[str]:
    """The sentences, the figures and the tables of a page."""
    texts = [item.value for item in (*app.markdown, *app.dataframe)]
    texts += [f"{item.label} {item.value}" for item in app.metric]
    return [str(text).replace("Your images", "mine") for text in texts]
