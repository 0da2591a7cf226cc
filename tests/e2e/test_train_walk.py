"""Training as a visitor lives it: start, watch, steer, stop, use, compare; a server that dies."""

import json
import os
import shutil
import time

import pytest

from convae import runs
from convae.flat_config import from_flat
from convae.runs import snapshots
from tests.support.browser_pages import assert_healthy, button, chosen, pixels, setting
from tests.support.browsing import settle
from tests.support.own_server import OwnServer
from tests.support.waiting import wait_for


@pytest.fixture
def app(own_folders):
    app = OwnServer(own_folders)
    with app.ends:
        app.start()
        yield app
    for run in runs.listing():
        run.stop()


@pytest.fixture
def visit(browser, app):
    contexts = []

    def go(path: str = "train"):
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.goto(f"{app.address}/{path}")
        settle(page)
        return page

    yield go
    for context in contexts:
        context.close()


def open_settings(page):
    for closed in page.locator('[data-testid="stExpander"] summary').all():
        closed.click()


def test_a_live_demo_is_started_watched_steered_stopped_used_and_compared(visit):
    page = visit()
    open_settings(page)
    setting(page, "epochs", 40)
    button(page, "Start").click()
    page.get_by_text("Above PCA, 8 values").wait_for(timeout=240_000)
    run = runs.active()
    assert pixels(page.locator('[data-testid="stVegaLiteChart"]').first).std() > 3

    button(page, "Pause").click()
    page.locator(".st-key-train-headline", has_text="Paused").wait_for()
    assert run.status().state == "paused"
    page.get_by_role("button", name="Learning rate").click()
    rate = page.locator('[class*="st-key-train-rate-strided"] input')
    rate.fill("0.0007")
    rate.press("Tab")
    button(page, "Apply").click()
    page.keyboard.press("Escape")
    button(page, "Resume").click()
    page.locator(".st-key-train-headline", has_text="Training").wait_for()
    deadline = time.monotonic() + 60
    while "learning rate 0.0007" not in [event["what"] for event in run.events()]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert {"paused", "resumed"} <= {event["what"] for event in run.events()}

    slider = page.locator(".tm input")
    slider.fill("0")
    page.get_by_text("Shown: epoch 0, the model before training.").wait_for()
    assert page.locator(".tm").get_attribute("data-epoch") == "0"
    slider.fill("1")
    page.get_by_text("Shown: epoch 1,").wait_for()
    assert page.locator(".tm").get_attribute("data-epoch") == "1"

    button(page, "Stop and keep the model").click()
    page.get_by_role("link", name="Open in Reconstruct").wait_for()
    assert run.status().state in ("stopped", "done")
    assert_healthy(page)
    page.get_by_role("link", name="Open in Reconstruct").click()
    page.wait_for_selector(".cv-tile")
    settle(page)
    assert run.id in chosen(page, "model")
    page.reload()
    page.wait_for_selector(".cv-tile")
    settle(page)
    assert run.id in chosen(page, "model")

    shutil.copytree(run.path, run.path.parent / "other")
    page.goto(page.url.split("/reconstruct")[0] + "/train?train-view=Runs"
              f"&train-chosen={run.id}&train-chosen=other")  # fmt: skip
    settle(page)
    page.get_by_text("Settings that differ").wait_for()
    page.get_by_text("The same images", exact=True).wait_for()
    assert page.locator(".st-key-train-compare .js-plotly-plot").count() == 1
    assert_healthy(page)


def test_typed_numbers_are_shown_with_all_their_digits_or_refused_with_their_range(visit):
    page = visit()
    open_settings(page)
    shown = {"ema_decay": "0.99999", "learning_rate": "1e-7", "time_budget_s": "600000"}
    for name, text in shown.items():
        setting(page, name, text)
    inputs = {name: page.locator(f".st-key-train-{name} input") for name in shown}
    assert {name: box.input_value() for name, box in inputs.items()} == shown
    page.locator(".st-key-train-time_budget_s").get_by_label("Increment").click()
    page.wait_for_function(
        "box => box.value === '600060'", arg=inputs["time_budget_s"].element_handle()
    )
    assert not button(page, "Start").is_disabled()
    setting(page, "latent_dim", 5000)
    page.get_by_text("Latent dimension (=5000) must be between 2 and 1024 values.").wait_for()
    assert button(page, "Start").is_disabled()


def test_a_run_outlives_the_server_and_is_found_and_stopped_by_the_next_one(visit, app):
    page = visit()
    open_settings(page)
    setting(page, "epochs", 5000)
    setting(page, "limit", 300)
    button(page, "Start").click()
    page.locator(".tm").wait_for()
    run = runs.active()
    before = run.status().step
    app.kill()
    assert run.locked(), "the trainer died with the server"
    app.start()
    again = visit("")  # a server that is awake: its heavy imports are paid for
    again.get_by_text(f"{run.id}:").first.wait_for()
    began = time.monotonic()
    again.goto(app.address + "/train")
    stop = button(again, "Stop and keep the model")
    stop.wait_for()
    assert run.status().step > before
    stop.click()
    again.get_by_role("link", name="Open in Reconstruct").wait_for()
    took = time.monotonic() - began
    assert took < 5 * max(1.0, 4 * os.getloadavg()[0] / os.cpu_count()), f"{took:.1f} s"
    wait_for(lambda: not run.locked())
    assert run.status().state == "stopped"
    assert json.loads((run.path / "card.json").read_text())["training"]["state"] == "stopped"


def test_epochs_the_time_machine_misses_are_asked_for_until_they_come(app, browser):
    settings = dict(spec="shapes", limit=200, architecture="strided", base_channels=8)
    run = runs.start(from_flat(settings | dict(latent_dim=4, epochs=3)), "short")
    deadline = time.monotonic() + 60
    while run.status().alive:
        assert time.monotonic() < deadline, run.status()
        time.sleep(0.1)
    lost = []

    def lose_the_first(socket):
        server = socket.connect_to_server()

        def pass_on(message):
            if b"missing" in message and not lost:
                lost.append(message)
            else:
                server.send(message)

        socket.on_message(pass_on)

    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.route_web_socket("**/_stcore/stream", lose_the_first)
        page.goto(f"{app.address}/train?train-view=Watch")
        machine = page.locator(".tm")
        page.locator(".tm[data-epoch='3']").wait_for()
        settle(page)
        # as if two answers had come at once: the first, with all the epochs, was never seen
        machine.evaluate("root => { root.me = undefined; delete root.dataset.epoch; }")
        page.locator(".st-key-train-show").get_by_text("Loss", exact=True).click()
        page.locator(".tm[data-epoch='3']").wait_for()
        assert len(lost) == 1
        assert pixels(machine.locator("canvas.rebuilt").first).std() > 3
        names = set(snapshots.class_names(run.path / "snapshots"))
        legend = machine.locator(".legend li").all_inner_texts()
        assert len(legend) > 1 and {name.strip() for name in legend} <= names
        chart = machine.locator("canvas.map")
        chart.scroll_into_view_if_needed()
        middle = chart.bounding_box()
        card = page.locator(".card:not([hidden])")
        for part in range(2, 30):  # along the diagonal, until a point is under the pointer
            at = {"x": middle["width"] * part / 32, "y": middle["height"] * part / 32}
            chart.hover(position=at)
            if card.count():
                break
        assert card.inner_text().strip() in names
        assert "data:image/webp" in card.locator("div").evaluate("node => node.style.background")
