"""A fresh server whose first request is a deep link, as after the restart of a hosted app."""

import shutil

from tests.support.browsing import serving, settle


def test_a_deep_link_to_a_cold_server_opens_the_page_with_the_whole_menu(
    browser, tiny_weights, tmp_path
):
    folders = {f"CONVAE_{n}_DIR": str(tmp_path / n) for n in ("RUNS", "CHECKPOINTS", "CACHE")}
    shutil.copytree(tiny_weights, tmp_path / "CHECKPOINTS" / "tiny")
    with serving(folders) as server:
        page = browser.new_page()
        page.set_default_timeout(180_000)
        page.goto(f"{server.address}/interpolate?interpolate-part=Grid")
        settle(page)
        assert page.locator("h1").inner_text() == "Interpolate"
        assert page.get_by_role("radio", name="Grid").get_attribute("aria-checked") == "true"
        menu = page.get_by_test_id("stSidebar").get_by_test_id("stPageLink")
        labels = {text.split("\n")[-1].strip() for text in menu.all_inner_texts()}
        assert {"Overview", "Train", "Interpolate", "Features"} <= labels
        page.close()
