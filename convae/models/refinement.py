"""Refinement of a code after the encoder by a few steps of conjugate gradients.

The best code of an image is the one whose reconstruction has the smallest error. The output of the
encoder is not that code (the "amortization gap", Cremer et al. 2018). Starting from it, conjugate
gradients on the squared error close most of the gap in two or three steps (Polak and Ribiere 1969
for the directions). The length of a step follows from a trial step, as if the decoder were linear
along the direction. The next gradient is taken at the end of the trial, of the error that the same
linear estimate gives: this saves a pass through the decoder in each step.
"""

from collections.abc import Callable

import torch
from torch import Tensor

TRIAL = 0.05  # length of the first trial, as a share of the code's own
SHORTEST_TRIAL = 0.01  # of later ones: a shorter one is lost in rounding
TINY = torch.finfo(torch.float32).tiny


def dot(a: Tensor, b: Tensor) -> Tensor:
    """(N, ...), (N, ...) -> (N, 1): one inner product a row."""
    return (a.float() * b.float()).flatten(1).sum(dim=1, keepdim=True)


def length(a: Tensor) -> Tensor:
    """(N, d) -> (N, 1): the Euclidean norm of each row."""
    return dot(a, a).sqrt()


def slope(rebuilt: Tensor, z: Tensor, error: Tensor) -> Tensor:
    """Minus the gradient by z, (N, d), of half the squared error; rebuilt = g(z), with its graph.

    error: (N, 3, 32, 32), the image minus its reconstruction.
    """
    # of a scalar: with a gradient to start from, torch 2.14 imports sympy (1 s and 100 MB)
    with torch.enable_grad():
        product = (rebuilt * error).sum()
    return torch.autograd.grad(product, z)[0].float()


def refine(g: Callable[[Tensor], Tensor], x: Tensor, z: Tensor, steps: int) -> Tensor:
    """The codes z (N, d) of the batch x, nearer to the best for the decoder g; no gradient flows.

    Costs steps + 2 passes through the decoder and as many backward ones as there are steps. In
    float32 no code reconstructs worse than it did: where the steps raise the error, the code stays
    as it was. That holds before quantization only: after a code is rounded to few bits, or a
    reconstruction to whole pixel values, the refined one may be slightly worse.
    """
    start = z = z.detach()
    with torch.enable_grad():
        output = g(place := z.detach().requires_grad_())
    rebuilt = output.detach()
    error = x - rebuilt
    least, size = dot(error, error), TRIAL * length(z)
    before = direction = None
    for step in range(steps):
        now = slope(output, place, error)
        if direction is None:
            direction = now
        else:
            turn = dot(now, now - before) / dot(before, before).clamp(min=1e-20)
            direction = now + turn.clamp(min=0) * direction
        before = now
        trial = size / length(direction).clamp(min=TINY) * direction
        with torch.set_grad_enabled(step < steps - 1):
            output = g(place := (z + trial).requires_grad_(step < steps - 1))
        change = output.detach() - rebuilt
        share = (dot(error, change) / dot(change, change).clamp(min=TINY)).clamp(min=0)
        z = z + share * trial
        size = (share * size).maximum(SHORTEST_TRIAL * length(z))
        rebuilt = rebuilt + share[:, :, None, None] * change  # as if g were linear
        error = x - rebuilt
    with torch.no_grad():
        error = x - g(z)
    return torch.where(dot(error, error) < least, z, start)
