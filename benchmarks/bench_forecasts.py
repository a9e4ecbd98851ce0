"""RNNForecaster beside simple, linear and classical forecasts.

    python benchmarks/bench_forecasts.py --statsforecast /path/to/python
    python benchmarks/bench_forecasts.py airline exchange   # some data sets
    python benchmarks/bench_forecasts.py --table > docs/forecast_table.rst

Results are kept in benchmarks/forecasts.json, and what is there is not measured again:
delete an entry for that. Settings were chosen on the validation part that precedes the
test set, for ETTh1 and PM2.5 at a horizon of 24 and one seed; those of the longer ones
of ETTh1 on three such parts that follow each other; those of all its variables after
fits on 8, 10 and 12 months, on the four months that follow. M4 has the defaults. Fits
are on the part before the validation part, for M4 and the airline on all but the test
set. The methods of statsforecast run in the environment whose Python is given.
"""

import argparse
import json
import subprocess
import tempfile
import warnings
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from _data import DATA, load_pollution
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge

from sklearn_rnn import RNNForecaster
from sklearn_rnn.metrics import (
    interval_coverage_score,
    mean_absolute_scaled_error,
    symmetric_mean_absolute_percentage_error,
)

RESULTS = Path(__file__).with_name("forecasts.json")
SEEDS = 0, 1, 2
NAIVE_2 = {"sMAPE": 18.383, "MASE": 2.395}  # on M4 hourly, of the competition
ETTH1_PUBLISHED = {  # MSE of 7 variables at each horizon
    "DLinear, published": {96: 0.375, 192: 0.405, 336: 0.439, 720: 0.472},
    "PatchTST, published": {96: 0.370, 192: 0.413, 336: 0.422, 720: 0.447},
}
ETTH1_HORIZONS = (24, 48, 168, 336, 720), (96, 192, 336, 720)  # of one and 7 variables


@dataclass
class Task:
    """Series, of which the first `n_train` steps are trained on, and test origins.

    Column 0 is forecast, or each column if there are no covariates. An origin is a pair
    of series and number of steps before.
    """

    title: str
    series: list
    n_train: list
    origins: list
    horizon: int
    season: int
    measure: object  # from (task, true, forecasts) to {name: figure}
    settings: dict = field(default_factory=dict)
    known: int = 0  # last columns that are known ahead
    published: dict = field(default_factory=dict)

    @property
    def train(self):
        return [x[:n] for x, n in zip(self.series, self.n_train, strict=True)]

    def cut(self, n_steps):
        """Return the last steps before each origin, and all steps after it."""
        pasts, futures = [], []
        for i, origin in self.origins:
            pasts.append(self.series[i][max(origin - n_steps, 0) : origin])
            futures.append(self.series[i][origin : origin + self.horizon])
        return pasts, np.stack(futures)

    @property
    def n_targets(self):
        return 1 if self.known else self.series[0].shape[1]


# Data sets ---------------------------------------------------------------------------


def read_m4(part):
    import pandas as pd

    table = pd.read_csv(DATA / "m4_hourly" / f"Hourly-{part}.csv.gz", index_col=0)
    return [row[~np.isnan(row)] for row in table.to_numpy(float)]


def make_m4():
    pasts, futures = read_m4("train"), read_m4("test")
    return Task(
        "M4 hourly, 414 series, 48 hours",
        [np.r_[x, y][:, np.newaxis] for x, y in zip(pasts, futures, strict=True)],
        [len(x) for x in pasts],
        [(i, len(x)) for i, x in enumerate(pasts)],
        48,
        24,
        measure_m4,
        published={
            "ES-RNN, winner over all frequencies": {
                "MASE": 0.893,
                "sMAPE": 9.33,
                "OWA": 0.440,
            },
            "best of the competition on this set": {
                "MASE": 0.801,
                "sMAPE": 8.91,
                "OWA": 0.410,
            },
        },
    )


def measure_m4(task, true, forecasts):
    history = [x[:, 0] for x in task.train]
    figures = {
        "MASE": mean_absolute_scaled_error(
            true, forecasts, history=history, season_length=24
        ),
        "sMAPE": symmetric_mean_absolute_percentage_error(true, forecasts),
    }
    ratios = [figures[name] / NAIVE_2[name] for name in NAIVE_2]
    return {**figures, "OWA": float(np.mean(ratios))}


def make_airline():
    lines = (DATA / "airline_passengers" / "airline-passengers.csv").read_text()
    x = np.array([float(line.split(",")[1]) for line in lines.split()[1:]])
    return Task(
        "Airline passengers, last 36 months",
        [x[:, np.newaxis]],
        [108],
        [(0, 108)],
        36,
        12,
        lambda task, true, forecasts: {
            "MAPE, %": float(100 * np.abs(forecasts / true - 1).mean())
        },
    )


def read_etth1():
    import pandas as pd

    x = pd.read_csv(DATA / "etth1" / "ETTh1.csv.gz").iloc[:14_400, 1:].to_numpy(float)
    return (x - x[:8640].mean(axis=0)) / x[:8640].std(axis=0)


def measure_errors(task, true, forecasts):
    error = forecasts - true
    return {"MSE": float((error**2).mean()), "MAE": float(np.abs(error).mean())}


def make_etth1(horizon, n_columns):
    x = read_etth1()
    x = x if n_columns > 1 else x[:, -1:]
    what = "7 variables" if n_columns > 1 else "oil temperature"
    settings = {"context": 336, "dropout": 0.3}
    if horizon > 100 or n_columns > 1:
        settings |= {"loss": "squared_error", "weight_decay": 0.01}
    if n_columns > 1:
        settings["scaling"] = None
    return Task(
        f"ETTh1, {what}, {horizon} hours",
        [x],
        [8640],
        [(0, origin) for origin in range(11_520, 14_400 - horizon + 1)],
        horizon,
        24,
        measure_errors,
        settings,
        published={
            title: {"MSE": figures[horizon]}
            for title, figures in ETTH1_PUBLISHED.items()
            if n_columns > 1
        },
    )


def make_exchange(horizon=96):
    x = np.loadtxt(DATA / "exchange_rate" / "exchange_rate.txt.gz", delimiter=",")
    n_train, n_test = int(0.7 * len(x)), int(0.2 * len(x))
    x = (x - x[:n_train].mean(axis=0)) / x[:n_train].std(axis=0)
    return Task(
        f"Exchange rates, 8 currencies, {horizon} days",
        [x],
        [n_train],
        [(0, origin) for origin in range(len(x) - n_test, len(x) - horizon + 1)],
        horizon,
        1,
        measure_errors,
        {"context": 30, "dropout": 0.3},
    )


def make_pollution(horizon):
    """PM2.5, then weather of the past, then hour and season, which are known ahead.

    Gaps are interpolated; they do not count in the error.
    """
    table = load_pollution()
    target = table.pop("pm2.5")
    year, hour = table.pop("year").to_numpy(), table.pop("hour").to_numpy()
    day = 30.4 * (table.pop("month").to_numpy() - 1) + table.pop("day").to_numpy()
    angles = 2 * np.pi * np.stack([hour / 24, day / 365.25])
    columns = [target.interpolate().bfill(), *table.to_numpy(float).T]
    x = np.column_stack([*columns, *np.sin(angles), *np.cos(angles)])
    missing = target.isna().to_numpy()
    start = int((year < 2014).sum())
    origins = [(0, origin) for origin in range(start, len(x) - horizon + 1)]
    steps = np.array([origin for _, origin in origins])
    present = ~missing[steps[:, np.newaxis] + np.arange(horizon)]

    def measure(task, true, forecasts):
        error = (forecasts - true)[:, -1][present[:, -1]]
        return {"RMSE": float(np.sqrt((error**2).mean()))}

    settings = {"context": 72, "scaling": None, "loss": "squared_error", "dropout": 0.3}
    if horizon == 24:
        settings |= {"max_epochs": 1}
    return Task(
        f"Beijing PM2.5, {horizon} hour{'s' * (horizon > 1)} ahead, 2014",
        [x],
        [int((year < 2013).sum())],
        origins,
        horizon,
        24,
        measure,
        settings,
        known=4,
    )


# Opponents ---------------------------------------------------------------------------


def repeat_last(task):
    return repeat_season(task, 1)


def repeat_season(task, season=None):
    season = season or task.season
    pasts, _ = task.cut(season)
    index = np.arange(task.horizon) % season
    return np.stack([past[index, : task.n_targets] for past in pasts])


def fit_on_lags(task, make_model, n_lags, subtract_last):
    """Fit a model of the future on lags and covariates, one for each series.

    The columns of a series share one.
    """
    forecasts = []
    for i, (x, n) in enumerate(zip(task.series, task.n_train, strict=True)):
        known = np.arange(min(n_lags, n - task.horizon), n - task.horizon + 1)
        inputs, targets, _ = read_rows(task, x, n_lags, known, subtract_last)
        model = make_model().fit(inputs, targets)
        origins = np.array([origin for j, origin in task.origins if j == i])
        rows, _, last = read_rows(task, x, n_lags, origins, subtract_last)
        values = model.predict(rows).reshape(len(rows), -1) + last
        shape = len(origins), task.n_targets, task.horizon
        forecasts.append(values.reshape(shape).transpose(0, 2, 1))
    return np.concatenate(forecasts)


def read_rows(task, x, n_lags, origins, subtract_last):
    k, horizon = task.n_targets, task.horizon
    padded = np.vstack([np.repeat(x[:1], n_lags, axis=0), x])
    back = origins[:, np.newaxis] + np.arange(n_lags)  # in the padded series
    ahead = np.minimum(origins[:, np.newaxis] + np.arange(horizon), len(x) - 1)
    past = padded[back, :k].transpose(0, 2, 1).reshape(-1, n_lags)
    future = x[ahead, :k].transpose(0, 2, 1).reshape(-1, horizon)
    last = past[:, -1:] if subtract_last else np.zeros((len(past), 1))
    inputs, rest = past - last, future - last
    if task.known:
        others = x[np.maximum(origins - 1, 0), k:]
        known = x[ahead[:, -1], -task.known :]
        inputs = np.hstack([inputs, others, known])
    return inputs, rest, last


def fit_ridge(task):
    return fit_on_lags(task, lambda: Ridge(1.0), choose_lags(task), False)


def fit_nlinear(task):
    """NLinear in closed form: least squares of the window less its last value."""
    return fit_on_lags(task, lambda: Ridge(1e-3), choose_lags(task), True)


def choose_lags(task):
    return min(max(7 * task.season, 2 * task.horizon, 30), min(task.n_train) // 3)


def fit_boosting(task):
    """Boosting on lags, of the last step of the horizon alone."""

    class Last:
        def fit(self, inputs, targets):
            self.model = HistGradientBoostingRegressor(random_state=0)
            self.n = targets.shape[1]
            self.model.fit(inputs, targets[:, -1])
            return self

        def predict(self, inputs):
            return np.repeat(self.model.predict(inputs)[:, np.newaxis], self.n, axis=1)

    return fit_on_lags(task, Last, choose_lags(task), False)


def run_statsforecast(task, model, python):
    worker = Path(__file__).with_name("_statsforecast_worker.py")
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "series.npz", *[x[:, 0] for x in task.train])
        options = [str(task.horizon), str(task.season), model, folder]
        subprocess.run([python, str(worker), *options], check=True)
        return np.load(Path(folder) / "forecasts.npy")[..., np.newaxis]


# RNNForecaster -----------------------------------------------------------------------


def make_forecaster(task, seed, **options):
    columns = {}
    if task.known:
        n_columns = task.series[0].shape[1]
        columns = {
            "target_features": [0],
            "known_features": list(range(n_columns - task.known, n_columns)),
        }
    return RNNForecaster(
        horizon=task.horizon,
        season_length=task.season,
        random_state=seed,
        **{**columns, **task.settings, **options},
    )


def fit_rnn(task, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        forecaster = make_forecaster(task, seed).fit(task.train)
    return forecast(task, forecaster.predict, forecaster.context_)


def forecast(task, predict, context):
    pasts, futures = task.cut(context)
    options = {"X_future": futures[..., -task.known :]} if task.known else {}
    values = np.asarray(predict(pasts, **options))
    return values.reshape(*values.shape[: values.ndim - (task.n_targets > 1)], -1)


def measure_coverage(task, seed):
    """Return the coverage of 90 % intervals of two kinds."""
    figures = {}
    for name, quantiles in (("intervals", None), ("with quantiles", (0.05, 0.95))):
        forecaster = make_forecaster(
            task, seed, calibration_origins=task_origins(task), quantiles=quantiles
        ).fit(task.train)
        pasts, futures = task.cut(forecaster.context_)
        options = {"X_future": futures[..., -task.known :]} if task.known else {}
        lower, upper = forecaster.predict_interval(pasts, 0.9, **options)
        share = interval_coverage_score(futures[..., 0], lower, upper)
        figures[f"coverage, {name}, %"] = 100 * share
    return figures


def task_origins(task):
    return 24 if len(task.series) > 1 else 24 * 365


# Table -------------------------------------------------------------------------------

TASKS = {
    "m4": make_m4,
    "airline": make_airline,
    **{f"etth1_{n}": partial(make_etth1, n, 1) for n in ETTH1_HORIZONS[0]},
    **{f"etth1_all_{n}": partial(make_etth1, n, 7) for n in ETTH1_HORIZONS[1]},
    "exchange": make_exchange,
    **{f"pollution_{n}": partial(make_pollution, n) for n in (1, 6, 24)},
}
SIMPLE = {
    "last value": repeat_last,
    "seasonal naive": repeat_season,
    "ridge on lags": fit_ridge,
    "NLinear, closed form": fit_nlinear,
}
CLASSICAL = {
    "m4": ("DynamicOptimizedTheta",),
    "airline": ("AutoETS", "AutoARIMA"),
}
COVERED = ("m4", "pollution_24")


def list_rows(name, task, python):
    """Yield the name of each row and the function that measures its figures."""

    def measure(forecasts):
        targets = task.cut(1)[1][..., : task.n_targets]
        if task.n_targets == 1:
            targets, forecasts = targets[..., 0], forecasts[..., 0]
        return task.measure(task, targets, forecasts)

    for title, run in SIMPLE.items():
        if title != "seasonal naive" or task.season > 1:
            yield title, lambda run=run: measure(run(task))
    if name.startswith("pollution"):
        yield "boosting on lags", lambda: measure(fit_boosting(task))
    for model in CLASSICAL.get(name, ()):
        if python is not None:
            yield (
                f"{model} (statsforecast)",
                lambda model=model: measure(run_statsforecast(task, model, python)),
            )
    for seed in SEEDS:
        yield (
            f"RNNForecaster {seed}",
            lambda seed=seed: measure(fit_rnn(task, seed)),
        )
    if name in COVERED:
        yield "coverage", lambda: measure_coverage(task, 0)


def print_table(task, results):
    rows = {k: v for k, v in results.items() if not k.startswith("RNNForecaster")}
    coverage = rows.pop("coverage", None)
    seeds = [v for k, v in results.items() if k.startswith("RNNForecaster")]
    if seeds:
        rows["RNNForecaster"] = {key: [seed[key] for seed in seeds] for key in seeds[0]}
    columns = list(next(iter(rows.values())))
    print(f".. list-table:: {task.title}\n   :header-rows: 1\n")
    print_row(["Forecast", *columns])
    for title, figures in {**task.published, **rows}.items():
        print_row([title, *(show(figures.get(column)) for column in columns)])
    print()
    if coverage:
        plain, conformal = coverage.values()
        print(
            f"Coverage of intervals of 90 %: {plain:.1f} %; with `quantiles` "
            f"{conformal:.1f} %.\n"
        )


def print_row(cells):
    print(f"   * - {cells[0]}")
    for cell in cells[1:]:
        print(f"     - {cell}")


def show(value):
    if value is None:
        return "—"
    values = np.atleast_1d(value)
    digits = 3 if values.mean() < 2 else 1
    text = f"{values.mean():.{digits}f}"
    if len(values) > 1:
        text += f" ± {values.std(ddof=1):.{digits}f}"
    return text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", nargs="*", choices=[[], *TASKS])
    parser.add_argument("--statsforecast", help="Python with statsforecast")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in options.tasks or TASKS:
        task = TASKS[name]()
        found = results.setdefault(name, {})
        for row, measure in list_rows(name, task, options.statsforecast):
            if row not in found and not options.table:
                found[row] = measure()
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        if found:
            print_table(task, found)


if __name__ == "__main__":
    main()
