"""Back, Forward, reload and links in a browser: model, images and settings stay with their page."""

from tests.support.browser_pages import assert_healthy, chosen
from tests.support.browsing import settle


def choose(page, key: str, option: str) -> None:
    page.locator(f".st-key-{key} input").first.click()
    page.get_by_role("option", name=option, exact=True).click()
    page.wait_for_url(f"**{key}={option}**", wait_until="commit")
    settle(page)


def menu(page, label: str) -> None:
    page.get_by_test_id("stSidebar").get_by_role("link", name=label).click()
    at(page, label)


def at(page, heading: str) -> None:
    page.get_by_role("heading", name=heading, exact=True, level=1).wait_for()
    page.wait_for_timeout(300)  # the address of a page is complete when its script has ended
    settle(page)


def shown(page) -> tuple[str, str, str]:
    """Heading, model and image set of the page."""
    return page.locator("h1").inner_text(), chosen(page, "model"), chosen(page, "data")


def test_back_forward_and_reload_keep_model_images_and_settings(open_page):
    page = open_page("reconstruct?reconstruct-count=5")
    choose(page, "model", "tiny")
    choose(page, "data", "Digits")
    reconstruct = page.url
    menu(page, "Interpolate")
    assert shown(page) == ("Interpolate", "tiny", "Digits")
    assert "model=tiny" in page.url and "data=Digits" in page.url
    page.get_by_role("radio", name="Grid").click()
    page.wait_for_url("**interpolate-part=Grid**", wait_until="commit")
    settle(page)
    interpolate = page.url
    page.get_by_text("Images per side").wait_for()  # only Grid has it: its script has run

    page.go_back()
    at(page, "Reconstruct")
    assert shown(page) == ("Reconstruct", "tiny", "Digits")
    assert page.url == reconstruct and page.locator(".cv-tile").count() == 15
    page.go_forward()
    at(page, "Interpolate")
    assert shown(page) == ("Interpolate", "tiny", "Digits") and page.url == interpolate
    assert page.get_by_role("radio", name="Grid").get_attribute("aria-checked") == "true"
    page.reload()
    at(page, "Interpolate")
    assert shown(page) == ("Interpolate", "tiny", "Digits") and page.url == interpolate
    page.go_back()
    at(page, "Reconstruct")
    assert shown(page) == ("Reconstruct", "tiny", "Digits") and page.url == reconstruct
    assert_healthy(page)


def test_a_late_answer_to_the_page_that_was_left_adds_no_entry(open_page):
    page = open_page("reconstruct?model=tiny&data=Digits")
    menu(page, "Interpolate")
    page.go_back()
    at(page, "Reconstruct")
    # what Streamlit does with a message of the other page that arrives after Back
    page.evaluate("history.pushState({}, '', 'interpolate?model=tiny')")
    assert "/reconstruct" in page.url
    page.go_forward()
    at(page, "Interpolate")
    assert shown(page) == ("Interpolate", "tiny", "Digits")


def test_each_page_has_one_entry_in_the_history(open_page):
    page = open_page("interpolate?interpolate-steps=6&model=tiny&data=Digits")
    page.get_by_test_id("stSidebar").get_by_role("link", name="Overview").click()
    page.wait_for_selector(".editor")
    settle(page)
    menu(page, "Features")
    menu(page, "Interpolate")  # the session has kept the steps: Streamlit adds them afterwards
    page.wait_for_url("**interpolate-steps=6**", wait_until="commit")
    page.go_back()
    at(page, "Features")
    page.go_back()
    page.wait_for_url("**/?model=tiny**", wait_until="commit")
    settle(page)
    assert shown(page)[1:] == ("tiny", "Digits")
    page.go_back()
    at(page, "Interpolate")
    assert "interpolate-steps=6" in page.url


def test_an_address_decides_over_what_the_session_has_kept(open_page):
    page = open_page("reconstruct?model=tiny&data=Digits")
    menu(page, "Features")
    choose(page, "data", "Photos")
    page.go_back()
    at(page, "Reconstruct")
    assert shown(page) == ("Reconstruct", "tiny", "Digits")
    page.go_forward()
    at(page, "Features")
    assert shown(page) == ("Features", "tiny", "Photos")


def test_two_tabs_do_not_mix(browser, server):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    first, second = context.new_page(), context.new_page()
    for page, data in ((first, "Digits"), (second, "Shapes")):
        page.set_default_timeout(60_000)
        page.goto(f"{server}/reconstruct?model=tiny&data={data}")
        settle(page)
    menu(first, "Interpolate")
    menu(second, "Interpolate")
    first.go_back()
    at(first, "Reconstruct")
    assert shown(first) == ("Reconstruct", "tiny", "Digits")
    assert shown(second) == ("Interpolate", "tiny", "Shapes")
    context.close()


def test_a_link_to_the_overview_opens_it_in_a_new_tab(open_page):
    page = open_page("reconstruct?model=tiny&data=Digits")
    with page.context.expect_page() as opened:
        page.get_by_test_id("stSidebar").get_by_role("link", name="Overview").click(
            modifiers=["ControlOrMeta"]
        )
    assert opened.value.url.split("/")[-1] == "?model=tiny&data=Digits"
