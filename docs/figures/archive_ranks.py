"""Mean ranks of the defaults, of their parts, and of published methods."""

import sys

import matplotlib.pyplot as plt

sys.path.insert(0, "../../benchmarks")

from bench_archive import compare_methods, read_results

ranks, ties, n_sets = compare_methods(read_results())
names, n_methods = list(ranks), len(ranks)

figure, axes = plt.subplots(figsize=(6.4, 0.7 + 0.38 * n_methods))
axes.set_position([0.04, 0.02, 0.92, 0.72])
axes.set(xlim=(n_methods, 1), ylim=(n_methods + 0.6, 0))
axes.xaxis.tick_top()
axes.xaxis.set_label_position("top")
axes.set_xlabel(f"mean rank on {n_sets} sets, the best on the right")
axes.set_xticks(range(1, n_methods + 1))
axes.yaxis.set_visible(False)
axes.spines[["left", "right", "bottom"]].set_visible(False)
for row, (name, rank) in enumerate(ranks.items(), start=1):
    right = rank < (n_methods + 1) / 2
    end = 1 if right else n_methods
    axes.plot([rank, rank, end], [0, row + 0.4, row + 0.4], color="#444444", lw=1)
    axes.text(
        end,
        row + 0.3,
        f"{name}  {rank:.2f}",
        ha="right" if right else "left",
        va="bottom",
    )
for k, tie in enumerate(ties):
    first, last = ranks[tie[0]] - 0.04, ranks[tie[-1]] + 0.04
    height = 0.3 + 0.25 * k
    axes.plot([first, last], [height, height], color="#0072b2", lw=4)
