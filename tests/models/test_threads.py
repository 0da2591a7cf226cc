"""One model, many threads: what all sessions of the app share is read and never changed."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from convae.config import ModelConfig, TrainConfig
from convae.models.autoencoder import ConvAutoencoder
from convae.models.card import Card
from convae.models.checkpoints import Checkpoint

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)
THREADS, ROUNDS = 10, 2


@pytest.fixture(params=["classic", "strided", "residual"])
def checkpoint(request):
    torch.manual_seed(0)
    model = ConvAutoencoder(ModelConfig(request.param, 16, base_channels=8))
    return Checkpoint("shared", Card(TrainConfig(), sha256="0"), model)


def operations(checkpoint):
    """What pages ask of a model: name -> a call without arguments that gives a list of arrays."""
    codes = checkpoint.encode(IMAGES)
    refined = checkpoint.with_refinement_steps(2)
    return {
        "encode": lambda: [checkpoint.encode(IMAGES)],
        "encode in bfloat16": lambda: [checkpoint.encode(IMAGES, "bf16")],
        "decode": lambda: [checkpoint.decode(codes)],
        "refine": lambda: [refined.encode(IMAGES)],
        "refine anew": lambda: [checkpoint.with_refinement_steps(3).reconstruct(IMAGES)],
        "layers": lambda: [out for _, _, out, _ in checkpoint.model.layers(IMAGES[0])],
        "layers refined": lambda: [out for _, _, out, _ in refined.model.layers(IMAGES[1])],
    }


def state_of(model):
    """Everything of a model that could be changed: hooks, modes, gradients, values."""
    hooks = [
        (name, kind, len(held))
        for name, module in model.named_modules()
        for kind, held in vars(module).items()
        if "hooks" in kind and held is not None
    ]
    modes = [module.training for module in model.modules()]
    flags = [(p.requires_grad, p.grad is None) for p in model.parameters()]
    values = [value.clone() for value in model.state_dict().values()]
    return hooks, modes, flags, values


def same_state(before, after):
    return before[:3] == after[:3] and all(map(torch.equal, before[3], after[3]))


def test_ten_threads_on_one_model_get_the_single_threaded_results(checkpoint):
    asked = operations(checkpoint)
    alone = {name: call() for name, call in asked.items()}
    before = state_of(checkpoint.model)
    start = threading.Barrier(THREADS)

    def visitor(number):
        start.wait(30)
        names = list(asked)
        for turn in range(ROUNDS * len(names)):
            name = names[(number + turn) % len(names)]
            for part, wanted in zip(asked[name](), alone[name], strict=True):
                np.testing.assert_array_equal(part, wanted, err_msg=name)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(visitor, range(THREADS)))
    assert same_state(before, state_of(checkpoint.model))


def test_nothing_is_attached_to_a_model_while_its_layers_are_walked(checkpoint, monkeypatch):
    model, attached = checkpoint.model, []
    own = set(model.modules())
    real = torch.nn.Module.__call__

    def watched(module, *arguments):
        attached.extend(each for each in own if each._forward_hooks)
        return real(module, *arguments)

    monkeypatch.setattr(torch.nn.Module, "__call__", watched)
    assert model.layers(IMAGES[0]) and not attached


def test_layers_of_a_model_that_still_has_gradients_are_plain_arrays():
    model = ConvAutoencoder(ModelConfig("strided", 16, base_channels=8)).eval()
    before = state_of(model)
    assert all(isinstance(out, np.ndarray) for _, _, out, _ in model.layers(IMAGES[0]))
    assert same_state(before, state_of(model))


@pytest.mark.parametrize("call", ["encode", "reconstruct"])
def test_an_error_on_the_way_leaves_the_grad_mode_as_it_was(call, monkeypatch):
    model = ConvAutoencoder(ModelConfig("strided", 16, base_channels=8)).eval()

    def broken(x):
        raise ValueError("broken")

    monkeypatch.setattr(model, "f", broken)
    with pytest.raises(ValueError, match="broken") as kept:  # its traceback holds every frame
        getattr(model, call)(IMAGES)
    assert torch.is_grad_enabled() and kept.tb is not None


def test_a_batch_leaves_the_grad_mode_to_its_consumer():
    model = ConvAutoencoder(ModelConfig("strided", 16, base_channels=8)).eval()
    batches = model._batches(np.repeat(IMAGES, 50, axis=0))
    next(batches)
    assert torch.is_grad_enabled()
    batches.close()
