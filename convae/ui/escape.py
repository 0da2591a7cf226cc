"""Names and sentences on their way into markdown.

A name (class, folder, run, model, tensor) may come from anyone. Streamlit reads markdown in labels,
captions, headings, help, notes and errors. There each name passes `plain`, and each sentence that
may quote one passes `sentence`. Selectboxes, tables and charts show text as it is.
"""

import re

MAX_NAME = 80
MAX_SENTENCE = 600
GAP = "\u2060"  # a word joiner: of no width
_PUNCTUATION = re.compile(r"([\\`*_\[\]<>|~$&])")
_BLOCK = re.compile(r"^\s*(?=[#+\-=]|\d+[.)])")  # a heading, a list
# what Streamlit finds in text after markdown has been read: icons, emoji, colors, links, arrows
_DIRECTIVE = re.compile(r"([:@](?=\S)|www)", re.IGNORECASE)
_CODE = re.compile(r"`([^`\n]+)`")


def plain(text: str, most: int = MAX_NAME) -> str:
    """Text as markdown that shows exactly this text, in one line of at most `most` characters."""
    return _escaped(_one_line(text, most))


def sentence(text: str, most: int = MAX_SENTENCE) -> str:
    """A message as markdown: as `plain`, but what it puts between single backticks stays code."""
    text = _one_line(text, most)
    if "``" in text:
        return _escaped(text)
    parts = _CODE.split(text)  # at odd places what stands between backticks
    return "".join(f"`{part}`" if n % 2 else _escaped(part) for n, part in enumerate(parts))


def _one_line(text: str, most: int) -> str:
    text = "".join(c if c.isprintable() else " " for c in text[: most + 1])
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def _escaped(text: str) -> str:
    text = _BLOCK.sub(GAP, _PUNCTUATION.sub(r"\\\1", text))
    return _DIRECTIVE.sub(rf"\1{GAP}", text)
