"""Attributions: complete, equal to plain loops, untouched by padding."""

import sys

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor
from sklearn_rnn.inspection import step_attributions
from sklearn_rnn.preprocessing import SequenceTokenizer, Stepwise

SMALL = {"hidden_size": 4, "max_epochs": 5, "random_state": 0}
METHODS = ["integrated_gradients", "gradient", "occlusion"]
NETWORKS = [
    {"conv_channels": 3},  # with ReLU and layer normalisation, steep at the baseline
    {"conv_channels": None, "cell": "lstm", "pooling": "attention"},
    {"conv_channels": None, "cell": "rnn", "nonlinearity": "relu", "num_layers": 2},
    {"conv_channels": None, "bidirectional": False, "pooling": "last"},
    {"conv_channels": None, "pooling": "max", "dropout": 0.5},
]


class RunningSum(torch.nn.Module):
    """A cell without any nonlinearity: the sum so far of a matrix times the steps."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.matrix = torch.nn.Linear(input_size, hidden_size)

    def forward(self, x, lengths, state=None):
        steps = self.matrix(x)
        if lengths is not None:
            valid = torch.arange(x.shape[1]) < lengths.unsqueeze(1)
            steps = steps * valid.unsqueeze(2)
        return steps.cumsum(1), None


def log_odds(classifier, X, column):
    with np.errstate(divide="ignore"):
        p = classifier.predict_log_proba(X).astype(float)
    others = np.delete(p, column, axis=1)
    return p[:, column] - np.logaddexp.reduce(others, axis=1)


def mean_of_training(estimator):
    return estimator.module_.inputs.mean.numpy()


def at_baseline(estimator, X):
    return [np.tile(mean_of_training(estimator), (len(x), 1)) for x in X]


def assert_complete(attributions, rises):
    for parts, rise in zip(attributions, rises, strict=True):
        assert abs(parts.sum() - rise) <= 0.01 * np.abs(parts).sum() + 1e-5


@pytest.fixture
def three_classes(ragged):
    X, _ = ragged
    return X, np.array([str(round(float(x[0, 0]) % 2.4)) for x in X])


@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_attributions_sum_to_the_rise_of_the_log_odds(three_classes, options):
    X, y = three_classes
    classifier = RNNClassifier(**SMALL, **options).fit(X, y)
    X = X[:8]
    attributions = step_attributions(classifier, X, target=["0", "1", "2"])
    assert list(attributions) == ["0", "1", "2"]
    baseline = at_baseline(classifier, X)
    for column, label in enumerate(classifier.classes_):
        rises = log_odds(classifier, X, column)
        rises -= log_odds(classifier, baseline, column)
        assert_complete(attributions[label], rises)


@pytest.mark.parametrize(
    "options",
    [
        *({"loss": loss} for loss in ("squared_error", "absolute_error", "poisson")),
        {"loss": "gaussian"},
        {"loss": "quantile", "quantile": (0.1, 0.5, 0.9)},
    ],
)
def test_attributions_sum_to_the_rise_of_the_prediction(ragged, options):
    X, _ = ragged
    y = np.array([100 + 20 * x.mean() for x in X])
    regressor = RNNRegressor(**SMALL, conv_channels=None, **options).fit(X, y)
    X = X[:8]
    rises = regressor.predict(X) - regressor.predict(at_baseline(regressor, X))
    if rises.ndim == 2:
        rises = rises[:, 1]  # the quantile in the middle
    parts = step_attributions(regressor, X)
    for sequence, rise in zip(parts, rises, strict=True):
        assert abs(sequence.sum() - rise) <= 0.01 * np.abs(sequence).sum() + 1e-4


def test_many_pieces_in_little_memory_are_the_same(ragged, monkeypatch):
    X, y = ragged
    classifier = RNNClassifier(**SMALL).fit(X, y)
    expected = step_attributions(classifier, X[:3], target="up")
    monkeypatch.setattr("sklearn_rnn.inspection._attributions._MAX_STEPS", 1)
    one_by_one = step_attributions(classifier, X[:3], target="up")
    np.testing.assert_allclose(one_by_one.values, expected.values, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_all_methods_agree_on_a_linear_network(ragged, method):
    X, _ = ragged
    regressor = RNNRegressor(
        **SMALL,
        cell=RunningSum,
        conv_channels=None,
        bidirectional=False,
        pooling="last",
    ).fit(X, [x[:, 0].sum() for x in X])
    attributions = step_attributions(regressor, X, method=method)
    mean = mean_of_training(regressor)
    level = regressor.predict([np.tile(mean, (1, 1))])[0]
    for parts, x in zip(attributions, X, strict=True):
        for step in range(len(x)):
            for feature in range(2):  # the slope, from the end of the mean sequence
                probe = mean.copy()
                probe[feature] = x[step, feature]
                rise = regressor.predict([probe[np.newaxis]])[0] - level
                assert parts[step, feature] == pytest.approx(rise, abs=1e-4)


def test_gradients_are_those_of_finite_differences(ragged):
    X, y = ragged
    options = {**SMALL, "conv_channels": None, "pooling": "mean"}
    classifier = RNNClassifier(**options).fit(X, y)
    parts = step_attributions(classifier, X, method="gradient", target="up")[0]
    mean, width = mean_of_training(classifier), 1e-2
    for step in range(len(X[0])):
        for feature in range(2):
            pair = np.stack([X[0], X[0]])
            pair[:, step, feature] += [width, -width]
            after, before = log_odds(classifier, pair, 1)
            slope = (after - before) / (pair[0] - pair[1])[step, feature]
            distance = X[0][step, feature] - mean[feature]
            assert parts[step, feature] == pytest.approx(slope * distance, abs=2e-3)


def test_occlusion_is_a_loop_over_hidden_values(ragged):
    X, y = ragged
    classifier = RNNClassifier(**SMALL, conv_channels=3).fit(X, y)
    parts = step_attributions(classifier, X, method="occlusion", target="down")[3]
    whole = log_odds(classifier, [X[3]], 0)[0]
    for step in range(len(X[3])):
        for feature in range(2):
            hidden = X[3].copy()
            hidden[step, feature] = mean_of_training(classifier)[feature]
            fall = whole - log_odds(classifier, [hidden], 0)[0]
            assert parts[step, feature] == pytest.approx(fall, rel=2e-5, abs=1e-5)


def fit_texts(ngrams):
    texts = ["not bad at all", "bad", "so good", "not so good", "so bad", "good"] * 5
    y = ["+", "-", "+", "-", "-", "+"] * 5
    rnn = RNNClassifier(**SMALL, conv_channels=None, ngrams=ngrams)
    return make_pipeline(SequenceTokenizer(), rnn).fit(texts, y), texts


@pytest.fixture
def texts():
    return fit_texts(ngrams=None)


def test_of_tokens_there_is_one_attribution_a_step_and_they_are_complete(texts):
    pipeline, texts = texts
    attributions = step_attributions(pipeline, texts, target="+")
    assert attributions.n_features == 1
    assert attributions.lengths.tolist() == [len(text.split()) for text in texts]
    unknown = [" ".join(["?"] * len(text.split())) for text in texts]
    rises = log_odds(pipeline, texts, 0) - log_odds(pipeline, unknown, 0)
    assert_complete(attributions, rises)


@pytest.mark.parametrize("method", METHODS)
def test_ngrams_add_their_parts_to_those_of_the_network(method):
    both, texts = fit_texts(ngrams=2)
    branch = both[-1].module_.ngram_branch
    found = step_attributions(both, texts, method=method, target="+")
    table = branch.table.clone()
    branch.table[:, 1:] = 0
    network = step_attributions(both, texts, method=method, target="+")
    branch.table.copy_(table)
    ids = both[-1]._validate_for_predict(both[0].transform(texts))
    for more, own, x in zip(found, network, ids, strict=True):
        with torch.no_grad():
            parts = branch.contributions(torch.tensor(x)[None])[0]
        # the log-odds of two classes are linear in the logits
        expected = (parts[:, :1] - parts[:, 1:]) / 2
        np.testing.assert_allclose(more - own, expected, atol=1e-3)


def test_occlusion_of_a_token_makes_it_unknown(texts):
    pipeline, texts = texts
    parts = step_attributions(pipeline, texts, method="occlusion", target="+")[3]
    hidden = ["? so good", "not ? good", "not so ?"]
    falls = log_odds(pipeline, ["not so good"], 0) - log_odds(pipeline, hidden, 0)
    np.testing.assert_allclose(parts[:, 0], falls, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_other_sequences_and_padding_take_no_part(ragged, method):
    X, y = ragged
    classifier, X = RNNClassifier(**SMALL).fit(X, y), X[:8]
    together = step_attributions(classifier, X, method=method, target="up")
    assert isinstance(together, RaggedArray)
    assert together.lengths.tolist() == [len(x) for x in X]
    for i in (0, 7):
        alone = step_attributions(classifier, [X[i]], method=method, target="up")
        assert alone.shape == (1, *X[i].shape)
        np.testing.assert_array_equal(alone[0], together[i])


def test_what_speaks_for_one_of_two_classes_speaks_against_the_other(ragged):
    X, y = ragged
    classifier = RNNClassifier(**SMALL, conv_channels=None).fit(X, y)
    both = step_attributions(classifier, X, method="gradient", target=["down", "up"])
    assert list(both) == ["down", "up"]
    np.testing.assert_allclose(both["up"].values, -both["down"].values, atol=1e-12)
    np.testing.assert_array_equal(
        step_attributions(classifier, X, method="gradient", target="up").values,
        both["up"].values,
    )


def test_nothing_selected_explains_the_class_predicted_for_each(three_classes):
    X, y = three_classes
    classifier = RNNClassifier(**SMALL, conv_channels=None).fit(X, y)
    labels = classifier.predict(X)
    assert len(set(labels)) > 1
    attributions = step_attributions(classifier, X, method="gradient")
    every = step_attributions(classifier, X, method="gradient", target=["0", "1", "2"])
    for i, label in enumerate(labels):
        np.testing.assert_array_equal(attributions[i], every[label][i])


def test_several_targets_and_labels_come_by_number(ragged):
    X, _ = ragged
    y = np.arange(80.0).reshape(40, 2)
    regressor = RNNRegressor(**SMALL).fit(X, y)
    assert list(step_attributions(regressor, X, method="gradient")) == [0, 1]
    labels = RNNClassifier(**SMALL).fit(X, (y % 3 > 1).astype(int))
    X = X[:8]
    parts = step_attributions(labels, X, target=1)
    rises = [
        np.subtract(*np.log(p / (1 - p)))
        for p in np.stack(
            [
                labels.predict_proba(X)[:, 1].astype(float),
                labels.predict_proba(at_baseline(labels, X))[:, 1].astype(float),
            ],
            axis=1,
        )
    ]
    assert_complete(parts, rises)


def test_pipelines_and_searches_are_opened(ragged):
    X, y = ragged
    pipeline = make_pipeline(Stepwise(StandardScaler()), RNNClassifier(**SMALL))
    grid = {"rnnclassifier__hidden_size": [3]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    scaler, rnn = (step for _, step in search.best_estimator_.steps)
    options = {"method": "gradient", "target": "up"}
    np.testing.assert_array_equal(
        step_attributions(search, X, **options).values,
        step_attributions(rnn, scaler.transform(X), **options).values,
    )


def test_a_table_has_one_feature(rng):
    X = rng.normal(size=(20, 6))
    regressor = RNNRegressor(**SMALL).fit(X, X[:, 2])
    assert step_attributions(regressor, X, method="gradient").shape == (20, 6, 1)


def test_the_estimator_stays_as_it_is(ragged):
    X, y = ragged
    classifier = RNNClassifier(**SMALL).fit(X, y)
    before = classifier.predict_proba(X)
    step_attributions(classifier, X[:2])
    np.testing.assert_array_equal(classifier.predict_proba(X), before)
    assert all(p.requires_grad for p in classifier.module_.parameters())


def test_other_methods_are_refused(ragged):
    X, y = ragged
    classifier = RNNClassifier(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match=r"'method' parameter .* Got 'shap' instead"):
        step_attributions(classifier, X, method="shap")


def test_without_captum_the_error_says_what_to_install(ragged, monkeypatch):
    X, y = ragged
    classifier = RNNClassifier(**SMALL).fit(X, y)
    for name in [n for n in sys.modules if n.split(".")[0] == "captum"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "captum", None)
    with pytest.raises(ImportError, match=r"pip install \"sklearn-rnn\[explain\]\""):
        step_attributions(classifier, X)
