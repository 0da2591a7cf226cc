"""How long a page takes: its script alone, and in front of a visitor.

    python -m benchmarks.latency [--model NAME] [--rounds 10] [--no-server]

Two tables in one. `script`: a warm run of the page's script through AppTest, median and worst of
the rounds. `first` and `again`: from the address to a page that is drawn, in a headless Chromium
against a real server on this machine; first in a process that has never drawn it, then again.
"""

import argparse
import os
import platform
import statistics
import time
from pathlib import Path

from tests.support.browsing import ROOT, browsing, serving, settle


def pages() -> list[str]:
    return ["app.py", *sorted(f"pages/{path.name}" for path in (ROOT / "pages").glob("*.py"))]


def script_ms(page: str, model: str, rounds: int) -> list[float]:
    """Warm runs of a page's script, in milliseconds. Raises RuntimeError where the page fails."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300)
    if model:
        app.query_params["model"] = model
    if page != "app.py":
        app.switch_page(page)
    for _ in range(2):
        app.run()
    if app.exception:
        raise RuntimeError(f"{page}: {app.exception[0].message}")
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        app.run()
        times.append(1000 * (time.perf_counter() - began))
    return times


def browser_s(model: str) -> dict[str, tuple[float, float]]:
    """For each page the seconds until it is drawn: the first time and again, in new tabs."""
    found = {}
    with serving({}) as server, browsing() as browser:
        for page in pages():
            name = "" if page == "app.py" else Path(page).stem
            address = f"{server.address}/{name}" + (f"?model={model}" if model else "")
            found[page] = (_draw(browser, address), _draw(browser, address))
    return found


def _draw(browser, address: str) -> float:
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    tab.set_default_timeout(120_000)
    began = time.perf_counter()
    tab.goto(address)
    settle(tab)
    took = time.perf_counter() - began
    tab.close()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="", help="name of a checkpoint; default: the app's own")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--no-server", action="store_true", help="only the scripts")
    asked = parser.parse_args()
    drawn = {} if asked.no_server else browser_s(asked.model)
    load = os.getloadavg()[0]
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, model {asked.model or '-'}"
    )
    print("\n| page | script, median (ms) | worst (ms) | first (s) | again (s) |")
    print("|---|---|---|---|---|")
    for page in pages():
        times = script_ms(page, asked.model, asked.rounds)
        first, again = (f"{each:.1f}" for each in drawn[page]) if page in drawn else ("-", "-")
        middle = statistics.median(times)
        print(f"| {page} | {middle:.0f} | {max(times):.0f} | {first} | {again} |", flush=True)


if __name__ == "__main__":
    main()
