"""The package as a stranger installs it: a wheel in a fresh virtual environment."""

import json
import os
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.waiting import wait_for

ROOT = Path(__file__).resolve().parent.parent


def run(*command, cwd):
    ran = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """(folder of the commands, an empty folder to run them in); dependencies come from here."""
    home = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", home / "dist", ROOT, cwd=home)
    run(sys.executable, "-m", "venv", "--without-pip", home / "venv", cwd=home)
    scripts = home / "venv" / "bin"
    (wheel,) = (home / "dist").glob("*.whl")
    run(*pip, "--python", scripts / "python", "install", "--no-deps", "--no-index", wheel, cwd=home)
    (site,) = (home / "venv" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (home / "elsewhere").mkdir()
    return scripts, home / "elsewhere"


@pytest.fixture
def command(installed, monkeypatch):
    """`command("list")`: what the installed `convae list` prints, away from the clone."""
    for name in [name for name in os.environ if name.startswith(("CONVAE_", "PYTHONPATH"))]:
        monkeypatch.delenv(name)
    scripts, elsewhere = installed
    return lambda *arguments: run(scripts / "convae", *arguments, cwd=elsewhere)


def test_the_wheel_brings_the_shipped_models(command, installed):
    rows = json.loads(command("list", "--json"))
    shipped = {path.parent.name for path in (ROOT / "checkpoints").glob("*/card.json")}
    assert {row["name"] for row in rows} == shipped
    assert all(Path(row["path"]).is_relative_to(installed[0].parent) for row in rows)


def test_the_wheel_evaluates_a_shipped_model_on_a_built_in_set(command):
    result = json.loads(
        command("evaluate", "shapes-16", "--data", "shapes", "--limit", "20", "--json")
    )
    assert result["n"] == 20


def test_the_wheel_brings_the_scripts_and_styles_of_the_app(command, installed):
    scripts, elsewhere = installed
    code = "import convae.ui as ui, pathlib; print(pathlib.Path(ui.__file__).parent)"
    there = Path(run(scripts / "python", "-c", code, cwd=elsewhere).strip())
    assert there.is_relative_to(scripts.parent)
    here = ROOT / "convae" / "ui"
    for kind in ("*.js", "*.css", "*.html"):
        names = {path.relative_to(here) for path in here.rglob(kind)}
        assert names and names == {path.relative_to(there) for path in there.rglob(kind)}


def test_the_wheel_serves_the_app(installed, command):
    from tests.support.browsing import free_port

    scripts, elsewhere = installed
    port = free_port()
    server = subprocess.Popen(
        [scripts / "convae", "app", "--headless", "--port", str(port)],
        cwd=elsewhere, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def healthy():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health") as answer:
                return answer.status == 200
        except urllib.error.URLError:
            return False

    try:
        wait_for(healthy, 60)
    finally:
        server.terminate()
        server.wait(10)
