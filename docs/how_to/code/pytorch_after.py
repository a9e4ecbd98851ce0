import numpy as np

from sklearn_rnn import RNNClassifier

rng = np.random.default_rng(0)
X = [rng.normal(size=(n, 3)) for n in rng.integers(10, 30, size=120)]
y = np.array([int(x[:, 0].mean() > 0) for x in X])

# [shown]
classifier = RNNClassifier(
    cell="gru",
    hidden_size=32,
    bidirectional=False,
    pooling="last",
    conv_channels=None,
    optimizer="adam",
    learning_rate=0.001,
    learning_rate_schedule=None,
    max_grad_norm=1.0,
    n_iter_no_change=20,  # train all epochs
    batch_size=32,
    max_epochs=20,
    random_state=0,
)
classifier.fit(X, y)
predicted = classifier.predict(X)
