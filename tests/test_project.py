"""Claims about the project itself: who imports whom, what stays light, what the README promises."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# One line may import the lines above it, and its own line; see CONTRIBUTING.md. The first line
# imports nothing from convae but each other.
LAYERS = """
errors files processes progress images plots csv_export process_state torchrun records parsed_files
jobs cached_files wording option_types
settings config flat_config codec limits data
evaluation
latent runs
models projection
training tasks
ui __main__ model_commands task_commands task_parsers queue_commands queue_parsers setting_flags
"""
LEVEL = {name: n for n, line in enumerate(LAYERS.strip().split("\n")) for name in line.split()}

# heavy packages, and who alone may import them at the top of a file
ALONE = {
    "streamlit": {"ui"},
    "torch": {"models", "training"},
    "torchvision": set(),
    "scipy": set(),
    "sklearn": set(),
    "skimage": set(),
    "umap": set(),
    "tensorboard": set(),
    "plotly": {"plots", "ui"},
}


def python_files(*folders):
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py"))


def module_of(path):
    parts = path.relative_to(ROOT / "convae").with_suffix("").parts
    return parts[0]


def imported(path, top_only=False):
    """Dotted names that a file imports; with `top_only` those a mere import of it pays for."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_only else ast.walk(tree)
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_every_module_has_its_place_in_the_table():
    found = {module_of(p) for p in python_files("convae")} - {"__init__"}
    assert found == set(LEVEL)


@pytest.mark.parametrize("path", python_files("convae"), ids=lambda p: p.stem)
def test_modules_import_only_those_above_them(path):
    own = module_of(path)
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "convae" and len(parts) > 1 and parts[1] in LEVEL:
            assert LEVEL[parts[1]] <= LEVEL[own], f"{own} imports {parts[1]}"


def test_contributing_shows_the_table():
    assert LAYERS.strip() in (ROOT / "CONTRIBUTING.md").read_text()


def test_config_knows_no_data_and_no_limits():
    assert not {"convae.data", "convae.limits"} & imported(ROOT / "convae" / "config.py")


# app.py is the Overview
PAGES = ["overview", *(path.stem for path in python_files("pages"))]


@pytest.mark.parametrize(
    "path", python_files("convae/ui"), ids=lambda p: f"{p.parent.name}-{p.stem}"
)
def test_the_folder_of_one_page_imports_no_other_page_folder(path):
    own = path.relative_to(ROOT / "convae" / "ui").parts[0]
    for name in imported(path):
        parts = name.split(".")
        if parts[:2] == ["convae", "ui"] and len(parts) > 2 and parts[2] in PAGES:
            assert own == parts[2], f"{own} imports {name}"


@pytest.mark.parametrize("path", python_files("pages"), ids=lambda p: p.stem)
def test_a_page_imports_the_shared_parts_and_its_own_folder(path):
    for name in imported(path):
        parts = name.split(".")
        if parts[:2] == ["convae", "ui"] and len(parts) > 2 and parts[2] in PAGES:
            assert parts[2] == path.stem, name


@pytest.mark.parametrize("path", python_files("tests"), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_tests_import_shared_code_from_support_only(path):
    for name in imported(path):
        parts = name.split(".")
        assert parts[0] != "benchmarks", name
        folder = path.relative_to(ROOT / "tests").parts[0]
        own = {"support", folder} & {"support", "drills"}  # a drill is a program, too
        assert parts[0] != "tests" or len(parts) == 1 or parts[1] in own, name


@pytest.mark.parametrize("package", ALONE)
def test_heavy_packages_are_imported_by_few(package):
    found = {
        module_of(path)
        for path in python_files("convae")
        if any(name.split(".")[0] == package for name in imported(path, top_only=True))
    }
    assert found <= ALONE[package], f"{package} is imported by {sorted(found - ALONE[package])}"


def test_umap_is_imported_by_projection_alone_and_streamlit_never_below_the_app():
    for path in python_files("convae"):
        names = {name.split(".")[0] for name in imported(path)}
        assert "umap" not in names or path.match("projection/maps.py"), path
        assert "streamlit" not in names or module_of(path) == "ui", path


def test_pages_hold_no_torch_and_nobody_imports_a_page():
    for path in [ROOT / "app.py", *python_files("pages")]:
        assert not {"torch", "umap", "sklearn"} & {n.split(".")[0] for n in imported(path)}, path
    for path in python_files("convae", "pages", "benchmarks"):
        assert not any(name.split(".")[0] in ("pages", "app") for name in imported(path)), path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("runs", ["torch", "streamlit", "plotly", "pandas"]),
        ("config", ["torch", "numpy"]),
        ("training", ["streamlit", "plotly", "umap", "torchvision"]),
        ("training.session", ["streamlit", "plotly", "umap", "torchvision"]),
        ("plots", ["torch", "streamlit"]),
        ("data.uploads", ["torch", "streamlit"]),
        ("ui", ["umap", "torchvision", "sklearn"]),
    ],
)
def test_imports_stay_light(module, absent):
    code = (
        f"import sys, convae.{module}; found = sorted(set({absent}) & set(sys.modules)); "
        "sys.exit(', '.join(found) if found else 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, f"convae.{module} loads {ran.stderr.strip()}"


def test_the_readme_names_every_page_and_every_command():
    from convae.__main__ import make_parser

    readme = (ROOT / "README.md").read_text()
    for path in python_files("pages"):
        assert f"`pages/{path.name}`" in readme
    verbs = make_parser()._subparsers._group_actions[0].choices
    for verb in verbs:
        assert f"python -m convae {verb}" in readme, verb


def test_the_commands_of_the_readme_and_the_results_are_understood():
    from convae.__main__ import make_parser

    texts = (ROOT / "README.md").read_text() + (ROOT / "benchmarks" / "RESULTS.md").read_text()
    commands = re.findall(r"^\s*python -m convae ([^#\n`]+)", texts, re.M)
    assert len(commands) >= 8  # one for each verb, and a second resume
    for command in commands:
        make_parser().parse_args(command.split())  # SystemExit if it is not understood
    for script in re.findall(r"python -m benchmarks\.(\w+)", texts):
        assert (ROOT / "benchmarks" / f"{script}.py").is_file(), script


def test_links_of_the_readme_lead_somewhere():
    readme = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", readme):
        assert (ROOT / target).exists(), target


def test_shipped_checkpoints_are_small_and_whole():
    from convae.models import checkpoints

    files = [path for path in (ROOT / "checkpoints").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 40_000_000
    folders = sorted(path.parent for path in files if path.name == "card.json")
    assert folders
    for folder in folders:
        assert (folder / "model.safetensors").stat().st_size <= 10_000_000, folder.name
        loaded = checkpoints.load(str(folder))
        assert loaded.card.command.startswith("python -m convae"), folder.name
        assert loaded.card.test["psnr"] > 15


@pytest.mark.parametrize("spec", ["photos", "shapes", "digits"])
def test_every_shipped_model_has_its_maps_of_the_built_in_sets(spec):
    from convae import data
    from convae.models import checkpoints
    from convae.projection import maps

    images = data.load(spec, "test").sample(maps.LIMIT)
    for card in sorted((ROOT / "checkpoints").glob("*/card.json")):
        sha256 = checkpoints.load(str(card.parent)).sha256
        for dimensions in (2, 3):
            settings = maps.Settings("UMAP", dimensions)
            name = maps.key(sha256, images.fingerprint, settings)
            found = maps.load(name, card.parent / "maps")
            message = (
                f"python -m convae map {card.parent.name} --data {spec} --dimensions {dimensions}"
            )
            assert found is not None and found.shape == (len(images), dimensions), message
        assert len(list((card.parent / "maps").iterdir())) == 6, "maps of weights that are gone"


# Words of older versions, as whole words in any case; the field's words stand in their place.
REPLACED = {
    "straw (man|men)": "baseline",
    "rungs?|ladders?": "reference level",
    "corrections?": "refinement steps",
    "code size|fewer numbers|values in a code": "latent dimension, compression ratio",
    "off the data|nobody lives here": "off-manifold, no training codes nearby",
    "oddness": "Mahalanobis distance",
    "neighbours?|colours?": "neighbor, color",
    "how true": "how faithful",
    "sittings?": "training session",
    "the machine refused|without a word|at hand|on the way": "a plain technical sentence",
}
ALIASES = {  # names in files, addresses and commands of older versions, which are still read
    "`corrections`",
    "`--corrections`",
    '"rungs.json"',
    '"corrections"',
    '"--corrections"',
    '"latent-colour"',
    '"reconstruct-corrections"',
    '"Oddness"',
}


def documents():
    code = [*python_files("convae", "pages"), *(ROOT / "benchmarks").glob("*.py"), ROOT / "app.py"]
    texts = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")]
    return [*code, *texts, ROOT / "benchmarks" / "RESULTS.md"]


def replaced_words(text):
    for alias in ALIASES:
        text = text.replace(alias, "")
    found = (re.search(rf"\b({words})\b", text, re.I) for words in REPLACED)
    return [match[0] for match in found if match]


@pytest.mark.parametrize("text", ["Ladder of losses", "two\nrungs.", "a Colour"])
def test_replaced_words_are_found(text):
    assert replaced_words(text)


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_words_are_those_of_the_field(path):
    found = replaced_words(path.read_text())
    assert not found, f"{found}: see REPLACED for what to write instead"


CHECKS = ["ruff check .", "ruff format --check .", "python -m pytest -m not e2e -n 2",
          "python -m pytest -m e2e"]  # fmt: skip


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("failing", [None, *CHECKS])
def test_make_test_runs_every_check_and_fails_once_at_the_end(failing, tmp_path):
    (tmp_path / "bin").mkdir()
    for name in ("ruff", "python"):
        stub = tmp_path / "bin" / name
        stub.write_text(
            f'#!/bin/sh\ncalled="{name} $*"\necho "$called" >> {tmp_path}/calls\n'
            f'[ "$called" != "{failing}" ]\n'
        )
        stub.chmod(0o755)
    (tmp_path / "dev.done").touch()
    places = [f"VENV={tmp_path}", f"BIN={tmp_path / 'bin'}"]
    done = subprocess.run(
        ["make", "-C", ROOT, "test", *places], capture_output=True, text=True, timeout=60
    )
    assert (tmp_path / "calls").read_text().splitlines() == CHECKS, done.stderr
    assert (done.returncode != 0) == (failing is not None), done.stderr
