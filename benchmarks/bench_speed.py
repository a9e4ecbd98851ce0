"""Time and memory of fit and predict, against the loop by hand and against skorch.

    python benchmarks/bench_speed.py > docs/speed_table.rst

Each opponent trains the same network on the same data with the same batches and Adam:

- by hand: the loop that a PyTorch user writes, `nn.GRU` on a padded batch where lengths
  are equal, on a packed one where they differ;
- skorch: `NeuralNetClassifier` with that module, and its own loader.

All are measured in turn in one process, several times over; the table has ratios of
medians with the spread of the ratio over the rounds. Peak memory is of processes that
do nothing but one fit.
"""

import argparse
import multiprocessing
import platform
import re
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
import skorch
import torch
from skorch import NeuralNetClassifier
from torch import nn

import sklearn_rnn
from sklearn_rnn import RNNClassifier

SIZES = {"S": (32, 50, 8, 32), "M": (32, 100, 8, 64)}  # batch, steps, features, hidden
MODULES = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
N_BATCHES = 20
N_EPOCHS = 5
N_CLASSES = 5
PLAIN = {
    "conv_channels": None,
    "bidirectional": False,
    "pooling": "last",
    "learning_rate_schedule": None,
    "learning_rate": 1e-3,
    "max_epochs": N_EPOCHS,
    "random_state": 0,
}


class Recurrent(nn.Module):
    """What a PyTorch user writes."""

    def __init__(self, cell, n_features, hidden_size):
        super().__init__()
        self.rnn = MODULES[cell](n_features, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, N_CLASSES)

    def forward(self, x, lengths=None):
        if lengths is None:
            return self.head(self.rnn(x)[0][:, -1])
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        state = self.rnn(packed)[1]
        return self.head((state[0] if isinstance(state, tuple) else state)[0])


def make_data(size, ragged):
    batch, n_steps, n_features, _ = SIZES[size]
    rng = np.random.default_rng(0)
    n = batch * N_BATCHES
    X = rng.normal(size=(n, n_steps, n_features)).astype("f4")
    lengths = rng.integers(n_steps // 4, n_steps + 1, n) if ragged else None
    return X, lengths, rng.integers(0, N_CLASSES, n)


def fit_by_hand(cell, size, X, lengths, y):
    batch, _, n_features, hidden_size = SIZES[size]
    model = Recurrent(cell, n_features, hidden_size)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_function = nn.CrossEntropyLoss()
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    lengths = None if lengths is None else torch.from_numpy(lengths)
    for _ in range(N_EPOCHS):
        order = torch.randperm(len(X))
        for start in range(0, len(X), batch):
            rows = order[start : start + batch]
            adam.zero_grad()
            output = model(X[rows], None if lengths is None else lengths[rows])
            loss_function(output, y[rows]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            adam.step()
    return model


def predict_by_hand(model, X, lengths):
    with torch.inference_mode():
        parts = []
        for start in range(0, len(X), 256):
            rows = slice(start, start + 256)
            own = None if lengths is None else torch.from_numpy(lengths[rows])
            parts.append(model(torch.from_numpy(X[rows]), own).softmax(1))
    return torch.cat(parts).numpy()


def fit_skorch(cell, size, X, lengths, y):
    batch, _, n_features, hidden_size = SIZES[size]
    net = NeuralNetClassifier(
        Recurrent,
        module__cell=cell,
        module__n_features=n_features,
        module__hidden_size=hidden_size,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        max_epochs=N_EPOCHS,
        batch_size=batch,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        callbacks=[skorch.callbacks.GradientNormClipping(1.0)],
    )
    inputs = X if lengths is None else {"x": X, "lengths": lengths}
    return net.fit(inputs, y)


def make_sequences(X, lengths):
    if lengths is None:
        return X
    return [x[:n] for x, n in zip(X, lengths, strict=True)]


def fit_ours(cell, size, X, lengths, y):
    batch, _, _, hidden_size = SIZES[size]
    classifier = RNNClassifier(
        cell=cell, hidden_size=hidden_size, batch_size=batch, **PLAIN
    )
    return classifier.fit(make_sequences(X, lengths), y)


def time_of(function, *args):
    start = time.perf_counter()
    result = function(*args)
    return time.perf_counter() - start, result


def compare(cell, size, ragged, n_rounds):
    """Return the ratios by hand / ours, skorch / ours, and predict by hand / ours."""
    X, lengths, y = make_data(size, ragged)
    ratios = [], [], []
    for i in range(n_rounds + 1):
        ours, classifier = time_of(fit_ours, cell, size, X, lengths, y)
        hand, model = time_of(fit_by_hand, cell, size, X, lengths, y)
        theirs, _ = time_of(fit_skorch, cell, size, X, lengths, y)
        answer, _ = time_of(classifier.predict_proba, make_sequences(X, lengths))
        by_hand, _ = time_of(predict_by_hand, model, X, lengths)
        if i == 0:
            continue  # the first round warms up
        for kept, ratio in zip(
            ratios, (hand / ours, theirs / ours, by_hand / answer), strict=True
        ):
            kept.append(ratio)
    return ratios


def peak_memory(n_bytes, queue):
    """Fit so many bytes of float32 (0: import only) and report the peak, in bytes."""
    if n_bytes:
        warnings.simplefilter("ignore")
        n_steps, n_features = 100, 15
        n = n_bytes // (4 * n_steps * n_features)
        X = np.ones((n, n_steps, n_features), np.float32)
        X[::2, 0, 0] = 0
        params = {**PLAIN, "max_epochs": 1, "batch_size": 1024, "hidden_size": 4}
        RNNClassifier(**params, cell="rnn").fit(X, np.arange(n) % 2)
    # not ru_maxrss, which a new process inherits from its parent
    status = Path("/proc/self/status").read_text()
    queue.put(1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1]))


def measure_memory(n_bytes):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=peak_memory, args=(n_bytes, queue))
    process.start()
    peak = queue.get()
    process.join()
    return peak


def show(ratios):
    low, high = min(ratios), max(ratios)
    return f"{statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(args.threads)
    print(
        f"Machine: {platform.machine()}, {args.threads} threads; Python "
        f"{platform.python_version()}, torch {torch.__version__}, skorch "
        f"{skorch.__version__}, sklearn_rnn {sklearn_rnn.__version__}. Median of "
        f"{args.rounds} rounds (lowest to highest).\n"
    )
    print(".. list-table::\n   :header-rows: 1\n")
    header = ["network", "fit, by hand / ours", "fit, skorch / ours"]
    print_row([*header, "predict, by hand / ours"])
    for size in SIZES:
        for cell in MODULES:
            for ragged in (False, True):
                name = f"{cell}, {size}, {'ragged' if ragged else 'equal lengths'}"
                ratios = compare(cell, size, ragged, args.rounds)
                print_row([name, *map(show, ratios)])
    bare, small, large = (measure_memory(n) for n in (0, 400_000, 600_000_000))
    print(
        "\nPeak memory of fitting 600 MB of float32: "
        f"{(large - small) / 6e8:.2f} times the data, over a process that has fitted "
        "0.4 MB and so has loaded what torch "
        f"and numba load when first used; that is {(small - bare) / 1e6:.0f} MB over "
        "the bare imports."
    )


def print_row(cells):
    lines = [f"     - {cell}" for cell in cells]
    lines[0] = f"   * - {cells[0]}"
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
