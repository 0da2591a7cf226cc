import hashlib
import inspect
import io
import json
import os
import struct
import subprocess
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from convae import __main__ as cli
from convae import runs
from convae.codec import Codec
from convae.config import TrainConfig
from convae.errors import CheckpointError, ConfigError
from convae.flat_config import from_flat
from convae.models import bundle, checkpoints
from convae.models.autoencoder import ConvAutoencoder
from tests.support import cards

CONFIG = from_flat({"architecture": "strided", "base_channels": 8, "latent_dim": 4})


@pytest.fixture
def saved():
    folder = checkpoints.root() / "mine"
    folder.mkdir(parents=True)
    torch.manual_seed(1)
    model = ConvAutoencoder(CONFIG.model)
    card = checkpoints.save(folder, model, {"config": asdict(CONFIG)})
    return folder, model.eval(), card


def image(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (2, 32, 32, 3), np.uint8)


def test_a_checkpoint_is_a_codec(saved):
    assert isinstance(checkpoints.load("mine"), Codec)
    # isinstance compares names alone
    for name in ("encode", "decode", "reconstruct", "with_refinement_steps"):
        promised = inspect.signature(getattr(Codec, name)).parameters.values()
        given = inspect.signature(getattr(checkpoints.Checkpoint, name)).parameters.values()
        assert [(p.name, p.default) for p in promised] == [(p.name, p.default) for p in given]


def test_what_was_saved_comes_back_bit_for_bit(saved):
    folder, model, card = saved
    for name in ("mine", str(folder)):
        loaded = checkpoints.load(name)
        assert loaded.sha256 == card.sha256 and loaded.config == CONFIG.model
        assert np.array_equal(loaded.reconstruct(image()), model.reconstruct(image()))
        assert np.array_equal(loaded.decode(loaded.encode(image())), loaded.reconstruct(image()))
    assert not loaded.model.training


def test_half_precision_takes_half_the_room_and_looks_the_same(saved):
    folder, model, _ = saved
    before = (folder / "model.safetensors").stat().st_size
    checkpoints.save(folder, model, {"config": asdict(CONFIG)}, half=True)
    assert (folder / "model.safetensors").stat().st_size < 0.52 * before
    difference = checkpoints.load("mine").reconstruct(image()).astype(int) - model.reconstruct(
        image()
    )
    assert np.abs(difference).max() <= 1


def test_a_missing_checkpoint_is_answered_with_those_at_hand(saved):
    with pytest.raises(CheckpointError, match="no checkpoint `nope`. Available: mine"):
        checkpoints.load("nope")


def test_a_run_without_an_epoch_has_no_model_yet():
    runs.claim(CONFIG, "young")
    with pytest.raises(CheckpointError, match="`young` has not finished an epoch"):
        checkpoints.load("young")


def test_changed_weights_are_noticed(saved):
    folder, _, _ = saved
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="not those its card was written for"):
        checkpoints.load("mine")


def tampered(saved, change):
    _, model, card = saved
    tensors = {k: v.clone() for k, v in model.state_dict().items()}
    change(tensors)
    return card.with_changes(sha256="").to_dict(), safetensors.torch.save(tensors)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("encoder.0.weight"), "Tensor `encoder.0.weight` is missing"),
        (lambda t: t.update(extra=torch.zeros(1)), "Tensor `extra` belongs to another model"),
        (
            lambda t: t.update({"encoder.0.bias": torch.zeros(9)}),
            r"Tensor `encoder.0.bias` has shape \(9,\), the card asks for \(8,\)",
        ),
        (
            lambda t: t.update({"encoder.0.bias": torch.zeros(8, dtype=torch.int64)}),
            "Tensor `encoder.0.bias` has type I64",
        ),
        (
            lambda t: t["encoder.0.bias"].fill_(torch.nan),
            "`encoder.0.bias` holds values that are not finite",
        ),
    ],
)
def test_load_names_the_tensor_that_does_not_fit(saved, change, message):
    card, weights = tampered(saved, change)
    with pytest.raises(CheckpointError, match=message):
        checkpoints.from_bytes("x", weights, card)


@pytest.mark.parametrize(
    "weights",
    [b"", b"abc", b"\x80\x02}q\x00.", struct.pack("<Q", 2**40) + b"{}", struct.pack("<Q", 2) + b"{",
     struct.pack("<Q", 4) + b"nope"],
)  # fmt: skip
def test_files_that_are_no_safetensors_are_one_sentence(saved, weights):
    with pytest.raises(CheckpointError, match="safetensors file"):
        checkpoints.from_bytes("x", weights, {"config": asdict(CONFIG)})


def test_a_huge_model_is_refused_before_it_is_built(saved):
    card = {"config": {"model": {"architecture": "classic", "base_channels": 128,
                                 "latent_dim": 1024}}}  # fmt: skip
    with pytest.raises(CheckpointError, match="more than 12,000,000 parameters"):
        checkpoints.from_bytes("x", b"", card)


def test_a_card_of_something_else_is_refused():
    with pytest.raises(CheckpointError, match="not a convae checkpoint"):
        checkpoints.from_bytes("x", b"", {})
    with pytest.raises(ConfigError, match="Unknown setting `depth`"):
        checkpoints.from_bytes("x", b"", {"config": {"model": {"depth": 3}}})


def test_the_listing_reads_cards_alone_and_skips_damaged_ones(saved):
    bad = checkpoints.root() / "bad"
    bad.mkdir()
    (bad / "card.json").write_text("{")
    (bad / "model.safetensors").write_bytes(b"")
    assert [(e.name, e.config.model.latent_dim) for e in checkpoints.listing()] == [("mine", 4)]


def test_the_exported_zip_holds_a_checkpoint_that_loads(saved):
    with zipfile.ZipFile(io.BytesIO(bundle.export("mine"))) as archive:
        weights = archive.read("model.safetensors")
        card = json.loads(archive.read("card.json"))
    loaded = checkpoints.from_bytes("back", weights, card)
    assert np.array_equal(loaded.reconstruct(image()), saved[1].reconstruct(image()))


def test_the_script_in_the_exported_zip_loads_the_model(saved, tmp_path):
    with zipfile.ZipFile(io.BytesIO(bundle.export("mine"))) as archive:
        for name in ("card.json", "model.safetensors", "load.py"):
            (tmp_path / name).write_bytes(archive.read(name))
    root = Path(__file__).resolve().parents[2]
    process = subprocess.run(
        [sys.executable, tmp_path / "load.py"], capture_output=True, text=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    assert "(8, 4) (8, 32, 32, 3)" in process.stdout


def test_a_damaged_resume_state_never_shows_torchs_own_words(tmp_path):
    (tmp_path / "state.pt").write_bytes(b"\x80\x02cos\nsystem\n.")
    with pytest.raises(CheckpointError, match="resume state .* is damaged") as error:
        checkpoints.load_state(tmp_path)
    assert "weights_only" not in str(error.value)


def test_a_model_read_while_its_run_saves_is_never_called_damaged(tiny_weights, monkeypatch):
    run = runs.claim(TrainConfig(), "saving")
    old = {name: (tiny_weights / name).read_bytes() for name in ("card.json", "model.safetensors")}
    model = checkpoints.load(str(tiny_weights)).model
    tensors = {name: (tensor + 1).contiguous() for name, tensor in model.state_dict().items()}
    weights = safetensors.torch.save(tensors)
    card = json.loads(old["card.json"]) | {"sha256": hashlib.sha256(weights).hexdigest()}
    (run.path / "card.json").write_bytes(old["card.json"])
    (run.path / "model.safetensors").write_bytes(weights)  # its card comes a moment later
    looks = []

    def look_away(_):
        looks.append(1)
        if len(looks) == 3:
            (run.path / "card.json").write_text(cards.text(card))

    monkeypatch.setattr(checkpoints.time, "sleep", look_away)
    with runs.working_on(run):
        assert checkpoints.load("saving").sha256 == card["sha256"]
    assert len(looks) == 3
    (run.path / "card.json").write_bytes(old["card.json"])
    with pytest.raises(CheckpointError, match="file is damaged"):  # nobody saves: it is
        checkpoints.load("saving")


def test_weights_saved_as_float16_load_as_float32_and_the_card_says_so(tiny_data):
    command = ["train", "--data", tiny_data, "--latent-dim", "8", "--base-channels", "8",
               "--epochs", "1", "--quiet", "--name"]  # fmt: skip
    assert cli.main([*command, "full"]) == 0
    assert cli.main([*command, "half", "--weights", "float16"]) == 0
    full, half = checkpoints.load("full"), checkpoints.load("half")
    assert (full.card.weights, half.card.weights) == ("float32", "float16")
    sizes = [(runs.get(n).path / "model.safetensors").stat().st_size for n in ("full", "half")]
    assert sizes[1] < 0.55 * sizes[0]
    for name, tensor in half.model.state_dict().items():
        assert tensor.dtype == torch.float32, name
        assert torch.equal(tensor, full.model.state_dict()[name].half().float()), name
    state = checkpoints.load_state(runs.get("half").path)
    assert torch.equal(  # resume goes on with all digits
        state["model"]["encoder.linear.weight"], full.model.state_dict()["encoder.linear.weight"]
    )


def test_a_save_interrupted_between_weights_and_card_leaves_the_checkpoint_before(saved):
    folder, model, card = saved
    rename, calls = os.replace, []

    def interrupted(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        rename(source, target)

    other = ConvAutoencoder(CONFIG.model)
    for _ in range(2):  # an interrupted save may follow another one
        calls.clear()
        with pytest.MonkeyPatch.context() as patch, pytest.raises(OSError):
            patch.setattr(os, "replace", interrupted)
            checkpoints.save(folder, other, {"config": asdict(CONFIG)})
        loaded = checkpoints.load("mine")
        assert loaded.sha256 == card.sha256
        assert np.array_equal(loaded.reconstruct(image()), model.reconstruct(image()))
    new = checkpoints.save(folder, other, {"config": asdict(CONFIG)})
    assert checkpoints.load("mine").sha256 == new.sha256 != card.sha256
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "model.safetensors"]


def test_a_changed_bit_in_the_resume_state_is_noticed_and_older_states_still_load(tmp_path):
    content = checkpoints.state_bytes({"epoch": 3, "model": {"a": torch.arange(50.0)}})
    path = tmp_path / "state.pt"
    path.write_bytes(content)
    assert checkpoints.load_state(tmp_path)["epoch"] == 3
    path.write_bytes(content[:-32])  # written by an older version
    assert checkpoints.load_state(tmp_path)["epoch"] == 3
    for place in range(0, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 4
        path.write_bytes(changed)
        with pytest.raises(CheckpointError, match="damaged"):
            checkpoints.load_state(tmp_path)
