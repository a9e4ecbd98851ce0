"""suggest_search: candidates by kind of data, and its price."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier, RNNRegressor, RNNTagger
from sklearn_rnn.model_selection import suggest_search
from sklearn_rnn.preprocessing import SequenceTokenizer

TEXTS = ["good film", "bad film", "good good", "bad"] * 5
LABELS = np.array([1, 0, 1, 0] * 5)


def test_candidates_suit_the_kind_of_data(ragged):
    X, y = ragged
    numbers = suggest_search(RNNRegressor(), X, y == "up").param_distributions
    assert "conv_channels" in numbers
    assert "embedding_dim" not in numbers
    tokens = SequenceTokenizer().fit_transform(TEXTS)
    words = suggest_search(RNNClassifier(), tokens, LABELS).param_distributions
    assert "conv_channels" not in words
    assert "embedding_dim" in words
    assert min(words["dropout"]) > 0


def test_the_search_costs_six_fits_for_each_split(ragged):
    search = suggest_search(RNNClassifier(), *ragged)
    n, epochs, total = search.n_candidates, search.min_resources, 0
    while n >= 1 and epochs <= search.max_resources:
        total += n * epochs
        n, epochs = n // search.factor, epochs * search.factor
    assert search.max_resources == 50
    assert 5 < total / search.max_resources < 6.6


def test_the_best_candidate_predicts(ragged):
    X, y = ragged
    estimator = RNNClassifier(max_epochs=50, random_state=0)
    search = suggest_search(estimator, X, y, cv=2, random_state=0)
    search.set_params(
        n_candidates=3,
        min_resources=1,
        max_resources=3,
        param_distributions={**search.param_distributions, "hidden_size": [2, 3]},
    ).fit(X, y)
    assert search.best_params_["max_epochs"] == 3
    assert search.predict(X).shape == (len(X),)
    assert not hasattr(estimator, "net_")


def test_a_pipeline_is_searched_through_its_last_step():
    pipeline = make_pipeline(SequenceTokenizer(), RNNClassifier())
    search = suggest_search(pipeline, TEXTS, LABELS)
    assert search.resource == "rnnclassifier__max_epochs"
    assert "rnnclassifier__embedding_dim" in search.param_distributions
    names = set(pipeline.get_params())
    assert set(search.param_distributions) < names


def test_a_tagger_has_no_pooling(ragged):
    X, _ = ragged
    y = [(x[:, 0] > 0).astype(int) for x in X]
    assert "pooling" not in suggest_search(RNNTagger(), X, y).param_distributions


@pytest.mark.parametrize("estimator", [Ridge(), make_pipeline(Ridge())])
def test_another_estimator_is_refused(ragged, estimator):
    with pytest.raises(TypeError, match=r"estimator must be a recurrent.*Got Ridge"):
        suggest_search(estimator, *ragged)


def test_bad_data_are_refused_as_in_fit(ragged):
    X, y = ragged
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        suggest_search(RNNClassifier(), X, y[:-1])
    with pytest.raises(ValueError, match="'batch_size' parameter"):
        suggest_search(RNNClassifier(batch_size=0), X, y)
