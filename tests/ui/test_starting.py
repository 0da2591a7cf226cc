"""The line that is shown while a new server loads PyTorch."""

import subprocess
import sys

# stands in for a page run: records what is drawn, and whether PyTorch is loaded by then
SCRIPT = """
import sys
import streamlit as st
from streamlit.runtime import scriptrunner
drawn = []
st.html = lambda body: drawn.append((body, "torch" in sys.modules))
if {running}:
    scriptrunner.get_script_run_ctx = lambda suppress_warning=False: object()
from convae import ui
assert "torch" in sys.modules
assert len(drawn) == {running}, drawn
if drawn:
    (body, loaded), = drawn
    assert not loaded and "Loading PyTorch" in body and ":not(:has(h1))" in body
    ui.starting.announce()
    assert len(drawn) == 1, "PyTorch is loaded by now"
"""


def _runs(running: int) -> None:
    script = SCRIPT.replace("{running}", str(running))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_first_visitor_of_a_server_reads_that_pytorch_is_loading_before_it_is():
    _runs(1)


def test_nothing_is_drawn_without_a_page():
    _runs(0)
