"""Accuracy of the estimators and of baselines on public data.

    python benchmarks/bench_accuracy.py             # all tasks
    python benchmarks/bench_accuracy.py names sst2  # some tasks

Each task defines data, splits, a recurrent model and a baseline. Parameters were chosen
by cross-validation on the training data, never by test scores. After each task, the
script adds its scores to benchmarks/accuracy.json and rewrites the tables
docs/accuracy_table.rst and docs/accuracy_sets_table.rst.
"""

import argparse
import json
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from _data import (
    CLASSIFICATION,
    fetch_from_here,
    load_classification,
    load_entities,
    load_parts_of_speech,
    load_phone,
    load_pollution,
    load_pronunciation,
    load_skeletons,
)
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    VotingClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    LeaveOneGroupOut,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import _safe_indexing

from sklearn_rnn import (
    RaggedArray,
    RNNClassifier,
    RNNRegressor,
    RNNStepRegressor,
    RNNTagger,
)
from sklearn_rnn.datasets import (
    fetch_cmapss_fd001,
    fetch_monthly_sunspots,
    fetch_names,
    fetch_physionet2012,
    fetch_sst2,
)
from sklearn_rnn.metrics import span_f1_scorer, step_accuracy_scorer
from sklearn_rnn.preprocessing import (
    GapEncoder,
    SequenceFeatures,
    SequenceTokenizer,
    Stepwise,
    WordAttributes,
    make_windows,
)

HERE = Path(__file__).parent
RESULTS = HERE / "accuracy.json"
TABLE = HERE.parent / "docs" / "accuracy_table.rst"
SETS_TABLE = HERE.parent / "docs" / "accuracy_sets_table.rst"


@dataclass
class Recipe:
    """Data, splits and models of a task.

    `splits` are pairs of training and test indices; the score is the mean over them.
    With a `grid`, the best candidate in three folds of the training data, repeated
    twice, is used. The naive answer is a number or a model.
    """

    X: Any
    y: Any
    splits: list
    model: Any
    baseline: Any
    scoring: Any
    naive: Any = None
    grid: Any = None


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


def plain_classifier():
    """Return the baseline: gradient boosting on statistics of each feature."""
    return make_pipeline(SequenceFeatures(), HistGradientBoostingClassifier())


def plain_regressor():
    return make_pipeline(SequenceFeatures(), HistGradientBoostingRegressor())


def vote_of_three(network):
    """Return the mean of three networks with different seeds."""
    members = [(str(i), clone(network)) for i in range(3)]
    return VotingClassifier(members, voting="soft")


def train_and_test(X, y, X_test, y_test):
    """Return X and y of training and test data, and the only split."""
    n = len(y)
    if isinstance(X, RaggedArray):
        X = RaggedArray.from_sequences([*X, *X_test])
    elif isinstance(X, list):
        X = X + X_test
    else:
        X = np.concatenate([X, X_test])
    split = np.arange(n), np.arange(n, n + len(y_test))
    y = y + y_test if isinstance(y, list) else np.concatenate([y, y_test])
    return X, y, [split]


class MostFrequentTag(BaseEstimator):
    """Answer each word with its most frequent tag; a new one, with that of all."""

    def fit(self, X, y):
        tags = defaultdict(Counter)
        for word, tag in pairs(X, y):
            tags[word][tag] += 1
        self.tags_ = {word: n.most_common(1)[0][0] for word, n in tags.items()}
        self.default_ = sum(tags.values(), Counter()).most_common(1)[0][0]
        return self

    def predict(self, X):
        return [[self.tags_.get(word, self.default_) for word in x] for x in X]


def pairs(X, y):
    """Return each step with its answer, sequences end to end."""
    return [pair for x, t in zip(X, y, strict=True) for pair in zip(x, t, strict=True)]


def plain_tagger(describe):
    """Return the baseline of tags: a conditional random field on features of words."""
    from sklearn_crfsuite import CRF

    field = CRF(c1=0.1, c2=0.1, max_iterations=100, all_possible_transitions=True)
    return make_pipeline(FunctionTransformer(describe), field)


# Tasks -------------------------------------------------------------------------------


def archive_default(name):
    return Recipe(
        *train_and_test(*load_classification(name)),
        model=make_pipeline(Stepwise(StandardScaler()), RNNClassifier()),
        baseline=plain_classifier(),
        scoring="accuracy",
    )


def same_for_three(**settings):
    """Return a grid with one candidate: parameters of each member of the vote."""
    return {
        f"votingclassifier__{i}__{name}": [value]
        for i in range(3)
        for name, value in settings.items()
    }


GRID = [
    same_for_three(conv_kernel_size=size, **decay)
    for size in (9, 17)
    for decay in (
        {"optimizer": "adam", "weight_decay": 0.0},
        {"optimizer": "adamw", "weight_decay": 0.3},
    )
]


def archive_tuned(name):
    """Return a vote of three networks with the same parameters, also in the search."""
    recipe = archive_default(name)
    recipe.model = make_pipeline(
        Stepwise(StandardScaler()), vote_of_three(RNNClassifier())
    )
    recipe.grid = GRID
    return recipe


def phone():
    """Windows of the raw signals; the test data are from other people."""
    X, y, _, is_test = load_phone()
    return Recipe(
        X,
        y,
        [(np.flatnonzero(~is_test), np.flatnonzero(is_test))],
        model=RNNClassifier(max_epochs=5, batch_size=64, dropout=0.3),
        baseline=plain_classifier(),
        scoring="accuracy",
    )


def skeletons():
    """Leave one of the 20 recordings out at a time.

    Parameters were chosen in folds over the 19 recordings of the first split.
    """
    clips, y, recording = load_skeletons()
    return Recipe(
        RaggedArray.from_sequences([seen_from_the_hip(joints) for joints in clips]),
        y,
        list(LeaveOneGroupOut().split(y, y, recording)),
        model=RNNClassifier(max_epochs=40),
        baseline=plain_classifier(),
        scoring="accuracy",
    )


def seen_from_the_hip(joints):
    """Return joints relative to the hip, the path of the hip, and joint velocities.

    The skeleton is rotated about the vertical axis to align its hips with the x axis.
    """
    hip = joints[:, :1]
    across = joints[:, 16] - joints[:, 12]  # from the left hip to the right
    x, z = across[:, [0, 2]].T / np.hypot(across[:, 0], across[:, 2])
    one, none = np.ones_like(x), np.zeros_like(x)
    turn = np.array([[x, none, z], [none, one, none], [-z, none, x]])
    points = np.concatenate([joints[:, 1:] - hip, hip - hip[0]], axis=1)
    turned = np.einsum("ijt,tpj->tpi", turn, points).reshape(-1, 60)
    return np.hstack([turned, np.gradient(turned[:, :-3], axis=0)])


def sst2():
    """A vote of three networks; the words are already separated by spaces.

    Parameters of plot_sentiment_of_sentences.py, chosen on the development set.
    """
    network = RNNClassifier(
        conv_channels=None,
        embedding_dim=64,
        hidden_size=16,
        pooling="mean",
        dropout=0.5,
        optimizer="adamw",
        weight_decay=1.0,
        batch_size=64,
        max_epochs=5,
    )
    X, y = fetch_sst2(subset="train", return_X_y=True)
    X_test, y_test = fetch_sst2(subset="test", return_X_y=True)
    return Recipe(
        *train_and_test(X, y, X_test, y_test),
        model=make_pipeline(
            SequenceTokenizer(level=str.split, min_count=2),
            vote_of_three(network),
        ),
        baseline=make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+"),
            LogisticRegression(C=10),
        ),
        scoring="accuracy",
    )


def names():
    """A stratified fifth is the test set."""
    X, y = fetch_names(return_X_y=True)
    split = train_test_split(
        np.arange(len(y)), test_size=0.2, stratify=y, random_state=0
    )
    return Recipe(
        X,
        y,
        [split],
        model=make_pipeline(
            SequenceTokenizer(level="char"),
            RNNClassifier(conv_channels=None, dropout=0.3, max_epochs=6, batch_size=64),
        ),
        baseline=make_pipeline(
            TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4)),
            LogisticRegression(C=20, max_iter=1000),
        ),
        scoring="accuracy",
    )


def engines(cap=125):
    """Predict the remaining cycles of an engine, capped at `cap`, from those so far.

    Training engines give a sample every 5 cycles from cycle 20 on, test engines one at
    their last cycle. The error is measured against the true remaining life, not the
    capped one. The sensors are noisy and there are few engines, so the network reads
    means of ten cycles. Its parameters were chosen on held-out training engines, 20 per
    fold, truncated at the cycles at which test engines may end.
    """
    train, test = fetch_cmapss_fd001(), fetch_cmapss_fd001(subset="test")
    X, y = lives_so_far(train.data, [np.minimum(cap, t[:, 0]) for t in train.target])
    y_test = [remaining[-1, 0] for remaining in test.target]
    return Recipe(
        *train_and_test(X, np.array(y), list(test.data), y_test),
        model=life_regressor(),
        baseline=plain_regressor(),
        naive=np.mean(y),
        scoring="neg_root_mean_squared_error",
    )


def lives_so_far(X, y):
    """Return the beginnings of each sequence, and the answer at the end of each."""
    ends = [(i, end) for i, x in enumerate(X) for end in range(20, len(x) + 1, 5)]
    return [X[i][:end] for i, end in ends], [y[i][end - 1] for i, end in ends]


def life_regressor():
    return make_pipeline(
        GapEncoder(add_mask=False, add_time_since=False),
        FunctionTransformer(means_of_tens),
        RNNRegressor(
            cell="lstm",
            conv_channels=None,
            pooling="last",
            dropout=0.5,
            optimizer="adamw",
            weight_decay=1.0,
            max_epochs=10,
            batch_size=64,
        ),
    )


def means_of_tens(X):
    """Return the means of ten steps each; drop the first steps that remain."""
    return [x[len(x) % 10 :].reshape(-1, 10, x.shape[1]).mean(axis=1) for x in X]


def vital_signs():
    """Hourly means with gaps, and the data known at admission repeated for each hour.

    These are sex, age, height and weight. The splits are five stratified folds. Values
    are clipped at 4 standard deviations from the mean, since larger ones are
    errors or carry no more information. The model is a vote of three networks.
    """
    stays = fetch_physionet2012()
    hourly = np.full((len(stays.data), 48, 37), np.nan, dtype="f4")
    for mean_of_hours, steps in zip(hourly, stays.data, strict=True):
        hours = np.minimum(steps[:, 0] // 60, 47).astype(int)
        values = steps[:, 1:]
        count, total = np.zeros((2, 48, 37))
        np.add.at(count, hours, ~np.isnan(values))
        np.add.at(total, hours, np.nan_to_num(values))
        np.divide(total, count, out=mean_of_hours, where=count > 0)
    known = np.repeat(stays.static[:, np.newaxis], 48, axis=1)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    clip = FunctionTransformer(np.clip, kw_args={"a_min": -4, "a_max": 4})
    network = RNNClassifier(max_epochs=4, batch_size=64, dropout=0.3)
    return Recipe(
        np.concatenate([hourly, known], axis=2),
        stays.target,
        list(folds.split(stays.target, stays.target)),
        model=make_pipeline(
            Stepwise(make_pipeline(StandardScaler(), clip)),
            GapEncoder(strategy="linear", add_time_since=False),
            vote_of_three(network),
        ),
        baseline=plain_classifier(),
        scoring="roc_auc",
    )


def pollution():
    """Predict the change of PM2.5 in the next hour from the previous day.

    The training data are from 2010. Hours with unknown PM2.5 are not scored.
    """
    table = load_pollution()
    known = table["pm2.5"].ffill()
    change = (table["pm2.5"].shift(-1) - known).to_numpy()
    X, y, _ = make_windows(table, change, length=24, horizon=0)
    year = X[:, -1, table.columns.get_loc("year")]
    scored = ~np.isnan(y)
    X = np.delete(X, table.columns.get_loc("year"), axis=2).astype("f4")
    return Recipe(
        X[scored],
        y[scored],
        [(np.flatnonzero(year[scored] == 2010), np.flatnonzero(year[scored] > 2010))],
        model=make_pipeline(
            GapEncoder(), RNNRegressor(max_epochs=5, batch_size=64, pooling="last")
        ),
        baseline=plain_regressor(),
        naive=0,
        scoring="neg_root_mean_squared_error",
    )


def sunspots():
    """Predict next month's change from eleven years; the last fifth is the test set."""
    months = np.ravel(fetch_monthly_sunspots().data)
    X, y, _ = make_windows(months, length=132)
    n_train = round(0.8 * len(months)) - 132
    return Recipe(
        X,
        y - X[:, -1, 0],
        [(np.arange(n_train), np.arange(n_train, len(y)))],
        model=RNNRegressor(max_epochs=10),
        baseline=plain_regressor(),
        naive=0,
        scoring="neg_root_mean_squared_error",
    )


# Recipes of one answer a step --------------------------------------------------------


def words():
    """Ids of words alone; settings were chosen on the development part."""
    return parts_of_speech(
        SequenceTokenizer(level=None, min_count=2),
        RNNTagger(embedding_dim=64, max_epochs=8, **REGULARIZED),
    )


def attributes():
    """Lower case, shape, and prefixes and suffixes of several lengths of each word."""
    names = ("lower", "shape", "prefix2", "prefix3", "suffix2", "suffix3", "suffix4")
    return parts_of_speech(
        WordAttributes(names, min_count=2),
        RNNTagger(embedding_dim=[64, 16] + [32] * 5, max_epochs=8, **REGULARIZED),
    )


REGULARIZED = {"dropout": 0.5, "optimizer": "adamw", "weight_decay": 0.1}


def parts_of_speech(transformer, tagger):
    train, test = load_parts_of_speech("train"), load_parts_of_speech("test")
    return Recipe(
        *train_and_test(*train, *test),
        model=make_pipeline(transformer, tagger),
        baseline=plain_tagger(describe_words),
        scoring=step_accuracy_scorer,
        naive=MostFrequentTag(),
    )


def describe_words(X):
    """Return the features of each word that are usual for a conditional random field.

    The word, its ends, its case, and both neighbours.
    """
    return [[describe_word(x, i) for i in range(len(x))] for x in X]


def describe_word(sentence, i):
    word = sentence[i]
    ends = {f"suffix{n}": word[-n:].lower() for n in (1, 2, 3)}
    starts = {f"prefix{n}": word[:n].lower() for n in (1, 2, 3)}
    case = {"title": word.istitle(), "upper": word.isupper(), "digit": word.isdigit()}
    around = {
        f"word{j:+d}": sentence[i + j].lower() if 0 <= i + j < len(sentence) else ""
        for j in (-1, 1)
    }
    return {"word": word.lower(), **starts, **ends, **case, **around}


def entities():
    """Names of people, places and products in messages: few, and nearly all new.

    Settings were chosen on the development part.
    """
    return Recipe(
        *train_and_test(*load_entities("train"), *load_entities("test")),
        model=make_pipeline(
            WordAttributes(min_count=2),
            RNNTagger(crf=True, scheme="iob2", max_epochs=10, dropout=0.5),
        ),
        baseline=plain_tagger(describe_words),
        scoring=span_f1_scorer,
        naive=MostFrequentTag(),
    )


def pronunciation():
    """A phoneme a letter; settings were chosen on a fifth of the training words."""
    letters, phonemes, is_test = load_pronunciation()
    return Recipe(
        letters,
        phonemes,
        [(np.flatnonzero(~is_test), np.flatnonzero(is_test))],
        model=make_pipeline(
            SequenceTokenizer(level="char"),
            RNNTagger(
                hidden_size=128,
                num_layers=2,
                dropout=0.3,
                learning_rate=0.005,
                max_epochs=10,
            ),
        ),
        baseline=plain_tagger(describe_letters),
        scoring=step_accuracy_scorer,
        naive=MostFrequentTag(),
    )


def describe_letters(X):
    """Return the letters up to three before and after each, and their runs."""
    return [[describe_letter(f"___{x}___", i) for i in range(len(x))] for x in X]


def describe_letter(padded, i):
    around = {f"{j:+d}": padded[i + 3 + j] for j in range(-3, 4)}
    runs = {"before": padded[i + 1 : i + 4], "after": padded[i + 3 : i + 6]}
    return {**around, **runs, "middle": padded[i + 2 : i + 5]}


def engines_each_cycle(cap=125):
    """The life that remains at each cycle, in one pass that reads only the past.

    Scored at the last cycle of each test engine; the plain model is the recurrent
    network on lives so far of the row above. Settings were chosen on training engines
    left out, 20 a fold.
    """
    train, test = fetch_cmapss_fd001(), fetch_cmapss_fd001(subset="test")
    return Recipe(
        *train_and_test(
            list(train.data),
            [np.minimum(cap, remaining[:, 0]) for remaining in train.target],
            list(test.data),
            [remaining[:, 0] for remaining in test.target],
        ),
        model=make_pipeline(
            GapEncoder(add_mask=False, add_time_since=False),
            RNNStepRegressor(
                hidden_size=128,
                bidirectional=False,
                dropout=0.5,
                optimizer="adamw",
                weight_decay=1.0,
                max_epochs=60,
                batch_size=8,
            ),
        ),
        baseline=OnLivesSoFar(),
        scoring=last_cycle_scorer,
    )


class OnLivesSoFar(BaseEstimator):
    """Answer the last step of each sequence, from a network on lives so far."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.regressor_ = seeded(life_regressor(), self.random_state)
        self.regressor_.fit(*lives_so_far(X, y))
        return self

    def predict(self, X):
        return self.regressor_.predict(X)[:, np.newaxis]


def last_cycle_scorer(model, X, y):
    """Return the root mean squared error at the last step of each sequence."""
    answers = model.predict(X)
    errors = [a[-1] - t[-1] for a, t in zip(answers, y, strict=True)]
    return np.sqrt(np.mean(np.square(errors)))


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
    "vital_signs": Task("PhysioNet 2012, 5 folds", "AUC", 0.83, vital_signs),
    "pollution": Task("Beijing PM2.5, next hour", "RMSE, µg/m³", None, pollution),
    "sunspots": Task("sunspots, next month", "RMSE", None, sunspots),
    "words": Task(
        "UD English EWT, words", "accuracy", 0.935, words, "sklearn_crfsuite"
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


def seeded(model, seed):
    """Set a different seed in each part that has a random_state."""
    names = [name for name in model.get_params() if name.endswith("random_state")]
    seeds = {name: seed * len(names) + i for i, name in enumerate(names)}
    return clone(model).set_params(**seeds)


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
    return f"{np.mean(scores):.{digits}f} ± {np.std(scores):.{digits}f}"


def as_table(rows):
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
