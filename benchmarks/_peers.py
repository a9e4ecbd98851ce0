"""Other libraries with the same network, data, mini-batches and Adam.

Used by bench_speed.py.
"""

import io
import subprocess
from pathlib import Path

import skorch
import torch
from skorch import NeuralNetClassifier
from torch import nn

N_CLASSES = 5
MODULES = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class Recurrent(nn.Module):
    """A typical PyTorch module."""

    def __init__(self, cell, n_features, hidden_size, **options):
        super().__init__()
        self.rnn = MODULES[cell](n_features, hidden_size, batch_first=True, **options)
        n_directions = 2 if self.rnn.bidirectional else 1
        self.head = nn.Linear(n_directions * hidden_size, N_CLASSES)

    def forward(self, x, lengths=None):
        if lengths is None:
            _outputs, state = self.rnn(x)
        else:
            packed = nn.utils.rnn.pack_padded_sequence(
                x, lengths, batch_first=True, enforce_sorted=False
            )
            state = self.rnn(packed)[1]
        state = state[0] if isinstance(state, tuple) else state
        if self.rnn.bidirectional:
            return self.head(torch.cat([state[-2], state[-1]], dim=1))
        return self.head(state[-1])


def fit_by_hand(model, batch_size, X, lengths, y, n_epochs):
    """Train with a hand-written PyTorch loop."""
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_function = nn.CrossEntropyLoss()
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    lengths = None if lengths is None else torch.from_numpy(lengths)
    for _ in range(n_epochs):
        order = torch.randperm(len(X))
        for start in range(0, len(X), batch_size):
            rows = order[start : start + batch_size]
            adam.zero_grad()
            output = model(X[rows], None if lengths is None else lengths[rows])
            loss_function(output, y[rows]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            adam.step()
    return model


def predict_by_hand(model, X, lengths, batch_size=256):
    """Predict in inference mode, one mini-batch at a time."""
    with torch.inference_mode():
        parts = []
        for start in range(0, len(X), batch_size):
            rows = slice(start, start + batch_size)
            own = None if lengths is None else torch.from_numpy(lengths[rows])
            parts.append(model(torch.from_numpy(X[rows]), own).softmax(1))
    return torch.cat(parts).numpy()


def fit_skorch(cell, n_features, hidden_size, batch_size, X, lengths, y, n_epochs):
    """Train with skorch, its default loader, and the module of the PyTorch loop."""
    net = NeuralNetClassifier(
        Recurrent,
        module__cell=cell,
        module__n_features=n_features,
        module__hidden_size=hidden_size,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        max_epochs=n_epochs,
        batch_size=batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        callbacks=[skorch.callbacks.GradientNormClipping(1.0)],
    )
    inputs = X if lengths is None else {"x": X, "lengths": lengths}
    return net.fit(inputs, y)


def make_onnx_session(model, x):
    """Return an onnxruntime session of a model that accepts any batch size."""
    import onnxruntime

    file = io.BytesIO()
    torch.onnx.export(
        model,
        (torch.from_numpy(x),),
        file,
        dynamo=False,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}},
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(file.getvalue(), options)


class Keras:
    """Keras 3 on JAX, in a process of a separate environment.

    Parameters
    ----------
    python : str
        Path of an interpreter with keras and jax.
    """

    def __init__(self, python):
        self.process = subprocess.Popen(
            [python, Path(__file__).with_name("_keras_worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def time_fit(self, cell, size, n_epochs):
        """Return the seconds of a fit of 20 mini-batches an epoch, once compiled."""
        self.process.stdin.write(f"{cell} {' '.join(map(str, size))} {n_epochs}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()
