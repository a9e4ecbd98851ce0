"""Accuracy of the estimators and of baselines on public data.

    python benchmarks/bench_accuracy.py             # all tasks
    python benchmarks/bench_accuracy.py names sst2  # some tasks

Each task has a recipe (`_sequence_recipes`, `_step_recipes`): data, splits, a recurrent
model and a baseline. Parameters were chosen by cross-validation on the training data,
never by test scores. After each task, the script adds its scores to
benchmarks/accuracy.json and rewrites the tables docs/accuracy_table.rst and
docs/accuracy_sets_table.rst.
"""

import argparse
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import process_time

import numpy as np
import torch
from _data import CLASSIFICATION, fetch_from_here
from _recipes import Recipe, seeded
from _sequence_recipes import (
    archive_default,
    archive_tuned,
    engines,
    engines_default,
    names,
    phone,
    pollution,
    skeletons,
    sst2,
    sunspots,
    vital_signs,
    vital_signs_default,
)
from _step_recipes import (
    attributes,
    characters,
    engines_each_cycle,
    entities,
    pronunciation,
    words,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold
from sklearn.utils import _safe_indexing

HERE = Path(__file__).parent
RESULTS = HERE / "accuracy.json"
TABLE = HERE.parent / "docs" / "accuracy_table.rst"
SETS_TABLE = HERE.parent / "docs" / "accuracy_sets_table.rst"


@dataclass
class Task:
    """A row of the table: its title, its measure and its target.

    `package` is the package that the plain model requires, if not scikit-learn.
    """

    title: str
    measure: str
    target: float
    recipe: Callable[[], Recipe]
    package: str = "sklearn"


TASKS = {
    **{
        f"default-{name}": Task(
            name, "accuracy", None, lambda n=name: archive_default(n)
        )
        for name in CLASSIFICATION
    },
    **{
        f"tuned-{name}": Task(name, "accuracy", None, lambda n=name: archive_tuned(n))
        for name in CLASSIFICATION
    },
    "phone": Task("activities of a smartphone, by subject", "accuracy", 0.92, phone),
    "skeletons": Task("UTKinect, a recording left out", "accuracy", 0.93, skeletons),
    "sst2": Task("SST-2, no pretrained vectors", "accuracy", 0.80, sst2),
    "names": Task("surnames, 18 nationalities", "accuracy", 0.80, names),
    "engines": Task("C-MAPSS FD001", "RMSE, cycles", 14.5, engines),
    "engines_default": Task(
        "C-MAPSS FD001, defaults", "RMSE, cycles", 14.5, engines_default
    ),
    "vital_signs": Task("PhysioNet 2012, 5 folds", "AUC", 0.83, vital_signs),
    "vital_signs_default": Task(
        "PhysioNet 2012, 5 folds, defaults", "AUC", 0.83, vital_signs_default
    ),
    "pollution": Task("Beijing PM2.5, next hour", "RMSE, µg/m³", None, pollution),
    "sunspots": Task("sunspots, next month", "RMSE", None, sunspots),
    "words": Task(
        "UD English EWT, words", "accuracy", 0.935, words, "sklearn_crfsuite"
    ),
    "characters": Task(
        "UD English EWT, words and characters",
        "accuracy",
        0.946,
        characters,
        "sklearn_crfsuite",
    ),
    "attributes": Task(
        "UD English EWT, attributes of words",
        "accuracy",
        0.948,
        attributes,
        "sklearn_crfsuite",
    ),
    "entities": Task(
        "WNUT 2017, names in messages",
        "F1 of spans",
        0.20,
        entities,
        "sklearn_crfsuite",
    ),
    "pronunciation": Task(
        "NETtalk, a phoneme a letter",
        "accuracy",
        0.92,
        pronunciation,
        "sklearn_crfsuite",
    ),
    "engines_each_cycle": Task(
        "C-MAPSS FD001, each cycle in one pass",
        "RMSE, last cycle",
        13.11,
        engines_each_cycle,
    ),
}


# Measuring ---------------------------------------------------------------------------


def measure(recipe, seeds):
    """Return scores: network, one per seed; baseline; naive prediction."""
    result = {}
    if recipe.grid is not None:
        result["chosen"] = choose(recipe)
        recipe.model.set_params(**result["chosen"])
    result["recurrent"] = [score(recipe, recipe.model, seed) for seed in seeds]
    result["plain"] = score(recipe, recipe.baseline, 0)
    if hasattr(recipe.naive, "fit"):
        result["naive"] = score(recipe, recipe.naive, 0)
    elif recipe.naive is not None:
        errors = [recipe.y[test] - recipe.naive for _, test in recipe.splits]
        result["naive"] = float(np.mean([np.sqrt(np.mean(e**2)) for e in errors]))
    return result


def choose(recipe):
    """Return the best candidate of the grid, by cross-validation on the training data.

    The criterion is the log loss, since accuracy has many ties in small folds.
    """
    [(train, _)] = recipe.splits
    folds = RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0)
    search = GridSearchCV(
        seeded(recipe.model, 0),
        recipe.grid,
        scoring="neg_log_loss",
        cv=folds,
        refit=False,
    )
    return search.fit(_safe_indexing(recipe.X, train), recipe.y[train]).best_params_


def score(recipe, model, seed):
    """Return the mean score over the splits, or the mean error of an error measure."""
    scorer = get_scorer(recipe.scoring)
    scores = []
    for train, test in recipe.splits:
        fitted = seeded(model, seed)
        X, y = recipe.X, recipe.y
        fitted.fit(_safe_indexing(X, train), _safe_indexing(y, train))
        scores.append(scorer(fitted, _safe_indexing(X, test), _safe_indexing(y, test)))
    return abs(float(np.mean(scores)))


def run(name, n_seeds):
    begin = process_time()
    result = measure(TASKS[name].recipe(), range(n_seeds))
    return {**result, "cpu_seconds": round(process_time() - begin)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", metavar="task", help=", ".join(TASKS))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    unknown = set(args.tasks) - set(TASKS)
    if unknown:
        parser.error(f"no such task: {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    with fetch_from_here():
        for name in args.tasks or TASKS:
            if find_spec(TASKS[name].package) is None:
                print(f"{name} is left out: {TASKS[name].package} is missing")
                continue
            result = run(name, args.seeds)
            print(name, result, flush=True)
            write_tables(keep(name, result))


def keep(name, result):
    """Add the result to the file and return all results."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[name] = result
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    return results


# Tables ------------------------------------------------------------------------------


def write_tables(results):
    """Write the tables of all results so far."""
    rows = [
        row_of_sets("six sets of UCR and UEA, defaults", "default", 0.93, results),
        row_of_sets("the same, vote of three, best of a grid", "tuned", 0.95, results),
        *(
            row_of_task(TASKS[name], results[name])
            for name in TASKS
            if name in results and not name.startswith(("default-", "tuned-"))
        ),
    ]
    header = ["data", "measure", "at least", "recurrent", "plain", "naive"]
    TABLE.write_text(as_table([header, *filter(None, rows)]))
    sets = [row_of_set(name, results) for name in CLASSIFICATION]
    SETS_TABLE.write_text(
        as_table([["set", "defaults", "vote of three, best of a grid", "plain"], *sets])
    )


def row_of_task(task, result):
    unit = "RMSE" in task.measure
    digits = 2 if unit else 3
    naive = result.get("naive")
    target = task.target
    if unit:
        target = f"at most {target}" if target else "below naive"
    return [
        task.title,
        task.measure,
        str(target),
        spread(result["recurrent"], digits),
        f"{result['plain']:.{digits}f}",
        "" if naive is None else f"{naive:.{digits}f}",
    ]


def row_of_sets(title, kind, target, results):
    """Return the row with the mean over the six sets, or None if one is missing."""
    done = [results.get(f"{kind}-{name}") for name in CLASSIFICATION]
    if None in done:
        return None
    means = np.mean([result["recurrent"] for result in done], axis=0)
    plain = np.mean([result["plain"] for result in done])
    cells = [spread(means, 3), f"{plain:.3f}", ""]
    return [title, "mean accuracy", f"{target:.2f}", *cells]


def row_of_set(name, results):
    default, tuned = (results.get(f"{kind}-{name}") for kind in ("default", "tuned"))
    return [
        name,
        spread(default["recurrent"], 3) if default else "",
        spread(tuned["recurrent"], 3) if tuned else "",
        f"{default['plain']:.3f}" if default else "",
    ]


def spread(scores, digits):
    """Return the mean and the spread over seeds, or the score of the only seed."""
    mean = f"{np.mean(scores):.{digits}f}"
    return f"{mean} ± {np.std(scores):.{digits}f}" if len(scores) > 1 else mean


def as_table(rows):
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
