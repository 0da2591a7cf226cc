"""The tour and the presenter mode, without a browser."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from convae.data import SPECS
from convae.ui import query, tour
from convae.ui.address import spec_name
from convae.ui.frame import LABELS
from tests.support.visiting import ROOT, healthy, shown, visit


@pytest.mark.parametrize("stop", tour.STOPS, ids=lambda stop: stop.heading)
def test_every_stop_names_a_page_a_shipped_model_and_a_built_in_set(stop):
    assert stop.label in LABELS
    assert (ROOT / (f"pages/{stop.page}.py" if stop.page else "app.py")).is_file()
    assert (ROOT / "checkpoints" / stop.query["model"]).is_dir()
    assert stop.query["data"] in [spec_name(spec) for spec in SPECS]
    assert stop.heading and 1 <= stop.text.count(". ") + 1 <= 3


def test_the_tour_has_eight_stops_one_after_the_other():
    assert len(tour.STOPS) == 8
    first, last = tour.state(1, "Overview", False), tour.state(8, "Generate", False)
    assert first["back"] is None and first["next"].startswith("./reconstruct?")
    assert last["next"] is None and "tour=7" in last["back"]


def test_the_mode_is_kept_from_stop_to_stop():
    assert "present=1" in tour.state(2, "Reconstruct", True)["next"]
    assert "present" not in tour.state(2, "Reconstruct", False)["next"]


def test_on_another_page_the_bar_returns_to_the_stop():
    state = tour.state(3, "Train", False)
    assert state["away"] and state["next"] == tour.address(3) and "Reconstruct" in state["text"]


def test_presenter_mode_hides_the_sidebar_and_links_keep_it(tiny_checkpoint):
    app = healthy(visit("pages/train.py", present="1", tour="3"))
    assert 'stSidebar"]' in shown(app) and "font-size: 20px" in shown(app)
    links = [link.proto.query_string for link in app.get("page_link")]
    assert links and all("present=1" in link and "tour=3" in link for link in links)
    assert "font-size: 20px" not in shown(healthy(visit("pages/train.py")))


@pytest.mark.parametrize(("key", "value"), [("tour", "9"), ("tour", "x"), ("present", "yes")])
def test_a_stop_that_does_not_exist_is_ignored_with_a_note(key, value, tiny_checkpoint):
    assert query.problem(key, [value])
    app = healthy(visit("app.py", **{key: value}))
    assert any(f"`{key}` in the address" in info.value for info in app.info)


def test_every_address_of_the_exercise_sheet_names_a_page_and_a_shipped_model():
    sheet = (ROOT / "docs" / "lecture.md").read_text(encoding="utf-8")
    links = [urlsplit(link) for link in re.findall(r"\| `(/[^`]*)` \|", sheet)]
    assert len(links) == 10
    for link in links:
        assert link.path == "/" or (ROOT / f"pages{link.path}.py").is_file()
        settings = parse_qs(link.query)
        assert not [key for key, values in settings.items() if query.problem(key, values)]
        for model in settings.get("model", []):
            assert (ROOT / "checkpoints" / model).is_dir()
