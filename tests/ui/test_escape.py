"""Names from anywhere are shown as they are: no markup, no length without end."""

import pytest

from convae.ui.escape import MAX_NAME, MAX_SENTENCE, plain, sentence


def test_plain_escapes_whatever_markdown_reads():
    assert plain("cat") == "cat" and plain("red fox 2") == "red fox 2"
    assert plain("![x](//host/p.png)") == r"!\[x\](//host/p.png)"
    assert plain("<b>$x$`") == r"\<b\>\$x\$\`"


@pytest.mark.parametrize(
    "name", [":material/home:", ":red[x]", ":smile:", "http://a", "www.a", "a@b"]
)
def test_plain_breaks_what_streamlit_finds_after_markdown(name):
    assert name not in plain(name).replace("\\", "")
    assert plain(name).replace("\\", "").replace("\u2060", "") == name


def test_plain_can_be_encoded_and_is_short():
    assert plain("a\ud800b\nc\x00") == "a b c "
    plain("\ud800" * 5).encode()
    assert len(plain("a" * 10**6)) == MAX_NAME and plain("a" * 81).endswith("\u2026")


def test_sentences_keep_their_code_and_nothing_else():
    assert sentence("`a_b` is *here*") == r"`a_b` is \*here\*"
    assert r"!\[x\](" in sentence("Tensor `a` ![x](//host) `b` is missing")
    assert sentence("``![x](//h)`") == r"\`\`!\[x\](//h)\`"
    assert sentence("one ` alone ![x](h)") == r"one \` alone !\[x\](h)"
    assert len(sentence("a" * 500_000)) == MAX_SENTENCE
