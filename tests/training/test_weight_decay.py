"""Weight decay is decoupled, whatever the optimizer."""

import pytest
import torch

from convae.flat_config import from_flat
from convae.models.autoencoder import ConvAutoencoder
from convae.training.optim import make_optimizer

CPU = torch.device("cpu")
SMALL = dict(architecture="strided", base_channels=8, latent_dim=4, learning_rate=0.1)


def stepped(steps, gradient, **changes):
    """(weights before, weights after) of one tensor after steps with this gradient."""
    config = from_flat(SMALL | changes)
    torch.manual_seed(0)
    model = ConvAutoencoder(config.model)
    optimizer = make_optimizer(config, model, CPU)
    weight = next(model.parameters())
    before = weight.detach().clone()
    for _ in range(steps):
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, gradient)
        optimizer.step()
    return before, weight.detach()


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_without_a_gradient_weight_decay_shrinks_weights_by_rate_times_decay(optimizer):
    before, after = stepped(2, 0.0, optimizer=optimizer, weight_decay=0.5)
    torch.testing.assert_close(after, before * (1 - 0.1 * 0.5) ** 2)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_weight_decay_changes_no_step_of_the_gradient(optimizer):
    before, decayed = stepped(1, 1.0, optimizer=optimizer, weight_decay=0.5)
    _, plain = stepped(1, 1.0, optimizer=optimizer, weight_decay=0.0)
    torch.testing.assert_close(decayed, plain - 0.1 * 0.5 * before)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_the_state_of_an_optimizer_keeps_its_weight_decay(optimizer):
    config = from_flat(SMALL | dict(optimizer=optimizer, weight_decay=0.5))
    made = make_optimizer(config, ConvAutoencoder(config.model), CPU)
    for parameter in made.param_groups[0]["params"]:
        parameter.grad = torch.zeros_like(parameter)
    made.step()
    assert made.state_dict()["param_groups"][0]["weight_decay"] == 0.5


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_a_run_begun_with_l2_decay_goes_on_with_it(kind):
    config = from_flat(SMALL | dict(optimizer=kind, weight_decay=0.5))
    torch.manual_seed(0)
    model, same = ConvAutoencoder(config.model), ConvAutoencoder(config.model)
    same.load_state_dict(model.state_dict())
    old_kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[kind]
    extra = {"betas": (0.9, 0.99)} if kind == "adam" else {"momentum": 0.9}
    old = old_kind([{"params": list(model.parameters()), "share": 1.0}], lr=0.1,
                   weight_decay=0.5, fused=True, **extra)  # fmt: skip
    new = make_optimizer(config, same, CPU)
    new.load_state_dict(old.state_dict())
    for each, optimizer in ((model, old), (same, new)):
        for parameter in each.parameters():
            parameter.grad = torch.full_like(parameter, 0.1)
        optimizer.step()
    for a, b in zip(model.parameters(), same.parameters(), strict=True):
        assert torch.equal(a, b)
