"""RNNAnomalyDetector on NAB and SKAB, beside other detectors.

    python benchmarks/bench_anomalies.py nab peers skab speed
    python benchmarks/bench_anomalies.py nab --folders realTraffic

Results but those of speed are kept in benchmarks/anomalies.json, and what is there is
not measured again: delete an entry for that.

The design and the settings were chosen on the folders artificialWithAnomaly,
realAdExchange and realKnownCause of NAB and valve2 and other of SKAB, the default of
`smoothing` for long series on realKnownCause and realTraffic, and the height from which
stretches are kept on all folders but realAdExchange; valve1 had no part in the choice.
Each series is fitted and scored by itself; on SKAB, the first 400 rows are fitted and
the others scored. On NAB, `season_length`, and the windows of the other detectors, are
the strongest period of the series, as in TSB-AD. The detectors of pyod and stumpy are
measured if these packages are installed.
"""

import argparse
import json
import time
import warnings
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from _data import NAB_FOLDERS, SKAB_FOLDERS, SKAB_TRAINED, load_nab, load_skab
from _results import keep_result
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNAnomalyDetector
from sklearn_rnn.metrics import segment_f1_score, vus_pr_score

RESULTS = Path(__file__).with_name("anomalies.json")
VUS_WINDOW = 100
VUS_TITLE = f"VUS-PR on NAB, window of {VUS_WINDOW} steps"
CONTAMINATION = 0.05  # for stretches
PUBLISHED = {  # Orion 0.7.1, pooled from its table
    "AER": {
        "artificialWithAnomaly": 0.750,
        "realAdExchange": 0.733,
        "realTraffic": 0.611,
        "realTweets": 0.606,
    },
    "LSTM, dynamic threshold": {
        "artificialWithAnomaly": 0.400,
        "realAdExchange": 0.759,
        "realTraffic": 0.611,
        "realTweets": 0.588,
    },
}


# Detectors: a series in, a score for each step out -----------------------------------


class LinearDetector(RNNAnomalyDetector):
    """The detector without the forecasts of its network."""

    def _forecast(self, scaled):
        for linear, network in super()._forecast(scaled):
            yield linear, np.zeros_like(network)


def fit_rnn(x, seed):
    return fit_on_season(RNNAnomalyDetector(random_state=seed), x)


def fit_linear(x, seed):
    return fit_on_season(LinearDetector(max_epochs=1, random_state=seed), x)


def fit_on_season(detector, x):
    return detector.set_params(
        season_length=find_period(x), contamination=CONTAMINATION
    ).fit([x])


def find_period(x):
    """Return the lag of the highest peak of the autocorrelation, as TSB-AD does."""
    x = x[:20_000, 0] - x[:20_000, 0].mean()
    spectrum = np.fft.rfft(x, 2 * len(x))
    correlation = np.fft.irfft(spectrum * spectrum.conj())[3:401]
    inner = correlation[1:-1]
    peaks = np.flatnonzero((inner > correlation[:-2]) & (inner > correlation[2:])) + 1
    if len(peaks) == 0:
        return 125
    best = peaks[correlation[peaks].argmax()]
    return int(best) + 3 if 3 <= best <= 300 else 125


def cut(x, window):
    return sliding_window_view(x[:, 0], window)


def center(scores, n_steps):
    """Give the score of each window to its middle: this reads later steps."""
    before = (n_steps - len(scores) + 1) // 2
    return np.pad(scores, (before, n_steps - len(scores) - before), mode="edge")


def score_pca(x):
    """Sub-PCA: pyod's PCA on standardised windows."""
    windows = StandardScaler().fit_transform(cut(x, find_period(x)))
    pca = PCA(svd_solver="full").fit(windows)
    kept = pca.explained_variance_ratio_ > 1e-12
    axes, shares = pca.components_[kept], pca.explained_variance_ratio_[kept]
    norms = (windows**2).sum(axis=1, keepdims=True)
    squares = norms + 1 - 2 * windows @ axes.T  # distances to the axes' unit vectors
    return center((np.sqrt(np.fmax(squares, 0)) / shares).sum(axis=1), len(x))


def score_kmeans(x):
    """KMeansAD: distance to the centre, averaged over all windows with the step."""
    window = find_period(x)
    windows = cut(x, window)
    kmeans = KMeans(20, n_init=1, max_iter=50, random_state=0).fit(windows)
    nearest = kmeans.cluster_centers_[kmeans.labels_]
    total = np.r_[0, np.linalg.norm(windows - nearest, axis=1).cumsum()]
    steps = np.arange(len(x))
    first = np.maximum(steps - window + 1, 0)
    stop = np.minimum(steps, len(windows) - 1) + 1
    return (total[stop] - total[first]) / (stop - first)


def score_forest(x):
    windows = cut(x, find_period(x))
    forest = IsolationForest(random_state=0).fit(windows)
    return center(-forest.score_samples(windows), len(x))


def score_matrix_profile(x):
    import stumpy

    profile = stumpy.stump(x[:, 0], find_period(x))[:, 0].astype(float)
    return center(np.where(np.isfinite(profile), profile, 0), len(x))


def score_lstmad(x, **options):
    return fit_lstmad(x, **options).decision_scores_


def fit_lstmad(x, epochs=5):
    from pyod.models.ts_lstm import LSTMAD

    torch.manual_seed(0)
    return LSTMAD(epochs=epochs).fit(x)


DETECTORS = {
    "Sub-PCA, reads later steps": score_pca,
    "KMeansAD, reads later steps": score_kmeans,
    "isolation forest, reads later steps": score_forest,
    "matrix profile (stumpy), reads later steps": score_matrix_profile,
    "LSTMAD (pyod), 5 epochs": score_lstmad,
}
NEEDS = {score_matrix_profile: "stumpy", score_lstmad: "pyod"}


# Measurements ------------------------------------------------------------------------

FITS = {"RNNAnomalyDetector": fit_rnn, "its linear parts alone": fit_linear}


def measure_nab(fit, folder, seed):
    """Return VUS-PR, the mean over series, and F1 of stretches of all together."""
    X, y = load_nab(folder)
    detectors = [fit(x, seed) for x in X]
    scores = [d.score_steps([x])[0] for d, x in zip(detectors, X, strict=True)]
    found = [d.predict_steps([x])[0] for d, x in zip(detectors, X, strict=True)]
    return {"VUS-PR": mean_vus(y, scores), "F1": segment_f1_score(y, found)}


def measure_peer(score, folder):
    X, y = load_nab(folder)
    return {"VUS-PR": mean_vus(y, [score(x) for x in X])}


def mean_vus(y, scores):
    pairs = zip(y, scores, strict=True)
    return float(np.mean([vus_pr_score([t], [s], window=VUS_WINDOW) for t, s in pairs]))


def measure_skab(seed):
    """Return F1 of steps of each folder and of all together."""
    true, found = [], []
    for folder in SKAB_FOLDERS:
        X, y = load_skab(folder)
        flags = []
        for x in X:
            detector = RNNAnomalyDetector(random_state=seed).fit([x[:SKAB_TRAINED]])
            flags.append(detector.predict_steps([x])[0][SKAB_TRAINED:])
        found.append(np.concatenate(flags))
        true.append(np.concatenate([labels[SKAB_TRAINED:] for labels in y]))
    pairs = [*zip(true, found, strict=True), map(np.concatenate, (true, found))]
    names = *SKAB_FOLDERS, "all"
    return {name: f1_score(*pair) for name, pair in zip(names, pairs, strict=True)}


# Tables ------------------------------------------------------------------------------


def read_results():
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def measure_once(name, measure):
    """Return the figures of a measurement, from the file if they are there."""
    results = read_results()
    if name not in results:
        keep_result(RESULTS, results, name, measure())
    return results[name]


def average(measures, key):
    """Return the mean of a figure over measurements by name."""
    return np.mean([measure_once(*item)[key] for item in measures.items()])


def print_rows(title, header, rows):
    print(f".. list-table:: {title}\n   :header-rows: 1\n")
    for first, *others in [header, *rows]:
        print(f"   * - {first}")
        for value in others:
            print(f"     - {value}")
    print(flush=True)


def show(values):
    return [f"{value:.3f}" for value in values]


def compare_nab(folders, seeds):
    """Print VUS-PR and F1 of stretches of the detector, means over seeds."""

    def list_rows(key):
        for title, fit in FITS.items():
            used = seeds if fit is fit_rnn else seeds[:1]  # no network: all alike
            values = []
            for folder in folders:
                measures = {
                    f"{title}, {folder}, {seed}": partial(
                        measure_nab, fit, folder, seed
                    )
                    for seed in used
                }
                values.append(average(measures, key))
            yield title, *show(values)

    print_rows(VUS_TITLE, ["Detector", *folders], list_rows("VUS-PR"))
    published = [
        (name, *(f"{values[f]:.3f}" if f in values else "" for f in folders))
        for name, values in PUBLISHED.items()
    ]
    title = "F1 of stretches on NAB, pooled over each folder"
    print_rows(title, ["Detector", *folders], [*list_rows("F1"), *published])


def compare_peers(folders):
    """Print VUS-PR of the other detectors."""
    rows = []
    for name, score in DETECTORS.items():
        if score in NEEDS and not find_spec(NEEDS[score]):
            continue
        values = [
            measure_once(f"{name}, {folder}", partial(measure_peer, score, folder))
            for folder in folders
        ]
        rows.append((name, *show(value["VUS-PR"] for value in values)))
    print_rows(VUS_TITLE, ["Detector", *folders], rows)


def compare_skab(seeds):
    """Print F1 of steps of the detector, means over seeds."""
    names = *SKAB_FOLDERS, "all"
    measures = {f"SKAB, {seed}": partial(measure_skab, seed) for seed in seeds}
    values = [average(measures, name) for name in names]
    rows = [("RNNAnomalyDetector", *show(values))]
    print_rows("F1 of steps on SKAB", ["Detector", *names], rows)


def compare_speed():
    """Print how long 4,000 steps take to score, in turn, medians of five."""
    x = load_nab("artificialWithAnomaly")[0][0][:4000]
    rnn = RNNAnomalyDetector(max_epochs=1, random_state=0).fit([x])
    lstmad = fit_lstmad(x, epochs=1)
    seconds = {"RNNAnomalyDetector": [], "LSTMAD (pyod)": []}
    for _ in range(5):
        for name, score in zip(
            seconds,
            (lambda: rnn.score_steps([x]), lambda: lstmad.decision_function(x)),
            strict=True,
        ):
            start = time.perf_counter()
            score()
            seconds[name].append(time.perf_counter() - start)
    rows = [(name, f"{np.median(s):.4f}") for name, s in seconds.items()]
    print_rows("Seconds to score 4,000 steps", ["Detector", "seconds"], rows)


def main():
    tables = {
        "nab": lambda args: compare_nab(args.folders, range(args.n_seeds)),
        "peers": lambda args: compare_peers(args.folders),
        "skab": lambda args: compare_skab(range(args.n_seeds)),
        "speed": lambda args: compare_speed(),
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="+", choices=tables)
    parser.add_argument("--folders", nargs="+", default=NAB_FOLDERS, help="of NAB")
    parser.add_argument("--n-seeds", type=int, default=3)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name in args.tables:
        tables[name](args)


if __name__ == "__main__":
    main()
