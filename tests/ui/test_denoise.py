"""The Denoise page through app.py: what it shows is what the package says."""

import csv
import io
import json

import pytest
from streamlit.testing.v1 import AppTest

from convae import __main__ as cli
from convae import data
from convae.data.corruptions import CORRUPTIONS
from convae.tasks.denoising import LABELS
from tests.support import cards
from tests.support.visiting import ROOT, captions, healthy, numbers, png, shown, visit

SHORT = {"denoise-count": "2", "data": "Digits"}


def open_at(**query):
    return visit("pages/denoise.py", **(SHORT | query))


def text(app) -> str:
    return " ".join([*(element.value for element in app.markdown), captions(app)])


def table(app):
    return app.dataframe[0].value.set_index("Method")


@pytest.fixture
def model(add_checkpoint):
    """An untrained model for the smallest set: to fit PCA to it takes no time."""
    return add_checkpoint("tiny", "digits")


def test_the_first_view_shows_a_result_and_names_the_winner(model):
    app = healthy(open_at())
    drawn = shown(app)
    for label in ("Original", "Corrupted", "Model (tiny)", "PCA + Wiener", "NL-means", "Wavelet"):
        assert f"{label}, image 2" in drawn
    best = table(app)["PSNR (dB)"].idxmax()
    assert best != "Model (tiny)", "an untrained model restores nothing"
    assert f"{best} restores the measured images best" in text(app).replace("\u2060", "")
    assert len(app.get("plotly_chart")) == 1


def test_the_table_is_that_of_the_command_line_to_the_last_digit(model, capsys):
    query = {"denoise-corruption": "Speckle", "denoise-strength-speckle": "0.4"}
    app = healthy(open_at(**query, **{"denoise-seed": "3"}))
    command = app.code[0].value.split()
    assert command[:4] == ["python", "-m", "convae", "denoise"]
    assert cli.main([*command[3:], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 32
    rows = table(app)
    labels = LABELS | {"model": "Model (tiny)"}
    for name in ("corrupted", "model", "pca_wiener", "nl_means", "wavelet", "tv"):
        assert rows.loc[labels[name], "PSNR (dB)"] == found["methods"][name]["psnr"], name
        assert rows.loc[labels[name], "SSIM"] == found["methods"][name]["ssim"], name


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_every_corruption_opens_from_its_address(kind, model):
    about = CORRUPTIONS[kind]
    query = {"denoise-corruption": about.label, f"denoise-strength-{kind}": f"{about.curve[0]:g}"}
    app = healthy(open_at(**query))
    assert app.slider(key=f"denoise-strength-{kind}").value == about.curve[0]


def test_an_image_has_the_number_of_its_row_on_the_page_and_in_the_file(model, downloads):
    app = healthy(open_at())
    rows = list(csv.DictReader(io.StringIO(downloads["denoise.csv"]())))
    assert numbers(app, "Original") == [int(row["image"]) for row in rows]
    test = data.load("digits", "test")
    for row in rows:
        assert row["class"] == test.class_names[test.labels[int(row["image"])]]


def test_another_strength_and_seed_change_the_images(model):
    app = healthy(open_at())
    first = shown(app)
    app.slider(key="denoise-strength-gaussian").set_value(60.0)
    second = shown(healthy(app.run()))
    app.number_input(key="denoise-seed").set_value(1)
    third = shown(healthy(app.run()))
    assert len({first, second, third}) == 3


def test_methods_and_error_maps_are_chosen(model):
    app = healthy(open_at())
    assert "Error, Model" not in shown(app) and "Median, image " not in shown(app)
    app.multiselect(key="denoise-methods").set_value(["median"])
    app.toggle(key="denoise-errors").set_value(True)
    drawn = shown(healthy(app.run()))
    assert "Error, Model (tiny), image " in drawn and "Median, image " in drawn
    assert "Wavelet" not in drawn
    assert set(table(app).index) == {"Corrupted", "Model (tiny)", "Median"}


def test_a_choice_of_no_method_is_kept_in_the_address(model):
    app = healthy(open_at(**{"denoise-methods": ""}))
    assert app.multiselect(key="denoise-methods").value == []
    assert healthy(app.run()).multiselect(key="denoise-methods").value == []


def test_a_model_trained_to_remove_noise_stands_beside_the_chosen_one(model, add_checkpoint):
    folder = add_checkpoint("cleaner", "digits")
    with cards.edited(folder) as card:
        card["config"]["noise_std"] = 0.2
    app = healthy(open_at(model="tiny"))
    assert "cleaner, image " in shown(app)
    assert "cleaner" in table(app).index


@pytest.mark.parametrize("count", [1, 2])
def test_uploads_are_restored(count, model):
    app = visit("pages/denoise.py", data="Your images")
    assert not app.exception
    app.file_uploader[0].set_value([(f"{n}.png", png(40 * n), "image/png") for n in range(count)])
    app.run()
    healthy(app)
    assert numbers(app, "Wavelet") == list(range(count))
    assert not app.code, "the command line has no uploads"


def test_strength_zero_is_no_error(model):
    app = healthy(open_at(**{"denoise-strength-gaussian": "0"}))
    assert "the images are unchanged" in text(app) and "200" not in text(app)


def test_nonsense_in_the_address_is_ignored(model):
    app = open_at(**{
        "denoise-corruption": "Rain", "denoise-strength-gaussian": "inf", "denoise-seed": "x",
        "denoise-measured": "7", "denoise-methods": "../x",
    })  # fmt: skip
    healthy(app)
    assert app.slider(key="denoise-strength-gaussian").value == 25


def test_the_shipped_denoiser_is_the_first_of_the_denoisers(model, monkeypatch):
    from types import SimpleNamespace

    from convae.ui.denoise import setting

    noisy = SimpleNamespace(noise_std=0.2)
    names = ["newest-run", "cifar10-denoiser", "older-run"]
    entries = {name: SimpleNamespace(name=name, config=noisy) for name in names}
    monkeypatch.setattr(setting.pickers, "checkpoint_options", lambda: entries)
    chosen = SimpleNamespace(name="tiny")
    assert setting.denoisers(chosen) == ["cifar10-denoiser", "newest-run", "older-run"]
    assert setting.denoisers(SimpleNamespace(name="cifar10-denoiser")) == names[::2]


def test_the_curve_reaches_the_chosen_strength(model):
    app = healthy(open_at(**{"denoise-strength-gaussian": "149"}))
    (chart,) = app.get("plotly_chart")
    corrupted = next(line for line in json.loads(chart.proto.spec)["data"] if line["name"])
    assert len(corrupted["x"]) == len(CORRUPTIONS["gaussian"].curve) + 1
    assert corrupted["x"][-1] == 149


def test_methods_kept_from_another_page_are_no_second_default(model, caplog):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    app.session_state["denoise-methods"] = ["median", "deleted-model"]
    app.query_params["data"] = "Digits"
    app.switch_page("pages/denoise.py")
    healthy(app.run())
    assert app.multiselect(key="denoise-methods").value == ["median"]
    assert "created with a default value" not in caplog.text
