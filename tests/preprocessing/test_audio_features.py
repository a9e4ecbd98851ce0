"""AudioFeatures: equal to librosa, and a transformer like the others."""

import pickle
import wave

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_rnn import RaggedArray, RNNClassifier, load, save
from sklearn_rnn.datasets import read_wav
from sklearn_rnn.preprocessing import AudioFeatures

OPTIONS = {"sampling_rate": 8000, "hop": 0.02, "n_mels": 6}
ROWS = [0, 5, 11]
# of librosa 0.11
LOG_MEL = [
    [7.5703, -8.0854, -27.0826, -6.7091, -8.3036, -26.4023],
    [5.1959, 2.9389, -57.6092, -3.4694, -5.3282, -69.5691],
    [-9.5595, 1.2067, -15.0413, -3.8202, -5.7381, -35.7297],
]
MFCC = [
    [-28.1743, 15.9905, 7.4799, -4.2198, 3.5197, -0.961, -0.4231, 0.5185, -0.2883],
    [-52.1909, 36.9798, -1.6473, 0.6329, -0.2208, -1.984, 0.0386, -0.1868, -0.4662],
    [-28.0394, 15.7529, -13.2139, 3.7658, -3.2529, -0.6834, -0.7887, 0.4693, 0.8335],
]


def make_recording(n_samples=1800):
    time = np.arange(n_samples) / 8000
    chirp = np.sin(2 * np.pi * (300 + 800 * time) * time) * np.exp(-5 * time)
    return chirp + 0.3 * np.sin(2 * np.pi * 1700 * time)


RECORDINGS = [make_recording(n) for n in (1800, 30, 999, 160)]


def test_features_equal_recorded_ones_of_librosa():
    mel = AudioFeatures(**OPTIONS, normalize=False).fit_transform(RECORDINGS)
    assert mel.lengths.tolist() == [12, 1, 7, 2]  # 1 + n_samples // hop
    np.testing.assert_allclose(mel[0][ROWS], LOG_MEL, atol=1e-4)
    mfcc = AudioFeatures(
        **OPTIONS, kind="mfcc", n_coefficients=3, deltas=2, normalize=False
    )
    np.testing.assert_allclose(mfcc.fit_transform(RECORDINGS)[0][ROWS], MFCC, atol=1e-4)


@pytest.mark.parametrize(
    ("sampling_rate", "window", "hop", "n_mels", "f_min", "f_max"),
    [(8000, 0.025, 0.01, 20, 0, None), (22050, 0.032, 0.016, 40, 50, 7000)],
)
def test_features_equal_librosa(sampling_rate, window, hop, n_mels, f_min, f_max):
    librosa = pytest.importorskip("librosa")
    y = make_recording(9000).astype(np.float32)
    n_window, n_hop = round(window * sampling_rate), round(hop * sampling_rate)
    power = librosa.feature.melspectrogram(
        y=y,
        sr=sampling_rate,
        n_fft=1 << (n_window - 1).bit_length(),
        win_length=n_window,
        hop_length=n_hop,
        pad_mode="constant",
        n_mels=n_mels,
        fmin=f_min,
        fmax=f_max,
    )
    mel = librosa.power_to_db(power, top_db=80)
    options = {
        "sampling_rate": sampling_rate,
        "window": window,
        "hop": hop,
        "n_mels": n_mels,
        "f_min": f_min,
        "f_max": f_max,
        "normalize": False,
    }
    found = AudioFeatures(**options).fit_transform([y])[0]
    np.testing.assert_allclose(found, mel.T, atol=1e-4)
    mfcc = librosa.feature.mfcc(S=mel, n_mfcc=13)
    deltas = [librosa.feature.delta(mfcc, order=k, mode="nearest") for k in (1, 2)]
    found = AudioFeatures(**options, kind="mfcc", deltas=2).fit_transform([y])[0]
    np.testing.assert_allclose(found, np.concatenate([mfcc, *deltas]).T, atol=1e-4)


def test_a_tone_is_loudest_in_the_band_around_it():
    features = AudioFeatures(sampling_rate=16000, normalize=False)
    time = np.arange(8000) / 16000
    bands = [
        features.fit_transform([np.sin(2 * np.pi * f * time)])[0].mean(axis=0).argmax()
        for f in (200, 1000, 3000, 6000)
    ]
    assert bands == sorted(set(bands))


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
def test_normalisation_removes_loudness_of_each_recording(kind):
    features = AudioFeatures(**OPTIONS, kind=kind, n_coefficients=4, deltas=1)
    found = features.fit_transform(RECORDINGS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(found[0].std(axis=0), 1, atol=1e-4)
    louder = features.transform([7.0 * x for x in RECORDINGS])
    np.testing.assert_allclose(louder.values, found.values, atol=1e-3)
    assert not found[1].any()  # one frame
    assert not features.transform([np.zeros(500)]).values.any()


def test_a_recording_is_transformed_alone():
    features = AudioFeatures(**OPTIONS).fit(RECORDINGS)
    found = features.transform(RECORDINGS)
    for i, recording in enumerate(RECORDINGS):
        np.testing.assert_array_equal(features.transform([recording])[0], found[i])


def test_containers_give_the_same_features():
    features = AudioFeatures(**OPTIONS)
    expected = features.fit_transform(RECORDINGS).values
    for container in (
        [x.tolist() for x in RECORDINGS],
        [x[:, None] for x in RECORDINGS],
        [torch.from_numpy(x) for x in RECORDINGS],
        RaggedArray.from_sequences(RECORDINGS),
    ):
        found = clone(features).fit_transform(container).values
        np.testing.assert_array_equal(found, expected)
    table = np.stack([make_recording(), -make_recording()])
    for array in (table, table[:, :, None], (25000 * table).astype(np.int16)):
        found = clone(features).fit_transform(array)
        assert found.lengths.tolist() == [12, 12]
        np.testing.assert_allclose(found[1], expected[:12], atol=0.05)


def test_names_of_features():
    features = AudioFeatures(**OPTIONS, deltas=2).fit(RECORDINGS)
    names = features.get_feature_names_out()
    assert len(names) == features.transform(RECORDINGS).n_features == 18
    assert names[[0, 5, 6, 17]].tolist() == [
        *("mel_0", "mel_5", "mel_0_delta", "mel_5_delta2"),
    ]
    features = AudioFeatures(**OPTIONS, kind="mfcc", n_coefficients=2)
    assert features.fit(RECORDINGS).get_feature_names_out().tolist() == [
        "mfcc_0",
        "mfcc_1",
    ]


def test_pickle_and_save(tmp_path):
    features = AudioFeatures(**OPTIONS, deltas=1).fit(RECORDINGS)
    save(features, tmp_path / "features.safetensors")
    for again in (
        pickle.loads(pickle.dumps(features)),
        load(tmp_path / "features.safetensors"),
        clone(features).fit(RECORDINGS),
    ):
        np.testing.assert_array_equal(
            again.transform(RECORDINGS).values, features.transform(RECORDINGS).values
        )


def test_in_a_pipeline():
    tones = [np.sin(np.arange(400 + i) * (0.3, 0.9)[i % 2]) for i in range(12)]
    pipeline = make_pipeline(
        AudioFeatures(**OPTIONS),
        RNNClassifier(hidden_size=2, conv_channels=None, max_epochs=1, random_state=0),
    )
    scores = cross_val_score(pipeline, tones, [0, 1] * 6, cv=2, error_score="raise")
    assert scores.shape == (2,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "spectrum"}, "'kind' parameter"),
        ({"deltas": 3}, "'deltas' parameter"),
        ({"hop": 1e-6}, "'hop' parameter of AudioFeatures must be at least one sample"),
        ({"window": 1e-6}, "'window' parameter of AudioFeatures must be at least one"),
        ({"f_max": 5000}, "'f_max' parameter .* at most 4000, half of the 'sampling_r"),
        (
            {"f_min": 4000},
            "'f_max' parameter of AudioFeatures must be above f_min=4000",
        ),
        ({"n_mels": 200}, "'n_mels' parameter of AudioFeatures is too large"),
        (
            {"kind": "mfcc", "n_coefficients": 7},
            "'n_coefficients' parameter of AudioFeatures must be at most n_mels=6",
        ),
    ],
)
def test_errors_name_the_parameter(options, message):
    with pytest.raises(ValueError, match=message):
        AudioFeatures(**{**OPTIONS, **options}).fit(RECORDINGS)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (make_recording(), "Reshape your data"),
        ([np.ones((50, 2))], "recordings of one channel. Got 2 values per step"),
        ([np.array([0.0, np.nan])], "NaN"),
        ([np.array([0.0, np.inf])], "infinity"),
        ([], "0 sample"),
        (["a.wav"], "X"),
    ],
)
def test_errors_of_recordings(X, message):
    with pytest.raises((TypeError, ValueError), match=message):
        AudioFeatures(**OPTIONS).fit(X)


# WAV files --------------------------------------------------------------------------


def write_wav(path, samples, width, n_channels=1):
    with wave.open(str(path), "wb") as file:
        file.setparams((n_channels, width, 8000, 0, "NONE", ""))
        file.writeframes(samples)


@pytest.mark.parametrize(
    ("width", "content"),
    [
        (1, np.array([128, 192, 64, 0], np.uint8).tobytes()),
        (2, np.array([0, 2**14, -(2**14), -(2**15)], "<i2").tobytes()),
        (3, bytes([0, 0, 0, 0, 0, 64, 0, 0, 192, 0, 0, 128])),
        (4, np.array([0, 2**30, -(2**30), -(2**31)], "<i4").tobytes()),
    ],
)
def test_wav_files_of_all_widths(tmp_path, width, content):
    path = tmp_path / "x.wav"
    write_wav(path, content, width)
    samples, sampling_rate = read_wav(path)
    assert sampling_rate == 8000
    assert samples.dtype == np.float32
    assert samples.tolist() == [0, 0.5, -0.5, -1]
    write_wav(path, content, width, n_channels=2)
    assert read_wav(str(path))[0].tolist() == [[0, 0.5], [-0.5, -1]]


def test_other_files_are_an_error(tmp_path):
    path = tmp_path / "x.wav"
    compressed = b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\x06\0" + bytes(20)
    for content in (b"", b"no sound at all", compressed):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"x\.wav is not a WAV file"):
            read_wav(path)
