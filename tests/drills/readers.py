"""What reads files and texts of strangers: for each a function of the bytes, and valid ones.

A reader returns nothing where the result is usable, and raises ConvaeError (or, for the reason
alone, OSError) where the input is refused. AssertionError: the result is neither.
"""

import hashlib
import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs

import numpy as np
import torch
from PIL import Image

from convae import data, files, records, runs
from convae.config import TrainConfig, from_json
from convae.data import disk_cache, own_sets, uploads
from convae.flat_config import from_flat
from convae.models import bundle, checkpoints, weights_file
from convae.models.autoencoder import ConvAutoencoder
from convae.plots import training as plots
from convae.runs import settings_file, snapshots
from convae.ui import query
from convae.ui.latent_map import address

CONFIG = from_flat({"architecture": "strided", "base_channels": 8, "latent_dim": 4})


class Reader(NamedTuple):
    """read: what happens to the bytes. valid: files it takes. text: JSON or an address. share: of
    the mutated inputs."""

    read: Callable[[bytes], object]
    valid: list[bytes]
    text: bool = False
    share: int = 1


def pixels(images: np.ndarray) -> None:
    assert images.dtype == np.uint8 and images.shape[-3:] == (32, 32, 3), images.shape


def image_files() -> list[bytes]:
    """Images of 24 to 700 pixels in every format and mode that is taken."""
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (40, 56, 3), np.uint8))
    large = picture.resize((700, 640))
    deep = Image.fromarray(rng.integers(0, 65536, (24, 24), np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6
    saved = [
        (picture, "PNG", {}),
        (picture, "JPEG", {}),
        (picture, "WEBP", {}),
        (picture, "BMP", {}),
        (picture, "GIF", {}),
        (picture, "JPEG", {"progressive": True, "exif": exif}),
        (picture.convert("CMYK"), "JPEG", {}),
        (picture.convert("RGBA"), "PNG", {}),
        (picture.convert("P"), "PNG", {"transparency": 0}),
        (picture.convert("1"), "PNG", {}),
        (picture.convert("LA"), "PNG", {}),
        (deep, "PNG", {}),
        (large, "PNG", {}),
        (picture, "GIF", {"save_all": True, "append_images": [picture.rotate(90)]}),
        (picture, "WEBP", {"lossless": True}),
        (large, "JPEG", {}),
    ]
    result = []
    for image, kind, options in saved:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        result.append(buffer.getvalue())
    return result


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(members: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return buffer.getvalue()


def arrays(**values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **values)
    return buffer.getvalue()


class Readers:
    """All readers, working in one folder."""

    def __init__(self, home: Path):
        self.home = home
        self.model = checkpoints.root() / "mine"
        self.model.mkdir(parents=True)
        torch.manual_seed(0)
        model = ConvAutoencoder(CONFIG.model)
        model.code_mean = torch.zeros(4)
        facts = {
            "config": asdict(CONFIG),
            "name": "mine",
            "classes": ["a", "b"],
            "metrics": {"val_psnr": 12.5, "test": {"psnr": 12.0, "n": 10}},
            "training": {"epoch": 1, "step": 10, "elapsed_s": 2.5},
        }
        state = {"model": model.state_dict(), "epoch": 1, "torch_rng": torch.get_rng_state()}
        saved = checkpoints.save(self.model, model, facts, state=state).to_dict()
        # without a digest, so that changed values are read and judged
        self.facts = {key: value for key, value in saved.items() if key != "digest"} | {"format": 1}
        self.card_bytes = (self.model / "card.json").read_bytes()
        self.weights = (self.model / "model.safetensors").read_bytes()
        self.run = runs.claim(CONFIG, "read")
        self.folder = home / "read"
        self.folder.mkdir()

    def all(self) -> dict[str, Reader]:
        images = image_files()
        few = {"train/a/1.png": images[0], "train/b/2.jpg": images[1], "test/a/3.gif": images[4]}
        row = {
            "epoch": 1,
            "step": 5,
            "train_loss": 0.1,
            "val_loss": 0.1,
            "val_psnr": 10.0,
            "learning_rate": 1e-3,
            "images_per_s": 9.0,
            "elapsed_s": 1.0,
            "memory_mb": 1.0,
        }
        history = "".join(json.dumps(row | {"epoch": n}) + "\n" for n in range(1, 6))
        events = json.dumps({"epoch": 1, "step": 2, "what": "paused"}) + "\n"
        pictures = np.zeros((6, 32, 32, 3), np.uint8)
        plain = arrays(
            train_images=pictures,
            train_labels=np.arange(6),
            test_images=pictures,
            test_labels=np.arange(6),
            class_names=np.array(list("abcdef")),
        )
        shot = arrays(
            rebuilt=pictures,
            points=np.zeros((6, 2), np.float32),
            images=pictures,
            labels=np.arange(6),
            test_images=pictures,
        )
        card = json.dumps(self.facts).encode()
        status = json.dumps(
            {
                "state": "done",
                "message": "Trained.",
                "epoch": 3,
                "step": 9,
                "format": 1,
                "learning_rate": 0.1,
            }
        ).encode()
        kept = json.dumps(
            {
                "class_names": ["a"],
                "unreadable": 0,
                "encrypted": 0,
                "splits": {"test": {"count": 2, "fingerprint": "ab"}},
            }
        ).encode()
        addresses = [
            b"model=cifar10-64&data=shapes&latent-method=UMAP&latent-n_neighbors=15&latent-seed=3",
            b"reconstruct-count=8&reconstruct-which=Outside&present=1&train-view=Runs&train-run=a",
            b"denoise-strength-gaussian=0.2&generate-temperature=1.5&anomalies-limit=200",
            b"latent-selection=" + address.pack(np.arange(3), 500).encode() + b"~abcd1234",
        ]
        return {
            "images": Reader(self.image, images, share=24),
            "zips": Reader(self.zip, [packed(few), packed(few, zipfile.ZIP_STORED)], share=14),
            "bundles": Reader(self.bundle, [bundle.export("mine"), self.inside()], share=3),
            "weights": Reader(self.weights_only, [self.weights], share=4),
            "cards": Reader(self.card, [card, card, self.card_bytes], text=True, share=8),
            "states": Reader(self.state, [(self.model / "state.pt").read_bytes()], share=3),
            "histories": Reader(self.history, [history.encode(), events.encode()], True, 14),
            "configs": Reader(self.config, [CONFIG.to_json().encode()], True, 12),
            "statuses": Reader(self.status, [status], True, 4),
            "npz": Reader(self.npz, [plain, shot], share=4),
            "archives": Reader(self.archive, [packed(few), tarred(few), tarred(few, "w:gz")]),
            "kept sets": Reader(self.kept, [kept], True, 1),
            "addresses": Reader(self.address, addresses, True, 8),
        }

    def inside(self) -> bytes:
        """The model as one file with its card in it."""
        with zipfile.ZipFile(io.BytesIO(bundle.export("mine"))) as archive:
            return archive.read("model.safetensors")

    def image(self, content: bytes) -> None:
        pixels(uploads.decode_upload(content))

    def zip(self, content: bytes) -> None:
        images, names, problems = uploads.decode_uploads([("some.zip", content)])
        pixels(images)
        assert len(images) or problems, "neither an image nor a sentence"
        assert all("\n" not in text and text.endswith(".") for text in problems), problems
        own_sets.arranged(images, names) if names else None

    def bundle(self, content: bytes) -> None:
        bundle.accept(content).delete()

    def weights_only(self, content: bytes) -> None:
        weights_file.load(content, CONFIG.model)

    def card(self, content: bytes) -> None:
        files.write_atomically(self.model / "card.json", content)
        checkpoints.survey()
        checkpoints.load("mine")

    def state(self, content: bytes) -> None:
        (self.folder / "state.pt").write_bytes(content)
        checkpoints.load_state(self.folder)

    def history(self, content: bytes) -> None:
        (self.run.path / "history.jsonl").write_bytes(content)
        (self.run.path / "events.jsonl").write_bytes(content)
        rows = self.run.history()
        plots.table(rows, events=self.run.events(), show="loss", by="elapsed_s", cursor=1)
        records.comparable(rows)

    def config(self, content: bytes) -> None:
        assert isinstance(from_json(content), TrainConfig)
        (self.run.path / "config.json").write_bytes(content)
        settings_file.read(self.run.path)

    def status(self, content: bytes) -> None:
        (self.run.path / "status.json").write_bytes(content)
        status = self.run.status()
        assert isinstance(status.message, str) and isinstance(status.epoch, int)
        (self.run.path / "control.json").write_bytes(content)
        files.read_json(self.run.path / "control.json")

    def npz(self, content: bytes) -> None:
        path = self.folder / "00001.npz"
        path.write_bytes(content)
        snapshots.read(self.folder, 1)
        shutil.copyfile(path, self.folder / "pinned.npz")
        snapshots.pinned(self.folder), snapshots.class_names(self.folder)
        pixels(data.load(f"npz:{path}", "test").images)

    def archive(self, content: bytes) -> None:
        path = self.folder / f"{hashlib.sha256(content).hexdigest()[:16]}.zip"
        path.write_bytes(content)
        try:
            for split in data.splits(f"folder:{path}"):
                pixels(data.load(f"folder:{path}", split).images)
        finally:
            path.unlink()
            shutil.rmtree(disk_cache.data_dir() / "sets", ignore_errors=True)

    def kept(self, content: bytes) -> None:
        folder = disk_cache.data_dir() / "own" / "set"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "set.json").write_bytes(content)
        (folder / "test.images").write_bytes(bytes(2 * 3072))
        (folder / "test.labels").write_bytes(bytes(2 * 8))
        own_sets.specs()
        pixels(data.load("own:set", "test").images)

    def address(self, content: bytes) -> None:
        given = query.renamed(parse_qs(content.decode(errors="replace"), keep_blank_values=True))
        for key, values in given.items():
            reason = query.problem(key, values)
            assert "\n" not in reason and len(reason) < 600, reason
            for value in values:
                rows = address.unpack(value.partition("~")[0], 500)
                assert rows is None or rows.max() < 500
                if key == "data":
                    data.check_spec(value)
