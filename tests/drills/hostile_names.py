"""Names and texts of strangers in every place where one can appear, in a real browser and server:
nothing is executed, no request leaves the host, no markup and no mark of direction arrives. What
the pages offer as downloads has plain names, and no cell that a spreadsheet evaluates.

    python -m tests.drills.hostile_names
"""

import argparse
import csv
import io
import re
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tests.drills.hostile_home import FORMULA, NAMES, OWN, files, prepare, zipped
from tests.support.browsing import browsing, serving, settle

PAGES = (
    "",
    "train?train-view=Watch",
    "train?train-view=Runs",
    "train",
    "reconstruct",
    "interpolate",
    "latent_map",
    "denoise",
    "anomalies",
    "generate",
    "features",
)
OWN_PAGES = (  # with the kept set, whose class names they show
    "",
    "reconstruct",
    "interpolate",
    "latent_map?latent-method=PCA&latent-point=3",
    "latent_map?latent-method=PCA&latent-selection={selection}",
    "denoise",
    "anomalies",
    "generate",
    "features",
    "features?features-part=Fewer+labels",
    "features?features-part=Confusion",
    "features?features-part=Neighbors",
)
KEYS = ("model", "data", "train-run", "latent-method", "tour-step", "reconstruct-which")
ADDED = ("", "reconstruct", "latent_map", "anomalies", "features", "train")  # images to these
# both look into the shadow roots of components, too
ROOTS = """const roots = [document];
for (const root of roots)
  for (const element of root.querySelectorAll('*'))
    if (element.shadowRoot) roots.push(element.shadowRoot);"""
TEXT = f"""() => {{ {ROOTS}
const shown = (root) => [...root.children].filter(e => e.tagName !== 'STYLE')
  .map(e => e.innerText ?? '').join(' ');
return roots.map(root => root.body?.innerText ?? shown(root)).join(' '); }}"""
EVIL = f"""() => {{ {ROOTS}
const markup = '.hostile, [onerror], [onload], [src*="evil.example"], [*|href^="http://evil"],'
  + ' [*|href^="//evil"], [*|href^="javascript:"]';
const styles = roots.flatMap(root => [...root.querySelectorAll('style')]);
// the browser lists the files that its own user has chosen
const chosen = [...document.querySelectorAll('[data-testid=stFileUploader]')];
const text = chosen.reduce((rest, own) => rest.replace(own.innerText, ''), ({TEXT})());
return [
  window.hacked ? 'a script ran' : '',
  roots.some(root => root.querySelector(markup)) ? 'markup arrived' : '',
  styles.some(style => style.textContent.includes('evil.example')) ? 'a style arrived' : '',
  text.includes('\\u202e') ? 'a mark of direction arrived' : '',
].filter(Boolean); }}"""
PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9]+)+")  # the name of a download
RUN = "model=hostile&train-run=hostile&train-chosen=hostile"


class Drill:
    """Counts of what was done and found."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.problems: list[str] = []
        self.texts = ""
        """What the pages have shown"""

    @contextmanager
    def window(self, browser: object, address: str, where: str) -> Iterator[object]:
        """A window of its own, whose requests, dialogs and content are looked at."""
        context = browser.new_context(viewport={"width": 1440, "height": 2400})
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda request: self.request(request.url, address, where))
        page.on("dialog", lambda dialog: self.problems.append(f"{where}: a dialog opened"))
        try:
            yield page
            page.wait_for_timeout(600)
            self.look(page, where)
            self.done["pages"] += 1
        finally:
            context.close()

    def look(self, page: object, where: str) -> None:
        """Note what is wrong with what a page shows, also under the pointer on its charts."""
        for chart in page.locator(".js-plotly-plot .nsewdrag").all()[:4]:
            if (box := chart.bounding_box()) is not None:
                for part in (0.3, 0.5, 0.7):
                    x, y = box["x"] + part * box["width"], box["y"] + part * box["height"]
                    page.mouse.move(x, y)
                    page.wait_for_timeout(60)
        for frame in page.frames:
            self.problems += [f"{where}: {what}" for what in frame.evaluate(EVIL)]
            self.texts += frame.evaluate(TEXT)
        if page.locator('[data-testid="stException"]').count():
            self.problems.append(f"{where}: an exception is shown")

    def request(self, url: str, address: str, where: str) -> None:
        own = (address, address.replace("http", "ws", 1), "data:", "blob:", "about:")
        self.done["requests"] += 1
        if not url.startswith(own):
            self.problems.append(f"{where}: a request to {url[:100]}")

    def open(self, browser: object, address: str, path: str, query: str, downloads: bool) -> None:
        """Look at one page and, if asked, at everything that it offers for download."""
        where = f"{path or 'overview'} {query}"
        with self.window(browser, address, where) as page:
            page.goto(f"{address}/{path}{'&' if '?' in path else '?'}{query}")
            settle(page)
            for button in self._buttons(page) if downloads else ():
                with page.expect_download() as coming:
                    button.click()
                self.download(browser, coming.value, where)
                self.done["downloads"] += 1

    def _buttons(self, page: object) -> list:
        found = page.locator('[data-testid="stDownloadButton"] button').all()
        return [button for button in found if button.is_visible() and button.is_enabled()]

    def download(self, browser: object, download: object, where: str) -> None:
        """Note what is wrong with the name or the content of a download."""
        name, content = download.suggested_filename, Path(download.path()).read_bytes()
        self.problems += [f"{where}: {what}" for what in judge(name, content)]
        if name.endswith(".html"):
            with tempfile.TemporaryDirectory() as place:
                path = Path(place) / "chart.html"
                path.write_bytes(content)
                with self.window(browser, "file:", f"{where}, {name}") as page:
                    page.goto(path.as_uri())
                    page.locator(".js-plotly-plot .main-svg").first.wait_for()

    def add_images(self, browser: object, address: str, path: str) -> None:
        """Use a zip of hostile class folders, through the dialog Add images: for the session, or
        kept, as Train asks for."""
        where = f"add images on {path or 'overview'}"
        with self.window(browser, address, where) as page:
            page.goto(f"{address}/{path}?model=hostile")
            settle(page)
            page.get_by_role("button", name="Add images").first.click()
            dialog = page.get_by_role("dialog")
            dialog.locator("input[type=file]").set_input_files(zipped())
            button = dialog.get_by_role("button", name=re.compile("(Use|Keep) these images"))
            button.wait_for()
            settle(page)
            self.look(page, f"{where}, dialog")
            button.click()
            dialog.wait_for(state="hidden")
            settle(page)


def judge(name: str, content: bytes) -> list[str]:
    """What is wrong with a download of this name and content."""
    wrong = [] if PLAIN.fullmatch(name) else [f"a download is called {name[:80]!r}"]
    if name.endswith(".csv"):
        for row in csv.reader(io.StringIO(content.decode(), newline="")):
            wrong += [f"{name} has the cell {cell[:60]!r}" for cell in row if _evaluated(cell)]
            if any("\u202e" in cell for cell in row):
                wrong.append(f"{name} has a mark of direction")
    elif name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                wrong += [f"{name}: {what}" for what in judge(member, archive.read(member))]
    return wrong


def _evaluated(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.lstrip(" ").startswith(FORMULA)
    return False


def drill(
    pages: tuple[str, ...] = PAGES,
    keys: tuple[str, ...] = KEYS,
    own_pages: tuple[str, ...] = OWN_PAGES,
    added: tuple[str, ...] = ADDED,
) -> Drill:
    """Open these pages with the hostile run, and with the kept set, and take their downloads; open
    one with each key of the address hostile; upload files and class folders of such names."""
    result = Drill()
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        selection = prepare(home)
        folders = {f"CONVAE_{name}_DIR": str(home / name.lower())
                   for name in ("RUNS", "CHECKPOINTS", "DATA", "CACHE")}  # fmt: skip
        with serving(folders) as server, browsing() as browser:
            for page in pages:
                result.open(browser, server.address, page, RUN, downloads=True)
            for page in own_pages:
                path = page.format(selection=selection)
                query = f"model=hostile&data={OWN}"
                result.open(browser, server.address, path, query, downloads=True)
            for number, key in enumerate(keys):
                name = NAMES[number % len(NAMES)]
                query = f"{key}={quote(name)}&{quote(name)}={quote(name)}"
                result.open(browser, server.address, "reconstruct", query, downloads=False)
            for page in added:
                result.add_images(browser, server.address, page)
            with result.window(browser, server.address, "uploads") as window:
                window.goto(f"{server.address}/reconstruct?model=hostile&data=Your+images")
                settle(window)
                window.locator('input[type="file"]').first.set_input_files(files())
                window.wait_for_timeout(3000)
                settle(window)
    return result


def main() -> int:
    argparse.ArgumentParser(description=__doc__.split("\n\n")[0]).parse_args()
    result = drill()
    shown = [name for name in NAMES if name[:12] in result.texts]
    print(dict(result.done), f"names seen as text: {len(shown)} of {len(NAMES)},",
          f"problems: {len(result.problems)}")  # fmt: skip
    print(*result.problems[:30], sep="\n")
    return int(bool(result.problems))


if __name__ == "__main__":
    sys.exit(main())
