"""Accuracy of the defaults on sets of the UCR and UEA archives.

    python benchmarks/bench_archive.py run --settings defaults
    python benchmarks/bench_archive.py table > docs/archive_table.rst

``run`` adds a line to archive.jsonl for each set, setting and seed that is not there
yet: it can be stopped and started again, and several may run at once on different sets.
``table`` prints accuracies and seconds of the processor beside published results.
``docs/figures/archive_ranks.py`` draws the mean ranks.
"""

import argparse
import itertools
import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from _data import ARCHIVE, CLASSIFICATION, load_classification
from scipy.stats import rankdata, wilcoxon
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier
from sklearn_rnn.model_selection import suggest_search
from sklearn_rnn.preprocessing import SequenceFeatures

RESULTS = Path(__file__).with_name("archive.jsonl")
# half of the sets, drawn at random; these have no part in the choice of defaults
HELD_OUT = [
    *("Crop", "ECG200", "ElectricDevices", "ERing", "FiftyWords", "FordA"),
    *("GesturePebbleZ1", "HouseTwenty", "MedicalImages", "PhalangesOutlinesCorrect"),
    *("PigCVP", "SyntheticControl", "UWaveGestureLibrary"),
]
# test accuracy in percent of LSTM-FCN, InceptionTime and MiniRocket on the same split;
# None where it is not known. At Trace, the training of LSTM-FCN failed.
PUBLISHED = {
    "ACSF1": (None, 92.0, 91.0),
    "AllGestureWiimoteX": (None, 79.0, None),
    "AtrialFibrillation": (None, 20.0, None),
    "CBF": (99.6, 99.9, 99.9),
    "CharacterTrajectories": (None, None, None),
    "Coffee": (100.0, 100.0, 100.0),
    "Crop": (None, 77.2, 76.6),
    "ECG200": (87.0, 93.0, 91.0),
    "ElectricDevices": (74.7, 72.4, 74.2),
    "ERing": (None, 87.8, None),
    "FiftyWords": (80.2, 83.1, 83.7),
    "FordA": (None, 96.1, 94.8),
    "GesturePebbleZ1": (None, 92.4, None),
    "HouseTwenty": (None, 97.5, 95.8),
    "LargeKitchenAppliances": (88.5, 90.4, 87.5),
    "Lightning7": (79.5, 83.6, 79.5),
    "MedicalImages": (78.9, 79.5, 79.1),
    "OSULeaf": (98.3, 94.2, 95.9),
    "PhalangesOutlinesCorrect": (82.8, 85.0, 84.0),
    "PigCVP": (None, 96.2, 94.7),
    "ShapesAll": (89.7, 92.8, 92.3),
    "StandWalkJump": (None, 40.0, None),
    "SyntheticControl": (98.7, 99.7, 98.7),
    "Trace": (25.0, 100.0, 100.0),
    "UWaveGestureLibrary": (None, 87.8, None),
    "Worms": (None, 77.9, 74.0),
}


class NoMemory(torch.nn.Module):
    """A layer without outputs: what is left are the random kernels."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, lengths=None, state=None):
        """Return zeros."""
        return x.new_zeros(*x.shape[:2], self.hidden_size) + 0 * self.unused, None


SETTINGS = {
    "defaults": {},
    "network alone, ``random_kernels=None``": {"random_kernels": None},
    "random kernels alone": {"cell": NoMemory},
    "``conv_channels=None``": {"conv_channels": None},
}
SEARCH = "the best of ``suggest_search``"
PLAIN = "``SequenceFeatures`` and gradient boosting"
ALL = [*SETTINGS, SEARCH, PLAIN]
METHODS = {
    "defaults": "RNNClassifier()",
    "random kernels alone": "kernels alone",
}
# the cheapest first
SETS = [
    *("ItalyPowerDemand", "Coffee", "CBF", "ERing", "BasicMotions", "GunPoint"),
    *("ECG200", "SyntheticControl", "ArrowHead", "Trace", "Lightning7"),
    *("JapaneseVowels", "NATOPS", "UWaveGestureLibrary", "MedicalImages", "OSULeaf"),
    *("GesturePebbleZ1", "AllGestureWiimoteX", "PhalangesOutlinesCorrect"),
    *("AtrialFibrillation", "FiftyWords", "CharacterTrajectories", "Worms"),
    *("LargeKitchenAppliances", "ShapesAll", "HouseTwenty", "ACSF1", "Crop"),
    *("StandWalkJump", "PigCVP", "ElectricDevices", "FordA"),
]


def read_results():
    """Return accuracy and seconds by set, setting and seed."""
    if not RESULTS.exists():
        return {}
    rows = map(json.loads, RESULTS.read_text().splitlines())
    return {
        (row["set"], row["setting"], row["seed"]): (row["accuracy"], row["seconds"])
        for row in rows
    }


def run(names, settings, seeds):
    """Fit and score what has no result yet; one thread."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name in names:
        X, y, X_test, y_test = load_classification(name)
        for seed in seeds:
            for setting in settings:
                if (name, setting, seed) in read_results():
                    continue
                model = make_model(setting, seed, X, y)
                start = time.process_time()
                model.fit(X, y)
                seconds = time.process_time() - start
                row = {
                    "set": name,
                    "setting": setting,
                    "seed": seed,
                    "accuracy": round(model.score(X_test, y_test), 4),
                    "seconds": round(seconds, 1),
                }
                with RESULTS.open("a") as file:
                    file.write(json.dumps(row) + "\n")


def make_model(setting, seed, X, y):
    """Return a classifier that is not fitted."""
    if setting == SEARCH:
        return suggest_search(RNNClassifier(random_state=seed), X, y, random_state=seed)
    if setting == PLAIN:
        boosting = HistGradientBoostingClassifier(random_state=seed)
        return make_pipeline(SequenceFeatures(), boosting)
    return RNNClassifier(**SETTINGS[setting], random_state=seed)


def list_groups(results):
    """Return the groups of sets with a result of the defaults."""
    known = [name for name in SETS if (name, "defaults", 0) in results]
    archive = sorted(name for name in known if name in ARCHIVE)
    return {
        "held-out half of the 26": [n for n in archive if n in HELD_OUT],
        "the other half": [n for n in archive if n not in HELD_OUT],
        "six small sensor sets": [n for n in known if n in CLASSIFICATION],
    }


def print_table(results):
    """Print a row a set, and the means of each group."""
    settings = [s for s in ALL if any(s == key[1] for key in results)]
    print(".. list-table::\n   :header-rows: 1\n")
    published = ("LSTM-FCN", "InceptionTime", "MiniRocket")
    columns = [f"{s}: accuracy, seconds (seeds)" for s in settings]
    print_row(["set", *columns, *published])
    for group, names in list_groups(results).items():
        for name in names:
            print_row([name, *make_cells(results, settings, name)])
        print_row(
            [f"**{group}: mean of {len(names)}**"]
            + [describe_mean(results, setting, names) for setting in settings]
            + [describe_published(results, names, k) for k in range(3)]
        )


def make_cells(results, settings, name):
    """Return the cells of a set."""
    cells = [describe_mean(results, setting, [name]) for setting in settings]
    numbers = PUBLISHED.get(name, (None, None, None))
    return [*cells, *("" if n is None else f"{n / 100:.3f}" for n in numbers)]


def describe_mean(results, setting, names):
    """Return the mean over sets of accuracy, the median of seconds, how many seeds."""
    rows = [list_seeds(results, setting, name) for name in names]
    if not all(rows):
        return ""
    accuracy, seconds = zip(*(np.mean(row, axis=0) for row in rows), strict=True)
    least, most = min(map(len, rows)), max(map(len, rows))
    seeds = f"{least}" if least == most else f"{least} to {most}"
    return f"{np.mean(accuracy):.3f}, {np.median(seconds):.1f} ({seeds})"


def list_seeds(results, setting, name):
    """Return accuracy and seconds of each seed."""
    return [r for (n, s, _), r in results.items() if (n, s) == (name, setting)]


def describe_published(results, names, k):
    """Return the published mean, and that of the defaults on the same sets."""
    known = [n for n in names if PUBLISHED.get(n, [None] * 3)[k] is not None]
    if not known:
        return ""
    mean = np.mean([PUBLISHED[n][k] for n in known]) / 100
    own = describe_mean(results, "defaults", known).split(",")[0]
    return f"{mean:.3f} (defaults {own} on these {len(known)})"


def compare_methods(results):
    """Compare the settings and published results on all sets where each is known.

    Returns
    -------
    ranks : dict of float
        Mean rank of each method, the best first; 1 is the highest accuracy.
    ties : list of tuple of str
        Neighbours in `ranks` of which no two differ: Wilcoxon's signed-rank test with
        Holm's correction, at a level of 0.05.
    n_sets : int
    """
    rows = [make_accuracies(results, name) for name in PUBLISHED]
    rows = [row for row in rows if None not in row.values()]
    accuracy = np.array([list(row.values()) for row in rows])
    mean_ranks = rankdata(-accuracy, axis=1).mean(axis=0)
    order = np.argsort(mean_ranks)
    names = list(rows[0])
    ranks = {names[k]: mean_ranks[k] for k in order}
    return ranks, list_ties(accuracy[:, order], list(ranks)), len(rows)


def make_accuracies(results, name):
    """Return the accuracy of each method on a set; None where it is not known."""
    rows = {name_of: list_seeds(results, s, name) for s, name_of in METHODS.items()}
    own = {m: np.mean(row, axis=0)[0] if row else None for m, row in rows.items()}
    _, inception, rocket = PUBLISHED[name]
    published = {"InceptionTime": inception, "MiniRocket": rocket}
    return own | {m: n if n is None else n / 100 for m, n in published.items()}


def list_ties(accuracy, names):
    """Return groups of columns, as long as they can be, of which no two differ."""
    pairs = list(itertools.combinations(range(len(names)), 2))
    p = [wilcoxon(*accuracy[:, pair].T, zero_method="zsplit").pvalue for pair in pairs]
    differ = set()
    for k, i in enumerate(np.argsort(p)):
        if p[i] > 0.05 / (len(pairs) - k):
            break
        differ.add(pairs[i])
    ties = []
    for first in range(len(names)):
        last = first
        while last + 1 < len(names) and not any(
            (i, last + 1) in differ for i in range(first, last + 1)
        ):
            last += 1
        if last > first and (not ties or last > ties[-1][1]):
            ties.append((first, last))
    return [tuple(names[first : last + 1]) for first, last in ties]


def print_row(cells):
    lines = [f"     - {cell}" for cell in cells]
    lines[0] = f"   * - {cells[0]}"
    print("\n".join(line.rstrip() for line in lines))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["run", "table"])
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--settings", nargs="*", default=ALL)
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    if args.action == "run":
        run(args.sets, args.settings, range(args.seeds))
    else:
        print_table(read_results())


if __name__ == "__main__":
    main()
