"""Mean ranks of the defaults, of random kernels alone, and of published methods."""

import sys

import matplotlib.pyplot as plt

sys.path.insert(0, "../../benchmarks")

from bench_archive import compare_methods, read_results

ROW, FIRST_ROW = 0.5, 1.1

ranks, ties, n_sets = compare_methods(read_results())
n_methods = len(ranks)
sides = {  # of the axis; the outermost method of each comes first
    1: [item for item in ranks.items() if item[1] <= (n_methods + 1) / 2],
    n_methods: [
        item for item in reversed(ranks.items()) if item[1] > (n_methods + 1) / 2
    ],
}

n_rows = max(map(len, sides.values()))
figure, axes = plt.subplots(figsize=(6.4, 1.4 + 0.32 * n_rows))
axes.set_position([0.27, 0.02, 0.46, 0.68])
axes.set(xlim=(n_methods, 1), ylim=(FIRST_ROW + ROW * n_rows, 0))
axes.xaxis.tick_top()
axes.xaxis.set_label_position("top")
axes.set_xlabel(f"mean rank on {n_sets} sets")
axes.set_xticks(range(1, n_methods + 1))
axes.yaxis.set_visible(False)
axes.spines[["left", "right", "bottom"]].set_visible(False)
for end, methods in sides.items():
    sign = -1 if end == 1 else 1
    for k, (name, rank) in enumerate(methods):
        row = FIRST_ROW + ROW * k
        axes.plot(
            [rank, rank, end], [0, row, row], color="#444444", lw=1, clip_on=False
        )
        axes.annotate(
            f"{name} {rank:.2f}",
            (end, row),
            xytext=(-4 * sign, 0),
            textcoords="offset points",
            ha="right" if sign > 0 else "left",
            va="center",
        )
for k, tie in enumerate(ties):
    ends = [ranks[tie[0]] - 0.04, ranks[tie[-1]] + 0.04]
    axes.plot(ends, [0.25 + 0.25 * k] * 2, color="#0072b2", lw=4)
