"""fit leaves data, parameters and the file system unchanged."""

from pathlib import Path

import numpy as np
from skorch.callbacks import EarlyStopping
from training_tools import make_classifier


def test_nothing_is_written_into_the_working_directory(ragged):
    make_classifier(early_stopping=True).fit(*ragged).predict(ragged[0])
    assert list(Path.cwd().iterdir()) == []


def test_fit_does_not_change_data_or_parameters(ragged):
    X, y = ragged
    kept = [x.copy() for x in X], y.copy()
    classifier = make_classifier(callbacks=[EarlyStopping(monitor="train_loss")])
    params = dict(classifier.get_params())
    classifier.fit(X, y)
    assert classifier.get_params() == params
    assert all(np.array_equal(a, b) for a, b in zip(X, kept[0], strict=True))
    assert np.array_equal(y, kept[1])
