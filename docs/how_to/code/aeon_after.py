import numpy as np

from sklearn_rnn import RaggedArray, RNNRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3, 20))  # (n_cases, n_channels, n_timepoints)
y = X[:, 0].mean(axis=1)

# [shown]
X = RaggedArray.from_aeon(X)
regressor = RNNRegressor(
    cell="lstm",
    hidden_size=32,
    num_layers=1,
    bidirectional=False,
    max_epochs=20,
    batch_size=32,
    random_state=0,
)
regressor.fit(X, y)
predicted = regressor.predict(X)
