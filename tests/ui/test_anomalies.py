"""The Anomalies page through app.py: what it shows is what the package says."""

import json

import pytest

from convae import __main__ as cli
from convae.data import builtin
from convae.tasks.anomaly import SCORES
from convae.ui.anomalies import detection
from tests.support.visiting import captions, healthy, png, shown, visit

SMALL = {"data": "Digits"}


def open_at(**query):
    return visit("pages/anomalies.py", **(SMALL | query))


def text(app) -> str:
    return " ".join([*(element.value for element in app.markdown), captions(app)])


def table(app):
    return app.dataframe[0].value.set_index("Score")


@pytest.fixture
def model(add_checkpoint):
    return add_checkpoint("tiny", "digits")


def test_the_first_view_shows_a_pair_and_names_the_winner(model):
    app = healthy(open_at())
    best = table(app)["AUROC (%)"].idxmax()
    assert best in text(app).replace("\u2060", "")
    assert set(table(app).index) == {each.label for each in SCORES.values()}
    assert len(app.get("plotly_chart")) == 3
    assert "heat map" in shown(app) or "No suspect is missed" in app.info[0].value


def test_photos_open_with_a_class_that_is_a_good_first_example(model):
    app = healthy(open_at(data="Photos"))
    assert app.selectbox(key="anomalies-normal-photos").value == "cat"


def test_the_table_is_that_of_the_command_line_to_the_last_digit(model, capsys):
    app = open_at(**{"anomalies-normal-digits": "3", "anomalies-suspects-class": "Shapes"})
    rows = table(healthy(app))
    assert cli.main([*app.code[0].value.split()[3:], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["n_normal"], found["n_suspects"]) == (37, 200)
    assert set(found["scores"]) == set(SCORES)
    for name, figures in found["scores"].items():
        row = rows.loc[SCORES[name].label]
        assert row["AUROC (%)"] == 100 * figures["auroc"]
        assert row["Average precision (%)"] == 100 * figures["average_precision"]
        assert row["AUROC SE"] == 100 * figures["auroc_se"]


@pytest.mark.parametrize(
    "suspects", ["other classes", "Shapes", "Photos", "noise", "checkerboards"]
)
def test_every_kind_of_suspects_opens_from_its_address(suspects, model):
    healthy(open_at(**{"anomalies-suspects-class": suspects}))


def test_a_whole_set_is_normal(model):
    app = healthy(open_at(**{"anomalies-normal-digits": "all classes"}))
    assert "--normal digits --suspects" in app.code[0].value


def test_the_components_of_pca_are_named(model, monkeypatch):
    assert "PCA has the latent dimension of the model, 8, and" in captions(healthy(open_at()))
    monkeypatch.setitem(builtin.REAL_DIMENSION, "digits", 4)
    detection._slot.clear()
    app = healthy(open_at())
    assert "PCA has 4 components and not 8, as an image has no more values, and" in captions(app)
    assert "PCA fitted on them has 4 components, not 8." in app.warning[0].value


def test_suspects_of_some_classes(model):
    app = healthy(open_at(**{"anomalies-suspects-class": "Shapes"}))
    app.multiselect(key="anomalies-classes-shapes").set_value(["star", "ring"])
    assert "--suspects shapes:star,ring" in healthy(app.run()).code[0].value


def test_a_lower_threshold_flags_more(model):
    app = healthy(open_at(**{"anomalies-score": "Total variation"}))
    before = app.dataframe[1].value["Flagged"].tolist()
    app.slider(key="anomalies-percentile").set_value(50.0)
    after = healthy(app.run()).dataframe[1].value["Flagged"].tolist()
    assert after[0] > before[0] and after[1] >= before[1]
    assert sum(app.dataframe[1].value.iloc[0][["Passed", "Flagged"]]) == 35


@pytest.mark.parametrize("score", SCORES)
def test_every_score_has_its_histogram_and_gallery(score, model):
    for kind in ("Missed suspects", "Falsely flagged", "Most anomalous suspects"):
        app = open_at(**{"anomalies-score": SCORES[score].label, "anomalies-gallery": kind})
        healthy(app)
        assert app.selectbox(key="anomalies-score").value == score


def upload(app, count):
    app.file_uploader[0].set_value([(f"{n}.png", png(60 * n), "image/png") for n in range(count)])
    return app.run()


def test_uploads_are_suspects(model):
    app = open_at(**{"anomalies-suspects-class": "Your images"})
    assert not app.exception
    app = healthy(upload(app, 1))
    assert table(app)["AUROC SE"].isna().all(), "one image has no standard error"
    assert not app.code, "the command line has no uploads"


@pytest.mark.parametrize("count", [2, 4])
def test_uploads_are_normal(count, model):
    app = visit("pages/anomalies.py", data="Your images")
    healthy(upload(app, count))


def test_one_normal_image_is_one_sentence(model):
    app = upload(visit("pages/anomalies.py", data="Your images"), 1)
    assert not app.exception
    assert "at least two normal images" in app.error[0].value


def test_a_set_of_one_class_opens(add_checkpoint, tmp_path):
    """Its only class is normal, and the suspects are another set."""
    import numpy as np

    images = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "one.npz", train_images=images, test_images=images[:9])
    folder = add_checkpoint("tiny", f"npz:{tmp_path}/one.npz")
    config = json.loads((folder / "card.json").read_text())["config"]
    (folder / "config.json").write_text(json.dumps(config))
    app = healthy(visit("pages/anomalies.py"))
    assert f"--normal npz:{tmp_path}/one.npz" in app.code[0].value


def test_nonsense_in_the_address_is_ignored(model):
    app = open_at(**{
        "anomalies-score": "Guess", "anomalies-percentile": "inf", "anomalies-limit": "7",
        "anomalies-normal-digits": "ten", "anomalies-suspects-class": "../x",
    })  # fmt: skip
    healthy(app)
    assert app.slider(key="anomalies-percentile").value == 95
