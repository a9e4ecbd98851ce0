"""Export a generator, and write texts with onnxruntime alone."""

import json

import numpy as np
import onnxruntime

import sklearn_rnn.onnx
from sklearn_rnn import RNNGenerator

names = ["anna", "hanna", "johanna", "nora", "eleonora", "flora", "laura"]
model = RNNGenerator(hidden_size=16, max_epochs=30, random_state=0).fit(names)
sklearn_rnn.onnx.export(model, "generator.onnx", check_X=names)

# the service needs NumPy and onnxruntime
session = onnxruntime.InferenceSession(
    "generator.onnx", providers=["CPUExecutionProvider"]
)
tokens = json.loads(session.get_modelmeta().custom_metadata_map["tokens"])
n_units = session.get_inputs()[2].shape[1]


def generate(prompt, choose, max_length=50):
    """Continue a prompt, one token at a time."""
    numbers, text = [0, *map(tokens.index, prompt)], prompt  # 0: before the first token
    state = np.zeros((1, n_units), np.float32)
    for _ in range(max_length):
        X, lengths = np.array([numbers])[..., np.newaxis], np.array([len(numbers)])
        log_p, state = session.run(None, {"X": X, "lengths": lengths, "state": state})
        log_p[0, 1] = -np.inf  # 1: unknown tokens
        number = choose(log_p[0])
        if number == 0:  # the end
            break
        text, numbers = text + tokens[number], [number]
    return text


rng = np.random.default_rng(0)
print(generate("", lambda log_p: (log_p + rng.gumbel(size=len(log_p))).argmax()))
most_probable = model.sample(prompt="ha", top_k=1, max_length=50)
assert generate("ha", np.argmax) == most_probable[0]
