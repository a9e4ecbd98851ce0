"""Real data sets of the benchmarks, with their standard splits."""

import gzip
import json
import os
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from sklearn_rnn.datasets import read_ts

DATA = Path(
    os.environ.get(
        "SKLEARN_RNN_BENCHMARK_DATA",
        Path(__file__).resolve().parents[2] / "shared" / "data",
    )
)
CLASSIFICATION = {
    "JapaneseVowels": "japanese_vowels/JapaneseVowels_{}.ts",
    "NATOPS": "natops/NATOPS_{}.ts.gz",
    "BasicMotions": "basic_motions/BasicMotions_{}.ts",
    "GunPoint": "gunpoint/GunPoint_{}.ts",
    "ArrowHead": "arrowhead/ArrowHead_{}.ts",
    "ItalyPowerDemand": "italy_power_demand/ItalyPowerDemand_{}.ts",
}

ARCHIVE = {
    name: f"ucr_uea/{folder}/{name}_{{}}.ts.gz"
    for folder, name in {
        "acsf1": "ACSF1",
        "all_gesture_wiimote_x": "AllGestureWiimoteX",
        "atrial_fibrillation": "AtrialFibrillation",
        "cbf": "CBF",
        "character_trajectories": "CharacterTrajectories",
        "coffee": "Coffee",
        "crop": "Crop",
        "ecg200": "ECG200",
        "electric_devices": "ElectricDevices",
        "ering": "ERing",
        "fifty_words": "FiftyWords",
        "ford_a": "FordA",
        "gesture_pebble_z1": "GesturePebbleZ1",
        "house_twenty": "HouseTwenty",
        "large_kitchen_appliances": "LargeKitchenAppliances",
        "lightning7": "Lightning7",
        "medical_images": "MedicalImages",
        "osu_leaf": "OSULeaf",
        "phalanges_outlines_correct": "PhalangesOutlinesCorrect",
        "pig_cvp": "PigCVP",
        "shapes_all": "ShapesAll",
        "stand_walk_jump": "StandWalkJump",
        "synthetic_control": "SyntheticControl",
        "trace": "Trace",
        "uwave_gesture_library": "UWaveGestureLibrary",
        "worms": "Worms",
    }.items()
}


def load_classification(name):
    """Return X_train, y_train, X_test, y_test of the standard split."""
    pattern = {**CLASSIFICATION, **ARCHIVE}[name]
    return (
        *read_ts(DATA / pattern.format("TRAIN")),
        *read_ts(DATA / pattern.format("TEST")),
    )


def load_phone():
    """Return windows of motion sensors, their activities and a mask of the test set.

    The test subjects are those of UCI HAR. Windows have 128 steps at 50 Hz and six
    features: acceleration in g and rotation in rad/s.
    """
    file = np.load(DATA / "har_smartphone" / "har_raw.npz")
    signals = [
        (file[f"{name}_hi"].astype("i2") * 256 + file[f"{name}_lo"])
        * file[f"{name}_scale"]
        for name in ("acc", "gyro")
    ]
    starts, activity, subject, is_test = file["windows"].T
    steps = np.concatenate(signals, axis=1).astype("f4")
    X = steps[starts[:, np.newaxis] + np.arange(128)]
    return X, activity, subject, is_test.astype(bool)


def load_skeletons():
    """Return clips of joints, each (n_frames, 20, 3), their actions and recordings."""
    file = np.load(DATA / "utkinect" / "utkinect.npz")
    clips = np.split(file["joints"], file["offsets"][1:-1])
    return clips, file["action"], 2 * file["subject"] + file["episode"]


def load_pollution():
    """Return a table with one row per hour: PM2.5 with gaps, weather and time."""
    table = pd.read_csv(DATA / "beijing_pm25" / "pollution.csv.gz")
    return pd.get_dummies(table.drop(columns=["No"]), columns=["cbwd"], dtype=float)


def read_tags(path):
    """Return words and tags of each sentence: a word and its tag a line, split by tabs.

    A blank line ends a sentence.
    """
    open_text = gzip.open if path.suffix == ".gz" else open
    sentences, words, tags = [], [], []
    with open_text(path, "rt", encoding="utf-8") as lines:
        for line in [*lines, ""]:
            if line.strip():
                word, tag = line.rstrip("\n").split("\t")[:2]
                words.append(word)
                tags.append(tag)
            elif words:
                sentences.append((words, tags))
                words, tags = [], []
    X, y = zip(*sentences, strict=True)
    return list(X), list(y)


def load_parts_of_speech(part):
    """Return sentences of UD English EWT and the universal tags of their words."""
    return read_tags(DATA / "ud_ewt_pos" / f"{part}.tsv.gz")


def load_entities(part):
    """Return messages of WNUT 2017 and the tags of names, IOB2."""
    names = {
        "train": "wnut17train.conll",
        "dev": "emerging.dev.conll",
        "test": "emerging.test.annotated",
    }
    return read_tags(DATA / "wnut17" / names[part])


def load_pronunciation():
    """Return words of NETtalk, the phoneme of each letter, and which are for test."""
    with gzip.open(DATA / "nettalk" / "nettalk.data.gz", "rt") as lines:
        fields = [line.rstrip("\n").split("\t") for line in lines]
    letters, phonemes = zip(*[field[:2] for field in fields], strict=True)
    is_test = np.arange(len(fields)) % 5 == 0
    return list(letters), [list(word) for word in phonemes], is_test


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def fetch_from_here():
    """Make the fetchers of sklearn_rnn.datasets use the files of DATA, if it exists."""
    if not DATA.is_dir() or "SKLEARN_RNN_MIRROR" in os.environ:
        yield
        return
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=DATA))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with TemporaryDirectory() as home:
        os.environ["SKLEARN_RNN_MIRROR"] = f"http://127.0.0.1:{server.server_port}"
        os.environ["SKLEARN_RNN_DATA"] = home
        yield
    server.shutdown()


NAB_FOLDERS = (
    *("artificialWithAnomaly", "realAdExchange", "realKnownCause", "realTraffic"),
    "realTweets",
)
SKAB_FOLDERS = ("valve1", "valve2", "other")
SKAB_TRAINED = 400  # rows of each file that the board of SKAB trains on


def load_nab(folder):
    """Return the series of a folder, and 1 at steps inside NAB's windows."""
    windows = json.loads(
        (DATA / "nab" / "labels" / "combined_windows.json").read_text()
    )
    series, labels = [], []
    for name in sorted(name for name in windows if name.startswith(f"{folder}/")):
        table = pd.read_csv(DATA / "nab" / "data" / f"{name}.gz")
        times = pd.to_datetime(table["timestamp"])
        y = np.zeros(len(table), int)
        for start, end in windows[name]:
            y[times.between(pd.Timestamp(start), pd.Timestamp(end))] = 1
        series.append(table[["value"]].to_numpy(float))
        labels.append(y)
    return series, labels


def load_skab(folder):
    """Return the recordings of a folder, and 1 at anomalous steps."""
    series, labels = [], []
    for path in sorted((DATA / "skab" / folder).glob("*.csv")):
        table = pd.read_csv(path, sep=";", index_col="datetime")
        labels.append(table["anomaly"].to_numpy(int))
        series.append(table.drop(columns=["anomaly", "changepoint"]).to_numpy(float))
    return series, labels
