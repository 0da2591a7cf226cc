"""A page run without a browser (AppTest), and what it shows."""

import html
import io
import re
from pathlib import Path

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(f"pages/{path.name}" for path in (ROOT / "pages").glob("*.py"))
WITH_MODEL = ["app.py", *(page for page in PAGES if page != "pages/train.py")]


def visit(page: str = "app.py", **query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    for name, value in query.items():
        app.query_params[name] = value
    if page != "app.py":
        app.switch_page(page)
    return app.run()


def healthy(app: AppTest) -> AppTest:
    assert not app.exception, app.exception[0].message
    assert not app.error, app.error[0].value
    return app


def shown(app: AppTest) -> str:
    """The markup of everything drawn with st.html."""
    return " ".join(element.proto.body for element in app.get("html"))


def numbers(app: AppTest, label: str) -> list[int]:
    """What the images of a row with this label are called by, in their order."""
    return [int(number) for number in re.findall(rf'title="{label}, image (\d+)"', shown(app))]


def captions(app: AppTest) -> str:
    """All captions as text; of one with dotted terms (`convae.ui.glossary`) what is always seen."""
    drawn = re.findall(r'<p class="cv-caption-text">(.*?)</p>', shown(app), re.S)
    seen = [re.sub(r'<span class="cv-note".*?</span>|<[^>]*>', "", text) for text in drawn]
    return " ".join([*(item.value for item in app.caption), *map(html.unescape, seen)])


def png(color: int = 200, size: int = 40) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((size, size, 3), color, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
