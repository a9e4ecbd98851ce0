"""Error rates of RNNTranscriber on spoken digits and words, and on spelled words.

    python benchmarks/bench_transcription.py > docs/transcription_table.rst
    python benchmarks/bench_transcription.py digits yesno  # some data sets

- Digits: 3 to 7 recordings of a speaker, joined; training and test recordings are those
  of the official split of the Free Spoken Digit Dataset.
- Digits of unseen speakers: the same, with two of the six speakers held out in turn.
- yesno: eight words in each recording; 31 recordings to train on, 29 to test.
- CMUdict, NETtalk: spelled words to phonemes, as in bench_translation.py. An answer
  counts as the pronunciation of its word, if it has several, that it equals; or as the
  first.

Results are kept in benchmarks/transcription.json, and a set that is there is not
trained again: delete its entry for that. Settings were chosen on training data; the
noise of yesno, and the lower rate and dropout of CMUdict, after a first score of the
test data was seen. Minutes are those of training and prediction, on one core.
"""

import time
from itertools import compress, pairwise
from pathlib import Path

import numpy as np
from _data import DATA
from _pronunciations import load_cmudict, load_nettalk
from _results import measure_missing
from scipy.signal import resample_poly
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RNNTranscriber
from sklearn_rnn.metrics import (
    character_error_rate,
    exact_match_score,
    word_error_rate,
)
from sklearn_rnn.preprocessing import AudioFeatures, SequenceTokenizer

RESULTS = Path(__file__).with_name("transcription.json")
DIGITS = {
    "hidden_size": 128,
    "dropout": 0.3,
    "learning_rate": 0.005,
    "max_epochs": 12,
    "random_state": 0,
}
YESNO = {
    "target_level": "word",
    "dropout": 0.3,
    "batch_size": 4,
    "max_epochs": 12,
    "random_state": 0,
}
SPELLINGS = {
    "hidden_size": 256,
    "num_layers": 2,
    "embedding_dim": 64,
    "upsample": 2,
    "dropout": 0.3,
    "random_state": 0,
}
CMUDICT = {
    "target_level": "word",
    "batch_size": 128,
    "learning_rate": 0.0015,
    "dropout": 0.1,
    "max_epochs": 13,
}
NETTALK = {"batch_size": 64, "learning_rate": 0.003, "max_epochs": 8}


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
    texts = [" ".join(words[c] for c in name.split("_")) for name in names]
    is_train = [name[0] == "0" for name in names]
    is_test = [not own for own in is_train]
    X, y = augment(list(compress(recordings, is_train)), compress(texts, is_train))
    features = AudioFeatures(sampling_rate=int(file["rate"]), n_mels=20)
    model = make_pipeline(features, RNNTranscriber(**YESNO)).fit(X, y)
    predicted = model.predict(list(compress(recordings, is_test)))
    return list(compress(texts, is_test)), predicted.tolist()


def augment(recordings, texts):
    """Return recordings at three speeds, and all of these with a noise in a part."""
    rng = np.random.default_rng(0)
    fast_to_slow = [resample_poly(r, up, 10) for up in (9, 10, 11) for r in recordings]
    noisy = [add_noise(r, rng) for r in fast_to_slow]
    return fast_to_slow + noisy, list(texts) * 6


def add_noise(recording, rng):
    """Return a recording with white or brown noise in 0.25 to 3 s of it."""
    n = min(rng.integers(2000, 24000), len(recording))
    begin = rng.integers(len(recording) - n + 1)
    noise = rng.normal(size=n)
    if rng.random() < 0.5:
        noise = np.cumsum(noise - noise.mean())
    level = recording.std() / noise.std() * 10 ** (-rng.uniform(0, 1))
    result = recording.copy()
    result[begin : begin + n] += level * noise
    return result


def transcribe_spellings(train, X_test, parameters):
    """Return the predicted phonemes of words."""
    transcriber = RNNTranscriber(**{**SPELLINGS, **parameters})
    model = make_pipeline(SequenceTokenizer(level="char"), transcriber)
    return model.fit(*train).predict(X_test).tolist()


def count_frames(phonemes):
    """Return the frames that a text needs: a blank between equal neighbours."""
    return len(phonemes) + sum(a == b for a, b in pairwise(phonemes))


def measure_cmudict():
    """Return a known pronunciation of each word, and the predicted one."""
    (X, y), (X_test, known) = load_cmudict()
    has_frames = [
        count_frames(t.split()) <= SPELLINGS["upsample"] * len(x)
        for x, t in zip(X, y, strict=True)
    ]
    train = [list(compress(part, has_frames)) for part in (X, y)]
    predicted = transcribe_spellings(train, X_test, CMUDICT)
    return [
        one if one in own else own[0] for own, one in zip(known, predicted, strict=True)
    ], predicted


def measure_nettalk():
    """Return true and predicted phonemes."""
    train, (X_test, y_test) = load_nettalk()
    return y_test, transcribe_spellings(train, X_test, NETTALK)


# data, unit of the error, error, description
TASKS = {
    "Digits, 3 to 7 joined": (
        measure_digits,
        "characters",
        character_error_rate,
        "3 to 7 spoken digits, joined from new recordings of the six speakers "
        "(Free Spoken Digit Dataset)",
    ),
    "Digits of unseen speakers": (
        measure_unseen,
        "characters",
        character_error_rate,
        "The same, of speakers that are held out, two of six in turn",
    ),
    "yesno": (
        measure_yesno,
        "words",
        word_error_rate,
        'Eight words, "yes" or "no" in Hebrew (yesno), from 31 recordings',
    ),
    "NETtalk": (
        measure_nettalk,
        "phonemes",
        character_error_rate,
        "Phonemes of spelled words (NETtalk)",
    ),
    "CMUdict": (
        measure_cmudict,
        "phonemes",
        word_error_rate,
        "Phonemes of spelled words (CMUdict)",
    ),
}


def measure(task):
    """Return the errors, the share of texts without any, and minutes."""
    predict, _, error, _ = task
    begin = time.process_time()
    true, predicted = predict()
    return {
        "error": error(true, predicted),
        "exact": exact_match_score(true, predicted),
        "texts": len(true),
        "minutes": (time.process_time() - begin) / 60,
    }


def print_table(results):
    print(".. list-table::\n   :header-rows: 1\n")
    print("   * - data\n     - wrong\n     - texts without an error")
    print("     - minutes")
    for name, (_, unit, _, description) in TASKS.items():
        if name in results:
            row = results[name]
            print(f"   * - {description}")
            print(f"     - {100 * row['error']:.1f} % of {unit}")
            print(f"     - {100 * row['exact']:.1f} % of {row['texts']:,}")
            print(f"     - {row['minutes']:.1f}")


if __name__ == "__main__":
    print_table(measure_missing(RESULTS, __doc__, TASKS, measure))
