"""Time of a CRF's loss and gradients: the kernel of sklearn_rnn against pytorch-crf.

    python benchmarks/bench_crf.py

Both compute the same loss of the same sequences, forward and backward, and are measured
alternately. The script prints the medians, and their ratio with the lowest and highest
ratio of a round. It requires pytorch-crf.
"""

import argparse
import statistics

import numpy as np
import torch
import torchcrf
from _timing import show_ratio, time_in_turn

from sklearn_rnn.nn import CRF

# sequences, minimum and maximum number of steps, labels
CASES = (32, 12, 48, 17), (32, 12, 48, 50), (8, 977, 977, 17)


def make_data(batch, least, largest, n_classes):
    """Return emissions, labels and sequence lengths."""
    rng = np.random.default_rng(0)
    lengths = torch.from_numpy(rng.integers(least, largest + 1, batch))
    lengths[0] = largest  # torchcrf requires the longest sequence in the first row
    emissions = torch.from_numpy(rng.normal(size=(batch, largest, n_classes)))
    targets = torch.from_numpy(rng.integers(0, n_classes, (batch, largest)))
    return emissions.float().requires_grad_(), targets, lengths


def make_steps(case):
    """Return functions that run forward and backward of torchcrf and sklearn_rnn."""
    emissions, targets, lengths = make_data(*case)
    mask = torch.arange(targets.shape[1]) < lengths.unsqueeze(1)
    other, own = torchcrf.CRF(case[-1], batch_first=True), CRF(case[-1])
    own.load_state_dict(other.state_dict())

    def run_other():
        (-other(emissions, targets, mask, reduction="mean")).backward()

    def run_own():
        own(emissions, targets, lengths).mean().backward()

    return run_other, run_own


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=21)
    n_rounds = parser.parse_args().rounds
    print("sequences, steps, labels | torchcrf, ms | sklearn_rnn, ms | ratio")
    for case in CASES:
        theirs, ours = time_in_turn(make_steps(case), n_rounds, pause=0.01)
        batch, _, largest, n_classes = case
        print(
            f"{batch} x {largest} x {n_classes}",
            f"{1e3 * statistics.median(theirs):.2f}",
            f"{1e3 * statistics.median(ours):.2f}",
            show_ratio(theirs, ours),
            sep=" | ",
        )


if __name__ == "__main__":
    main()
