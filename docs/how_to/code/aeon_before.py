import numpy as np
from aeon.regression.deep_learning import RecurrentRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3, 20))  # (n_cases, n_channels, n_timepoints)
y = X[:, 0].mean(axis=1)

# [shown]
regressor = RecurrentRegressor(
    rnn_type="lstm",
    n_units=32,
    n_layers=1,
    bidirectional=False,
    n_epochs=20,
    batch_size=32,
    random_state=0,
)
regressor.fit(X, y)
predicted = regressor.predict(X)
