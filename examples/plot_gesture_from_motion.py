"""
What a convolutional stem brings to motion data
===============================================

Sensors follow hands, elbows, wrists and thumbs of people who give one of six signals
to aircraft. A step of such a signal says little by itself: a gesture is in the short
movements of many steps. Convolutions in front of the recurrent layer see them.
"""

# %%
# 180 gestures to learn from and 180 to test on, 51 steps of 24 coordinates each. They
# are downloaded once and kept; where they cannot be had, mixtures of sines stand in.
from time import perf_counter

import matplotlib.pyplot as plt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import fetch_natops, make_sine_mixtures
from sklearn_rnn.preprocessing import SequenceFeatures

try:
    X_train, y_train = fetch_natops(return_X_y=True)
    X_test, y_test = fetch_natops(subset="test", return_X_y=True)
except OSError as error:
    print(f"{error}\nMixtures of sines stand in for the gestures.")
    X, y = make_sine_mixtures(360, n_steps=51, n_classes=6, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.5, random_state=0
    )
print(f"to train on: {X_train.shape}, to test on: {X_test.shape}")

# %%
# The honest baseline first: gradient boosting on a summary of each gesture, without the
# order of its steps but for a slope and a last value.
baseline = make_pipeline(
    SequenceFeatures(), HistGradientBoostingClassifier(random_state=0)
)
baseline_score = baseline.fit(X_train, y_train).score(X_test, y_test)
print(f"summary and gradient boosting: accuracy {baseline_score:.3f}")

# %%
# By default an estimator has two convolutions with a stride of two: the recurrent layer
# then reads a quarter of the steps, so training is faster too.
# ``conv_channels=None`` leaves them out. One fit is little to go by with 180 gestures:
# each network is fitted with three seeds. The test data are watched here, after each
# epoch, and choose nothing.
stems = {"two convolutions": (64, 64), "no convolution": None}
curves = {}
for name, conv_channels in stems.items():
    start = perf_counter()
    curves[name] = [
        RNNClassifier(conv_channels=conv_channels, max_epochs=50, random_state=seed)
        .fit(X_train, y_train, X_val=X_test, y_val=y_test)
        .validation_scores_
        for seed in range(3)
    ]
    last = ", ".join(f"{curve[-1]:.3f}" for curve in curves[name])
    print(f"{name}: accuracy {last}; {perf_counter() - start:.0f} s for three fits")

# %%
# Each line is a seed.
figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
for color, (name, seeds) in zip(["C0", "C1"], curves.items(), strict=True):
    for i, curve in enumerate(seeds):
        label = name if i == 0 else None
        axes.plot(range(1, len(curve) + 1), curve, color=color, label=label)
axes.axhline(baseline_score, color="grey", ls="--", label="summary, gradient boosting")
axes.set(xlabel="epochs", ylabel="test accuracy", ylim=(0, 1.02))
axes.set_title("Six gestures: a recurrent network with and without a stem")
axes.legend(loc="lower right")
figure.savefig("gesture_from_motion.png", dpi=100)
print("figure saved: gesture_from_motion.png")
