"""Measure Keras 3 on JAX in a separate environment; see `_peers.Keras`."""

import os
import sys
import time

os.environ["KERAS_BACKEND"] = "jax"
import keras
import numpy as np

LAYERS = {
    "rnn": keras.layers.SimpleRNN,
    "gru": keras.layers.GRU,
    "lstm": keras.layers.LSTM,
}
N_BATCHES = 40
N_CLASSES = 5


def make_model(cell, n_steps, n_features, hidden_size):
    head = keras.layers.Dense(N_CLASSES, activation="softmax")
    inputs = keras.Input((n_steps, n_features))
    model = keras.Sequential([inputs, LAYERS[cell](hidden_size), head])
    adam = keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
    model.compile(adam, "sparse_categorical_crossentropy")
    return model


def main():
    models = {}
    for line in sys.stdin:
        cell, *size = line.split()
        batch, n_steps, n_features, hidden_size = map(int, size)
        rng = np.random.default_rng(0)
        X = rng.normal(size=(batch * N_BATCHES, n_steps, n_features)).astype("f4")
        y = rng.integers(0, N_CLASSES, len(X))
        options = {"batch_size": batch, "epochs": 1, "verbose": 0}
        if line not in models:
            models[line] = make_model(cell, n_steps, n_features, hidden_size)
            models[line].fit(X, y, **options)  # compiles
        start = time.perf_counter()
        models[line].fit(X, y, **options)
        print((time.perf_counter() - start) / N_BATCHES, flush=True)


if __name__ == "__main__":
    main()
