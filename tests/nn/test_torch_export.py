"""torch.export traces the network: the kernels step aside."""

import pytest
import torch

from sklearn_rnn import RNNClassifier, RNNStepRegressor

TINY = {"max_epochs": 1, "hidden_size": 4, "random_state": 0}


SLOW = [
    pytest.param(cell, marks=pytest.mark.slow)
    for cell in ("lstm", "rnn", "gru_reset_before")
]


# of torch's own recurrent modules
@pytest.mark.filterwarnings("ignore:The tensor attributes")
@pytest.mark.parametrize("cell", ["gru", *SLOW])
def test_an_exported_network_computes_the_same(rng, cell):
    X = rng.normal(size=(6, 5, 2)).astype("f4")
    x, lengths = torch.from_numpy(X), torch.tensor([5, 5, 3, 2, 1, 5])
    for rnn, y in (
        (RNNClassifier(**TINY, cell=cell), [0, 1] * 3),
        (RNNStepRegressor(**TINY, cell=cell), X[:, :, 0]),
    ):
        module = rnn.fit(X, y).module_
        inputs = (x, lengths) if isinstance(rnn, RNNClassifier) else (x,)
        exported = torch.export.export(module, inputs)
        with torch.no_grad():
            torch.testing.assert_close(exported.module()(*inputs), module(*inputs))
