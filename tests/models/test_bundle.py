"""Checkpoints that visitors bring along: good ones come back whole, hostile ones get a sentence."""

import io
import json
import struct
import zipfile
from dataclasses import asdict

import numpy as np
import pytest
import safetensors.torch
import torch

from convae import runs
from convae.errors import CheckpointError, ConvaeError, RunError
from convae.flat_config import from_flat
from convae.models import bundle, checkpoints
from convae.models.autoencoder import ConvAutoencoder
from tests.support import cards

CONFIG = from_flat({"architecture": "strided", "base_channels": 8, "latent_dim": 4})


@pytest.fixture
def model():
    torch.manual_seed(1)
    return ConvAutoencoder(CONFIG.model).eval()


@pytest.fixture
def saved(model):
    folder = checkpoints.root() / "mine"
    folder.mkdir(parents=True)
    checkpoints.save(folder, model, {"config": asdict(CONFIG), "name": "mine"})
    return folder


def zipped(**members) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_dot_", "."), content)
    return buffer.getvalue()


def parts(saved) -> tuple[str, bytes]:
    return (saved / "card.json").read_text(), (saved / "model.safetensors").read_bytes()


def header(text: bytes, rest: bytes = b"") -> bytes:
    return struct.pack("<Q", len(text)) + text + rest


def test_what_was_exported_comes_back_as_a_run_that_every_page_finds(saved, model):
    run = bundle.accept(bundle.export("mine"))
    assert run.id == "mine-2" and run.status().state == "done" and run.uploaded
    loaded = checkpoints.load("mine-2")
    image = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    assert np.array_equal(loaded.reconstruct(image), model.reconstruct(image))
    assert [entry.name for entry in checkpoints.listing()] == ["mine", "mine-2"]


def test_one_safetensors_file_with_its_card_inside_will_do(saved):
    with zipfile.ZipFile(io.BytesIO(bundle.export("mine"))) as archive:
        alone = archive.read("model.safetensors")
    run = bundle.accept(alone)
    assert checkpoints.load(run.id).config == CONFIG.model


def test_folders_inside_a_zip_mean_nothing(saved):
    card, weights = parts(saved)
    packed = zipped(**{"../../etc/card.json": card, "/x/model.safetensors": weights, "y.exe": "x"})
    run = bundle.accept(packed)
    assert run.path.parent == runs.root() and sorted(p.name for p in run.path.iterdir()) == [
        "card.json", "config.json", "lock", "model.safetensors", "status.json", "uploaded"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "neither a zip nor a safetensors"),
        (b"abc", "neither a zip nor a safetensors"),
        (b"\x80\x02cos\nsystem\n(S'true'\ntR.", "neither a zip nor a safetensors"),
        (b"PK\x03\x04 cut short", "zip is damaged"),
        (struct.pack("<Q", 2**40) + b"{}", "neither a zip"),
        (header(b"{", b"xx"), "not a JSON object"),
        (header(b"[" * 100_000), "not a JSON object"),
        (header(b'{"__metadata__": {"a": "b"}}'), "no convae card in its metadata"),
        (header(b'{"__metadata__": {"card": "[1]"}}'), "not a JSON object"),
        (header(b'{"__metadata__": {"card": "{}"}}'), "not a convae checkpoint"),
        (zipped(a="b"), "has no card.json"),
        (zipped(card_dot_json="{}"), "has no model.safetensors"),
        (zipped(card_dot_json="{", model_dot_safetensors="x"), "not a JSON object"),
        (zipped(card_dot_json="{}", model_dot_safetensors="x"), "not a convae checkpoint"),
        (zipped(card_dot_json=" " * (2**20 + 1), model_dot_safetensors="x"), "larger than 1 MB"),
        (zipped(card_dot_json="{}", model_dot_safetensors=b"\0" * (50 * 2**20 + 1)), "larger than"),
        (zipped(**{f"{n}.txt": "x" for n in range(60)}), "more than 50 files"),
    ],
    ids=range(17),
)
def test_hostile_files_get_one_sentence_and_leave_nothing(data, words):
    with pytest.raises(CheckpointError, match=words) as error:
        bundle.accept(data)
    assert "\n" not in str(error.value) and runs.listing() == []


def test_too_large_a_file_is_refused_unopened():
    with pytest.raises(CheckpointError, match="the limit is 50 MB"):
        bundle.accept(b"PK" + bytes(52 * 2**20))


def test_weights_of_another_model_are_refused(saved):
    card, weights = parts(saved)
    changed = json.loads(card)
    changed["config"]["model"]["latent_dim"] = 5
    del changed["sha256"]
    with pytest.raises(CheckpointError, match="has shape"):
        bundle.accept(zipped(card_dot_json=cards.text(changed), model_dot_safetensors=weights))
    with pytest.raises(CheckpointError, match="file is damaged"):
        bundle.accept(zipped(card_dot_json=card, model_dot_safetensors=weights[:-1] + b"x"))
    assert runs.listing() == []


def test_a_card_that_changed_on_its_way_is_refused(saved):
    card, weights = parts(saved)
    changed = card.replace('"epochs": 10', '"epochs": 11')
    assert changed != card
    with pytest.raises(CheckpointError, match="card.json is damaged .*: download the model again"):
        bundle.accept(zipped(card_dot_json=changed, model_dot_safetensors=weights))
    with zipfile.ZipFile(io.BytesIO(bundle.export("mine"))) as archive:
        alone = archive.read("model.safetensors")
    changed = alone.replace(b'epochs\\": 10', b'epochs\\": 11')
    assert changed != alone
    with pytest.raises(CheckpointError, match="The card in the metadata is damaged"):
        bundle.accept(changed)
    assert runs.listing() == []


def test_values_that_are_not_finite_are_refused(saved, model):
    card = json.dumps({"config": asdict(CONFIG)})
    tensors = {k: v.clone() for k, v in model.state_dict().items()}
    next(iter(tensors.values())).fill_(torch.inf)
    weights = safetensors.torch.save(tensors)
    with pytest.raises(CheckpointError, match="not finite"):
        bundle.accept(zipped(card_dot_json=card, model_dot_safetensors=weights))


@pytest.mark.parametrize(
    "config",
    [
        {"model": {"latent_dim": 10**9}},
        {"model": {"architecture": "classic", "base_channels": 128, "latent_dim": 1024}},
        {"epochs": "many"},
        {"surprise": 1},
        {"model": []},
    ],
    ids=["width", "size", "type", "key", "shape"],
)
def test_settings_out_of_bounds_are_refused_before_a_model_is_built(saved, config, monkeypatch):
    _, weights = parts(saved)
    with pytest.raises(ConvaeError):
        bundle.accept(
            zipped(card_dot_json=json.dumps({"config": config}), model_dot_safetensors=weights)
        )
    assert runs.listing() == []


def test_a_strange_card_is_written_anew_from_what_is_known(saved):
    card, weights = parts(saved)
    strange = json.loads(card) | {
        "name": "../<b>Ünfug</b>", "metrics": {"val_psnr": "high", "test": [1], "extra": {}},
        "classes": [1, "<script>", "a" * 999], "training": "long", "versions": None,
        "machine": ["x"], "parameters": -5, "html": "<img>", "data": {"images": float("inf")},
    }  # fmt: skip
    run = bundle.accept(zipped(card_dot_json=cards.old(strange), model_dot_safetensors=weights))
    assert runs.ID.fullmatch(run.id)
    kept = json.loads((run.path / "card.json").read_text())
    assert kept["metrics"] == dict.fromkeys(("val_psnr", "val_loss", "val_noise", "test"))
    assert kept["classes"] == ["", "script", "a" * 80] and kept["parameters"] > 1000
    assert kept["data"]["images"] is None and "html" not in kept


def test_an_upload_does_not_take_a_name_that_exists(saved):
    names = [bundle.accept(bundle.export("mine")).id for _ in range(3)]
    assert names == ["mine-2", "mine-3", "mine-4"]


def test_a_host_for_looking_only_takes_nothing(saved, monkeypatch):
    packed = bundle.export("mine")
    monkeypatch.setenv("CONVAE_TRAINING", "off")
    with pytest.raises(RunError, match="to upload a model"):
        bundle.accept(packed)
    monkeypatch.delenv("CONVAE_TRAINING")
    monkeypatch.setenv("CONVAE_MAX_RUNS", "0")
    bundle.accept(packed)
    monkeypatch.setenv("CONVAE_MAX_RUNS", "1")
    with pytest.raises(RunError, match="at most 1 run:"):
        bundle.accept(packed)


def broken(model, half: str, change) -> bytes:
    """A zip of the model with the tensors of its batch norms in one half changed."""
    tensors = {k: v.clone() for k, v in model.state_dict().items()}
    for name in tensors:
        if name.startswith(half):
            change(name, tensors)
    card = json.dumps({"config": asdict(NORMED)})
    return zipped(card_dot_json=card, model_dot_safetensors=safetensors.torch.save(tensors))


NORMED = from_flat({"architecture": "classic", "base_channels": 8, "latent_dim": 4})


@pytest.mark.parametrize(("half", "what"), [("encoder", "codes"), ("decoder", "reconstructions")])
def test_finite_weights_that_give_no_finite_images_are_refused(half, what):
    def negative_variance(name, tensors):
        if name.endswith("running_var"):
            tensors[name].fill_(-1)

    model = ConvAutoencoder(NORMED.model)
    with pytest.raises(CheckpointError, match=f"gives {what} that are not finite"):
        bundle.accept(broken(model, half, negative_variance))
    assert runs.listing() == []
    bundle.accept(broken(model, half, lambda name, tensors: None))


def test_a_step_counter_of_another_type_is_refused():
    def float8(name, tensors):
        if name.endswith("num_batches_tracked"):
            tensors[name] = tensors[name].to(torch.float8_e4m3fn)

    with pytest.raises(CheckpointError, match="has type F8_E4M3; it must be I64"):
        bundle.accept(broken(ConvAutoencoder(NORMED.model), "encoder", float8))


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        ("\ud800", "unknown"), ("![x](//host/p.png)", "unknown"), ("x" * 10**5, "unknown"),
        ("folder:/etc", "unknown"), ("digits", "digits"),
    ],
    ids=range(5),
)  # fmt: skip
def test_of_an_uploaded_card_only_known_image_sets_are_kept(saved, spec, kept):
    card, weights = parts(saved)
    strange = json.loads(card)
    strange["config"] |= {"init_from": "\ud800" + spec}
    strange["config"]["data"]["spec"] = spec
    strange |= {"classes": ["\ud800a\x00"], "machine": "\udfff"}
    run = bundle.accept(zipped(card_dot_json=cards.old(strange), model_dot_safetensors=weights))
    assert run.config().data.spec == kept and run.config().init_from == ""
    found = json.loads((run.path / "card.json").read_text())
    json.dumps(found, ensure_ascii=False).encode()
    assert found["config"]["data"]["spec"] == kept and found["config"]["init_from"] == ""
    assert found["classes"] == ["a"] and found["machine"] == ""
