"""Export a forecaster, and forecast with onnxruntime alone."""

import numpy as np
import onnxruntime

import sklearn_rnn.onnx
from sklearn_rnn import RNNForecaster

rng = np.random.default_rng(0)
hours = np.arange(24 * 14)
load = np.sin(hours / 24 * 2 * np.pi) + rng.normal(scale=0.1, size=(5, len(hours)))
weekend = np.broadcast_to(hours // 24 % 7 >= 5, load.shape)
X = np.stack([load, weekend], axis=2)
model = RNNForecaster(
    horizon=24,
    season_length=24,
    known_features=[1],
    quantiles=[0.1, 0.9],
    max_epochs=2,
    random_state=0,
)
model.fit(X)
sklearn_rnn.onnx.export(model, "forecaster.onnx", check_X=X)

# the service needs NumPy and onnxruntime
session = onnxruntime.InferenceSession(
    "forecaster.onnx", providers=["CPUExecutionProvider"]
)
X_future = np.zeros((5, 24, 1))  # a Monday
inputs = {"X": X, "lengths": np.full(5, len(hours)), "X_future": X_future}
prediction, quantiles = session.run(None, inputs)
assert np.allclose(prediction[..., 0], model.predict(X, X_future), atol=1e-5)
assert quantiles.shape == (5, 24, 1, 2)  # batch, horizon, n_targets, n_quantiles
