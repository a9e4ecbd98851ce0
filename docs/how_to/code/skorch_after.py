import numpy as np

from sklearn_rnn import RNNClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 20, 3))
labels = np.where(X[:, :, 0].mean(axis=1) > 0, "high", "low")

# [shown]
classifier = RNNClassifier(
    cell="gru",
    hidden_size=32,
    bidirectional=False,
    pooling="last",
    conv_channels=None,
    learning_rate=0.001,
    learning_rate_schedule=None,
    batch_size=32,
    max_epochs=20,
    early_stopping=True,
    validation_fraction=0.2,
    random_state=0,
)
classifier.fit(X, labels)  # any dtype, any lengths, any labels
predicted = classifier.predict(X)
