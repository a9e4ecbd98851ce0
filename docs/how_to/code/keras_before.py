import keras
import numpy as np
from sklearn.model_selection import train_test_split

rng = np.random.default_rng(0)
lengths = rng.integers(10, 30, size=120)
X = [rng.normal(size=(n, 3)) for n in lengths]
y = np.array([int(x[:, 0].mean() > 0) for x in X])

# [shown]
padded = keras.utils.pad_sequences(X, dtype="float32", padding="post", value=-10.0)
X_train, X_val, y_train, y_val = train_test_split(padded, y, test_size=0.1)

model = keras.Sequential(
    [
        keras.layers.Masking(-10.0),
        keras.layers.Bidirectional(keras.layers.LSTM(32)),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(2, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
stop = keras.callbacks.EarlyStopping(
    monitor="val_accuracy", patience=10, restore_best_weights=True
)
history = model.fit(
    X_train,
    y_train,
    validation_data=(X_val, y_val),
    batch_size=32,
    epochs=20,
    callbacks=[stop],
    verbose=0,
)
labels = model.predict(padded, verbose=0).argmax(axis=1)
