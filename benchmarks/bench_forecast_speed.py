"""CPU seconds of RNNForecaster and of recurrent forecasters of other libraries.

    python benchmarks/bench_forecast_speed.py --neuralforecast PYTHON --darts PYTHON

Each forecasts 48 hours of the first 20 series of M4 hourly from windows of a week, with
one LSTM layer of 64 units, by as many updates of 32 windows: those of RNNForecaster's
defaults. Everything runs on one thread. CPU seconds are those of `fit` and `predict`,
without imports and the compilation of kernels, in turn, medians over repetitions. The
other libraries run in environments of their own, whose Pythons are given.
"""

import argparse
import subprocess
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch
from _forecast_speed_worker import BATCH_SIZE
from bench_forecasts import make_m4, print_row
from sklearn.exceptions import ConvergenceWarning

from sklearn_rnn import RNNForecaster
from sklearn_rnn.metrics import mean_absolute_scaled_error

N_SERIES, HORIZON, CONTEXT, HIDDEN = 20, 48, 168, 64


def time_own(series, **options):
    """Return CPU seconds of fit and predict, forecasts and the number of epochs."""
    forecaster = RNNForecaster(
        horizon=HORIZON,
        context=CONTEXT,
        season_length=24,
        cell="lstm",
        hidden_size=HIDDEN,
        batch_size=BATCH_SIZE,
        random_state=0,
        **options,
    )
    start = time.process_time()
    forecaster.fit(series)
    fitted = time.process_time()
    forecasts = forecaster.predict(series)
    seconds = fitted - start, time.process_time() - fitted
    return seconds, forecasts, forecaster.n_iter_


def time_other(library, python, n_updates, series):
    worker = Path(__file__).with_name("_forecast_speed_worker.py")
    sizes = map(str, (HORIZON, CONTEXT, HIDDEN, n_updates))
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "series.npz", *series)
        command = [python, str(worker), library, *sizes, folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        line = next(s for s in done.stdout.splitlines() if s.startswith("seconds"))
        forecasts = np.load(Path(folder) / "forecasts.npy")
    return tuple(map(float, line.split()[1:])), forecasts


def count_updates(series, n_epochs):
    n_windows = sum(len(x) - CONTEXT - HORIZON + 1 for x in series)
    return n_epochs * -(-n_windows // BATCH_SIZE)


def print_table(seconds, errors, n_updates):
    title = f"M4 hourly, {N_SERIES} series, {n_updates:,} updates, one thread"
    print(f".. list-table:: {title}\n   :header-rows: 1\n")
    print_row(["Forecaster", "fit, CPU s", "predict, CPU s", "times as long", "MASE"])
    medians = {name: np.median(runs, axis=0) for name, runs in seconds.items()}
    least = min(sum(median) for median in medians.values())
    for name, (fit, predict) in medians.items():
        ratio = f"{(fit + predict) / least:.1f}"
        print_row([name, f"{fit:.1f}", f"{predict:.2f}", ratio, f"{errors[name]:.2f}"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neuralforecast", help="Python with neuralforecast")
    parser.add_argument("--darts", help="Python with darts")
    parser.add_argument("--n-repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    task = make_m4()
    series = [x[:, 0] for x in task.train[:N_SERIES]]
    truth = task.cut(1)[1][:N_SERIES, :, 0]
    *_, n_epochs = time_own(series)  # compiles the kernels
    n_updates = count_updates(series, n_epochs)
    runs = {
        "RNNForecaster, a day a step": partial(time_own, series),
        "RNNForecaster, an hour a step": partial(time_own, series, segment_length=1),
    }
    for library, name in (("neuralforecast", "LSTM"), ("darts", "RNNModel")):
        python = getattr(options, library)
        if python is not None:
            title = f"{name} ({library}), an hour a step"
            runs[title] = partial(time_other, library, python, n_updates, series)
    seconds, errors = {name: [] for name in runs}, {}
    for _ in range(options.n_repeats):
        for name, run in runs.items():
            spent, forecasts, *_ = run()
            seconds[name].append(spent)
            errors[name] = mean_absolute_scaled_error(
                truth, forecasts, history=series, season_length=24
            )
    print_table(seconds, errors, n_updates)


if __name__ == "__main__":
    main()
