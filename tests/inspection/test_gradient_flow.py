"""GradientFlowDisplay: exact gradients, and what the picture shows."""

import copy

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNClassifier, RNNRegressor
from sklearn_rnn.datasets import make_adding_problem
from sklearn_rnn.inspection import GradientFlowDisplay
from sklearn_rnn.preprocessing import SequenceTokenizer, Stepwise

SMALL = {"hidden_size": 4, "conv_channels": None, "max_epochs": 2, "random_state": 0}


class Recording(torch.nn.Module):
    """A layer in double precision, step by step, for one sequence at a time."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.h = []

    def forward(self, x, lengths, state=None):
        outputs, self.h = [], []
        for t in range(x.shape[1]):
            output, state = self.layer.step(x[:, t], state)
            self.h.append(output)
            outputs.append(output)
        return torch.stack(outputs, dim=1), state


def norms_by_hand(estimator, X, targets, loss_of):
    """One sequence at a time, without padding, the norm at every step of every layer.

    Returns lists of (n_steps, ) arrays, as read, for each layer and direction.
    """
    module = copy.deepcopy(estimator.module_).double()
    encoder = module.encoder
    for layers in (encoder.forward_layers, encoder.backward_layers):
        for index, layer in enumerate(layers):
            layers[index] = Recording(layer)
    pairs = [encoder.forward_layers, encoder.backward_layers]
    recorders = [
        layer
        for both in zip(*[p for p in pairs if len(p)], strict=True)
        for layer in both
    ]
    norms = [[] for _ in recorders]
    for x, target in zip(X, targets, strict=True):
        loss = loss_of(module(torch.tensor(x)[None]), target)
        for found, recorder in zip(norms, recorders, strict=True):
            gradients = [
                torch.autograd.grad(loss, h, retain_graph=True)[0] for h in recorder.h
            ]
            found.append(np.array([g.norm().item() for g in gradients]))
    return norms


def mean_by_steps_back(norms):
    longest = max(map(len, norms))
    return np.array(
        [
            np.mean([n[len(n) - 1 - k] for n in norms if len(n) > k])
            for k in range(longest)
        ]
    )


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize(
    "params",
    [
        {"pooling": "last", "bidirectional": False},
        {"pooling": "meanmax", "num_layers": 2},
        {"pooling": "attention", "hidden_size": (3, 5)},
        {"conv_channels": 3, "conv_kernel_size": 3, "pooling": "last"},
    ],
    ids=["plain", "stacked", "attention", "stem"],
)
def test_gradients_are_those_of_a_plain_loop(ragged, cell, params, pyplot):
    X, y = ragged
    classifier = RNNClassifier(cell=cell, **{**SMALL, **params}).fit(X, y)
    columns = [classifier.classes_.tolist().index(label) for label in y]

    def loss_of(output, column):
        return -torch.log_softmax(output[0], dim=0)[column]

    by_hand = norms_by_hand(classifier, X, columns, loss_of)
    expected = [mean_by_steps_back(norms) for norms in by_hand]
    display = GradientFlowDisplay.from_estimator(classifier, X, y)
    n_layers = len(classifier.module_.encoder.forward_layers)
    n_directions = 2 if classifier.bidirectional else 1
    assert display.gradient_norms.shape[:2] == (n_layers, n_directions)
    np.testing.assert_allclose(
        display.gradient_norms.reshape(len(expected), -1), expected, rtol=1e-9
    )


def test_the_state_of_a_linear_network_has_the_gradient_of_the_formula(rng, pyplot):
    # relu, far from 0: h[t] = w x[t] + u h[t-1] + b, so d h[T] / d h[t] = u^(T-t)
    X, y = rng.normal(size=(20, 6, 1)), rng.normal(size=20)
    regressor = RNNRegressor(
        **{**SMALL, "hidden_size": 1, "max_epochs": 1},
        cell="rnn",
        nonlinearity="relu",
        bidirectional=False,
        pooling="last",
    ).fit(X, y)
    layer = regressor.module_.encoder.forward_layers[0].rnn
    with torch.no_grad():
        layer.weight_ih_l0.fill_(0.1)
        layer.weight_hh_l0.fill_(0.5)
        layer.bias_ih_l0.fill_(10)
        layer.bias_hh_l0.fill_(0)
        regressor.module_.head.weight.fill_(2)
    display = GradientFlowDisplay.from_estimator(regressor, X, y)
    norms = display.gradient_norms[0, 0]
    np.testing.assert_allclose(norms / norms[0], 0.5 ** np.arange(6))
    # the loss is the squared error of standardised targets
    error = (regressor.predict(X) - y) / y.std()
    assert norms[0] == pytest.approx(np.mean(np.abs(2 * error * 2)), rel=1e-5)


@pytest.mark.parametrize("loss", ["gaussian", "quantile", "poisson"])
def test_several_targets_and_every_loss(ragged, rng, loss, pyplot):
    X, _ = ragged
    y = rng.uniform(1, 3, size=(len(X), 2))
    regressor = RNNRegressor(loss=loss, **SMALL).fit(X, y)
    norms = GradientFlowDisplay.from_estimator(regressor, X, y).gradient_norms
    assert norms.shape == (1, 2, max(map(len, X)))
    assert (norms > 0).all()


def test_multilabel_and_tokens(rng, pyplot):
    texts = ["good film", "bad", "good", "bad film"] * 5
    y = rng.integers(0, 2, size=(20, 3))
    pipeline = make_pipeline(SequenceTokenizer(), RNNClassifier(**SMALL)).fit(texts, y)
    norms = GradientFlowDisplay.from_estimator(pipeline, texts, y).gradient_norms
    assert norms.shape == (1, 2, 2)


def test_batches_change_nothing(ragged, monkeypatch, pyplot):
    X, y = ragged
    classifier = RNNClassifier(**SMALL).fit(X, y)
    whole = GradientFlowDisplay.from_estimator(classifier, X, y).gradient_norms
    monkeypatch.setattr("sklearn_rnn.inspection._gradient_flow._MAX_STEPS", 30)
    cut = GradientFlowDisplay.from_estimator(classifier, X, y).gradient_norms
    np.testing.assert_allclose(cut, whole, rtol=1e-12)


def test_transformers_come_first_and_searches_stand_for_their_best(ragged, pyplot):
    X, y = ragged
    pipeline = make_pipeline(Stepwise(StandardScaler()), RNNClassifier(**SMALL))
    search = GridSearchCV(pipeline, {"rnnclassifier__hidden_size": [4]}, cv=2).fit(X, y)
    best = search.best_estimator_
    np.testing.assert_array_equal(
        GradientFlowDisplay.from_estimator(search, X, y).gradient_norms,
        GradientFlowDisplay.from_estimator(
            best[-1], best[:-1].transform(X), y
        ).gradient_norms,
    )


def test_the_estimator_is_left_as_it_was(ragged, pyplot):
    X, y = ragged
    classifier = RNNClassifier(**SMALL).fit(X, y)
    before = classifier.predict_proba(X)
    GradientFlowDisplay.from_estimator(classifier, X, y)
    np.testing.assert_array_equal(classifier.predict_proba(X), before)
    assert type(classifier.module_.encoder.forward_layers[0]).__name__ == "GRU"


def test_gates_let_the_gradient_live_where_the_plain_cell_loses_it(pyplot):
    X, y = make_adding_problem(40, n_steps=60, random_state=0)
    last = {"pooling": "last", "bidirectional": False, "conv_channels": None}
    remaining = {}
    for cell in ("rnn", "lstm"):
        regressor = RNNRegressor(cell=cell, **last, random_state=0).partial_fit(X, y)
        norms = GradientFlowDisplay.from_estimator(regressor, X, y).gradient_norms[0, 0]
        remaining[cell] = norms[-1] / norms[0]
    assert remaining["lstm"] > 10 * remaining["rnn"]


# The picture ------------------------------------------------------------------------


def test_the_picture_has_a_line_for_each_layer_and_direction(ragged, pyplot):
    X, y = ragged
    classifier = RNNClassifier(**SMALL, num_layers=2).fit(X, y)
    display = GradientFlowDisplay.from_estimator(classifier, X, y, name="GRU")
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == [
        "GRU, layer 1, forward",
        "GRU, layer 1, backward",
        "GRU, layer 2, forward",
        "GRU, layer 2, backward",
    ]
    for line, norms in zip(
        display.lines_, display.gradient_norms.reshape(4, -1), strict=True
    ):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(len(norms)))
        np.testing.assert_array_equal(line.get_ydata(), norms)
    assert [line.get_linestyle() for line in display.lines_] == ["-", "--"] * 2
    assert len({line.get_color() for line in display.lines_}) == 4
    assert len({line.get_marker() for line in display.lines_}) == 4
    assert display.ax_.get_xlabel() == "steps back"
    assert "loss" in display.ax_.get_ylabel()
    assert display.ax_.get_yscale() == "log"
    low, high = display.ax_.get_ylim()
    assert low < display.gradient_norms.min() < display.gradient_norms.max() < high
    assert high / low >= 999


def test_several_networks_share_given_axes(pyplot):
    figure, ax = pyplot.subplots()
    norms = np.geomspace(1, 1e-4, 5).reshape(1, 1, 5)
    first = GradientFlowDisplay(norms, estimator_name="RNN").plot(ax=ax)
    second = GradientFlowDisplay(1e-3 * norms, estimator_name="?").plot(
        ax=ax, name="GRU"
    )
    assert first.ax_ is second.ax_ is ax
    assert first.figure_ is figure
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["RNN", "GRU"]
    assert first.lines_[0].get_color() != second.lines_[0].get_color()
    low, high = ax.get_ylim()
    assert low < 1e-7
    assert high > 1


def test_what_is_passed_on_reaches_the_lines(pyplot):
    display = GradientFlowDisplay(np.ones((1, 1, 3))).plot(color="red", linewidth=3)
    assert display.lines_[0].get_color() == "red"
    assert display.lines_[0].get_linewidth() == 3
    assert display.lines_[0].get_label() == "layer 1"


def test_a_gradient_that_ends_in_zeros_can_be_drawn(pyplot):
    display = GradientFlowDisplay(np.array([[[1.0, 0.1, 0.0]]])).plot()
    display.figure_.canvas.draw()


# Bad input --------------------------------------------------------------------------


class NoStep(torch.nn.Module):
    """A cell of a user without `step`."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.rnn = torch.nn.GRU(input_size, hidden_size, batch_first=True)

    def forward(self, x, lengths=None, state=None):
        return self.rnn(x, state)


def test_a_cell_without_step_is_named():
    X, y = np.ones((6, 3, 1)), [0, 1] * 3
    classifier = RNNClassifier(**SMALL, cell=NoStep).fit(X, y)
    with pytest.raises(
        TypeError, match=r"requires a cell with a method step.*NoStep has"
    ):
        GradientFlowDisplay.from_estimator(classifier, X, y)


def test_y_must_fit_X(ragged):
    X, y = ragged
    classifier = RNNClassifier(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        GradientFlowDisplay.from_estimator(classifier, X, y[1:])
    with pytest.raises(ValueError, match="not among the classes"):
        GradientFlowDisplay.from_estimator(classifier, X, ["left"] * len(X))
