"""A real server and a real headless Chromium; skipped where there is no Chromium, saying so."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def pytest_collection_modifyitems(items):
    for item in items:
        if ROOT / "tests" / "e2e" in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            if CHROMIUM is None:
                reason = f"no Chromium on the path ({', '.join(NAMES)}): install one to run this"
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def server(tmp_path_factory, tiny_weights):
    """The address of a running app with one tiny model and folders of its own."""
    home = tmp_path_factory.mktemp("server")
    folders = {f"CONVAE_{n}_DIR": str(home / n) for n in ("RUNS", "CHECKPOINTS", "DATA", "CACHE")}
    shutil.copytree(tiny_weights, home / "CHECKPOINTS" / "tiny")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"headless": "true", "address": "127.0.0.1", "port": str(port)}
    flags = [part for name, value in options.items() for part in (f"--server.{name}", value)]
    log = home / "log.txt"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", *flags],
            cwd=ROOT, env=os.environ | folders, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address + "/_stcore/health", process, log)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server did not start:\n{log.read_text()[-2000:]}")


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


def settle(page) -> None:
    """Wait until the script has run to its end and nothing is a placeholder any more."""
    page.wait_for_selector("h1")
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_function(
        "!document.querySelector('[data-testid=stSkeleton], [data-testid=stSpinner]')"
    )
