"""What the README says to type is typed here, with smaller numbers and a built-in image set."""

import re
import shlex
from pathlib import Path

import pytest

from convae.__main__ import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.split("#")[0].strip() for line in re.findall(r"^python -m convae (.+)$", README, re.M)
]
ELSEWHERE = {  # commands that other tests run: a server, a download, a UMAP
    "app": "tests/test_package.py",
    "download": "tests/data/test_cifar10_job.py",
    "map": "tests/test_cli.py",
    "stop": "tests/test_queue_commands.py",
}
SMALLER = {
    r"cifar10:cat": "shapes:circle",
    r"(?<=--data )cifar10$|(?<=--data )cifar10(?= )": "shapes",
    r"(?<=--suspects )cifar10": "shapes",
    r"--latent-dim 16,32,64 --epochs 20": "--latent-dim 2,4 --base-channels 8 --epochs 1",
    r"own:flowers --epochs 20": "shapes --latent-dim 128 --epochs 20",
    r"--latent-dim 128 --epochs 20": "--latent-dim 8 --base-channels 8 --epochs 1 --limit 160",
    r"--epochs 40": "--epochs 2",
    r"--count 2000": "--count 40",
    r"cifar10-any": "mine",
    r"--keep 32,64,128": "--keep 2,4,8",
}


def smaller(command: str) -> str:
    for pattern, text in SMALLER.items():
        command = re.sub(pattern, text, command)
    verb = command.split()[0]
    if verb in ("evaluate", "denoise", "anomaly", "generate", "probe", "sweep"):
        command += " --limit 60"
    return command


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("RUNS", "CACHE", "DATA"):
        monkeypatch.setenv(f"CONVAE_{name}_DIR", str(tmp_path / name))
    monkeypatch.setenv("CONVAE_CHECKPOINTS_DIR", str(ROOT / "checkpoints"))
    monkeypatch.chdir(tmp_path)


def test_every_command_runs_in_the_order_of_the_readme(home, capsys):
    verbs = [command.split()[0] for command in COMMANDS]
    assert {
        "train",
        "resume",
        "sweep",
        "queue",
        "evaluate",
        "denoise",
        "generate",
        "export",
        "map",
    } <= set(verbs)
    for command in COMMANDS:
        if command.split()[0] in ELSEWHERE:
            continue
        code = main(shlex.split(smaller(command)))
        output = capsys.readouterr()
        assert code == 0, (command, output.err)
        assert output.out or output.err, command


def test_the_python_example_runs(home):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.S)
    values = {}
    exec(example.replace('"test").images', '"test").images[:4]'), values)
    assert values["codes"].shape == (4, 128) and values["rebuilt"].shape == (4, 32, 32, 3)
    assert str(values["rebuilt"].dtype) == "uint8"
