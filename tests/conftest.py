"""Every test works in folders of its own, with one thread: many small matrices, few cores."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pytest

from convae.evaluation.pca import fit_pca

# Folders and files whose tests train, open pages or start processes: `make quick` omits them.
SLOW = """
e2e ui training runs drills
test_cached_files.py test_cli.py test_generate_and_probe.py test_jobs.py test_package.py
test_processes.py test_queue_commands.py test_task_commands.py
data/test_cifar10_job.py data/test_decoding.py data/test_disk_cache.py data/test_image_folder.py
evaluation/test_compare.py evaluation/test_shipped_pca.py
models/test_checkpoints.py models/test_shipped_figures.py models/test_threads.py
projection/test_maps.py projection/test_umap_service.py
tasks/test_features.py tasks/test_generation.py
""".split()


def pytest_collection_modifyitems(items):
    tests = Path(__file__).parent
    slow = {tests / name for name in SLOW}
    for item in items:
        if slow & {item.path, *item.path.parents}:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """No test reads or writes the user's runs, data or caches."""
    for name in ("RUNS", "CHECKPOINTS", "DATA", "CACHE"):
        monkeypatch.setenv(f"CONVAE_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("CONVAE_TRAINING", "on")  # a visitor in AppTest has no IP address
    # a page that is opened measures the training speed: not in every test
    monkeypatch.setattr("convae.training.speed_probe.start", lambda config: False)
    return tmp_path


@pytest.fixture
def tiny_data(tmp_path):
    """SPEC of 160 training and 24 test images of two classes: bright or dark squares on gray."""
    rng = np.random.default_rng(0)

    def squares(count):
        images = np.full((count, 32, 32, 3), 110, np.uint8)
        labels = rng.integers(0, 2, count)
        for image, label in zip(images, labels, strict=True):
            x, y = rng.integers(0, 18, 2)
            image[y : y + 14, x : x + 14] = rng.integers(0, 80, 3) + 160 * label
        return images, labels

    train, test = squares(160), squares(24)
    path = tmp_path / "tiny.npz"
    np.savez(
        path, train_images=train[0], train_labels=train[1], test_images=test[0],
        test_labels=test[1], class_names=np.array(["dark", "bright"]),
    )  # fmt: skip
    return f"npz:{path}"


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory):
    """A folder with an untrained model for `shapes`: what pages need to open, made in no time."""
    from dataclasses import asdict

    import torch

    from convae.config import DataConfig, ModelConfig, TrainConfig
    from convae.data.builtin import SHAPES
    from convae.models import checkpoints
    from convae.models.autoencoder import ConvAutoencoder

    config = TrainConfig(
        data=DataConfig(spec="shapes"), model=ModelConfig("classic", latent_dim=8, base_channels=8)
    )
    torch.manual_seed(0)
    model = ConvAutoencoder(config.model)
    model.code_mean = torch.linspace(-0.1, 0.1, 8)
    folder = tmp_path_factory.mktemp("weights")
    card = {
        "name": "tiny",
        "config": asdict(config),
        "data": {"name": "shapes", "images": 10_000},
        "classes": list(SHAPES),
        "metrics": {"val_psnr": 12.0, "val_loss": 0.06, "test": {"psnr": 12.3}},
        "training": {"epoch": 1},
        "parameters": model.parameter_count,
    }
    checkpoints.save(folder, model, card)
    return folder


@pytest.fixture
def add_checkpoint(tiny_weights, own_folders):
    """`add_checkpoint("name", spec=...)` puts the tiny model among the shipped ones."""
    import shutil

    from tests.support import cards

    def add(name: str = "tiny", spec: str = "shapes", psnr: float = 12.3):
        folder = own_folders / "checkpoints" / name
        shutil.copytree(tiny_weights, folder)
        with cards.edited(folder) as card:
            card["config"]["data"]["spec"] = spec
            card["metrics"]["test"]["psnr"] = psnr
        return folder

    return add


@pytest.fixture
def tiny_checkpoint(add_checkpoint):
    """The folder of a shipped model called tiny, all that pages find."""
    return add_checkpoint()


@pytest.fixture(scope="session")
def waves():
    """300 smooth images: a few waves each, so that codecs and PCA have something to find."""
    rng, n = np.random.default_rng(0), 300
    grid = np.arange(32) / 32
    u, v = rng.uniform(-2, 2, (2, n, 4, 1, 1, 1))
    phase, color = rng.uniform(0, 6.3, (n, 4, 1, 1, 1)), rng.normal(0, 30, (n, 4, 1, 1, 3))
    waves = np.cos(6.3 * (u * grid[:, None, None] + v * grid[None, :, None]) + phase) * color
    return (128 + waves.sum(axis=1)).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def pca_of_waves(waves):
    return fit_pca(waves, components=40)


@pytest.fixture
def downloads(monkeypatch):
    """What the download buttons of a page give, by file name, each made when it is called."""
    from convae.ui import frame

    taken = {}
    monkeypatch.setattr(frame, "download", lambda _, made, name, *rest: taken.update({name: made}))
    return taken
