"""Ratios of times, measured in turn."""

import statistics
import time


def time_in_turn(functions, n_rounds, pause=0.0):
    """Return the seconds of each function in each round, after one warm-up round.

    The pause lets idle threads of other libraries stop spinning.
    """
    times = [[] for _ in functions]
    for _ in range(n_rounds + 1):
        for kept, function in zip(times, functions, strict=True):
            time.sleep(pause)
            start = time.perf_counter()
            function()
            kept.append(time.perf_counter() - start)
    return [kept[1:] for kept in times]


def show_ratio(theirs, ours):
    """Return the ratio of medians, with its spread over the rounds."""
    ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
    middle = statistics.median(theirs) / statistics.median(ours)
    return f"{middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
