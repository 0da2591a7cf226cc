"""No page calls out, whatever names it shows; and names are shown, not read as markup."""

import io
import os
import re
import shutil
import zipfile
from urllib.parse import urlsplit

import numpy as np
import pytest

from convae.data import builtin
from convae.models import bundle, upload
from tests.support import cards
from tests.support.browsing import PAGES, serving, settle
from tests.support.server_runs import add_run

HOSTILE = (
    "![x](//host.invalid/p.png)",
    "<img src=//host.invalid/x onerror=alert(1)>",
    ":material/home:",
    "$x^2$",
    "\ud800",
)
SHOWN = (*HOSTILE[:4], "\ufffd")


@pytest.fixture(scope="session")
def hostile_server(tmp_path_factory, tiny_weights):
    """The address of an app with a run on images of hostile class names, and an uploaded model."""
    home = tmp_path_factory.mktemp("hostile")
    folders = {f"CONVAE_{n}_DIR": str(home / n) for n in ("RUNS", "CHECKPOINTS", "DATA", "CACHE")}
    images, _ = builtin.draw_shapes(300, seed=1)
    path = home / "![x](host.invalid) $y$.npz"
    np.savez(
        path, train_images=images[:64], train_labels=np.arange(64) % 5, test_images=images,
        test_labels=np.arange(300) % 5, class_names=np.array(HOSTILE),
    )  # fmt: skip
    shutil.copytree(tiny_weights, home / "CHECKPOINTS" / "tiny")
    add_run(home / "RUNS" / "hostile", tiny_weights, f"npz:{path}")
    before = {name: os.environ.get(name) for name in folders}
    os.environ.update(folders)
    try:
        exported = bundle.export("tiny")
        given, weights = upload.unpack(exported)
        given["config"]["data"]["spec"] = HOSTILE[0]
        given["classes"] = list(HOSTILE)
        given["name"] = HOSTILE[1]
        given["config"]["init_from"] = HOSTILE[0]
        given["metrics"]["test"]["images"] = HOSTILE[0]
        run = bundle.accept(_zip(given, weights))
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
    with open(home / "log.txt", "wb") as log, serving(folders, log=log) as server:
        yield server.address, run.id


def _zip(card: dict, weights: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("card.json", cards.text(card))
        archive.writestr("model.safetensors", weights)
    return buffer.getvalue()


def elsewhere(url):
    return urlsplit(url).hostname not in ("127.0.0.1", "localhost", None)


@pytest.fixture
def watched(browser, hostile_server):
    """(page, addresses asked for outside this machine): a window that reports what leaves it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    outside = []

    def look(route):
        if elsewhere(route.request.url):
            outside.append(route.request.url)
            return route.abort()
        return route.continue_()

    context.route("**/*", look)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("websocket", lambda socket: outside.append(socket.url) if elsewhere(socket.url) else 0)
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    yield page, outside
    context.close()
    assert not dialogs


@pytest.mark.parametrize("name", PAGES)
def test_no_page_asks_another_host_for_anything(name, watched, hostile_server):
    page, outside = watched
    page.goto(f"{hostile_server[0]}/{name}?model={hostile_server[1]}")
    settle(page)
    no_markup(page)
    icon = page.locator("link[rel~='icon']").first.get_attribute("href")
    assert outside == [] and icon.endswith(".png")


@pytest.mark.parametrize("name", [*PAGES, "interpolate?interpolate-part=Sliders"])
def test_hostile_names_are_shown_as_they_are(name, watched, hostile_server):
    page, outside = watched
    for point in range(len(HOSTILE)) if name == "latent_map" else [0]:
        sign = "&" if "?" in name else "?"
        query = f"model=hostile&latent-point={point}&train-view=Watch&train-run=hostile"
        page.goto(f"{hostile_server[0]}/{name}{sign}{query}")
        settle(page)
        if name == "latent_map":
            heading = page.locator("h3", has_text=f"Image {point}:").first
            heading.wait_for()
            assert heading.locator("img, a, .katex, [data-testid=stIconMaterial]").count() == 0
            shown = heading.inner_text().replace("\u2060", "").partition(": ")[2]
            assert shown.startswith(SHOWN[point][:12]), shown
        no_markup(page)
        assert outside == []


def no_markup(page):
    main = page.locator("[data-testid=stMain]")
    # by host: the app's own links carry the name of the image set, in their query
    # of the whole app, menu included: the form of Train alone may show no link and no picture yet
    page.locator("[data-testid=stSidebar] a").first.wait_for()
    hosts = page.locator("[data-testid=stApp] :is([src], [href])").evaluate_all(
        "found => found.map(e => new URL(e.src || e.href, location.href).hostname)"
    )
    assert hosts and "host.invalid" not in hosts
    assert main.locator("[data-testid=stIconMaterial]", has_text=re.compile("^home$")).count() == 0
