"""Metrics are shown whole at every width of the window."""

import json

import pytest

from tests.support.browsing import settle
from tests.support.own_server import OwnServer
from tests.support.server_runs import ROW, finished

WIDTHS = (390, 720, 1024, 1180, 1440)
LONG = {"images_per_s": 123_456.0, "memory_mb": 123_456.0, "elapsed_s": 123 * 3600.0}
PAGES = {
    "": 4,
    "train?train-view=Watch": 5,
    "reconstruct?data=Digits&reconstruct-part=One+image": 3,
    "features?data=Digits&features-part=Dimensions": 4,
}
CUT = """() => [...document.querySelectorAll("[data-testid=stMetric]")].flatMap(metric =>
  [...metric.querySelectorAll("[data-testid=stMetricValue], [data-testid=stMarkdownContainer], p")]
    .filter(node => node.scrollWidth > node.clientWidth && node.clientWidth > 0)
    .map(node => `${node.innerText}: ${node.scrollWidth} > ${node.clientWidth}`))"""


@pytest.fixture
def server(own_folders, tiny_checkpoint):
    run = finished("fast", tiny_checkpoint)
    (run.path / "history.jsonl").write_text(json.dumps(ROW | LONG) + "\n")
    server = OwnServer(own_folders)
    with server.ends:
        server.start()
        yield server


def test_no_metric_is_cut(server, browser):
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    for address, count in PAGES.items():
        page.goto(f"{server.address}/{address}")
        metrics = page.get_by_test_id("stMetric")
        metrics.nth(count - 1).wait_for()
        settle(page)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(300)
            assert page.evaluate(CUT) == [], f"{address} at {width} pixels"
            lines: dict[int, set[int]] = {}
            for box in [metric.bounding_box() for metric in metrics.all()]:
                lines.setdefault(round(box["y"]), set()).add(round(box["height"]))
            uneven = {top: heights for top, heights in lines.items() if len(heights) > 1}
            assert not uneven, f"{address} at {width} pixels"
    page.context.close()
