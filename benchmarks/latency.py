"""How long a page takes: its script in a running server, and until a browser has drawn it.

    python -m benchmarks.latency [--model NAME] [--rounds 20] [--budget 60] [--browser]

CPU and `script`: of a warm run of the page's script in a server of its own, asked for over the
websocket as a browser does (benchmarks/load.py); median and 95th percentile of the rounds. The CPU
time is that of the whole server process, so it includes what follows the script. `first`: of the
first visit in this server, with empty caches. --browser adds the seconds from the address to a page
that is drawn in a headless Chromium: in a server that has never drawn it, then again.

Exits with 1 if the median CPU time of a page is above the budget (ms).
"""

import argparse
import asyncio
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.support.browsing import ROOT, browsing, serving, settle
from tests.support.websocket import Cost, costs

BUDGET_MS = 60


def browser_s(address: str, names: list[str], query: str) -> dict[str, tuple[float, float]]:
    """For each page the seconds until it is drawn: the first time and again, in new tabs."""
    found = {}
    with browsing() as browser:
        for name in names:
            page = address + "/" + ("" if name == "overview" else name) + (query and f"?{query}")
            found[name] = (_draw(browser, page), _draw(browser, page))
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


def table(found: dict[str, Cost], drawn: dict[str, tuple[float, float]]) -> str:
    """The figures as a table in markdown."""
    lines = [
        "| page | CPU median (ms) | CPU p95 (ms) | script median (ms) | first (s) | sent (KB) |"
        + (" browser, first (s) | again (s) |" if drawn else "")
    ]
    lines.append("|---" * (lines[0].count("|") - 1) + "|")
    for name, cost in found.items():
        line = (
            f"| {name} | {np.median(cost.cpu_ms):.0f} | {np.quantile(cost.cpu_ms, 0.95):.0f} "
            f"| {np.median(cost.wall_ms):.0f} | {cost.first_s:.1f} | {cost.sent / 1000:.0f} |"
        )
        if drawn:
            line += "".join(f" {seconds:.1f} |" for seconds in drawn[name])
        lines.append(line)
    return "\n".join(lines)


def above(found: dict[str, Cost], budget_ms: float) -> list[str]:
    """The pages whose median CPU time is above the budget."""
    return [name for name, cost in found.items() if np.median(cost.cpu_ms) > budget_ms]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="", help="name of a checkpoint; default: the app's own")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--budget", type=float, default=BUDGET_MS, help="CPU ms of a warm run")
    parser.add_argument("--browser", action="store_true")
    options = parser.parse_args()
    query = f"model={options.model}" if options.model else ""
    load, drawn = os.getloadavg()[0], {}
    names = ["overview", *sorted(path.stem for path in (ROOT / "pages").glob("*.py"))]
    with tempfile.TemporaryDirectory() as home:
        places = {f"CONVAE_{n}_DIR": str(Path(home) / n.lower()) for n in ("RUNS", "CACHE")}
        if options.browser:
            with serving(places | {"CONVAE_CACHE_DIR": str(Path(home) / "other")}) as server:
                drawn = browser_s(server.address, names, query)
        with serving(places) as server:
            pid = server.process.pid
            found = asyncio.run(costs(server.address, pid, options.rounds, query))
    model = options.model or "of the app"
    print(f"{platform.machine()}, {os.cpu_count()} cores, load before {load:.1f}, model {model}\n")
    print(table(found, drawn))
    if late := above(found, options.budget):
        raise SystemExit(f"above the budget of {options.budget:g} ms: {', '.join(late)}")


if __name__ == "__main__":
    main()
