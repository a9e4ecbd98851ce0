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
N_BATCHES = 20
N_CLASSES = 5


def make_model(cell, n_steps, n_features, hidden_size):
    head = keras.layers.Dense(N_CLASSES, activation="softmax")
    inputs = keras.Input((n_steps, n_features))
    model = keras.Sequential([inputs, LAYERS[cell](hidden_size), head])
    adam = keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
    model.compile(adam, "sparse_categorical_crossentropy")
    return model


def make_default_model(n_steps, n_features, hidden_size):
    """Return the network of RNNClassifier() for numbers."""
    layers = keras.layers
    x = inputs = keras.Input((n_steps, n_features))
    for _ in range(2):
        x = layers.Conv1D(64, 9, strides=2, padding="same")(x)
        x = layers.ReLU()(layers.LayerNormalization()(x))
    gru = layers.GRU(hidden_size, return_sequences=True)
    x = layers.Bidirectional(gru)(x)
    pooled = [layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)]
    head = layers.Dense(N_CLASSES, activation="softmax")
    model = keras.Model(inputs, head(layers.concatenate(pooled)))
    adam = keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
    model.compile(adam, "sparse_categorical_crossentropy")
    return model


def main():
    models = {}
    for line in sys.stdin:
        cell, *size, n_epochs = line.split()
        batch, *shape = map(int, size)
        n_steps, n_features, _ = shape
        rng = np.random.default_rng(0)
        X = rng.normal(size=(batch * N_BATCHES, n_steps, n_features)).astype("f4")
        y = rng.integers(0, N_CLASSES, len(X))
        options = {"batch_size": batch, "verbose": 0}
        if line not in models:
            default = cell == "default"
            models[line] = (
                make_default_model(*shape) if default else make_model(cell, *shape)
            )
            models[line].fit(X, y, epochs=1, **options)  # compiles
        start = time.perf_counter()
        models[line].fit(X, y, epochs=int(n_epochs), **options)
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
