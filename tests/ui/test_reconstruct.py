"""The Reconstruct page through app.py: what it shows is what the package says."""

import csv
import io
import json
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

from convae import __main__ as cli
from convae import data
from convae.data import ImageSet
from convae.evaluation import compressors
from convae.models import checkpoints
from convae.ui.reconstruct import comparison
from convae.ui.reconstruct.comparison import codec_note
from convae.ui.reconstruct.controls import KINDS, kinds_for
from convae.ui.reconstruct.tables import cost_of_bits, how_made, same_on_the_command_line
from tests.support.visiting import captions, healthy, numbers, png, shown, visit

PARTS = ("Images", "One image", "The whole set", "Code length", "Bits", "What is lost")
BASELINES = ["PCA", "JPEG", "WebP"]


def open_at(part="Images", **query):
    return visit("pages/reconstruct.py", **{"reconstruct-part": part, **query})


@pytest.fixture
def two_models(tiny_data, capsys):
    """Two small runs on the tiny data; gives its SPEC."""
    small = ["--arch", "residual", "--base-channels", "8", "--epochs", "1", "--quiet"]
    for name, size in (("first", "4"), ("second", "2")):
        cli.main(["train", "--data", tiny_data, "--name", name, "--latent-dim", size, *small])
    capsys.readouterr()
    return tiny_data


@pytest.fixture
def digits_model(add_checkpoint):
    """An untrained model for the smallest set: to fit PCA to it takes no time."""
    add_checkpoint("tiny", "digits")


@pytest.mark.parametrize(("bits", "steps"), [(1, 0), (5, 2), (compressors.FLOAT, 1)])
def test_the_table_is_that_of_the_command_line_to_the_last_digit(two_models, capsys, bits, steps):
    query = {} if bits == compressors.FLOAT else {"reconstruct-bits": str(bits)}
    query["reconstruct-refinement-steps-0"] = str(steps)
    app = open_at("The whole set", model="first", **{"reconstruct-beside": "second"}, **query)
    table = healthy(app).dataframe[0].value.set_index("Method")
    command = app.code[0].value.split()[3:]
    assert cli.main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    lines = {"first": found, "second": found["beside"][0]}
    lines |= {name: found["baselines"][name.lower()] for name in BASELINES}
    if steps:
        lines[compressors.ENCODER_ONLY] = found["first_guess"]
    assert set(lines) == set(table.index)
    for name, line in lines.items():
        for column, key in {
            "Bytes": "bytes_per_image", "PSNR (dB)": "psnr", "Mean PSNR (dB)": "psnr_mean",
            "PSNR SD (dB)": "psnr_spread", "SSIM": "ssim", "SSIM SD": "ssim_spread",
            "MSE": "mse",
        }.items():  # fmt: skip
            assert table.loc[name, column] == line[key], (name, column)


def test_a_shipped_classic_model_stands_in_every_table(add_checkpoint):
    add_checkpoint("tiny", "digits")
    add_checkpoint("well-known", "digits")  # a classic one, as the other is
    app = healthy(open_at("The whole set", model="tiny"))
    assert "well-known" in set(app.dataframe[0].value["Method"])
    assert "--beside well-known" in app.code[0].value


@pytest.mark.parametrize("part", PARTS)
def test_every_part_opens_at_few_bits_beside_every_baseline(part, digits_model):
    app = open_at(part, **{"reconstruct-bits": "1"})
    app.multiselect(key="reconstruct-beside").set_value(BASELINES)
    healthy(app.run())


@pytest.mark.parametrize("part", PARTS)
def test_every_part_opens_for_two_values_on_other_images(part, two_models):
    healthy(open_at(part, model="second", data="Digits"))


@pytest.mark.parametrize("part", PARTS)
def test_every_part_opens_for_a_single_upload(part, digits_model):
    app = open_at(part, data="Your images")
    app.file_uploader[0].set_value([("a.png", png(), "image/png")])
    app.run()
    assert not app.exception, app.exception[0].message


@pytest.mark.parametrize("kind", ["Best", "Median", "Worst", "Out of distribution", "Camera"])
def test_images_of_every_kind_are_shown(kind, digits_model):
    app = open_at(**{"reconstruct-which": kind, "reconstruct-count": "4"})
    healthy(app)
    if kind == "Out of distribution":
        assert "Shown: noise, patterns and shifts of one image" in captions(app)
        assert "checks of 1 pixel" in shown(app) and "rebuilt, image 7" in shown(app)
    elif kind != "Camera":
        assert len(numbers(app, "rebuilt")) == 4


def table(text: str) -> dict[int, dict]:
    return {int(row["image"]): row for row in csv.DictReader(io.StringIO(text))}


@pytest.mark.parametrize("kind", ["Sample", "Worst"])
def test_an_image_has_the_same_number_on_the_page_and_in_every_file(kind, digits_model, downloads):
    app = open_at(data="Digits", **{"reconstruct-which": kind, "reconstruct-count": "4"})
    few = table(downloads["reconstruct.csv"]())
    assert numbers(healthy(app), "original") == list(few)
    healthy(open_at("The whole set", data="Digits"))
    many = table(downloads["images.csv"]())
    test = data.load("digits", "test")
    assert list(many) == list(range(len(test)))
    for number, row in few.items():
        assert row["class"] == many[number]["class"] == test.class_names[test.labels[number]]
        for score in ("tiny_psnr_db", "tiny_ssim"):
            assert float(row[score]) == pytest.approx(float(many[number][score]), abs=1e-3)
    healthy(open_at("Code length", data="Digits", **{"reconstruct-count": "4"}))
    first = numbers(open_at(data="Digits", **{"reconstruct-count": "4"}), "original")[0]
    assert f"tiny_image_{first}_psnr_db" in downloads["code-length.csv"]().splitlines()[0]


def test_own_images_have_their_numbers_in_the_set_also_where_only_test_images_are_measured(
    digits_model, downloads
):
    app = open_at("The whole set", data="Your images")
    files = [(f"{n}.png", png(4 * n), "image/png") for n in range(60)]
    app.file_uploader[0].set_value(files)
    healthy(app.run())
    rows = table(downloads["images.csv"]())
    held_out = app.session_state["uploads-arranged"].is_test
    assert 0 < len(rows) < 60 and list(rows) == np.flatnonzero(held_out).tolist()


def test_baselines_get_rows_of_their_own(digits_model):
    app = open_at(**{"reconstruct-count": "3"})
    assert not numbers(app, "PCA")
    app.multiselect(key="reconstruct-beside").set_value(["PCA", "WebP"])
    healthy(app.run())
    assert len(numbers(app, "PCA")) == len(numbers(app, "error, WebP")) == 3
    assert "JPEG" not in shown(app)


def test_nonsense_in_the_address_is_ignored(digits_model):
    app = open_at(
        "Nothing", **{"reconstruct-bits": "99", "reconstruct-beside": "../x",
        "reconstruct-which": "%00", "reconstruct-many": "-1"},
    )  # fmt: skip
    healthy(app)
    assert numbers(app, "rebuilt")


def test_bits_change_what_is_rebuilt(digits_model):
    app = open_at()
    before = shown(app)
    app.select_slider(key="reconstruct-bits").set_value(1)
    assert shown(healthy(app.run())) != before


def test_the_layers_of_both_halves_are_shown(digits_model):
    app = open_at("One image")
    encoder = shown(healthy(app))
    assert "1: 8x32x32" in encoder
    app = open_at("One image", **{"reconstruct-half": "decoder"})
    assert "3x32x32" in shown(healthy(app)) != encoder


def test_the_caption_names_the_images_that_pca_was_fitted_on(digits_model):
    app = open_at("The whole set")
    assert "PCA is fitted on Digits, 1," in captions(healthy(app))
    assert np.isfinite(app.dataframe[0].value["PSNR (dB)"]).all()


def test_the_first_view_fits_no_pca(digits_model, monkeypatch):
    monkeypatch.setattr("convae.ui.caches.pca_for", None)
    monkeypatch.setattr("convae.evaluation.compressors.pca_for", None)
    comparison._quantized_pca.clear()
    healthy(open_at())
    healthy(open_at("One image"))


def test_a_damaged_model_beside_is_one_sentence(digits_model, add_checkpoint):
    (add_checkpoint("broken") / "model.safetensors").write_bytes(b"not weights")
    app = open_at(model="tiny")
    app.multiselect(key="reconstruct-beside").set_value(["broken"])
    app.run()
    assert not app.exception and len(app.error) == 1


def test_the_command_under_the_table_survives_a_shell(tiny_checkpoint):
    held = comparison.Contest(
        checkpoints.load("tiny"),
        compressors.FLOAT,
        ImageSet(
            np.zeros((3, 32, 32, 3), np.uint8),
            np.zeros(3, np.int64),
            ("all",),
            "test",
            "folder:/my photos/$(date)",
            "fingerprint",
        ),
    )
    held.__dict__["fitted_on"] = None
    command = same_on_the_command_line(held)
    script = f"python() {{ printf '%s\\n' \"$@\"; }}; {command}"
    words = subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout.splitlines()
    assert words[words.index("--data") + 1] == held.measured.name


def test_baselines_of_single_images_say_what_they_were_made_on(tiny_checkpoint):
    app = healthy(visit("pages/reconstruct.py", **{"reconstruct-beside": "PCA"}))
    app.session_state["reconstruct-beside"] = ["PCA", "JPEG"]
    text = captions(healthy(app.run()))
    assert "PCA is fitted on Shapes" in text
    assert "JPEG has quality" in text and "more than the 16 of a code" in text


def test_one_image_is_reconstructed_by_the_chosen_method(add_checkpoint):
    other = ":smile: $x$ *y*"
    for name in ("tiny", other):
        add_checkpoint(name, "digits")
    app = healthy(open_at("One image", model="tiny"))
    before = app.metric[0].value
    assert app.selectbox(key="reconstruct-by-tiny").options[0] == "tiny"
    app.selectbox(key="reconstruct-by-tiny").select("JPEG")
    assert healthy(app.run()).metric[0].value != before
    app.sidebar.selectbox(key="model").select(other)
    assert healthy(app.run()).selectbox(key=f"reconstruct-by-{other}").value == other


def test_the_line_below_the_table_shows_a_file_name_as_it_is():
    made = SimpleNamespace(details="npz:![x](host) $y$.npz, 64 images", bytes_per_image=16)
    held = SimpleNamespace(
        names=["PCA", "JPEG", "WebP"],
        method=lambda name: made,
        pca_made=made.details,
        model=made,
        measured=data.load("digits").take([0]),
        checkpoint=SimpleNamespace(config=SimpleNamespace(refinement_steps=0)),
    )
    assert how_made(held).startswith(f"PCA is fitted on {made.details}; ")


def test_a_codec_that_cannot_be_as_small_as_a_code_is_named_with_its_bytes():
    size = {"JPEG": 15.9, "WebP": 23.71}
    held = SimpleNamespace(
        model=SimpleNamespace(bytes_per_image=16),
        method=lambda name: SimpleNamespace(bytes_per_image=size[name]),
        measured=data.load("digits").take([0, 1]),
    )
    fits, larger = codec_note(held, ["JPEG"]), codec_note(held, ["WebP"])
    assert fits.startswith("JPEG: the highest quality at which 2 images of Digits together")
    assert larger == (
        "Even at the lowest quality WebP takes 23.7 bytes an image, more than the 16 of a code."
    )
    assert codec_note(held, size) == f"{fits} {larger}" and codec_note(held, []) == ""


def test_best_and_worst_are_offered_only_where_they_are_different_images(digits_model):
    assert kinds_for(31, 16) == ["Sample", "Out of distribution", "Camera"]
    assert kinds_for(32, 16) == list(KINDS)
    app = healthy(
        visit("pages/reconstruct.py", data="CIFAR-10 sample", **{"reconstruct-which": "Best"})
    )
    assert len(numbers(app, "rebuilt")) == 16
    assert app.session_state["reconstruct-which"] == "Sample"


@pytest.mark.parametrize(
    "loss, bits, expected",
    [
        (0.4, compressors.FLOAT, "At **4 bits** per value a code takes **2 bytes** instead of 8; "),
        (0.8, compressors.FLOAT, "At **8 bits** per value a code takes **4 bytes** instead of 8; "),
        (0.8, 4, "At **4 bits** per value a code takes **2 bytes** instead of 8; "),
    ],
)
def test_the_cost_of_few_bits_names_a_quantized_code(loss, bits, expected):
    curve = {4: (2, 20 - loss), 8: (4, 20 - loss), compressors.FLOAT: (8, 20.0)}
    text = cost_of_bits(curve, bits)
    assert expected in text and text.endswith(f"PSNR changes by **{-loss:.2f} dB**.")
    assert ("As float16" in text) == (bits == compressors.FLOAT)
