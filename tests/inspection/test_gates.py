"""Gates: what the layers compute can be put together from them."""

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier, nn
from sklearn_rnn.inspection import gate_activations
from sklearn_rnn.preprocessing import SequenceTokenizer

SMALL = {"hidden_size": 3, "max_epochs": 2, "random_state": 0}


def states_from_gates(gates):
    """Return the states that gates of one sequence make, (n_states, hidden_size)."""
    if "cell" in gates:
        return gates["output"] * np.tanh(gates["cell"])
    h, states = 0, []
    for z, n in zip(gates["update"], gates["candidate"], strict=True):
        h = (1 - z) * n + z * h
        states.append(h)
    return np.array(states)


def step_through(layer, inputs):
    """Return the outputs of `layer.step` for one sequence, one step after another."""
    state, outputs = None, []
    with torch.no_grad():
        for x_t in torch.from_numpy(inputs).float():
            output, state = layer.step(x_t[None], state)
            outputs.append(output[0].numpy())
    return np.array(outputs)


@pytest.mark.parametrize("cell", ["gru", "gru_reset_before", "lstm"])
def test_the_first_layer_steps_to_what_its_gates_make(ragged, cell):
    X, y = ragged
    classifier = RNNClassifier(**SMALL, cell=cell, conv_channels=None).fit(X, y)
    module = classifier.module_
    for direction, layers in (
        ("forward", module.encoder.forward_layers),
        ("backward", module.encoder.backward_layers),
    ):
        gates = gate_activations(classifier, X, layer=0, direction=direction)
        for i in (0, 5):
            order = slice(None, None, 1 if direction == "forward" else -1)
            inputs = module.inputs(torch.from_numpy(X[i])).numpy()[order].copy()
            found = states_from_gates({k: v[i][order] for k, v in gates.items()})
            np.testing.assert_allclose(
                found, step_through(layers[0], inputs), rtol=1e-4, atol=1e-6
            )


@pytest.mark.parametrize("cell", ["gru", "gru_reset_before", "lstm"])
@pytest.mark.parametrize("conv_channels", [None, 3])
def test_the_last_of_several_layers_makes_the_hidden_states(
    ragged, cell, conv_channels
):
    X, y = ragged
    classifier = RNNClassifier(
        **SMALL, cell=cell, num_layers=2, conv_channels=conv_channels
    ).fit(X, y)
    forward = gate_activations(classifier, X)
    backward = gate_activations(classifier, X, direction="backward")
    for i, states in enumerate(classifier.hidden_states(X)):
        ahead = states_from_gates({k: v[i] for k, v in forward.items()})
        behind = states_from_gates({k: v[i][::-1] for k, v in backward.items()})
        np.testing.assert_allclose(
            np.hstack([ahead, behind[::-1]]), states, rtol=1e-4, atol=1e-6
        )


def test_gates_are_between_closed_and_open(ragged):
    X, y = ragged
    for cell in ("gru", "lstm"):
        gates = gate_activations(RNNClassifier(**SMALL, cell=cell).fit(X, y), X)
        for name, values in gates.items():
            if name != "cell":
                low = -1 if name == "candidate" else 0
                assert (values.values > low).all()
                assert (values.values < 1).all()


def test_equally_long_texts_make_an_array(ragged):
    texts = ["so good", "so bad"] * 10
    pipeline = make_pipeline(
        SequenceTokenizer(), RNNClassifier(**SMALL, conv_channels=None)
    ).fit(texts, [1, 0] * 10)
    gates = gate_activations(pipeline, texts)
    assert list(gates) == ["reset", "update", "candidate"]
    assert gates["reset"].shape == (20, 2, 3)


@pytest.mark.parametrize(
    ("options", "arguments", "error", "message"),
    [
        ({"cell": "rnn"}, {}, TypeError, "Got Elman instead"),
        ({}, {"layer": 1}, ValueError, "between -1 and 0: .* Got 1 instead"),
        ({}, {"direction": "up"}, ValueError, "'direction' parameter"),
        (
            {"bidirectional": False},
            {"direction": "backward"},
            ValueError,
            "needs an estimator that was fitted with bidirectional=True",
        ),
    ],
)
def test_what_has_no_gates_is_refused(ragged, options, arguments, error, message):
    X, y = ragged
    classifier = RNNClassifier(**SMALL, **options).fit(X, y)
    with pytest.raises(error, match=message):
        gate_activations(classifier, X, **arguments)


def test_layers_that_extend_ours_are_refused_too(ragged):
    class Mine(nn.GRU):
        pass

    X, y = ragged
    with pytest.raises(TypeError, match="Got Mine instead"):
        gate_activations(RNNClassifier(**SMALL, cell=Mine).fit(X, y), X)
