"""Our optimizers are those of torch, without what torch.compile needs."""

import subprocess
import sys

import pytest
import torch

from convae.flat_config import from_flat
from convae.models.autoencoder import ConvAutoencoder
from convae.training import optim
from tests.support.browsing import ROOT

SMALL = dict(spec="shapes", architecture="strided", base_channels=8, latent_dim=4)
PAIRS = {
    "adam": (optim.Adam, torch.optim.Adam, dict(weight_decay=0.1, decoupled_weight_decay=True)),
    "adamw": (optim.AdamW, torch.optim.AdamW, dict(weight_decay=0.1)),
    "sgd": (optim.SGD, torch.optim.SGD, dict(momentum=0.9, weight_decay=0.1)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_steps_are_those_of_torch_bit_by_bit_also_after_a_restored_state(name):
    ours, theirs, extra = PAIRS[name]
    after = []
    for kind in (ours, theirs):
        torch.manual_seed(0)
        model = ConvAutoencoder(from_flat(SMALL).model)
        optimizer = kind(model.parameters(), lr=1e-2, fused=True, **extra)
        for _ in range(2):
            for _ in range(2):
                for parameter in model.parameters():
                    parameter.grad = torch.randn_like(parameter)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            state = optimizer.state_dict()
            optimizer = kind(model.parameters(), lr=1.0, fused=True, **extra)
            optimizer.load_state_dict(state)
        after.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(*after)


@pytest.mark.parametrize("optimizer", PAIRS)
def test_training_imports_no_compiler(optimizer, tmp_path):
    """Nor does a resume: its state is written and read."""
    code = f"""
import sys
import numpy as np, torch
from convae.flat_config import from_flat
from convae.training.trainer import Trainer
config = from_flat({SMALL | dict(optimizer=optimizer, batch_size=4)!r})
images = np.zeros((8, 32, 32, 3), np.uint8)
trainer = Trainer.create(config, images, images[:2])
for chosen in trainer.begin_epoch():
    trainer.train_step(chosen)
trainer.end_epoch()
again = Trainer.create(config, images, images[:2])
again.restore(trainer.state())
assert again.step == 2
sys.exit(", ".join({{"torch._dynamo", "sympy"}} & set(sys.modules)) or 0)
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
