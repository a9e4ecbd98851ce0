"""Weight decay and dropout."""

import numpy as np
from training_tools import make_classifier


def test_weight_decay_shrinks_weights(ragged):
    norms = []
    for weight_decay in (0.0, 1.0):
        fitted = make_classifier(weight_decay=weight_decay, max_epochs=60).fit(*ragged)
        norms.append(fitted.module_.head.weight.norm().item())
    assert norms[1] < 0.5 * norms[0]


def test_dropout_changes_training_but_not_prediction(ragged):
    X, y = ragged
    without, with_dropout = (make_classifier(dropout=p).fit(X, y) for p in (0.0, 0.5))
    assert without.loss_curve_ != with_dropout.loss_curve_
    again = make_classifier(dropout=0.5).fit(X, y)
    assert again.loss_curve_ == with_dropout.loss_curve_
    np.testing.assert_array_equal(
        with_dropout.predict_proba(X), with_dropout.predict_proba(X)
    )
