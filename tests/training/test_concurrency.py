"""Fits and predictions in several threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from training_tools import make_classifier


def test_predictions_are_thread_safe(ragged):
    X, y = ragged
    classifier = make_classifier().fit(X, y)
    expected = classifier.predict_proba(X)
    with ThreadPoolExecutor(4) as pool:
        for answer in pool.map(lambda _: classifier.predict_proba(X), range(20)):
            np.testing.assert_array_equal(answer, expected)


def test_fits_in_threads_are_independent(ragged):
    X, y = ragged
    expected = make_classifier(dropout=0.3).fit(X, y).loss_curve_
    curves = {}

    def fit(i):
        curves[i] = make_classifier(dropout=0.3).fit(X, y).loss_curve_

    threads = [threading.Thread(target=fit, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(curves[i] == expected for i in range(4))
