"""A real server and a real headless Chromium; skipped where there is no Chromium, saying so."""

import shutil

import numpy as np
import pytest

from convae.data import builtin
from tests.support.browsing import ARGUMENTS, CHROMIUM, MISSING, ROOT, serving, settle
from tests.support.server_runs import CROWDS, add_run


def pytest_collection_modifyitems(items):
    for item in items:
        if ROOT / "tests" / "e2e" in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture(scope="session")
def crowds(tmp_path_factory):
    """Files with so many drawn shapes to look at: {how many: path}."""
    found = {}
    for count in CROWDS:
        images, labels = builtin.draw_shapes(count, seed=count)
        found[count] = tmp_path_factory.mktemp("crowd") / f"{count}.npz"
        np.savez(
            found[count], train_images=images[:64], train_labels=labels[:64], test_images=images,
            test_labels=labels, class_names=np.array(builtin.SHAPES),
        )  # fmt: skip
    return found


@pytest.fixture(scope="session")
def server(tmp_path_factory, tiny_weights, crowds):
    """The address of a running app with one tiny model, a run of it for each crowd, and folders of
    its own."""
    home = tmp_path_factory.mktemp("server")
    folders = {f"CONVAE_{n}_DIR": str(home / n) for n in ("RUNS", "CHECKPOINTS", "DATA", "CACHE")}
    shutil.copytree(tiny_weights, home / "CHECKPOINTS" / "tiny")
    for count, path in crowds.items():
        add_run(home / "RUNS" / f"crowd-{count}", tiny_weights, f"npz:{path}")
    log = home / "log.txt"
    with open(log, "wb") as output:
        try:
            with serving(folders, log=output) as server:
                yield server.address
        except RuntimeError as error:
            pytest.fail(f"{error}:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, server):
    """`open_page("reconstruct", width=390)`: a page in a window of its own, drawn to its end."""
    contexts = []

    def go(name: str = "", *, width: int = 1440, scheme: str = "light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{server}/{name}")
        settle(page)
        return page

    yield go
    for context in contexts:
        context.close()


@pytest.fixture
def editor(open_page):
    """`editor(width=390)`: the Overview with drawn shapes, its code editor ready."""

    def go(**options):
        page = open_page("?data=Shapes", **options)
        page.wait_for_selector(".editor[data-psnr]")
        settle(page)
        return page

    return go
