"""
Yes or no, from 31 recordings
=============================

A man says "yes" or "no" eight times, in Hebrew. An :class:`~sklearn_rnn.RNNTranscriber`
learns to write the words down from 31 recordings and their texts. So few teach more
with copies that are faster, slower or noisy. See :doc:`/transcription`.
"""

# %%
# yesno has 60 recordings. They are downloaded once. If the download fails, the example
# uses invented words instead: tones that rise or fall. All training recordings begin
# with "no", all test recordings with "yes".
import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import resample_poly
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from sklearn_rnn import RNNTranscriber
from sklearn_rnn.datasets import fetch_yesno
from sklearn_rnn.metrics import exact_match_score, word_error_rate
from sklearn_rnn.preprocessing import AudioFeatures


def invent_words(first, n_recordings, random_state):
    """Return recordings of eight tones, with pauses, and their texts."""
    rng = np.random.default_rng(random_state)
    data, target = [], []
    for _ in range(n_recordings):
        words = [first, *rng.choice(["yes", "no"], size=7)]
        parts = []
        for word in words:
            tone = np.geomspace(400, 1600, rng.integers(1200, 2000))
            tone = tone if word == "yes" else tone[::-1]
            pause = np.zeros(rng.integers(800, 2400))
            sound = np.sin(2 * np.pi * np.cumsum(tone) / 8000)
            parts += [pause, sound * np.hanning(len(tone))]
        recording = np.concatenate(parts)[:, np.newaxis]
        data.append(recording + rng.normal(0, 0.01, recording.shape))
        target.append(" ".join(words))
    return Bunch(data=data, target=target, sampling_rate=8000)


try:
    train, test = fetch_yesno(), fetch_yesno(subset="test")
    max_epochs = 12
except OSError as error:
    print(f"{error}\nUsing invented words instead.")
    train = invent_words("no", 20, random_state=0)
    test = invent_words("yes", 20, random_state=1)
    max_epochs = 3


# %%
# Each training recording is learned six times: at three speeds, and each of these also
# with white or brown noise in a part of it.
def add_noise(recording, rng):
    n = min(rng.integers(2000, 24000), len(recording))
    begin = rng.integers(len(recording) - n + 1)
    noise = rng.normal(size=(n, 1))
    if rng.random() < 0.5:
        noise = np.cumsum(noise - noise.mean(axis=0), axis=0)
    level = recording.std() / noise.std() * 10 ** (-rng.uniform(0, 1))
    result = recording.copy()
    result[begin : begin + n] += level * noise
    return result


rng = np.random.default_rng(0)
X = [resample_poly(x, up, 10) for up in (9, 10, 11) for x in train.data]
X += [add_noise(x, rng) for x in X]
y = 6 * train.target

# %%
# The loss still falls at the end of training, of which the estimator warns.
warnings.filterwarnings("ignore", "Maximum epochs", ConvergenceWarning)
transcriber = make_pipeline(
    AudioFeatures(sampling_rate=train.sampling_rate, n_mels=20),
    RNNTranscriber(
        target_level="word",
        dropout=0.3,
        batch_size=4,
        max_epochs=max_epochs,
        random_state=0,
    ),
)
transcriber.fit(X, y)
predicted = transcriber.predict(test.data)
print(f"wrong words: {word_error_rate(test.target, predicted):.1%}")
print(f"recordings without an error: {exact_match_score(test.target, predicted):.1%}")

# %%
# The figure shows a test recording. At each frame of 40 ms, the network predicts a word
# or the *blank*, which means that there is nothing to write. Each word is one peak, and
# a blank separates two equal words. No training recording begins with "yes", but the
# first word is read like any other.
i = 5
(spectrum,) = transcriber[0].transform(test.data[i : i + 1])
probability = np.exp(transcriber[1].predict_log_proba([spectrum])[0])
figure, (top, bottom) = plt.subplots(
    2, 1, figsize=(9, 5.5), sharex=True, layout="constrained"
)
top.pcolormesh(0.01 * np.arange(len(spectrum)), np.arange(20), spectrum.T, cmap="magma")
top.set(ylabel="mel band", yticks=[0, 5, 10, 15], title=f"Read as '{predicted[i]}'")
seconds = 0.04 * np.arange(len(probability))
names = ["blank", *transcriber[1].classes_]
for own, name, color in zip(probability.T, names, ["0.8", "C3", "C0"], strict=True):
    bottom.plot(seconds, own, color=color, label=name)
bottom.set(xlabel="seconds", ylabel="probability", ylim=(0, 1.05))
bottom.legend(loc="center left", bbox_to_anchor=(1, 0.5))
figure.savefig("yes_or_no.png", dpi=120)
print("figure saved: yes_or_no.png")

# %%
# The voice is the one of the training: a single speaker does not teach what voices have
# in common. The noise matters because some test recordings have noise between the
# words, unlike those of training; :doc:`/transcription` has figures of its effect.
