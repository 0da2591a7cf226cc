"""A running app and a headless Chromium, for benchmarks and browser tests."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
# the addresses of all pages; "" is the Overview
PAGES = ["", *sorted(path.stem for path in (ROOT / "pages").glob("*.py"))]
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
MISSING = f"no Chromium on the path ({', '.join(NAMES)}): install one to run this"


class Server(NamedTuple):
    """A server on the loopback address, answering."""

    address: str
    process: subprocess.Popen


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def serving(
    places: Mapping[str, str],
    script: Path = ROOT / "app.py",
    log: IO | int = subprocess.DEVNULL,
    port: int = 0,
    path: str = "",
) -> Iterator[Server]:
    """A Streamlit server of this script, ended at the end; RuntimeError if it does not start.

    places: further environment variables, such as CONVAE_RUNS_DIR. log: where its output goes.
    port: 0 takes one that is free. path: the prefix of all addresses, such as "convae".
    """
    port = port or free_port()
    options = {"headless": "true", "address": "127.0.0.1", "port": str(port), "baseUrlPath": path}
    flags = [part for name, value in options.items() for part in (f"--server.{name}", value)]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), *flags],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(places),
        stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}/{path}".rstrip("/")
        _wait_for(address + "/_stcore/health", process)
        yield Server(address, process)
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(address: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the server did not start")


@contextmanager
def browsing() -> Iterator[Any]:
    """A headless Chromium (a Playwright browser); ends the program where there is none."""
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        sys.exit(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


SETTLED = """() => document.querySelector('h1')
  && document.querySelector('[data-testid=stApp][data-test-script-state=notRunning]')
  && !document.querySelector('[data-testid=stSkeleton], [data-testid=stSpinner]')"""


def settle(page) -> None:
    """Wait until the script has run to its end and nothing is a placeholder any more."""
    # looked at in every frame: waiting for a selector looks less and less often, up to 0.5 s late
    page.wait_for_function(SETTLED)
