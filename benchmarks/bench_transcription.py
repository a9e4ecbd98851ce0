"""Error rates of RNNTranscriber on spoken digits and words.

    python benchmarks/bench_transcription.py digits unseen yesno

- digits: 3 to 7 recordings of a speaker, joined; training and test recordings are those
  of the official split of the Free Spoken Digit Dataset.
- unseen: the same, with two of the six speakers held out in turn.
- yesno: eight words in each recording; 31 recordings to train on, 29 to test.

Settings were chosen on the training recordings. Times are those of one thread.
"""

import argparse
import time

import numpy as np
import torch
from _data import DATA

from sklearn_rnn import RNNTranscriber
from sklearn_rnn.metrics import (
    character_error_rate,
    exact_match_score,
    word_error_rate,
)
from sklearn_rnn.preprocessing import AudioFeatures

DIGITS = {
    "hidden_size": 128,
    "dropout": 0.3,
    "learning_rate": 0.005,
    "max_epochs": 12,
    "random_state": 0,
}
YESNO = {
    "target_level": "word",
    "batch_size": 4,
    "max_epochs": 40,
    "random_state": 0,
}


class SpokenDigits:
    """Recordings of single digits, to be joined."""

    def __init__(self):
        file = np.load(DATA / "fsdd" / "fsdd.npz")
        signal = file["signal_hi"].astype("i2") * 256 + file["signal_lo"]
        signal = signal.astype("f4") / 32768
        self.recordings = np.split(signal, file["offsets"][1:-1])
        self.digit, self.speaker = file["digit"], file["speaker"]
        self.is_test = file["index"] < 5

    def join(self, rows, n_samples, seed):
        """Return recordings of 3 to 7 digits of one speaker, and their texts."""
        rng = np.random.default_rng(seed)
        X, y = [], []
        for _ in range(n_samples):
            speaker = rng.choice(np.unique(self.speaker[rows]))
            own = rows[self.speaker[rows] == speaker]
            chosen = rng.choice(own, rng.integers(3, 8))
            X.append(np.concatenate([self.recordings[i] for i in chosen]))
            y.append("".join(str(self.digit[i]) for i in chosen))
        return X, y


def transcribe_digits(train, test):
    """Return the predicted texts of test recordings."""
    features = AudioFeatures(sampling_rate=8000, n_mels=20)
    X, y = train
    transcriber = RNNTranscriber(**DIGITS).fit(features.fit_transform(X), y)
    return transcriber.predict(features.transform(test[0])).tolist()


def measure_digits():
    """Return true and predicted texts of the official split."""
    data = SpokenDigits()
    train = data.join(np.flatnonzero(~data.is_test), 3000, seed=0)
    test = data.join(np.flatnonzero(data.is_test), 300, seed=1)
    return test[1], transcribe_digits(train, test)


def measure_unseen():
    """Return true and predicted texts of speakers that are held out."""
    data = SpokenDigits()
    true, predicted = [], []
    for fold in range(3):
        is_out = np.isin(data.speaker, [2 * fold, 2 * fold + 1])
        train = data.join(np.flatnonzero(~is_out & ~data.is_test), 1500, seed=fold)
        test = data.join(np.flatnonzero(is_out), 150, seed=10 + fold)
        true += test[1]
        predicted += transcribe_digits(train, test)
    return true, predicted


def measure_yesno():
    """Return true and predicted texts of words."""
    file = np.load(DATA / "yesno" / "yesno.npz")
    recordings = np.split(file["samples"].astype("f4"), file["offsets"][1:-1])
    names = [str(name) for name in file["names"]]
    words = {"1": "yes", "0": "no"}
    y = np.array([" ".join(words[c] for c in n.split("_")) for n in names], object)
    is_train = np.array([name[0] == "0" for name in names])
    features = AudioFeatures(sampling_rate=int(file["rate"]), n_mels=20)
    X = features.fit_transform(recordings)
    transcriber = RNNTranscriber(**YESNO).fit(X[is_train], y[is_train])
    return y[~is_train].tolist(), transcriber.predict(X[~is_train]).tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    choices = {
        "digits": measure_digits,
        "unseen": measure_unseen,
        "yesno": measure_yesno,
    }
    parser.add_argument("names", nargs="*", choices=choices, default=[*choices])
    torch.set_num_threads(1)
    for name in parser.parse_args().names:
        begin = time.process_time()
        true, predicted = choices[name]()
        minutes = (time.process_time() - begin) / 60
        print(
            f"{name}: {character_error_rate(true, predicted):.2%} of characters, "
            f"{word_error_rate(true, predicted):.2%} of words wrong, "
            f"{exact_match_score(true, predicted):.1%} of {len(true)} texts right, "
            f"{minutes:.1f} minutes",
            flush=True,
        )


if __name__ == "__main__":
    main()
