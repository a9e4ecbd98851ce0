"""
Gestures from motion sensors, and which are confused
====================================================

Sensors follow hands, elbows, wrists and thumbs of people who give one of six signals
to aircraft. Some of the signals look alike. Which of them does a recurrent network
confuse, and which a model that knows nothing of the order of the steps?
"""

# %%
# 180 gestures to learn from and 180 to test on, 51 steps of 24 coordinates each. They
# are downloaded once and kept; where they cannot be had, mixtures of sines stand in.
import matplotlib.pyplot as plt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import fetch_natops, make_sine_mixtures
from sklearn_rnn.preprocessing import SequenceFeatures

try:
    train, test = fetch_natops(subset="train"), fetch_natops(subset="test")
    X_train, y_train = train.data, train.target
    X_test, y_test = test.data, test.target
    gestures = train.target_names
except OSError as error:
    print(f"{error}\nMixtures of sines stand in for the gestures.")
    X, y = make_sine_mixtures(360, n_steps=51, n_classes=6, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.5, random_state=0
    )
    gestures = [f"mixture {i}" for i in range(6)]
print(f"to train on: {X_train.shape}, to test on: {X_test.shape}")

# %%
# A step of such a signal says little by itself: a gesture is made of short movements,
# many steps each. So two convolutions stand in front of the recurrent layer, as they do
# by default. Each sees nine steps at once and moves on by two: 13 steps of movements
# are left of 51 for the recurrent layer, which takes less time.
#
# ``conv_channels=None`` leaves them out. With 180 gestures to learn from, one fit is
# little to go by, so there are three of each. On this set the seed makes more of a
# difference than the stem, which saves time; on others the stem brings more.
stems = {"two convolutions": (64, 64), "no convolution": None}
networks = {
    name: [
        RNNClassifier(conv_channels=channels, max_epochs=50, random_state=seed).fit(
            X_train, y_train
        )
        for seed in range(3)
    ]
    for name, channels in stems.items()
}
for name, fitted in networks.items():
    scores = [f"{network.score(X_test, y_test):.3f}" for network in fitted]
    print(f"{name}: test accuracy {', '.join(scores)}")

# %%
# The honest baseline is gradient boosting on a summary of each gesture: mean, spread,
# extremes, last value and slope of each coordinate.
baseline = make_pipeline(
    SequenceFeatures(), HistGradientBoostingClassifier(random_state=0)
)
baseline.fit(X_train, y_train)
print(f"summary and gradient boosting: {baseline.score(X_test, y_test):.3f}")

# %%
# Off the diagonal stand the mistakes. The network tells spread from folded wings, which
# the summary does not always; "all clear" and "not clear" stay hard for both.
models = {
    "summary and gradient boosting": baseline,
    "recurrent network with a stem": networks["two convolutions"][0],
}
figure, axes = plt.subplots(1, 2, figsize=(10, 4.8), sharey=True, layout="constrained")
for axis, (name, model) in zip(axes, models.items(), strict=True):
    ConfusionMatrixDisplay.from_predictions(
        y_test,
        model.predict(X_test),
        display_labels=gestures,
        xticks_rotation=40,
        cmap="Blues",
        colorbar=False,
        ax=axis,
    )
    axis.set_title(name)
axes[1].set_ylabel("")
figure.suptitle("Which gestures are taken for which")
figure.savefig("gesture_from_motion.png", dpi=100)
print("figure saved: gesture_from_motion.png")

# %%
# :doc:`/settings` says when convolutions pay, and has the measurements.
