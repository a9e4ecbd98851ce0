import numpy as np

from sklearn_rnn import RNNClassifier

rng = np.random.default_rng(0)
lengths = rng.integers(10, 30, size=120)
X = [rng.normal(size=(n, 3)) for n in lengths]
y = np.array([int(x[:, 0].mean() > 0) for x in X])

# [shown]
model = RNNClassifier(
    cell="lstm",
    hidden_size=32,
    conv_channels=None,
    pooling="last",
    dropout=0.2,
    early_stopping=True,
    batch_size=32,
    max_epochs=20,
)
model.fit(X, y)
labels = model.predict(X)
