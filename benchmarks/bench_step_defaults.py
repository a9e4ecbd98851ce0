"""Defaults of RNNTagger and RNNStepRegressor, beside former and hand-picked ones.

    python benchmarks/bench_step_defaults.py           # all sets
    python benchmarks/bench_step_defaults.py chorales  # some sets

Each set holds out a part of the training data: test sets have no part in it. The script
prints the mean score over the seeds and its spread. The former defaults were those of
numbers for every kind of step, without averaging.
"""

import argparse
import warnings

import numpy as np
import torch
from _data import fetch_from_here, load_parts_of_speech
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_rnn import RNNStepRegressor, RNNTagger
from sklearn_rnn.datasets import (
    fetch_cmapss_fd001,
    fetch_jsb_chorales,
    make_regime_switch,
)
from sklearn_rnn.metrics import step_accuracy_score
from sklearn_rnn.preprocessing import GapEncoder, SequenceTokenizer

FORMER = {"dropout": 0.0, "max_epochs": 100, "weight_averaging": 0.0}


def regimes():
    """Hidden states of made signals: accuracy over steps."""
    X, y = make_regime_switch(n_samples=160, n_steps=100, random_state=0)
    picked = {"max_epochs": 15, "weight_averaging": 0.0}
    return RNNTagger(), picked, *split(X, y, 100), step_accuracy_score


def words():
    """Parts of speech of EWT, 2,000 sentences, words alone: accuracy over steps."""
    sentences, tags = load_parts_of_speech("train")
    rows = np.random.RandomState(0).permutation(len(sentences))[:2600]
    known = [sentences[i] for i in rows[:2000]]
    X = SequenceTokenizer(level=None).fit(known).transform([sentences[i] for i in rows])
    picked = {"embedding_dim": 64, "dropout": 0.5, "max_epochs": 50}
    picked |= {"optimizer": "adamw", "weight_decay": 0.1}
    y = [tags[i] for i in rows]
    return RNNTagger(), picked, *split(X, y, 2000), step_accuracy_score


def chorales():
    """Next notes of JSB, its validation part: log-likelihood of a step."""
    train, valid = (fetch_jsb_chorales(subset=part).data for part in ("train", "valid"))
    rolls = [*train, *valid]
    X, y = [roll[:-1] for roll in rolls], [roll[1:] for roll in rolls]
    picked = {"hidden_size": 128, "dropout": 0.3, "max_epochs": 30, "batch_size": 16}
    picked |= {"weight_averaging": 0.0}
    tagger = RNNTagger(bidirectional=False)
    return tagger, picked, *split(X, y, len(train)), None


def engines():
    """Life at each cycle of C-MAPSS, 30 of 100 engines held out: minus RMSE."""
    data = fetch_cmapss_fd001()
    encoder = GapEncoder(add_mask=False, add_time_since=False)
    X = list(encoder.fit_transform(list(data.data)))
    rows = np.random.RandomState(0).permutation(len(X))
    y = [np.minimum(125, target[:, 0]) for target in data.target]
    picked = {"hidden_size": 128, "dropout": 0.5, "max_epochs": 60, "batch_size": 8}
    picked |= {"optimizer": "adamw", "weight_decay": 1.0, "weight_averaging": 0.0}
    parts = split([X[i] for i in rows], [y[i] for i in rows], 70)
    return RNNStepRegressor(bidirectional=False), picked, *parts, minus_error


def split(X, y, n):
    return X[:n], y[:n], X[n:], y[n:]


def minus_error(y, predictions):
    """Return minus the root mean squared error over steps."""
    errors = np.concatenate(list(predictions)) - np.concatenate(list(y))
    return -np.sqrt(np.mean(np.square(errors)))


def log_likelihood(tagger, X, y):
    """Return the mean over steps of the log-probability of the sets of labels."""
    n_steps = sum(map(len, y))
    return tagger.path_log_proba(X, y).sum() / n_steps


SETS = {f.__name__: f for f in (words, regimes, chorales, engines)}


def measure(name, n_seeds):
    """Print the scores of all settings on a set."""
    estimator, picked, X, y, X_test, y_test, metric = SETS[name]()
    settings = {"defaults": {}, "former defaults": FORMER, "hand-picked": picked}
    for title, params in settings.items():
        scores = []
        for seed in range(n_seeds):
            fitted = clone(estimator).set_params(**params, random_state=seed).fit(X, y)
            if metric is None:
                scores.append(log_likelihood(fitted, X_test, y_test))
            else:
                scores.append(metric(y_test, fitted.predict(X_test)))
        mean, spread = np.mean(scores), np.std(scores)
        print(f"{name:10} {title:16} {mean:.4f} ± {spread:.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", nargs="*", help=", ".join(SETS))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    unknown = set(args.sets) - set(SETS)
    if unknown:
        parser.error(f"no such set: {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    with fetch_from_here():
        for name in args.sets or SETS:
            measure(name, args.seeds)


if __name__ == "__main__":
    main()
