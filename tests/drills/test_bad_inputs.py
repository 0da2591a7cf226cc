import subprocess
import sys
from pathlib import Path

from tests.drills import bad_inputs

CONTROL = """
import os, pathlib, sys, time
from tests.drills.bad_inputs import Watch, judge
home = pathlib.Path(sys.argv[1])
watch = Watch(home)
def inside(content): (home / "a").write_bytes(content)
def outside(content): (home.parent / "b").write_bytes(content)
def executed(content): os.system("true")
def crash(content): raise KeyError("x")
for read in (inside, outside, executed, crash):
    print(read.__name__, judge(read, b"x", watch)[1].split(" ")[0].rstrip(":"))
"""


def test_bad_inputs_end_in_a_sentence_or_a_usable_result():
    results = bad_inputs.drill(count=400, flips=300)
    assert [line for found in results.values() for line in found.problems] == []
    outcomes = sum((found.outcomes for found in results.values()), bad_inputs.Counter())
    assert sum(outcomes.values()) - 400 - 300 >= 150  # by hand
    for file in ("state.pt", "model.safetensors", "card.json"):
        assert outcomes[f"noticed in {file}"] == 100


def test_the_drill_sees_what_is_executed_written_outside_or_raised(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CONTROL, str(home)], capture_output=True, text=True, check=True,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert done.stdout.split("\n")[:4] == [
        "inside ", "outside open", "executed os.system", "crash KeyError"
    ]  # fmt: skip


def test_the_drill_sees_memory(tmp_path):
    code = (
        "from tests.drills.bad_inputs import _peak_mb\nbefore = _peak_mb()\n"
        "x = bytearray(b'1' * 200_000_000)\ndel x\nprint(_peak_mb() - before > 150)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert done.stdout.strip() == "True"
