"""Escapes names and messages for markdown.

A name (class, folder, run, model, tensor) may come from an untrusted file. Streamlit renders
markdown in labels, captions, headings, help, notes and errors: there every name passes `plain`, and
every message that may quote one passes `sentence`. Selectboxes, tables and charts show raw text.
"""

import re

MAX_NAME = 80
MAX_SENTENCE = 600
GAP = "\u2060"  # word joiner, zero width
_PUNCTUATION = re.compile(r"([\\`*_\[\]<>|~$&])")
_BLOCK = re.compile(r"^\s*(?=[#+\-=]|\d+[.)])")  # a heading, a list
# what Streamlit replaces in text after parsing markdown: icons, emoji, colors, links, arrows
_DIRECTIVE = re.compile(r"([:@](?=\S)|www)", re.IGNORECASE)
_CODE = re.compile(r"`([^`\n]+)`")


def plain(text: str, most: int = MAX_NAME) -> str:
    """Text as markdown that shows exactly this text, in one line of at most `most` characters."""
    return _escaped(one_line(text, most))


def sentence(text: str, most: int = MAX_SENTENCE) -> str:
    """A message as markdown: like `plain`, but text between single backticks stays code."""
    text = one_line(text, most)
    if "``" in text:
        return _escaped(text)
    parts = _CODE.split(text)  # odd items stood between backticks
    return "".join(f"`{part}`" if n % 2 else _escaped(part) for n, part in enumerate(parts))


def one_line(text: str, most: int) -> str:
    """Text without characters that cannot be printed, cut to `most` characters."""
    text = "".join(c if c.isprintable() else " " for c in text[: most + 1])
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def _escaped(text: str) -> str:
    text = _BLOCK.sub(GAP, _PUNCTUATION.sub(r"\\\1", text))
    return _DIRECTIVE.sub(rf"\1{GAP}", text)
