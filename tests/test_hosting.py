"""The Dockerfile and requirements-cpu.txt: their commands, run here without a container."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
import tomllib
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.browsing import free_port

ROOT = Path(__file__).parents[1]


def instructions() -> list[tuple[str, str]]:
    """(instruction, its text) of the Dockerfile, continued lines joined, comments left out."""
    lines = [
        line
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(" ", 1)) for line in joined.splitlines()]


def texts(instruction: str) -> list[str]:
    return [text for name, text in instructions() if name == instruction]


def test_the_image_starts_the_app_and_its_health_check_passes(tmp_path):
    app = tmp_path / "app"
    app.mkdir()
    for text in texts("COPY"):
        source, target = text.split()
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, app / target)
        else:
            shutil.copy(ROOT / source, app / target)
    variables = dict(part.split("=", 1) for text in texts("ENV") for part in shlex.split(text))
    places = {name: value.replace("/data", str(tmp_path)) for name, value in variables.items()}
    command = json.loads(texts("CMD")[0])
    port = str(free_port())
    command = [sys.executable if part == "python" else port if part == "8501" else part
               for part in command]  # fmt: skip
    check = shlex.split(texts("HEALTHCHECK")[0].split("CMD ", 1)[1])
    check[0] = sys.executable
    environment = os.environ | places | {
        "PYTHONPATH": str(app), "HEALTH_URL": f"http://127.0.0.1:{port}/_stcore/health",
        "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
    }  # fmt: skip
    server = subprocess.Popen(command, cwd=app, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while (
            code := subprocess.run(check, env=environment, stderr=subprocess.DEVNULL).returncode
        ) and time.monotonic() < deadline:
            time.sleep(0.5)
        assert code == 0 and server.poll() is None
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
            assert b"<title>" in page.read()
    finally:
        server.terminate()
        server.wait(30)
    assert subprocess.run(check, env=environment, stderr=subprocess.DEVNULL).returncode != 0


def test_all_that_the_image_copies_is_sent_to_the_builder():
    sent = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    assert {text.split()[0] for text in texts("COPY")} == sent


def test_requirements_cpu_asks_the_index_that_the_user_names(tmp_path):
    asked = []

    class Index(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *parts):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        variables = {"TORCH_INDEX": f"{address}/cpu", "PIP_INDEX_URL": f"{address}/main"}
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--no-cache-dir", "--isolated",
             "--index-url", f"{address}/main", "-d", tmp_path, "-r", "requirements-cpu.txt"],
            cwd=ROOT, env=os.environ | variables, capture_output=True, check=False,
        )  # fmt: skip
        server.shutdown()
    assert any(path.startswith("/cpu/") for path in asked)
    assert {path.split("/")[1] for path in asked} <= {"cpu", "main"}


def test_the_first_start_on_a_machine_asks_nothing_in_the_terminal():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["server"]["showEmailPrompt"] is False
    from streamlit import config as known

    assert "server.showEmailPrompt" in known.get_config_options()
