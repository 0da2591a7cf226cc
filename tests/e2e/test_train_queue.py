"""Queue and sweep with a real server and real trainings, also while nobody has the page open."""

import csv

import pytest

from convae import runs
from convae.runs import queue
from tests.support.browser_pages import assert_healthy, button, pixels, setting
from tests.support.browsing import settle
from tests.support.own_server import OwnServer
from tests.support.waiting import wait_for


@pytest.fixture
def server(own_folders):
    server = OwnServer(own_folders)
    with server.ends:
        server.start()
        yield server
    for entry in queue.entries():
        queue.cancel(entry.id)
    for run in runs.listing():
        run.stop()


SEEN = """() => {  // what is on the page, in every frame from now on
  const shown = (selector) => [...document.querySelectorAll(selector)]
    .some((node) => node.getClientRects().length > 0);
  window.seen = [];
  const look = () => {
    window.seen.push({ run: shown(".st-key-train-headline"),
      form: shown(".st-key-train-preset, .st-key-train-start"),
      indicator: shown("[data-testid=stStatusWidget]") });
    requestAnimationFrame(look);
  };
  look();
}"""


def fill(page, **values):
    for title in ("Settings", "Advanced"):
        page.locator("summary").get_by_text(title, exact=True).click()
    for name, value in values.items():
        setting(page, name, value)


def test_queued_runs_start_without_a_page_and_a_sweep_draws_its_curve(server, browser):
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.address}/train")
    settle(page)
    fill(page, epochs=5000, limit=100, name="long")
    page.evaluate(SEEN)
    button(page, "Start").click()
    page.locator(".st-key-train-headline", has_text="long").wait_for()
    settle(page)
    seen = page.evaluate("window.seen")
    assert any(frame["run"] for frame in seen) and any(frame["form"] for frame in seen)
    both = [n for n, frame in enumerate(seen) if frame["run"] and frame["form"]]
    assert not both, f"the form is under the run in frames {both} of {len(seen)}"
    assert not any(frame["indicator"] for frame in seen), "it looks like the training's"

    page.goto(f"{server.address}/train?train-view=New")
    settle(page)
    fill(page, epochs=1, limit=100, name="dropped")
    button(page, "Add to queue").click()
    waiting = page.locator(".st-key-train-queue")
    waiting.get_by_text("dropped: latent dimension 8").wait_for()
    setting(page, "name", "next")
    button(page, "Add to queue").click()
    waiting.get_by_text("next: latent dimension 8").wait_for()
    waiting.locator(".st-key-train-queue-1").get_by_role("button", name="Cancel").click()
    waiting.get_by_text("dropped: latent dimension 8").wait_for(state="detached")
    assert_healthy(page)

    server.kill()
    page.goto("about:blank")
    server.start()
    page.goto(f"{server.address}/train?train-view=New")
    waiting.get_by_text("next: latent dimension 8").wait_for()
    page.goto("about:blank")
    assert runs.get("long").locked() and [entry.name for entry in queue.entries()] == ["next"]
    runs.get("long").stop()
    wait_for(lambda: (runs.root() / "next" / "card.json").exists(), 120)
    wait_for(lambda: not runs.get("next").locked(), 120)
    assert runs.get("next").status().state == "done"

    page.goto(f"{server.address}/train?train-view=New")
    settle(page)
    fill(page, epochs=1, limit=100)
    page.get_by_role("button", name="Sweep latent dimensions").click()
    field = page.locator(".st-key-train-sweep-dimensions input")
    field.fill("4, 2")
    field.press("Enter")
    button(page, "Train 2 runs").click()
    page.locator(".st-key-train-sweep-chart .js-plotly-plot").wait_for()
    wait_for(lambda: not queue.entries() and runs.active() is None, 180)
    page.get_by_text("runs have ended").wait_for(state="detached")
    settle(page)
    names = page.locator(".st-key-train-sweep-chart .legendtext").all_text_contents()
    assert names == ["autoencoder", "PCA"]
    assert pixels(page.locator(".st-key-train-sweep-chart .js-plotly-plot")).std() > 3
    with page.expect_download() as download:
        button(page, "Download CSV").click()
    with open(download.value.path()) as file:
        rows = list(csv.DictReader(file))
    assert [(row["Latent dimension"], row["State"]) for row in rows] == [
        ("2", "done"), ("4", "done"),
    ]  # fmt: skip
    for row in rows:
        best = max(epoch["val_psnr"] for epoch in runs.get(row["Run"]).history())
        assert float(row["PSNR (dB)"]) == best and float(row["PCA (dB)"]) > 5
    assert_healthy(page)
    context.close()
