"""AudioFeatures: convert recordings to log-mel spectra or cepstral coefficients."""

from numbers import Integral, Real

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import dct, rfft
from scipy.signal import get_window, savgol_filter
from sklearn.utils.validation import check_is_fitted

from sklearn_rnn._sequences import RaggedArray, lengths_to_offsets, validate_sequences
from sklearn_rnn.preprocessing._base import LAYOUT, BaseSequenceTransformer
from sklearn_rnn.utils import Interval, StrOptions, fit_context

_LEAST_POWER, _RANGE_DB = 1e-10, 80.0
_DELTA_WIDTH = 9
# Slaney's mel scale: linear up to 1 kHz, then logarithmic
_LINEAR_HZ, _KNEE_HZ, _LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def compute_power_spectrum(samples, n_window, n_hop):
    """Return the power spectrum of each frame of a recording.

    Parameters
    ----------
    samples : ndarray of shape (n_samples,)
        The recording.
    n_window, n_hop : int
        Length of a frame and distance of two frames, in samples.

    Returns
    -------
    power : ndarray of shape (n_frames, n_frequencies)
        Frames are centred at samples 0, `n_hop`, ..., with zeros beyond the ends.
    """
    n_fft = count_fft(n_window)
    padded = np.pad(samples.astype(np.float64), n_fft // 2)
    window = np.zeros(n_fft)
    begin = (n_fft - n_window) // 2
    window[begin : begin + n_window] = get_window("hann", n_window)
    frames = sliding_window_view(padded, n_fft)[::n_hop]
    return np.abs(rfft(frames * window, axis=1)) ** 2


def count_fft(n_window):
    """Return the length of the Fourier transform, a power of 2."""
    return 1 << max(int(n_window) - 1, 1).bit_length()


def make_mel_filters(sampling_rate, n_fft, n_mels, f_min, f_max):
    """Return triangular filters of equal area on Slaney's mel scale.

    Parameters
    ----------
    sampling_rate : float
        Samples per second.
    n_fft : int
        Length of the Fourier transform.
    n_mels : int
        Number of filters.
    f_min, f_max : float
        Range of frequencies.

    Returns
    -------
    filters : ndarray of shape (n_mels, n_fft // 2 + 1)
        Weights of the frequencies.

    References
    ----------
    M. Slaney, "Auditory toolbox", Interval Research Technical Report 1998-010.
    """
    frequencies = np.fft.rfftfreq(n_fft, 1 / sampling_rate)
    edges = mel_to_hz(np.linspace(hz_to_mel(f_min), hz_to_mel(f_max), n_mels + 2))
    widths = np.diff(edges)[:, np.newaxis]
    distances = edges[:, np.newaxis] - frequencies
    rising, falling = -distances[:-2] / widths[:-1], distances[2:] / widths[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return triangles * (2 / (edges[2:] - edges[:-2]))[:, np.newaxis]


def hz_to_mel(frequency):
    """Convert Hz to mel."""
    linear = frequency / _LINEAR_HZ
    above = np.log(np.maximum(frequency, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return np.minimum(linear, _KNEE_HZ / _LINEAR_HZ) + above


def mel_to_hz(mel):
    """Convert mel to Hz."""
    above = np.maximum(mel - _KNEE_HZ / _LINEAR_HZ, 0)
    return (np.minimum(mel, _KNEE_HZ / _LINEAR_HZ) * _LINEAR_HZ) * np.exp(
        _LOG_STEP * above
    )


def to_decibels(power):
    """Return decibels, at most 80 below the loudest value."""
    decibels = 10 * np.log10(np.maximum(power, _LEAST_POWER))
    return np.maximum(decibels, decibels.max() - _RANGE_DB)


def append_deltas(features, order):
    """Append slopes over nine frames, and for an order of 2 curvatures."""
    deltas = [
        savgol_filter(features, _DELTA_WIDTH, k, deriv=k, axis=0, mode="nearest")
        for k in range(1, order + 1)
    ]
    return np.concatenate([features, *deltas], axis=1)


def standardize(features):
    """Return features of mean 0 and variance 1 over the frames; constant ones are 0."""
    centred = features - features.mean(axis=0)
    std = features.std(axis=0)
    is_constant = std <= 1e-10 * np.abs(features).max(axis=0)
    return np.where(is_constant, 0.0, centred / np.where(is_constant, 1.0, std))


class AudioFeatures(BaseSequenceTransformer):
    """Convert recordings to spectra over time, on a scale close to hearing.

    A recording of thousands of samples per second becomes about a hundred frames per
    second of some dozen features, which recurrent networks such as
    :class:`~sklearn_rnn.RNNTranscriber` or :class:`~sklearn_rnn.RNNClassifier` read.

    Parameters
    ----------
    sampling_rate : float, default=16000
        Samples per second of all recordings.
    kind : {"log_mel", "mfcc"}, default="log_mel"
        Features of a frame.

        - "log_mel": power in each band of the mel scale, in decibels.
        - "mfcc": mel-frequency cepstral coefficients, a cosine transform of these. They
          are nearly uncorrelated, and the first few keep the shape of the spectrum
          without its pitch.
    n_mels : int, default=40
        Number of mel bands.
    n_coefficients : int, default=13
        Number of coefficients for ``kind="mfcc"``; ignored otherwise.
    window : float, default=0.025
        Length of a frame, in seconds.
    hop : float, default=0.01
        Time between the centres of two frames, in seconds.
    f_min : float, default=0.0
        Lowest frequency, in Hz.
    f_max : float or None, default=None
        Highest frequency, in Hz; None is half of `sampling_rate`.
    deltas : {0, 1, 2}, default=0
        Whether to append slopes (1), or slopes and curvatures (2) of all features over
        nine frames.
    normalize : bool, default=True
        Whether to scale each feature to a mean of 0 and a variance of 1 over each
        recording. It removes the loudness and the colour of the microphone.

    Attributes
    ----------
    n_features_in_ : int
        Number of features per step; for a 2-D X, the number of steps.

    Raises
    ------
    ValueError, TypeError
        If X is not a valid container of recordings of one channel.

    See Also
    --------
    sklearn_rnn.datasets.read_wav : Samples of a WAV file.
    Stepwise : Transformers of scikit-learn, frame by frame.

    Notes
    -----
    Frames are centred at samples 0, `hop`, ..., with zeros beyond both ends, so a
    recording has ``1 + n_samples // hop`` frames. Decibels are relative to a power of
    1; those more than 80 below the loudest of the recording are raised to that level.
    The scale of the samples does not matter with ``normalize=True``.

    Mel spectra, coefficients and deltas equal those of librosa with ``n_fft`` the next
    power of 2, ``win_length`` and ``hop_length`` in samples, ``pad_mode="constant"``,
    ``power_to_db(top_db=80)`` and, for deltas, ``mode="nearest"``.

    References
    ----------
    .. [1] S. Davis, P. Mermelstein, "Comparison of parametric representations for
       monosyllabic word recognition in continuously spoken sentences", IEEE
       Transactions on Acoustics, Speech, and Signal Processing 28, 1980.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_rnn.preprocessing import AudioFeatures
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    >>> features = AudioFeatures(sampling_rate=8000, n_mels=20, normalize=False)
    >>> X = features.fit_transform([tone])
    >>> X[0].shape
    (101, 20)
    >>> features.get_feature_names_out()[X[0].mean(axis=0).argmax()]
    'mel_3'
    """

    _parameter_constraints: dict = {
        "sampling_rate": [Interval(Real, 0, None, closed="neither")],
        "kind": [StrOptions({"log_mel", "mfcc"})],
        "n_mels": [Interval(Integral, 1, None, closed="left")],
        "n_coefficients": [Interval(Integral, 1, None, closed="left")],
        "window": [Interval(Real, 0, None, closed="neither")],
        "hop": [Interval(Real, 0, None, closed="neither")],
        "f_min": [Interval(Real, 0, None, closed="left")],
        "f_max": [Interval(Real, 0, None, closed="neither"), None],
        "deltas": [Interval(Integral, 0, 2, closed="both")],
        "normalize": ["boolean"],
    }
    _learned = LAYOUT

    def __init__(
        self,
        *,
        sampling_rate=16000,
        kind="log_mel",
        n_mels=40,
        n_coefficients=13,
        window=0.025,
        hop=0.01,
        f_min=0.0,
        f_max=None,
        deltas=0,
        normalize=True,
    ):
        self.sampling_rate = sampling_rate
        self.kind = kind
        self.n_mels = n_mels
        self.n_coefficients = n_coefficients
        self.window = window
        self.hop = hop
        self.f_min = f_min
        self.f_max = f_max
        self.deltas = deltas
        self.normalize = normalize

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Validate X and the parameters; nothing else is learned.

        Parameters
        ----------
        X : list of array-like of shape (n_samples_i,), RaggedArray, or array-like of \
                shape (n_recordings, n_samples)
            Recordings of one channel.
        y : None
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        self._read(X, reset=True)
        self._make_filters()
        return self

    def _transform(self, X):
        recordings = self._read(X, reset=False)
        filters = self._make_filters()
        frames = [self._describe(samples.ravel(), filters) for samples in recordings]
        offsets = lengths_to_offsets([len(frame) for frame in frames])
        return RaggedArray(np.concatenate(frames).astype(np.float32), offsets)

    def _read(self, X, *, reset):
        recordings = validate_sequences(self, X, reset=reset)
        if recordings.n_features != 1:
            raise ValueError(
                "X must have recordings of one channel. Got "
                f"{recordings.n_features} values per step; take the mean of the "
                "channels, or one of them."
            )
        return recordings

    def _describe(self, samples, filters):
        """Return the features of all frames of a recording."""
        power = compute_power_spectrum(
            samples, self._count("window"), self._count("hop")
        )
        features = to_decibels(power @ filters.T)
        if self.kind == "mfcc":
            features = dct(features, norm="ortho", axis=1)[:, : self.n_coefficients]
        features = append_deltas(features, self.deltas)
        return standardize(features) if self.normalize else features

    def _count(self, name):
        """Return a length in samples."""
        seconds = getattr(self, name)
        n_samples = round(seconds * self.sampling_rate)
        if n_samples < 1:
            raise ValueError(
                f"The {name!r} parameter of AudioFeatures must be at least one sample, "
                f"{1 / self.sampling_rate:g} seconds. Got {seconds!r} instead."
            )
        return n_samples

    def _make_filters(self):
        self._count("hop")
        n_fft = count_fft(self._count("window"))
        highest = self.sampling_rate / 2
        f_max = highest if self.f_max is None else self.f_max
        if not self.f_min < f_max <= highest:
            raise ValueError(
                "The 'f_max' parameter of AudioFeatures must be above "
                f"f_min={self.f_min} and at most {highest:g}, half of the "
                f"'sampling_rate'. Got {self.f_max!r} instead."
            )
        if self.kind == "mfcc" and self.n_coefficients > self.n_mels:
            raise ValueError(
                "The 'n_coefficients' parameter of AudioFeatures must be at most "
                f"n_mels={self.n_mels}. Got {self.n_coefficients} instead."
            )
        filters = make_mel_filters(
            self.sampling_rate, n_fft, self.n_mels, self.f_min, f_max
        )
        if not filters.any(axis=1).all():
            raise ValueError(
                f"The 'n_mels' parameter of AudioFeatures is too large: "
                f"{(~filters.any(axis=1)).sum()} of {self.n_mels} bands have no "
                f"frequency of a {self.window:g} s window. Use fewer bands or a longer "
                "'window'."
            )
        return filters

    def get_feature_names_out(self, input_features=None):
        """Return the names of the features of a frame.

        Parameters
        ----------
        input_features : None
            Not used, present for API consistency by convention.

        Returns
        -------
        feature_names_out : ndarray of str
            "mel_0", ... or "mfcc_0", ..., then the same with "_delta" and "_delta2".
        """
        check_is_fitted(self)
        is_mel = self.kind == "log_mel"
        prefix, n = ("mel", self.n_mels) if is_mel else ("mfcc", self.n_coefficients)
        endings = ("", "_delta", "_delta2")[: self.deltas + 1]
        return np.array(
            [f"{prefix}_{k}{ending}" for ending in endings for k in range(n)], object
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = False
        tags.transformer_tags.preserves_dtype = []
        return tags
