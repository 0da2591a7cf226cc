"""Refinement of a code after the encoder by a few steps of conjugate gradients.

The best code of an image is the one whose reconstruction has the smallest error. The output of the
encoder is not that code (the "amortization gap", Cremer et al. 2018). Starting from it, conjugate
gradients on the squared error close most of the gap in two or three steps (Polak and Ribiere 1969
for the directions); the step length follows from a trial step, as if the decoder were linear along
the direction.
"""

from collections.abc import Callable

import torch
from torch import Tensor

TRIAL = 0.06  # length of the trial, as a share of the code's own


def dot(a: Tensor, b: Tensor) -> Tensor:
    """(N, ...), (N, ...) -> (N, 1): one inner product a row."""
    return (a.float() * b.float()).flatten(1).sum(dim=1, keepdim=True)


def slope(rebuilt: Tensor, z: Tensor, x: Tensor, keep: bool = False) -> Tensor:
    """Minus the gradient of half the squared error by z, (N, d); rebuilt = g(z), with its graph,
    which is kept where it is needed again."""
    error = (x - rebuilt).detach()
    # of a scalar: with a gradient to start from, torch 2.14 imports sympy (1 s and 100 MB)
    with torch.enable_grad():
        product = (rebuilt * error).sum()
    return torch.autograd.grad(product, z, retain_graph=keep)[0].float()


@torch.no_grad()
def stepped(
    g: Callable[[Tensor], Tensor], x: Tensor, z: Tensor, rebuilt: Tensor, direction: Tensor
) -> Tensor:
    """z moved along a direction (N, d) to where the squared error is least, were g linear.

    x, rebuilt = g(z): (N, 3, 32, 32).
    """
    tiny = torch.finfo(torch.float32).tiny
    length = (dot(z, z) / dot(direction, direction).clamp(min=tiny)).sqrt()
    trial = TRIAL * length * direction
    change = g(z + trial) - rebuilt
    share = dot(x - rebuilt, change) / dot(change, change).clamp(min=tiny)
    return z + share.clamp(min=0) * trial


def refine(g: Callable[[Tensor], Tensor], x: Tensor, z: Tensor, steps: int) -> Tensor:
    """The codes z (N, d) of the batch x, nearer to the best for the decoder g; no gradient flows.

    In float32 no code reconstructs worse than it did: each is the best of those on its way. That
    holds before quantization only: after a code is rounded to few bits, or a reconstruction to
    whole pixel values, the refined one may be slightly worse.
    """
    best, least = z, torch.full((len(z), 1), torch.inf, device=z.device)
    direction = before = None
    for step in range(steps + 1):
        z = z.detach()
        with torch.set_grad_enabled(step < steps):
            rebuilt = g(z.requires_grad_(step < steps))
        error = dot(x - rebuilt.detach(), x - rebuilt.detach())
        best, least = torch.where(error < least, z.detach(), best), error.minimum(least)
        if step == steps:
            return best
        now = slope(rebuilt, z, x)
        if direction is None:
            direction = now
        else:
            turn = dot(now, now - before) / dot(before, before).clamp(min=1e-20)
            direction = now + turn.clamp(min=0) * direction
        before = now
        z = stepped(g, x, z.detach(), rebuilt.detach(), direction)
    return best
