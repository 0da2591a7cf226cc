"""The code editor of the Overview in a browser: drag, keys, reset, touch, its latency."""

import numpy as np

from tests.support.browser_pages import assert_healthy
from tests.support.browsing import settle

# drags cell 2 and reads the reconstruction after each input: milliseconds until it has changed
DRAG = """async (root) => {
  const grid = root.querySelector(".grid"), canvas = root.querySelector(".rebuilt");
  const cell = grid.children[2], box = cell.getBoundingClientRect();
  const x = box.x + box.width / 2, y = box.y + box.height / 2, took = [];
  const shown = () => canvas.getContext("2d").getImageData(0, 0, 32, 32).data.join();
  const point = (type, at) => cell.dispatchEvent(new PointerEvent(type, { bubbles: true,
    pointerId: 1, clientX: x, clientY: at, button: type === "pointermove" ? -1 : 0 }));
  grid.setPointerCapture = () => {};
  point("pointerdown", y);
  let different = 0;
  for (let n = 1; n <= 40; n++) {
    const up = 8 * (n <= 20 ? n : 40 - n) - 80, before = shown(), began = performance.now();
    point("pointermove", y - up);
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    took.push(performance.now() - began);
    different += shown() !== before;
  }
  point("pointerup", y);
  return { took, different };
}"""


def rebuilt(page) -> str:
    return page.locator(".rebuilt").evaluate("canvas => canvas.toDataURL()")


def test_a_drag_changes_the_reconstruction_within_50_ms(editor, record_property):
    page = editor()
    root = page.locator(".editor")
    root.locator(".grid i").nth(2).hover()
    page.locator('.editor[data-ready="2"]').wait_for()
    sent = []
    page.on("websocket", lambda socket: sent.append(socket.url))
    page.on("request", lambda request: sent.append(request.url))
    # the best of three: other processes of a busy machine take the core now and then
    runs = [root.evaluate(DRAG)]
    assert not sent, "the drag asked the server"  # the edited code is sent when the drag ends
    runs += [root.evaluate(DRAG) for _ in range(2)]
    found = min(runs, key=lambda run: np.percentile(run["took"], 95))
    latency = float(np.percentile(found["took"], 95))
    record_property("p95_ms", latency)
    print(f"p95 of input to changed pixels: {latency:.1f} ms")
    assert latency < 50, np.round(found["took"], 1)
    assert runs[0]["different"] > 20  # from the code of the image; the others go on from there


def test_keys_change_a_value_edits_add_up_and_the_address_keeps_them(editor):
    page = editor()
    root = page.locator(".editor")
    before, whole = rebuilt(page), root.get_attribute("data-psnr")
    cell = page.locator(".grid i").first
    cell.focus()
    for _ in range(8):
        cell.press("ArrowUp")
    page.wait_for_url("**overview-edits=**", wait_until="commit")
    cell.press("ArrowRight")
    second = page.locator(".grid i").nth(1)
    for _ in range(6):
        second.press("ArrowDown")
    page.wait_for_url("**~2_**", wait_until="commit")
    page.locator('.editor[data-frame^="1:"]').wait_for()
    settle(page)
    both, psnr = rebuilt(page), root.get_attribute("data-psnr")
    assert both != before
    page.reload()
    page.wait_for_selector(f'.editor[data-psnr="{psnr}"]')
    assert page.locator(".grid i.edited").count() == 2
    page.get_by_role("button", name="Reset code").click()
    page.wait_for_selector(f'.editor[data-psnr="{whole}"]')
    assert page.locator(".grid i.edited").count() == 0
    assert rebuilt(page) == before
    assert_healthy(page)


def test_delete_and_a_double_click_reset_one_cell(editor):
    page = editor()
    whole = page.locator(".editor").get_attribute("data-psnr")
    cell = page.locator(".grid i").nth(3)
    for reset in (lambda: cell.press("Delete"), cell.dblclick):
        cell.focus()
        cell.press("ArrowUp")
        page.locator(".grid i.edited").wait_for()
        reset()
        page.wait_for_selector(f'.editor[data-psnr="{whole}"]')
        assert page.locator(".grid i.edited").count() == 0


def test_a_phone_shows_cells_that_a_finger_can_drag_without_scrolling(editor):
    page = editor(width=390)
    box = page.locator(".grid i").first.bounding_box()
    assert box["width"] >= 8 and box["height"] >= 8
    grid = page.locator(".grid")
    assert grid.evaluate("grid => getComputedStyle(grid).touchAction") == "none"
    for part in (grid, page.locator(".rebuilt"), page.locator(".original")):
        area = part.bounding_box()
        assert area["x"] >= 0 and area["x"] + area["width"] <= 390
    assert_healthy(page)


def test_the_code_length_keeps_the_first_values_and_an_edit_shows_the_whole_code(editor):
    page = editor()
    root, slider = page.locator(".editor"), page.locator(".editor .length input")
    whole, picture = float(root.get_attribute("data-psnr")), rebuilt(page)
    slider.hover()
    page.locator(".editor[data-lengths]").wait_for()
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    slider.focus()
    slider.press("Home")
    assert "the first 1 of" in slider.get_attribute("aria-valuetext")
    assert root.locator(".grid i.unused").count() == root.locator(".grid i").count() - 1
    assert float(root.get_attribute("data-psnr")) != whole and rebuilt(page) != picture
    assert "from 1 of " in root.locator(".psnr").inner_text()
    slider.press("End")
    assert float(root.get_attribute("data-psnr")) == whole and rebuilt(page) == picture
    assert not sent  # the frames were decoded before
    slider.press("Home")
    cell = root.locator(".grid i").nth(3)
    cell.focus()
    cell.press("ArrowUp")
    assert root.locator(".grid i.unused").count() == 0
    assert_healthy(page)


def test_reset_code_restores_the_code_length_too(editor):
    page = editor()
    root, slider = page.locator(".editor"), page.locator(".editor .length input")
    reset, whole = root.locator(".reset"), root.get_attribute("data-psnr")
    assert reset.is_disabled()
    slider.hover()
    page.locator(".editor[data-lengths]").wait_for()
    slider.focus()
    slider.press("Home")
    root.locator(".grid i").nth(5).focus()
    assert "not used at this code length" in root.locator(".readout").inner_text()
    reset.click()
    assert root.get_attribute("data-psnr") == whole
    assert root.locator(".grid i.unused").count() == 0 and reset.is_disabled()
