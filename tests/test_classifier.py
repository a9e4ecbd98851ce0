"""RNNClassifier: labels, several labels a sequence, class weights."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score
from training_tools import make_classifier


@pytest.mark.parametrize(
    "labels",
    [["b", "a"], [True, False], [7, -3], [2.0, 1.0], np.array(["x", "yy"], object)],
    ids=str,
)
def test_predicted_labels_keep_their_type(ragged, labels):
    X, y = ragged
    y = np.where(y == "up", labels[0], labels[1])
    classifier = make_classifier(max_epochs=40).fit(X, y)
    assert list(classifier.classes_) == sorted(set(y.tolist()))
    assert classifier.score(X, y) > 0.9
    assert classifier.predict(X).dtype == classifier.classes_.dtype


def test_multilabel_targets_are_predicted_column_by_column(rng):
    Y = np.array([[i % 2, i // 2 % 2] for i in range(40)])
    X = [rng.normal(2 * labels - 1, size=(6, 2)) for labels in Y]
    classifier = make_classifier(max_epochs=60).fit(X, Y)
    assert classifier.n_outputs_ == 2
    assert accuracy_score(Y[:, 0], classifier.predict(X)[:, 0]) > 0.9
    assert accuracy_score(Y[:, 1], classifier.predict(X)[:, 1]) > 0.9
    probability = classifier.predict_proba(X)
    assert probability.shape == (len(X), 2)
    np.testing.assert_array_equal(classifier.predict(X), probability > 0.5)
    np.testing.assert_allclose(
        np.exp(classifier.predict_log_proba(X)), probability, rtol=1e-6
    )


def test_balanced_class_weight_is_the_inverse_frequency(ragged):
    X, _ = ragged
    y = np.array(["rare"] * 5 + ["common"] * 35)
    balanced = make_classifier(class_weight="balanced").fit(X, y)
    by_hand = make_classifier(class_weight={"rare": 4.0, "common": 4 / 7}).fit(X, y)
    by_sample = make_classifier().fit(
        X, y, sample_weight=np.where(y == "rare", 4.0, 4 / 7)
    )
    for other in (by_hand, by_sample):
        np.testing.assert_allclose(
            balanced.predict_proba(X), other.predict_proba(X), rtol=1e-4
        )
    plain = make_classifier().fit(X, y)
    rare = list(plain.classes_).index("rare")
    lift = balanced.predict_proba(X) - plain.predict_proba(X)
    assert lift[:, rare].mean() > 0.1


def test_one_hot_classes_warn(rng):
    X, classes = rng.normal(size=(12, 5, 2)), np.arange(12) % 3
    one_hot = np.eye(3, dtype=int)[classes]
    with pytest.warns(UserWarning, match=r"pass y\.argmax\(axis=1\)") as warned:
        make_classifier(max_epochs=1).fit(X, one_hot)
    assert warned[0].filename == __file__
    one_hot[0] = 1  # a set of several labels
    make_classifier(max_epochs=1).fit(X, one_hot)
