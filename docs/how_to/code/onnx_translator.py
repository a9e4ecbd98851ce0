"""Export a translator, and translate with onnxruntime alone."""

import json

import numpy as np
import onnxruntime

import sklearn_rnn.onnx
from sklearn_rnn import RNNTranslator

rng = np.random.default_rng(0)
X = ["".join(rng.choice(list("abc"), rng.integers(2, 5))) for _ in range(100)]
y = [text.upper() for text in X]
model = RNNTranslator(
    level="char",
    target_level="char",
    hidden_size=16,
    beam_size=1,
    learning_rate=0.02,
    batch_size=16,
    max_epochs=15,
    random_state=0,
)
model.fit(X, y)
sklearn_rnn.onnx.export(model, "translator.onnx", check_X=X[:20])

# the service needs NumPy and onnxruntime
encoder, decoder = (
    onnxruntime.InferenceSession(name, providers=["CPUExecutionProvider"])
    for name in ("translator.encoder.onnx", "translator.decoder.onnx")
)
source = encoder.get_modelmeta().custom_metadata_map
target = decoder.get_modelmeta().custom_metadata_map
source_tokens, tokens = json.loads(source["tokens"]), json.loads(target["tokens"])


def translate(text):
    """Return the target whose tokens are the most probable ones, one by one."""
    numbers = [*map(source_tokens.index, text), 0]  # 0: the end
    lengths = np.array([len(numbers)])
    inputs = {"X": np.array(numbers).reshape(1, -1, 1), "lengths": lengths}
    state, memory, keys = encoder.run(None, inputs)
    fixed = {"memory": memory, "keys": keys, "lengths": lengths}
    found, number = [], 0  # 0: before the first token
    while len(found) < json.loads(target["max_length"]):
        inputs = {"y": np.array([number]), "state": state, **fixed}
        log_p, state = decoder.run(None, inputs)
        log_p[0, 1] = -np.inf  # 1: unknown tokens
        number = log_p[0].argmax()
        if number == 0:  # the end
            break
        found.append(tokens[number])
    return "".join(found)


assert [translate(text) for text in X[:20]] == list(model.predict(X[:20]))
