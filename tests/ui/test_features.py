"""The Features page through app.py: what it shows is what the command line prints."""

import json

import numpy as np
import pytest

from convae import __main__ as cli
from convae.tasks.features import PROBES, SPACES, TITLES
from convae.ui.features import panels
from tests.support.visiting import captions, healthy, png, shown, visit

PAGE = "pages/features.py"
PARTS = panels.PARTS
NEED_CLASSES = ("Accuracy", "Fewer labels", "Confusion")


@pytest.fixture(autouse=True)
def model(tiny_checkpoint):
    return tiny_checkpoint


def features(**query):
    return visit(PAGE, data="Digits", **{f"features-{key}": value for key, value in query.items()})


@pytest.mark.parametrize("part", PARTS)
def test_every_part_opens_from_its_address(part):
    app = healthy(features(part=part))
    assert not app.info
    assert app.get("plotly_chart") or "codes, image 8" in shown(app)


@pytest.mark.parametrize("count", ["1,000", "5,000"])
def test_the_table_is_that_of_the_command_line_to_the_last_digit(count, capsys):
    app = healthy(features(count=count))
    table = app.dataframe[0].value.set_index("Features")
    words = app.code[0].value.split()
    assert cli.main([*words[3:], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n_train"] == min(1_437, int(count.replace(",", ""))) and found["n_test"] == 360
    for name, row in found["accuracy"].items():
        for probe, accuracy in row.items():
            assert table.loc[SPACES[name], f"{PROBES[probe].capitalize()} (%)"] == 100 * accuracy
            error = found["standard_error"][name][probe]
            assert table.loc[SPACES[name], f"± {PROBES[probe]}"] == 100 * error


def test_the_winner_is_named_by_its_accuracy():
    app = healthy(features())
    table, text = app.dataframe[0].value.set_index("Features"), app.markdown[1].value
    best = table["Linear probe (%)"].idxmax()
    name = "the codes" if best == SPACES["codes"] else best
    assert f"{table.loc[best, 'Linear probe (%)']:.1f}%" in text and name in text


def test_the_confusion_of_another_space_and_probe_is_another():
    def drawn(**query):
        app = healthy(features(part="Confusion", **query))
        return app.get("plotly_chart")[0].proto.spec

    codes, pixels = drawn(), drawn(space="pixels")
    assert codes != pixels != drawn(space="pixels", probe="k nearest neighbors")


def test_label_counts_are_totals_and_end_with_all():
    app = healthy(features(part="Fewer labels", count="1,000"))
    spec = json.loads(app.get("plotly_chart")[0].proto.spec)
    names = [trace["name"] for trace in spec["data"]]
    assert names[:4] == list(TITLES.values())
    assert spec["layout"]["xaxis"]["tickvals"] == [10, 100, 1_000]
    assert "the total over all classes" in captions(app)
    assert any(m.value.startswith("With 10 labels") for m in app.markdown)


def test_another_image_has_other_neighbors():
    app = healthy(features(part="Neighbors"))
    first = shown(app)
    for name in TITLES.values():
        assert f"{name}, image 8" in first
    app.pills(key="features-one").set_value(5)
    assert shown(healthy(app.run())) != first


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("count", [1, 3])
def test_every_part_answers_uploads(part, count):
    app = visit(PAGE, data="Your images", **{"features-part": part})
    files = [(f"{n}.png", png(60 * n + 10), "image/png") for n in range(count)]
    app.file_uploader[0].set_value(files)
    app.run()
    assert not app.exception
    errors = [error.value for error in app.error]
    if part in NEED_CLASSES:
        assert len(errors) == 1 and "no labels" in errors[0]
    elif part == "Dimensions" and count == 1:
        assert len(errors) == 1 and "at least two different images" in errors[0]
    else:
        assert not errors


@pytest.mark.parametrize("part", PARTS)
def test_every_part_answers_one_image_of_one_class(part, tmp_path):
    """A set as small as a set can be, chosen as one that a run was trained on."""
    from convae import data
    from convae.errors import DataError
    from convae.models import checkpoints
    from convae.ui.features import probing

    path = tmp_path / "one.npz"
    one = np.full((1, 32, 32, 3), 90, np.uint8)
    np.savez(path, train_images=one, test_images=one)
    images = [data.load(f"npz:{path}", split) for split in ("train", "test")]
    found = probing.Setting(checkpoints.load("tiny"), *images)
    calls = {
        "Accuracy": lambda: probing.results_of(found),
        "Fewer labels": lambda: probing.curves_of(found, "knn"),
        "Confusion": lambda: probing.check(found),
        "Dimensions": lambda: probing.dimensions_of(found),
    }
    if part == "Neighbors":
        assert {
            name: rows.tolist() for name, rows in probing.neighbors_of(found, 0, 8).items()
        } == (dict.fromkeys(SPACES, [0]))
    else:
        with pytest.raises(DataError, match="at least two"):
            calls[part]()


def test_nonsense_in_the_address_is_ignored():
    app = healthy(features(part="x", count="7", space="../x", probe="9"))
    assert app.select_slider(key="features-count").value == 5_000


def test_a_first_visit_without_cifar10_sees_photos_and_a_page_of_few_images_the_sample(
    add_checkpoint,
):
    add_checkpoint("cifar", "cifar10")
    app = healthy(visit(PAGE, model="cifar"))
    assert app.sidebar.selectbox(key="data").value == "photos", "CIFAR-10 is not available"
    app.switch_page("pages/reconstruct.py")
    assert healthy(app.run()).sidebar.selectbox(key="data").value == "sample"
    app.switch_page(PAGE)
    assert healthy(app.run()).sidebar.selectbox(key="data").value == "photos"


def test_images_that_were_chosen_go_along_to_other_pages():
    app = healthy(visit(PAGE, data="Digits"))
    app.switch_page("pages/generate.py")
    assert healthy(app.run()).sidebar.selectbox(key="data").value == "digits"
