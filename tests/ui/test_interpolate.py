"""The Interpolate page through app.py: AppTest runs the scripts, no browser."""

from types import SimpleNamespace

import numpy as np
import pytest

from convae.data import ImageSet
from convae.ui.interpolate import keyframes
from tests.support.visiting import captions, healthy, png, visit

PAGE = "pages/interpolate.py"
FRAMES = "interpolate-frames"


@pytest.fixture(autouse=True)
def model(tiny_checkpoint):
    return tiny_checkpoint


def interpolate(**query):
    return visit(PAGE, data="Digits", **{f"interpolate-{k}": v for k, v in query.items()})


def group(app, key):
    return next(each for each in app.get("button_group") if each.key == key)


def drawn(app):
    """The scrubbers on the page; other components listen to the keyboard and draw nothing."""
    components = [element.proto for element in app.get("bidi_component")]
    return [proto for proto in components if "scrubber" in proto.component_name]


def walked(app):
    """The data of the scrubber."""
    import json

    (component,) = drawn(app)
    return json.loads(component.json)


def added(app, number, key=FRAMES):
    """The gallery's image `number` clicked."""
    app.button(key=f"{key}-gallery-{number}").click()
    return healthy(app.run())


@pytest.mark.parametrize("part", ["Path", "Grid", "Arithmetic", "Sliders"])
@pytest.mark.parametrize("data", ["Digits", "Photos"])  # with classes and without
def test_every_part_opens_from_its_address(part, data):
    app = healthy(visit(PAGE, data=data, **{"interpolate-part": part}))
    assert not app.info
    assert group(app, "interpolate-part").value == part


def test_only_the_chosen_part_is_drawn():
    app = healthy(interpolate(part="Grid"))
    assert not drawn(app) and not app.get("plotly_chart")


def test_the_inspector_is_drawn_where_it_is_opened():
    assert not healthy(interpolate()).get("plotly_chart")
    assert healthy(interpolate(inspect="true")).get("plotly_chart")


def test_keyframes_come_from_the_address():
    app = healthy(interpolate(frames="12,31", steps="8"))
    assert app.text_input(key=FRAMES).value == "12,31"
    assert len(group(app, f"{FRAMES}-slot").options) == 2
    assert walked(app)["frames"] == 9


def test_a_loop_leads_back_to_the_first_keyframe():
    app = healthy(interpolate(frames="1,2,3", steps="5", loop="true"))
    assert walked(app)["frames"] == 15 and walked(app)["loop"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("12,99999", "There is no test image 99999"),
        ("x;y", "is not a keyframe"),
        ("1,2,3,4,5,6,7", "the first 6 are used"),
        ("1,u3", "Your image 3 is not here"),
    ],
)
def test_an_address_that_does_not_fit_is_named_and_there_is_a_walk_all_the_same(text, message):
    app = healthy(interpolate(frames=text))
    assert message in app.info[0].value
    assert walked(app)["frames"] > 2


def test_a_click_in_the_gallery_adds_a_keyframe_up_to_six():
    app = healthy(interpolate(frames="1,2"))
    for number in range(6):
        app = added(app, number)
    found = app.text_input(key=FRAMES).value.split(",")
    assert len(found) == 6 and found[:2] == ["1", "2"]
    assert "at most 6" in app.toast[0].value


def test_a_click_replaces_the_chosen_keyframe():
    app = healthy(interpolate(frames="1,2,3"))
    group(app, f"{FRAMES}-slot").set_value(1)
    app = added(healthy(app.run()), 0)
    found = app.text_input(key=FRAMES).value.split(",")
    assert len(found) == 3 and found[0] == "1" and found[2] == "3" and found[1] != "2"


def test_keyframes_move_and_go():
    app = healthy(interpolate(frames="1,2,3"))
    assert app.button(key=f"{FRAMES}-back").disabled
    group(app, f"{FRAMES}-slot").set_value(2)
    app.run()
    app.button(key=f"{FRAMES}-back").click()
    assert healthy(app.run()).text_input(key=FRAMES).value == "1,3,2"
    app.button(key=f"{FRAMES}-back").click()
    assert healthy(app.run()).text_input(key=FRAMES).value == "3,1,2"
    assert app.button(key=f"{FRAMES}-back").disabled
    app.button(key=f"{FRAMES}-remove").click()
    assert healthy(app.run()).text_input(key=FRAMES).value == "1,2"
    group(app, f"{FRAMES}-slot").set_value(0)
    app.run()
    assert app.button(key=f"{FRAMES}-remove").disabled, "a walk needs two"


@pytest.mark.parametrize("name, form", [("generated", "g"), ("mean", "m")])
def test_keyframes_that_are_no_images(name, form):
    app = healthy(interpolate(frames="1,2"))
    app.button(key=f"{FRAMES}-{name}").click()
    assert healthy(app.run()).text_input(key=FRAMES).value.startswith(f"1,2,{form}")


def test_the_mean_of_a_class_is_a_keyframe():
    app = healthy(interpolate(frames="1,2"))
    app.selectbox(key=f"{FRAMES}-class").select(7)
    app.run()
    app.button(key=f"{FRAMES}-class-mean").click()
    assert healthy(app.run()).text_input(key=FRAMES).value == "1,2,c7"
    assert not app.info


def test_random_draws_as_many_others():
    app = healthy(interpolate(frames="1,2,3,4"))
    app.button(key=f"{FRAMES}-random").click()
    found = healthy(app.run()).text_input(key=FRAMES).value.split(",")
    assert len(found) == 4 and found != ["1", "2", "3", "4"] and not app.info


def test_the_first_keyframes_and_neighbors_are_those_of_the_session():
    app = visit(PAGE, data="Your images", **{"interpolate-part": "Sliders"})
    app.file_uploader[0].set_value([(f"{n}.png", png(9 * n), "image/png") for n in range(25)])
    healthy(app.run())
    assert app.text_input(key="interpolate-start").placeholder == "u1"
    assert "The images of Your images with the nearest codes." in captions(app)
    group(app, "interpolate-part").set_value("Path")
    assert healthy(app.run()).text_input(key=FRAMES).placeholder == "u1,u2,u3"


def test_a_few_images_of_the_session_are_filled_up_with_those_of_the_model():
    app = visit(PAGE, data="Your images")
    app.file_uploader[0].set_value([(f"{n}.png", png(60 * n), "image/png") for n in (1, 2)])
    healthy(app.run())
    assert app.text_input(key=FRAMES).placeholder.startswith("u1,u2,")


def test_numbers_of_another_set_are_forgotten_with_it():
    app = healthy(interpolate(frames="12,31"))
    app.selectbox(key="data").select("shapes")
    assert healthy(app.run()).text_input(key=FRAMES).value == ""
    app = healthy(visit(PAGE, data="Shapes", **{FRAMES: "12,31"}))
    assert app.text_input(key=FRAMES).value == "12,31"


def test_uploads_are_keyframes_among_the_images_of_the_model():
    app = visit(PAGE, data="Your images")
    files = [(f"{n}.png", png(60 * n), "image/png") for n in (1, 2, 3)]
    app.file_uploader[0].set_value(files)
    healthy(app.run())
    app = added(app, 1)
    app = added(app, 2)
    assert app.text_input(key=FRAMES).value.endswith("u2,u3")
    app.selectbox(key="data").select("digits")
    assert not healthy(app.run()).info, "they stay keyframes beside other images"


def test_no_path_chosen_is_the_straight_line():
    app = healthy(interpolate())
    group(app, "interpolate-paths").set_value([])
    assert [each["name"] for each in walked(healthy(app.run()))["walks"]] == ["Straight line"]


def test_a_click_fills_one_corner_after_the_other():
    app = healthy(interpolate(part="Grid", corners="1,2,3,4"))
    for number in (0, 1):
        app = added(app, number, "interpolate-corners")
    found = app.text_input(key="interpolate-corners").value.split(",")
    assert found[2:] == ["3", "4"] and found[:2] != ["1", "2"]


def test_knobs_are_in_the_address_and_reset_turns_them_back():
    app = healthy(interpolate(part="Sliders", **{"knob-1": "2.5"}))
    assert app.slider(key="interpolate-knob-1").value == 2.5
    app.button(key="interpolate-knob-random").click()
    healthy(app.run())
    assert len({slider.value for slider in app.slider}) > 2
    app.button(key="interpolate-knob-reset").click()
    healthy(app.run())
    assert {slider.value for slider in app.slider} == {0.0}


def test_the_choices_survive_a_change_of_page():
    app = healthy(interpolate(frames="12,31", easing="in-out"))
    app.switch_page("pages/train.py").run()
    app.switch_page(PAGE)
    app = healthy(app.run())
    assert app.text_input(key=FRAMES).value == "12,31"
    assert app.selectbox(key="interpolate-easing").value == "in-out"


def test_a_link_with_keyframes_wins_over_those_of_the_last_visit():
    app = healthy(interpolate(frames="12,31"))
    app.text_input(key=FRAMES).set_value("5,6,7")
    healthy(app.run())
    app.switch_page("pages/train.py").run()
    app.query_params[FRAMES] = "8,9"
    app.switch_page(PAGE)
    app = healthy(app.run())
    assert app.text_input(key=FRAMES).value == "8,9"
    app.text_input(key=FRAMES).set_value("5,6")
    assert healthy(app.run()).text_input(key=FRAMES).value == "5,6"
    assert walked(app)["frames"] == 13


def test_a_choice_of_no_path_is_kept_in_the_address():
    app = healthy(interpolate(paths=""))
    assert [walk["name"] for walk in walked(app)["walks"]] == ["Straight line"]


def test_random_keyframes_differ_and_a_class_without_images_is_no_error(monkeypatch):
    labels = np.array([0] * 8 + [1] * 4)
    images = np.zeros((12, 32, 32, 3), np.uint8)
    test = ImageSet(images, labels, ("a", "b", "c"), "test", "own", "f")
    context, written, state = SimpleNamespace(known=SimpleNamespace(test=test), gallery=[]), [], {}
    monkeypatch.setattr(keyframes, "write", lambda key, chosen: written.append(chosen))
    monkeypatch.setattr(keyframes.st, "session_state", state)
    for name, within in ((None, range(12)), ("b", range(8, 12)), ("c", range(12))):
        state["interpolate-class"] = name
        keyframes._random("key", 4, context)
        rows = [item.number for item in written[-1]]
        assert len(set(rows)) == 4 and set(rows) <= set(within)


def test_the_first_walk_does_not_wait_for_the_codes_of_all_images(monkeypatch, tmp_path):
    from convae.ui import caches
    from convae.ui.interpolate import controls
    from convae.ui.interpolate.context import Context

    seen, words, walks_of, sentence = [], [], controls.walks_of, Context.sentence
    monkeypatch.setenv("CONVAE_CACHE_DIR", str(tmp_path))
    caches._slot_of_codes.clear()
    monkeypatch.setattr(caches, "MANY", 50)  # the digits have 360 test images

    def walks(context, *args, **options):
        seen.append((context.partial, len(context.known.sample)))
        return walks_of(context, *args, **options)

    def note(context, percentile):
        words.append((context.partial, sentence(context, percentile)))
        return words[-1][1]

    monkeypatch.setattr(controls, "walks_of", walks)
    monkeypatch.setattr(Context, "sentence", note)
    app = healthy(interpolate())
    early = {word for partial, word in words if partial}
    assert early == {"Preliminary: from 50 of 360 real codes. The others are being computed."}
    assert seen[0] == (True, 50) and not seen[-1][0] and seen[-1][1] > 300 and len(seen) == 2
    assert all("%" in word for walk in walked(app)["walks"] for word in walk["words"])
    healthy(app.run())
    assert not seen[-1][0] and len(seen) == 3, "known codes are used at once"


@pytest.mark.parametrize("frames", ["g7,1", "m,2"])
def test_keyframes_made_from_codes_wait_for_all_codes(frames, monkeypatch):
    from convae.ui import caches
    from convae.ui.interpolate import controls

    seen, walks_of = [], controls.walks_of
    monkeypatch.setattr(caches, "MANY", 50)

    def walks(context, *args, **options):
        seen.append(context.partial)
        return walks_of(context, *args, **options)

    monkeypatch.setattr(controls, "walks_of", walks)
    healthy(interpolate(frames=frames))
    assert seen == [False]
