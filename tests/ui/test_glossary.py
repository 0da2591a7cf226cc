"""The glossary: one source of all terms, tooltips, dotted terms and the list on each page."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from convae.ui import frame, glossary
from tests.support.visiting import ROOT, healthy, shown, visit

PLACES = {
    label: [ROOT / path, *sorted((ROOT / "convae/ui" / _name).glob("*.py"))]
    for entries in frame.MENU.values()
    for path, label, _, _ in entries
    for _name in [label.lower().replace(" ", "_")]
}
UI = [ROOT / "app.py", *(ROOT / "pages").glob("*.py"), *(ROOT / "convae/ui").rglob("*.py")]
# words of definitions: each stands in the glossary alone
MARKS = ("10 log10", "structural similarity", "area under the", "majority class of",
         "exponential moving average", "participation ratio", "conjugate-gradient")  # fmt: skip


def _texts(path: Path) -> Iterator[str]:
    """The string constants of a module, without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            setting = node.value.isidentifier() and node.value.islower()  # such as "precision"
            if id(node) not in documents and not setting:
                yield node.value


def _words(text: str) -> list[str]:
    return re.findall(r"[\w.+^/-]+", text.lower())


def test_each_page_has_terms_and_each_term_a_page_and_one_sentence():
    assert set(glossary.BY_PAGE) == frame.LABELS == set(PLACES)
    used = {term for terms in glossary.BY_PAGE.values() for term in terms}
    assert used == set(glossary.TERMS)
    assert set(glossary.ALIASES.values()) <= used
    for term, text in glossary.TERMS.items():
        assert text.endswith(".") and ". " not in text, term


@pytest.mark.parametrize("label", PLACES)
def test_a_page_lists_every_term_that_its_texts_use(label):
    used = {term for path in PLACES[label] for text in _texts(path)
            for term in glossary.terms_in(text)}  # fmt: skip
    assert used <= set(glossary.BY_PAGE[label])


def test_no_module_of_the_ui_defines_a_term_again():
    """No five words of a definition, and no word that belongs to one, stand elsewhere."""
    runs = {}
    for term, text in glossary.TERMS.items():
        words = _words(text)
        for start in range(len(words) - 5):
            runs[tuple(words[start : start + 6])] = term
    again = []
    for path in UI:
        if path.name == "glossary.py":
            continue
        for text in _texts(path):
            words = _words(text)
            again += [(path.name, runs[run]) for start in range(len(words) - 5)
                      if (run := tuple(words[start : start + 6])) in runs]  # fmt: skip
            again += [(path.name, mark) for mark in MARKS if mark in text.lower()]
    assert not again


def test_every_table_with_a_term_in_a_header_takes_its_tooltips_from_the_glossary():
    for path in UI:
        for scope in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(scope, ast.FunctionDef):
                continue
            keys = [key.value for node in ast.walk(scope) if isinstance(node, ast.Dict)
                    for key in node.keys
                    if isinstance(key, ast.Constant) and isinstance(key.value, str)]  # fmt: skip
            for call in ast.walk(scope):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "st.dataframe":
                    words = {item.arg: ast.unparse(item.value) for item in call.keywords}
                    wrapped = words.get("column_config", "").startswith("glossary.columns(")
                    terms = [key for key in keys if glossary.term_in(key)]
                    assert wrapped or not terms, (path.name, scope.name, terms)


def test_the_term_of_a_label_is_the_longest_one_as_whole_words():
    assert glossary.term_in("Best PSNR (dB)") == "PSNR"
    assert glossary.term_in("Mahalanobis distance, codes") == "Mahalanobis distance"
    assert glossary.term_in("Compression") == "Compression ratio"
    assert glossary.term_in("Precisions") is None and glossary.term_in("Model") is None


def test_columns_add_the_sentence_of_a_term_and_keep_what_is_particular():
    rows = [{"Model": "a", "PSNR (dB)": 20.0, "SSIM": 0.5, "Epochs": 3}]
    number = st.column_config.NumberColumn
    config = {"PSNR (dB)": number(format="%.2f", help="Of the set."), "Epochs": number(help="All.")}
    result = glossary.columns(rows, config)
    assert result["PSNR (dB)"]["help"] == f"Of the set. {glossary.TERMS['PSNR']}"
    assert result["PSNR (dB)"]["type_config"]["format"] == "%.2f"
    assert result["SSIM"]["help"] == glossary.TERMS["SSIM"]
    assert result["Epochs"]["help"] == "All." and "Model" not in result
    assert glossary.columns([]) == {}


def test_the_overview_shows_terms_metrics_and_columns_with_their_sentence(tiny_checkpoint):
    app = healthy(visit())
    listed = next(item for item in app.expander if item.label == "Terms on this page")
    for term in glossary.BY_PAGE["Overview"]:
        assert f"**{term}**" in listed.markdown[0].value
    helps = {item.label: item.help for item in app.metric}
    assert glossary.TERMS["Compression ratio"][:30] in helps["Compression ratio"]
    columns = json.loads(app.dataframe[-1].proto.columns)
    for header in ("Latent dimension", "Compression", "Test PSNR (dB)"):
        assert glossary.TERMS[glossary.term_in(header)] in columns[header]["help"]
    assert 'class="cv-term" tabindex="0"' in shown(app)


def test_a_caption_opens_each_term_of_its_page_once_and_escapes_names(monkeypatch):
    monkeypatch.setattr(glossary.st, "session_state", {"page": "Denoise"})
    drawn = []
    monkeypatch.setattr(glossary.st, "html", drawn.append)
    glossary.caption("PSNR <b>of</b> PCA and PSNR; one-cycle is no term of this page.\x00")
    (html,) = drawn
    assert html.count('class="cv-term"') == 2 and "&lt;b&gt;of" in html and "\x00" not in html
    assert html.count("PCA<span") == 1 and "one-cycle<span" not in html
