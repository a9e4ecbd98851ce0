"""Export a transcriber, and read its texts with onnxruntime alone."""

import json

import numpy as np
import onnxruntime

import sklearn_rnn.onnx
from sklearn_rnn import RaggedArray, RNNTranscriber

rng = np.random.default_rng(0)
y = ["".join(rng.choice(list("abc"), 4)) for _ in range(100)]
X = [np.repeat([np.eye(3)["abc".index(c)] for c in text], 3, axis=0) for text in y]
model = RNNTranscriber(
    conv_channels=None, hidden_size=16, max_epochs=20, random_state=0
)
model.fit(X, y)
sklearn_rnn.onnx.export(model, "transcriber.onnx", check_X=X)

# the service needs NumPy and onnxruntime
session = onnxruntime.InferenceSession(
    "transcriber.onnx", providers=["CPUExecutionProvider"]
)
tokens = json.loads(session.get_modelmeta().custom_metadata_map["tokens"])


def transcribe(padded, lengths):
    """Return the text of the best token of each frame."""
    log_probabilities, n_frames = session.run(None, {"X": padded, "lengths": lengths})
    texts = []
    for best, n in zip(log_probabilities.argmax(axis=2), n_frames, strict=True):
        best = best[:n]
        begins = np.diff(best, prepend=0) != 0  # repeated tokens are one
        texts.append("".join(tokens[k] for k in best[begins] if k != 0))  # 0: blank
    return texts


sequences = RaggedArray.from_sequences(X)
padded = sequences.to_padded(0).astype(np.float32)
assert transcribe(padded, sequences.lengths) == list(model.predict(X))
