import pytest

from tests.drills import hostile_names
from tests.drills.hostile_names import EVIL, TEXT, Drill, judge
from tests.support.browsing import CHROMIUM, MISSING, browsing

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(CHROMIUM is None, reason=MISSING)]


def test_hostile_names_are_text_and_nothing_else():
    result = hostile_names.drill(
        pages=("train?train-view=Watch", "reconstruct"),
        keys=("model",),
        own_pages=("features?features-part=Confusion",),
        added=("latent_map",),
    )
    assert not result.problems
    assert result.done["pages"] == 6 and result.done["downloads"] == 4
    assert "<script>window.hacked=1</script>" in result.texts


@pytest.mark.parametrize(("body", "what"), [
    ("<b class=hostile>x</b>", "markup arrived"),
    ("<svg><a xlink:href='http://evil.example/'>x</a></svg>", "markup arrived"),
    ("<div id=host></div><script>host.attachShadow({mode: 'open'}).innerHTML = "
     "'<i onerror=1>deep</i>'</script>", "markup arrived"),
    ("<script>window.hacked = 1</script>", "a script ran"),
    ("<style>/* evil.example */</style>", "a style arrived"),
    ("safe\u202egnp.exe", "a mark of direction arrived"),
    ("&lt;b class=hostile&gt;", None),
])  # fmt: skip
def test_the_drill_sees_what_arrives(body, what):
    with browsing() as browser:
        page = browser.new_page()
        page.set_content(body)
        assert page.evaluate(EVIL) == ([what] if what else [])
        assert ("deep" in page.evaluate(TEXT)) == ("deep" in body)


def test_the_drill_sees_downloads_that_are_not_plain():
    assert judge("a.csv", b"a,b\n-1,'=x\n") == []
    assert judge("../a.csv", b"") == ["a download is called '../a.csv'"]
    assert judge("a.csv", b"x\n=cmd()\n") == ["a.csv has the cell '=cmd()'"]
    assert judge("a.csv", "\u202e\n".encode()) == ["a.csv has a mark of direction"]
    drill = Drill()
    drill.request("http://evil.example/a", "http://127.0.0.1:1", "here")
    assert drill.problems == ["here: a request to http://evil.example/a"]
