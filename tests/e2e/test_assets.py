"""The scripts and style sheets that the browser is sent: Chromium parses every one of them."""

import re

import pytest

from tests.support.browsing import ROOT

SCRIPTS = sorted((ROOT / "convae").rglob("*.js"))
SHEETS = sorted((ROOT / "convae").rglob("*.css"))

# a name that only Python defines is missing here: that is no syntax error
PARSE_SCRIPT = """async (text) => {
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try { await import(url); } catch (error) {
    return error instanceof SyntaxError ? error.message : "";
  }
  return "";
}"""
# a parser drops what it cannot read without an error, so the rules that remain are counted
COUNT_RULES = """(text) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  const count = (rules) =>
    [...rules].reduce((sum, rule) => sum + 1 + (rule.cssRules ? count(rule.cssRules) : 0), 0);
  const empty = (rules) => [...rules].some((rule) =>
    rule.style ? !rule.style.length : rule.cssRules && empty(rule.cssRules));
  return [count(sheet.cssRules), empty(sheet.cssRules)];
}"""


@pytest.fixture(scope="module")
def blank(browser):
    page = browser.new_page()
    yield page
    page.close()


def rules_written(text):
    """The opening braces outside comments and strings: one for each rule."""
    return re.sub(r"/\*.*?\*/|\"[^\"]*\"|'[^']*'", "", text, flags=re.S).count("{")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_script_parses(path, blank):
    assert blank.evaluate(PARSE_SCRIPT, path.read_text()) == ""


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.name)
def test_every_rule_of_a_style_sheet_is_understood(path, blank):
    text = path.read_text()
    assert blank.evaluate(COUNT_RULES, text) == [rules_written(text), False]


def test_a_faulty_script_and_a_faulty_rule_are_noticed(blank):
    assert blank.evaluate(PARSE_SCRIPT, SCRIPTS[0].read_text() + "\nconst = 1;")
    assert blank.evaluate(COUNT_RULES, "a { color: red } b >> c { top: 0 }") != [2, False]
    assert blank.evaluate(COUNT_RULES, "a { colour: red }") == [1, True]


def test_there_is_something_to_check():
    assert len(SCRIPTS) >= 8 and len(SHEETS) >= 5
