"""The Latent map page without a browser: what is drawn for which choice."""

import base64
import io
import zlib
from urllib.parse import parse_qs

import numpy as np
import pytest
from PIL import Image

from convae import plots
from convae.projection import maps, umap_job, umap_service
from convae.projection.maps import Settings
from convae.ui import access
from convae.ui.components import clickable, hover_card, map_overlay
from convae.ui.latent_map import address as map_address
from convae.ui.latent_map import panels, umap_queries
from tests.support.visiting import healthy, png, visit

PAGE = "pages/latent_map.py"


def headings(app) -> list[str]:
    return [element.value for element in [*app.subheader, *app.header]]


def columns_of_the_table(app) -> list[str]:
    table = next(element.value for element in app.markdown if "Trustworthiness" in element.value)
    return table.splitlines()[0].strip("|").split("|")


@pytest.mark.parametrize(
    "color",
    [
        "Class",
        "PSNR",
        "Mahalanobis distance",
        "Neighborhood preservation",
        "Cluster",
        "Oddness",  # the old name
    ],
)
def test_map_is_drawn_in_every_color(color, tiny_checkpoint):
    app = healthy(visit(PAGE, **{"latent-color": color, "data": "Digits"}))
    assert "Image 0: " in headings(app)[0]


def test_first_view_shows_a_point_its_neighbors_and_how_faithful_the_map_is(tiny_checkpoint):
    app = healthy(visit(PAGE, data="Digits"))
    assert headings(app)[1:] and "How faithful is this map?" in headings(app)
    assert columns_of_the_table(app) == ["PCA", "The codes"]


@pytest.fixture
def digits():
    from convae import data

    return data.load("digits", "test")


def map_key(images) -> str:
    from convae.models import checkpoints

    return maps.key(checkpoints.load("tiny").sha256, images.fingerprint, Settings())


def rows_text(rows, images) -> str:
    return f"{map_address.pack(np.array(rows), len(images))}~{images.fingerprint[:8]}"


def address(app) -> dict[str, str]:
    """What the hidden fields hold: what a browser would show in the address."""
    return {field: app.text_input(key=field).value for field in map_address.FIELDS}


def notes(app) -> list[str]:
    return [element.value for element in app.info]


def test_spot_and_selection_in_an_address_are_shown(tiny_checkpoint, digits):
    spot = f"0.5~-0.25~{map_key(digits)[:8]}"
    app = healthy(visit(PAGE, data="Digits", **{"latent-spot": spot}))
    assert "An empty place on the map" in headings(app) and not notes(app)
    selection = rows_text([1, 2, 5], digits)
    app = healthy(visit(PAGE, data="Digits", **{"latent-selection": selection}))
    assert "3 images selected" in headings(app) and not notes(app)
    isolated = rows_text([1, 2, 5, 9], digits)
    app = healthy(visit(PAGE, data="Digits", **{"latent-isolated": isolated}))
    assert any("4 isolated images" in element.value for element in app.markdown)


@pytest.mark.parametrize(
    ("field", "value", "note"),
    [
        ("latent-spot", "0.5~0.5~00000000", "empty place in the address belongs to another map"),
        ("latent-spot", "nan~0.5~{map}", "empty place in the address cannot be read"),
        ("latent-spot", "1e300~0~{map}", "empty place in the address cannot be read"),
        ("latent-spot", "here", "empty place in the address cannot be read"),
        ("latent-selection", "eJxj~00000000", "selection in the address belongs to other images"),
        ("latent-selection", "!!~{set}", "selection in the address cannot be read"),
        ("latent-isolated", "A" * 9_999 + "~{set}", "isolation in the address cannot be read"),
        ("latent-isolated", "~{set}", "isolation in the address cannot be read"),
    ],
)
def test_what_does_not_fit_in_an_address_is_ignored_with_a_note(
    field, value, note, tiny_checkpoint, digits
):
    value = value.format(map=map_key(digits)[:8], set=digits.fingerprint[:8])
    app = healthy(visit(PAGE, data="Digits", **{field: value}))
    assert "Image 0: " in headings(app)[0]
    assert note in notes(app)[0]


def test_isolating_inside_an_isolated_map_narrows_further(tiny_checkpoint, digits):
    rows = np.array([3, 8, 20, 41, 77])
    app = healthy(visit(PAGE, data="Digits", **{"latent-isolated": rows_text(rows, digits)}))
    app.number_input(key="latent-point").set_value(20)
    app.run()
    app.button(key="latent-alone").click()
    healthy(app.run())
    assert app.number_input(key="latent-point").value == 2  # the same image, third of five
    app.text_input(key="latent-selection").set_value(rows_text([8, 41], digits))
    healthy(app.run())
    app.button(key="latent-isolate").click()
    healthy(app.run())
    assert any("2 isolated images" in element.value for element in app.markdown)
    held = address(app)
    assert held["latent-isolated"] == rows_text([8, 41], digits)
    assert held["latent-projected"] == rows_text(rows, digits)
    # a new session that has the address alone shows the same
    again = healthy(visit(PAGE, data="Digits", **{k: v for k, v in held.items() if v}))
    assert any("2 isolated images" in element.value for element in again.markdown)
    assert not notes(again)
    app.button(key="latent-all").click()
    assert not any(address(healthy(app.run())).values())
    assert app.number_input(key="latent-point").value == 20


@pytest.mark.parametrize("rows", [[0], [9_999], range(0, 10_000, 2), range(10_000)])
def test_a_selection_is_the_same_after_the_address_and_short_enough_for_one(rows):
    rows = np.array(rows)
    text = map_address.pack(rows, 10_000)
    assert len(text) < 1_700 and np.array_equal(map_address.unpack(text, 10_000), rows)


def test_the_worst_selection_fits_an_address_and_a_bomb_does_not_unpack():
    rows = np.flatnonzero(np.random.default_rng(0).random(10_000) < 0.5)
    text = map_address.pack(rows, 10_000)
    assert len(text) <= 1_700 and np.array_equal(map_address.unpack(text, 10_000), rows)
    bomb = base64.urlsafe_b64encode(zlib.compress(bytes(2**21), 9)).decode()
    assert map_address.unpack(bomb, 10_000) is None


def test_a_selection_is_paged_over_all_images_and_all_classes(tiny_checkpoint, digits, monkeypatch):
    drawn, listed = [], []
    monkeypatch.setattr(clickable, "gallery", lambda images, words, ids, **_: drawn.append(ids))
    monkeypatch.setattr(clickable, "bars", lambda images, words, *_, **__: listed.append(words))
    rows = np.arange(0, 150)
    selection = rows_text(rows, digits)
    app = healthy(visit(PAGE, data="Digits", **{"latent-selection": selection}))
    assert set(listed[-1]) == {digits.class_names[n] for n in np.unique(digits.labels[:150])}
    seen = [drawn[-1]]
    for page in (2, 3):
        app.number_input(key="latent-page").set_value(page)
        healthy(app.run())
        seen.append(drawn[-1])
    assert np.array_equal(np.concatenate(seen), rows)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00"), (0.01234, "0.0123"), (7.5, "7.50"), (99.94, "99.9"), (99.96, "100"),
     (999.7, "1,000"), (12345, "12,345")],
)  # fmt: skip
def test_distances_have_three_digits_and_large_ones_no_exponent(value, text):
    assert clickable.three_digits(value) == text


def test_neighbors_are_as_many_as_asked_for_and_by_the_distance_asked_for(
    tiny_checkpoint, digits, monkeypatch
):
    from convae.models import checkpoints

    shown = []
    monkeypatch.setattr(
        clickable, "bars", lambda images, words, values, *_, ids, **__: shown.append((values, ids))
    )
    codes = checkpoints.load("tiny").encode(digits.images).astype(np.float64)
    lengths = np.linalg.norm(codes, axis=1)
    cosine = 1 - codes @ codes[4] / lengths / lengths[4]
    euclidean = np.linalg.norm(codes - codes[4], axis=1)
    for name, expected in (("Cosine", cosine), ("Euclidean", euclidean)):
        visit(PAGE, data="Digits", **{"latent-point": "4", "latent-neighbors": "13",
                                      "latent-distance": name})  # fmt: skip
        values, ids = shown[-1]
        expected[4] = np.inf
        assert len(ids) == 13 and np.allclose(values, np.sort(expected)[:13], atol=1e-4)
        assert np.allclose(expected[ids], values, atol=1e-4)


def test_the_chart_to_download_holds_the_thumbnails_of_what_is_drawn():
    images = np.full((130, 32, 32, 3), 20, np.uint8)
    images[120] = 220
    ids = np.array([7, 120, 3])
    figure = plots.latent_scatter(np.zeros((3, 2)), [0, 0, 0], ["</script>"], ids)
    html = hover_card.html_of(figure, map_overlay.thumbnails(images[ids]), ids)
    assert "const IDS = [7, 120, 3];" in html
    assert "http" not in html.split('const SHEET = "')[1]
    encoded = html.split('const SHEET = "')[1].split('"')[0]
    sheet = Image.open(io.BytesIO(base64.b64decode(encoded)))
    tiles = np.asarray(sheet.convert("RGB"))[:32, :96].reshape(32, 3, 32, 3).mean((0, 2, 3))
    assert np.abs(tiles - [20, 220, 20]).max() < 10


def test_the_link_to_interpolate_carries_model_and_images(tiny_checkpoint):
    app = visit(PAGE, data="Digits", **{"latent-point": "7", "latent-from": "3"})
    (link,) = (
        element.proto for element in app.get("page_link")
        if element.proto.label == "Open in Interpolate"
    )  # fmt: skip
    query = parse_qs(link.query_string)
    assert query["data"] == ["Digits"] and query["model"] == ["tiny"]
    assert query["interpolate-frames"] == ["3,7"]


def test_umap_that_is_kept_is_shown_at_once_and_beside_pca(tiny_checkpoint):
    from convae import data
    from convae.models import checkpoints

    images, model = data.load("digits", "test"), checkpoints.load("tiny")
    key = maps.key(model.sha256, images.fingerprint, maps.Settings("UMAP"))
    points = maps.pca_map(model.encode(images.images)).points
    maps.save(tiny_checkpoint / "maps", key, points)
    app = healthy(visit(PAGE, data="Digits"))
    assert columns_of_the_table(app) == ["This UMAP", "PCA", "The codes"]


@pytest.mark.parametrize("count", [1, 2, 6])
def test_a_handful_of_uploads_has_a_map_too(count, tiny_checkpoint):
    app = visit(PAGE, data="Your images")
    files = [(f"{n}.png", png(40 * n), "image/png") for n in range(count)]
    app.file_uploader[0].set_value(files)
    assert headings(healthy(app.run()))[0] == "Image 0"
    table = next(element.value for element in app.markdown if "Trustworthiness" in element.value)
    assert "100.0%|100.0%" not in table, "k nearest of at most k others"
    app.session_state["latent-method"] = "UMAP"
    assert any("never written" in info.value for info in healthy(app.run()).info)


def test_an_upload_gets_its_neighbors_and_a_bad_one_a_sentence(tiny_checkpoint):
    app = healthy(visit(PAGE, data="Digits"))
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    app.file_uploader(key="latent-files").set_value(
        [("a.png", buffer.getvalue(), "image/png"), ("b.png", b"nothing", "image/png")]
    )
    healthy(app.run())
    assert any("Nearest to the first image" in element.value for element in app.markdown)
    assert '"b.png" is not an image' in app.warning[0].value


@pytest.mark.parametrize(
    ("left", "words"),
    [(None, "no forecast"), (0.0, "longer than measured"), (41.6, "About 42 s left")],
)
def test_the_outlook_promises_no_more_than_was_measured(left, words):
    assert words in umap_queries.outlook(12, left)


def test_a_question_to_umap_shows_its_forecast_and_is_not_asked_again_once_canceled(
    tiny_checkpoint, digits, monkeypatch
):
    from convae.models import checkpoints

    asked, canceled = [], []
    monkeypatch.setattr(umap_service, "ask", lambda *question: asked.append(question))
    monkeypatch.setattr(umap_service, "answer", lambda *_: None)
    monkeypatch.setattr(
        umap_service, "status", lambda key: umap_service.Status("working", 0.4, "Laying")
    )
    monkeypatch.setattr(umap_service, "forecast", lambda *_: (20.0, 60.0))
    monkeypatch.setattr(umap_service, "cancel", lambda key, question: canceled.append(question))
    model = checkpoints.load("tiny")
    key = maps.key(model.sha256, digits.fingerprint, Settings("UMAP"))
    points = maps.pca_map(model.encode(digits.images)).points
    maps.save(tiny_checkpoint / "maps", key, points)
    app = visit(PAGE, data="Digits", **{"latent-spot": f"0.1~0.1~{key[:8]}"})
    app.segmented_control(key="latent-way").set_value(panels.INVERSES[1])
    healthy(app.run())
    assert asked
    (bar,) = (e.proto for e in app.get("progress") if "UMAP" in e.proto.text)
    assert "About 60 s left" in bar.text and bar.value == 25
    app.button(key="latent-ask-cancel").click()
    healthy(app.run())
    assert len(canceled) == 1
    count = len(asked)
    healthy(app.run())
    assert len(asked) == count
    app.button(key="latent-ask-anew").click()
    healthy(app.run())
    assert len(asked) > count


@pytest.fixture
def umap(tiny_checkpoint, digits):
    """A UMAP of the digits with the default settings, kept beside the model."""
    from convae.models import checkpoints

    model = checkpoints.load("tiny")
    key = maps.key(model.sha256, digits.fingerprint, Settings("UMAP"))
    maps.save(tiny_checkpoint / "maps", key, maps.pca_map(model.encode(digits.images)).points)
    return key


def chart(app) -> tuple[str, str]:
    """What the chart shows, in words, and its figure."""
    (element,) = app.get("plotly_chart")
    return element.proto.alt, element.proto.spec


def buttons(app) -> set[str]:
    return {button.key for button in app.button}


def test_only_who_started_a_umap_and_who_may_train_can_cancel_it(
    tiny_checkpoint, digits, monkeypatch
):
    states, started, canceled = {}, [], []
    monkeypatch.setattr(access, "may_train", lambda: False)

    def start(key, *_):
        states[key] = umap_job.Status("working", 0.3, "Constructing")
        started.append(key)
        return True

    monkeypatch.setattr(umap_job, "start", start)
    monkeypatch.setattr(umap_job, "cancel", canceled.append)
    monkeypatch.setattr(umap_job, "status", lambda key: states.get(key, umap_job.Status()))
    query = {"data": "Digits", "latent-method": "UMAP"}
    app = healthy(visit(PAGE, **query))
    app.button(key="latent-make").click()
    assert "latent-cancel" in buttons(healthy(app.run()))
    other = healthy(visit(PAGE, **query))
    assert "latent-cancel" not in buttons(other) and "latent-make" not in buttons(other)
    assert any("UMAP: constructing" in e.proto.text for e in other.get("progress"))
    monkeypatch.setattr(access, "may_train", lambda: True)
    assert "latent-cancel" in buttons(healthy(other.run()))
    monkeypatch.setattr(access, "may_train", lambda: False)
    app.button(key="latent-cancel").click()
    healthy(app.run())
    assert canceled == started and len(started) == 1


def test_a_question_of_another_visitor_cannot_be_canceled(umap, digits, monkeypatch):
    asked = set()
    monkeypatch.setattr(access, "may_train", lambda: False)
    monkeypatch.setattr(
        umap_service, "ask", lambda *given: asked.add(umap_service.question(*given[-2:]))
    )
    monkeypatch.setattr(umap_service, "is_asked", lambda key, question: question in asked)
    monkeypatch.setattr(umap_service, "answer", lambda *_: None)
    monkeypatch.setattr(umap_service, "status", lambda key: umap_service.Status("working", 0.4))

    def ask():
        app = visit(PAGE, data="Digits", **{"latent-spot": f"0.1~0.1~{umap[:8]}"})
        app.segmented_control(key="latent-way").set_value(panels.INVERSES[1])
        return healthy(app.run())

    mine, other = ask(), ask()
    assert len(asked) == 1
    assert "latent-ask-cancel" in buttons(healthy(mine.run()))
    assert "latent-ask-cancel" not in buttons(other)
    assert any("UMAP" in e.proto.text for e in other.get("progress"))


def texts(app) -> str:
    return " ".join(element.value for element in app.markdown)


def test_a_umap_that_is_not_ready_leaves_the_chart_as_it_is_and_says_so(umap):
    app = healthy(visit(PAGE, data="Digits"))
    before = chart(app)
    assert "UMAP map of" in before[0] and "Until then" not in texts(app)
    app.number_input(key="latent-n_neighbors").set_value(30)
    healthy(app.run())
    assert chart(app) == before
    assert "Until then the chart shows the UMAP in 2 dimensions with N neighbors 15" in texts(app)
    app.segmented_control(key="latent-dimensions").set_value(3)
    healthy(app.run())
    assert chart(app) == before and app.segmented_control(key="latent-method").value == "UMAP"
    app.segmented_control(key="latent-method").set_value("PCA")
    healthy(app.run())
    assert "PCA map of" in chart(app)[0] and "Until then" not in texts(app)


def test_umap_settings_stand_last_among_the_choices(tiny_checkpoint):
    app = healthy(visit(PAGE, data="Digits"))
    order = [element.key for element in app.main if getattr(element, "key", None)]
    keys = ["latent-method", "latent-color", "latent-classes", "latent-n_neighbors"]
    assert sorted(keys, key=order.index) == keys


def test_a_panel_is_closed_by_its_button_and_the_chart_lets_go_of_the_selection(
    tiny_checkpoint, digits
):
    selection = rows_text([1, 2, 5], digits)
    app = healthy(visit(PAGE, data="Digits", **{"latent-selection": selection}))
    assert "3 images selected" in headings(app) and "selectedpoints" in chart(app)[1]
    app.button(key="latent-clear").click()
    healthy(app.run())
    assert "Image 0: " in headings(app)[0] and not any(address(app).values())
    assert "selectedpoints" not in chart(app)[1]
    spot = f"0.5~-0.25~{map_key(digits)[:8]}"
    app = healthy(visit(PAGE, data="Digits", **{"latent-spot": spot}))
    app.button(key="latent-clear").click()
    assert "An empty place on the map" not in headings(healthy(app.run()))


@pytest.mark.parametrize("dimensions", ["2", "3"])
def test_the_page_offers_selections_and_empty_places_only_where_the_chart_has_them(
    dimensions, tiny_checkpoint
):
    app = healthy(visit(PAGE, data="Digits", **{"latent-dimensions": dimensions}))
    text = " ".join(element.value for element in app.markdown)
    assert ("**empty place**" in text and "**draw a selection**" in text) == (dimensions == "2")
    assert ("rotate" in text) == (dimensions == "3")


def test_a_selection_is_not_shown_beside_a_chart_that_cannot_show_it(tiny_checkpoint, digits):
    selection = rows_text([1, 2, 5], digits)
    query = {"latent-selection": selection, "latent-dimensions": "3"}
    app = healthy(visit(PAGE, data="Digits", **query))
    assert "Image 0: " in headings(app)[0]
    app.segmented_control(key="latent-dimensions").set_value(2)
    assert "3 images selected" in headings(healthy(app.run()))
