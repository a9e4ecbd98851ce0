"""Time and memory of fit and predict, compared to other libraries and the hardware.

    python benchmarks/bench_speed.py > docs/speed_table.rst

All libraries (`_peers.py`) train the same network on the same data with the same
mini-batches, Adam and gradient clipping. They are measured alternately in one run, for
several rounds. The tables have ratios of medians, with the lowest and highest ratio of
a round. Keras requires a separate environment with keras and jax. onnxruntime is
measured if it, onnx and onnxscript are installed.
"""

import argparse
import contextlib
import importlib.util
import io
import multiprocessing
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import skorch
import torch
from _data import load_classification
from _peers import (
    N_CLASSES,
    Keras,
    Recurrent,
    fit_by_hand,
    fit_skorch,
    make_onnx_session,
    predict_by_hand,
)
from _speed_of_defaults import CASES, compare_default
from _speed_of_generators import compare_generator, compare_vocabulary
from _speed_of_single import compare_single, measure_stream
from _speed_of_translators import compare_samples, compare_translator
from _timing import show_ratio, time_in_turn
from sklearn.model_selection import GridSearchCV

import sklearn_rnn
from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn._training._net import SequenceNet
from sklearn_rnn.nn import find_packed_network

# batch, steps, features, hidden units
SIZES = {"S": (32, 50, 8, 32), "M": (32, 100, 8, 64), "L": (64, 128, 64, 128)}
N_EPOCHS = {"S": 10, "M": 10, "L": 2}  # of 20 batches
N_PREDICTIONS = {"S": 50, "M": 15, "L": 2}  # of 20 batches
CELLS = ("rnn", "gru", "lstm")
PLAIN = {
    "conv_channels": None,
    "bidirectional": False,
    "pooling": "last",
    "learning_rate_schedule": None,
    "learning_rate": 1e-3,
    "random_state": 0,
}


def make_data(size, ragged, n_batches=20):
    """Return noise, sequence lengths (None if equal) and classes."""
    batch, n_steps, n_features, _ = SIZES[size]
    rng = np.random.default_rng(0)
    n = batch * n_batches
    X = rng.normal(size=(n, n_steps, n_features)).astype("f4")
    lengths = rng.integers(n_steps // 4, n_steps + 1, n) if ragged else None
    return X, lengths, rng.integers(0, N_CLASSES, n)


def make_sequences(X, lengths):
    if lengths is None:
        return X
    return RaggedArray.from_sequences([x[:n] for x, n in zip(X, lengths, strict=True)])


def make_classifier(cell, size, n_epochs, **params):
    batch, _, _, hidden_size = SIZES[size]
    return RNNClassifier(
        cell=cell,
        hidden_size=hidden_size,
        batch_size=batch,
        max_epochs=n_epochs,
        **(PLAIN | params),
    )


def name_of(cell, size, ragged):
    return f"{cell}, {size}, {'ragged' if ragged else 'equal lengths'}"


# Training ---------------------------------------------------------------------------


def compare_training(cell, size, ragged, n_rounds, keras):
    """Return ratios of PyTorch loop, skorch and Keras to sklearn_rnn, and GFLOP/s."""
    batch, _, n_features, hidden_size = SIZES[size]
    X, lengths, y = make_data(size, ragged)
    sequences, n_epochs = make_sequences(X, lengths), N_EPOCHS[size]
    keras_times = []

    def ours():
        make_classifier(cell, size, n_epochs).fit(sequences, y)

    def by_hand():
        model = Recurrent(cell, n_features, hidden_size)
        fit_by_hand(model, batch, X, lengths, y, n_epochs)

    def with_skorch():
        fit_skorch(cell, n_features, hidden_size, batch, X, lengths, y, n_epochs)

    def with_keras():
        if keras is not None and not ragged:
            keras_times.append(keras.time_fit(cell, SIZES[size], n_epochs))

    functions = [ours, by_hand, with_skorch, with_keras]
    own, hand, skorchs, _ = time_in_turn(functions, n_rounds)
    others = [show_ratio(hand, own), show_ratio(skorchs, own)]
    others.append(show_ratio(keras_times[1:], own) if keras_times else "")
    steps = X.shape[0] * X.shape[1] if lengths is None else lengths.sum()
    flops = n_epochs * steps * flops_of_step(cell, n_features, hidden_size)
    ratio = statistics.median(keras_times[1:] or [0]) / statistics.median(own)
    return others, flops / statistics.median(own) / 1e9, ratio


def flops_of_step(cell, n_features, hidden_size):
    """Return the flops of the matrix products of a step; x needs no gradient."""
    n_gates = {"rnn": 1, "gru": 3, "lstm": 4}[cell]
    return 2 * n_gates * hidden_size * (2 * (n_features + hidden_size) + hidden_size)


def compare_larger_networks(n_rounds):
    """Return ratios PyTorch loop / sklearn_rnn: two layers, both directions, at M."""
    batch, _, n_features, hidden_size = SIZES["M"]
    rows = []
    variants = {
        "two layers": ({"num_layers": 2}, {"num_layers": 2}),
        "both directions": ({"bidirectional": True}, {"bidirectional": True}),
    }
    for cell in ("gru", "lstm"):
        for name, (ours_params, their_params) in variants.items():
            for ragged in (False, True):
                X, lengths, y = make_data("M", ragged)
                sequences = make_sequences(X, lengths)

                def ours(params=ours_params, cell=cell, X=sequences, y=y):
                    make_classifier(cell, "M", 5, **params).fit(X, y)

                def by_hand(params=their_params, cell=cell, X=X, n=lengths, y=y):
                    model = Recurrent(cell, n_features, hidden_size, **params)
                    fit_by_hand(model, batch, X, n, y, 5)

                own, hand = time_in_turn([ours, by_hand], n_rounds)
                title = f"{name_of(cell, 'M', ragged)}, {name}"
                rows.append([title, show_ratio(hand, own)])
    return rows


def measure_peak():
    """Return GFLOP/s of torch's float32 matrix product, the best of several sizes."""
    best = 0.0
    for n in (512, 1024, 2048):
        a, b = torch.randn(n, n), torch.randn(n, n)
        (times,) = time_in_turn([lambda a=a, b=b: a @ b], 20)
        best = max(best, 2 * n**3 / min(times) / 1e9)
    return best


# Prediction -------------------------------------------------------------------------


def compare_prediction(cell, size, ragged, n_rounds):
    """Return the time ratio of torch in inference mode to predict_proba."""
    _, _, n_features, hidden_size = SIZES[size]
    X, lengths, y = make_data(size, ragged)
    sequences = make_sequences(X, lengths)
    classifier = make_classifier(cell, size, 1).fit(sequences, y)
    model = Recurrent(cell, n_features, hidden_size).eval()

    def ours():
        for _ in range(N_PREDICTIONS[size]):
            classifier.predict_proba(sequences)

    def by_hand():
        for _ in range(N_PREDICTIONS[size]):
            predict_by_hand(model, X, lengths)

    own, hand = time_in_turn([ours, by_hand], 3 * n_rounds, pause=0.1)
    return show_ratio(hand, own)


def compare_onnx(cell, batch, n_rounds):
    """Return time ratios of onnxruntime to the network alone and to predict_proba."""
    _, n_steps, n_features, hidden_size = SIZES["M"]
    X = np.random.default_rng(0).normal(size=(256, n_steps, n_features)).astype("f4")
    classifier = make_classifier(cell, "M", 1).fit(X, np.arange(256) % N_CLASSES)
    model = Recurrent(cell, n_features, hidden_size).eval()
    own = classifier.module_
    model.rnn.load_state_dict(own.encoder.forward_layers[0].rnn.state_dict())
    model.head.load_state_dict(own.head.state_dict())
    x = X[:batch]
    with contextlib.redirect_stdout(io.StringIO()):
        session = make_onnx_session(model, x)
    standardised = own.inputs(torch.from_numpy(x)).numpy()
    theirs = session.run(None, {"x": standardised})[0]
    probabilities = np.exp(theirs) / np.exp(theirs).sum(1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_proba(x), probabilities, atol=1e-5)
    repeats = 400 // batch + 1
    steps, rows = RaggedArray.from_sequences(x), np.arange(batch)

    def network():
        for _ in range(repeats):
            packed = find_packed_network(own)
            packed.run(steps.values, steps.offsets, rows)

    def estimator():
        for _ in range(repeats):
            classifier.predict_proba(x)

    def onnx():
        for _ in range(repeats):
            session.run(None, {"x": standardised})

    times = time_in_turn([network, estimator, onnx], 2 * n_rounds, pause=0.1)
    return show_ratio(times[2], times[0]), show_ratio(times[2], times[1])


# Scaling, memory and overhead --------------------------------------------------------


def measure_growth(n_rounds):
    """Return the growth of the time of fit with ten times the samples, or steps."""
    X, _, y = make_data("M", False)
    long = np.tile(X[:64], (1, 10, 1))
    many = np.tile(X, (10, 1, 1))
    few = make_classifier("gru", "M", 2)
    times = time_in_turn(
        [
            lambda: few.fit(X, y),
            lambda: few.fit(many, np.tile(y, 10)),
            lambda: few.fit(X[:64], y[:64]),
            lambda: few.fit(long, y[:64]),
        ],
        n_rounds,
    )
    return show_ratio(times[1], times[0]), show_ratio(times[3], times[2])


def measure_loop(n_rounds):
    """Return the share of skorch's loop in the time of a fit at S."""
    X, _, y = make_data("S", False)
    classifier = make_classifier("rnn", "S", 30)
    notify = SequenceNet.notify
    spent = []

    def timed(net, name, **arguments):
        start = time.perf_counter()
        notify(net, name, **arguments)
        spent[-1] += time.perf_counter() - start

    def fit():
        spent.append(0.0)
        SequenceNet.notify = timed
        try:
            classifier.fit(X, y)
        finally:
            SequenceNet.notify = notify

    (times,) = time_in_turn([fit], n_rounds)
    return statistics.median(s / t for s, t in zip(spent[1:], times, strict=True))


def measure_search(n_rounds):
    """Return the time ratio of one process to two, for 16 candidates x 5 folds."""
    X, y = load_classification("JapaneseVowels")[:2]
    grid = {
        "hidden_size": [16, 32],
        "learning_rate": [0.003, 0.01],
        "cell": ["gru", "lstm"],
        "dropout": [0.0, 0.2],
    }
    classifier = RNNClassifier(max_epochs=10, random_state=0)

    def search(n_jobs):
        warnings.simplefilter("ignore")
        GridSearchCV(classifier, grid, cv=5, n_jobs=n_jobs).fit(X, y)

    times = time_in_turn([lambda: search(1), lambda: search(2)], max(1, n_rounds // 2))
    return show_ratio(*times)


def peak_memory(n_bytes, n_epochs, queue):
    """Fit `n_bytes` of float32 and report the peak memory in bytes."""
    warnings.simplefilter("ignore")
    n_steps, n_features = 100, 15
    n = n_bytes // (4 * n_steps * n_features)
    X = np.ones((n, n_steps, n_features), np.float32)
    X[::2, 0, 0] = 0
    params = {**PLAIN, "max_epochs": n_epochs, "batch_size": 1024, "hidden_size": 4}
    RNNClassifier(**params, cell="rnn").fit(X, np.arange(n) % 2)
    # not ru_maxrss, which a new process inherits from its parent
    queue.put(read_peak())


def read_peak():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def peak_memory_of_tokens(n_batches, queue):
    """Fit ragged tokens with default settings and report the peak, in bytes."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    lengths = np.exp(rng.uniform(np.log(5), np.log(900), 32 * n_batches)).astype(int)
    X = RaggedArray.from_sequences([rng.integers(1, 5000, (n, 1)) for n in lengths])
    options = {"embedding_dim": 32, "ngrams": None, "max_epochs": 1}
    classifier = RNNClassifier(**options, random_state=0)
    classifier.fit(X, np.arange(len(X)) % 2)
    queue.put(read_peak() - X.values.nbytes)


def measure_memory(*args, target=peak_memory):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=target, args=(*args, queue))
    process.start()
    peak = queue.get()
    process.join()
    return peak


FIRST_USE = """
import time, torch, sklearn_rnn
start = time.perf_counter()
from sklearn_rnn._kernels._library import get_library
get_library("network")
trained = time.perf_counter()
get_library("prediction")
print(trained - start, time.perf_counter() - trained)
"""


def measure_first_use():
    """Return the seconds to compile the kernels and to load them in a new process.

    Each is those of the first fit, and of the first prediction after it.
    """
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-c", FIRST_USE],
                env={
                    "NUMBA_CACHE_DIR": folder,
                    "TMPDIR": folder,  # other processes may hold the lock
                    "PYTHONPATH": ":".join(sys.path),
                },
                capture_output=True,
                text=True,
                check=True,
            )
            results.append([float(seconds) for seconds in done.stdout.split()])
    return results


# The page ---------------------------------------------------------------------------


def print_table(header, rows):
    print("\n.. list-table::\n   :header-rows: 1\n")
    for row in [header, *rows]:
        for i, cell in enumerate(row):
            print(f"   {'*' if i == 0 else ' '} - {cell}".rstrip())
    print(flush=True)


def print_defaults(n_rounds, keras):
    rows = [compare_default(case, n_rounds, keras) for case in CASES]
    print(
        "Default networks, without random kernels and n-grams: complete fits of 200 "
        "mini-batches of 32 sequences of 8 features; time of each library over time "
        "of sklearn_rnn. Only the parameter in the first column is set."
    )
    print_table(["network", "PyTorch loop", "Keras on JAX"], rows)


def print_training(n_rounds, keras):
    rows, rates, ratios = [], {}, []
    peak = measure_peak()
    for size in SIZES:
        for cell in CELLS:
            for ragged in (False, True):
                others, rate, ratio = compare_training(
                    cell, size, ragged, n_rounds, keras
                )
                rows.append([name_of(cell, size, ragged), *others])
                if not ragged:
                    rates[cell, size] = rate
                    ratios.append(ratio)
    print("Training: complete fits; time of each library over time of sklearn_rnn.")
    print_table(["network", "PyTorch loop", "skorch", "Keras on JAX"], rows)
    if keras is not None:
        mean = statistics.geometric_mean(ratios)
        print(f"Geometric mean against Keras: {mean:.2f}.\n")
    parts = [f"{cell} {rates[cell, 'L'] / peak:.2f}" for cell in ("gru", "lstm")]
    print(
        f"Matrix products in training at L, relative to the peak of torch on large "
        f"products ({peak:.0f} GFLOP/s): {', '.join(parts)}.\n"
    )
    print("Two layers, and both directions: PyTorch loop over sklearn_rnn.")
    print_table(["network", "PyTorch loop"], compare_larger_networks(n_rounds))


def print_generators(n_rounds):
    fit, beams = compare_translator(n_rounds)
    rows = [
        [
            "``RNNGenerator``, 32 lanes, 128 steps, 65 characters, GRU of 256 units",
            compare_generator(n_rounds),
        ],
        ["its ``sample``, 1,000 names", compare_samples(n_rounds)],
        ["``RNNTranslator``, 4,000 words, mini-batches of 64, GRUs of 256 units", fit],
        ["its ``predict``, beams of 5, 20 words", beams],
    ]
    print(
        "A generator and a translator: complete fits, and what they write; PyTorch by "
        "hand over sklearn_rnn."
    )
    print_table(["network", "PyTorch"], rows)
    print(
        "Log loss of a large vocabulary with its gradients: linear layer and "
        "``cross_entropy`` of torch over sklearn_rnn."
    )
    title = "8,000 words, 960 positions, 256 units"
    rows = [[title, *compare_vocabulary(n_rounds)]]
    print_table(["layer", "for autograd", "in a chain"], rows)


def print_prediction(n_rounds):
    rows = [
        [name_of(cell, size, ragged), compare_prediction(cell, size, ragged, n_rounds)]
        for size in SIZES
        for cell in CELLS
        for ragged in (False, True)
    ]
    print(
        "Prediction: torch in inference mode, batches of 256, over ``predict_proba``; "
        "each after a pause, in which idle threads of the other library stop spinning."
    )
    print_table(["network", "torch"], rows)
    if importlib.util.find_spec("onnxruntime") is None:
        return
    rows = [
        [f"{cell}, M, batch of {batch}", *compare_onnx(cell, batch, n_rounds)]
        for cell in ("gru", "lstm")
        for batch in (256, 1)
    ]
    for title, params in (
        ("``RNNClassifier()``", {}),
        ("``RNNClassifier(random_kernels=None)``", {"random_kernels": None}),
    ):
        ratios = compare_single(params, n_rounds)
        rows.append([f"{title}, 100 steps, batch of 1", *ratios])
    print(
        "onnxruntime with the same weights, over sklearn_rnn. In the last two rows it "
        "also standardises and computes probabilities."
    )
    print_table(["network", "over the network alone", "over ``predict_proba``"], rows)


def print_stream(n_rounds):
    rows = [[f"{cell}, 64 units", *measure_stream(cell, n_rounds)] for cell in CELLS]
    print("A stream: microseconds a step; ``torch`` is its cell, without a head.")
    header = ["kernels alone", "``update``, probabilities", "``update``, label"]
    print_table(["network", *header, "torch"], rows)


def print_itself(n_rounds):
    samples, steps = measure_growth(n_rounds)
    tiny, small, large = (
        measure_memory(n, 1) for n in (400_000, 60_000_000, 600_000_000)
    )
    epochs = measure_memory(60_000_000, 5)
    few, many = (measure_memory(n, target=peak_memory_of_tokens) for n in (2, 1000))
    compiled, loaded = measure_first_use()
    rows = [
        ["fit with ten times the samples", samples],
        ["fit with ten times the steps", steps],
        [
            "skorch's callbacks and history in a fit (rnn, S)",
            f"{measure_loop(n_rounds):.1%}",
        ],
        [
            "GridSearchCV, 16 candidates, 5 folds: time of one process over two",
            measure_search(n_rounds),
        ],
        [
            "peak memory of fitting 600 MB, minus that of a tiny fit",
            f"{(large - tiny) / 6e8:.2f} of the data",
        ],
        [
            "additional peak memory of five epochs over one (60 MB)",
            f"{(epochs - small) / 1e6:.0f} MB",
        ],
        [
            "1,000 batches of 5 to 900 tokens, minus the data and two batches",
            f"{(many - few) / 1e6:.0f} MB",
        ],
        [
            "first use on a machine: compiling",
            f"{compiled[0]:.1f} s; {compiled[1]:.1f} s more at the first prediction",
        ],
        [
            "first use in a process: loading the compiled kernels",
            f"{sum(loaded):.3f} s",
        ],
    ]
    print("Scaling, memory and overhead.")
    print_table(["measure", "value"], rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keras", help="Python of an environment with keras and jax")
    parts = [
        *("defaults", "training", "generators", "prediction", "stream", "itself"),
    ]
    parser.add_argument("--only", choices=parts)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(args.threads)
    keras = Keras(args.keras) if args.keras else None
    print(
        f"Machine: {platform.machine()}, {args.threads} threads; Python "
        f"{platform.python_version()}, torch {torch.__version__}, skorch "
        f"{skorch.__version__}, sklearn_rnn {sklearn_rnn.__version__}. Median of "
        f"{args.rounds} rounds (lowest to highest). S, M and L are "
        + ", ".join(map(str, SIZES.values()))
        + ": batch, steps, features, hidden units; ragged: lengths uniform between a "
        "quarter of the steps and all steps.\n"
    )
    if args.only in (None, "defaults"):
        print_defaults(args.rounds, keras)
    if args.only in (None, "training"):
        print_training(args.rounds, keras)
    if args.only in (None, "generators"):
        print_generators(args.rounds)
    if keras is not None:
        keras.close()
    if args.only in (None, "prediction"):
        print_prediction(args.rounds)
    if args.only in (None, "stream"):
        print_stream(args.rounds)
    if args.only in (None, "itself"):
        print_itself(args.rounds)


if __name__ == "__main__":
    main()
