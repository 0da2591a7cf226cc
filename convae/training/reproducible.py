"""What makes a run on the CPU give the same bits again: the seeds and the number of threads."""

import random

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed the generators of Python, NumPy and PyTorch, and fix the number of threads.

    Sums are split by thread: once set, the count no longer varies with the size of a matrix, in a
    new run as in a resumed one.
    """
    torch.set_num_threads(torch.get_num_threads())
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)
