"""Export a classifier, and predict with onnxruntime alone."""

import numpy as np
import onnxruntime

import sklearn_rnn.onnx
from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import make_sine_mixtures

X, y = make_sine_mixtures(60, random_state=0)
model = RNNClassifier(max_epochs=5, random_state=0).fit(X, y)
sklearn_rnn.onnx.export(model, "model.onnx", check_X=X)

# the service needs NumPy and onnxruntime, neither torch nor scikit-learn
session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
padded = X[:3].to_padded(0).astype(np.float32)
label, probabilities = session.run(None, {"X": padded, "lengths": X[:3].lengths})
assert (label == model.predict(X[:3])).all()
metadata = session.get_modelmeta().custom_metadata_map
assert metadata["class"] == "RNNClassifier"
