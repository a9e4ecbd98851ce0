"""What `save` refuses, and how it writes."""

import os
import stat
import threading
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import LRScheduler

import sklearn_rnn
from sklearn_rnn import RNNClassifier
from sklearn_rnn.nn import GRU
from sklearn_rnn.preprocessing import SequenceFeatures, SequenceTokenizer, Stepwise
from tests.persistence_tools import TINY, classes, make_X


class MyCell(GRU):
    pass


class MyClassifier(RNNClassifier):
    pass


@pytest.fixture(scope="module")
def model():
    return RNNClassifier(**TINY).fit(make_X(), classes())


def fit(estimator, X=None):
    return estimator.fit(make_X() if X is None else X, classes())


def with_hook():
    model = fit(RNNClassifier(**TINY))
    model.module_.head.register_forward_hook(lambda *args: None)
    return model


def with_attribute():
    model = fit(RNNClassifier(**TINY))
    model.note_ = "mine"
    return model


def tokenized(texts=("a b", "b a") * 6):
    model = make_pipeline(SequenceTokenizer(str.split), RNNClassifier(**TINY))
    return fit(model, list(texts))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: fit(RNNClassifier(**TINY, cell=MyCell)), "cell=.*MyCell.* is code"),
        (lambda: fit(MyClassifier(**TINY)), "MyClassifier"),
        (
            lambda: fit(RNNClassifier(**TINY, callbacks=[LRScheduler()])),
            "callbacks=.*LRScheduler.* are code",
        ),
        (with_hook, "module_.head of RNNClassifier has hooks"),
        (with_attribute, "note_"),
        (
            lambda: fit(
                make_pipeline(Stepwise(FunctionTransformer()), RNNClassifier(**TINY))
            ),
            "FunctionTransformer",
        ),
        (
            lambda: fit(make_pipeline(SequenceFeatures(), LogisticRegression())),
            "steps.1.1 is LogisticRegression",
        ),
        (tokenized, "level is <method 'split'"),
        (
            lambda: fit(make_pipeline(RNNClassifier(**TINY), memory="cache")),
            "memory of a Pipeline",
        ),
    ],
)
def test_code_is_refused_by_name(make, named):
    with pytest.raises(ValueError, match=named) as caught:
        sklearn_rnn.save(make(), "model")
    assert "cannot be saved: " in str(caught.value)
    assert not os.path.exists("model")


def test_an_estimator_must_be_fitted():
    with pytest.raises(NotFittedError):
        sklearn_rnn.save(RNNClassifier(), "model")


def test_changed_parameters_of_the_network_are_refused(model):
    changed = fit(RNNClassifier(**TINY)).set_params(hidden_size=3)
    with pytest.raises(ValueError, match="'hidden_size'"):
        sklearn_rnn.save(changed, "model")


def test_a_file_is_replaced_whole_or_not_at_all(model, monkeypatch):
    sklearn_rnn.save(model, "model")
    before = Path("model").read_bytes()

    def fail(*args):
        raise OSError("No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            with pytest.raises(OSError, match="No space"):
                sklearn_rnn.save(fit(RNNClassifier(**TINY)), "model")
        assert os.listdir() == ["model"]
        assert Path("model").read_bytes() == before


def test_a_reader_never_finds_half_a_file(model):
    sklearn_rnn.save(model, "model")
    done = threading.Event()

    def write():
        for _ in range(50):
            sklearn_rnn.save(model, "model")
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        sklearn_rnn.load("model")
    writer.join()
    assert os.listdir() == ["model"]


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_the_mode_of_the_file_is_that_of_new_files(model):
    sklearn_rnn.save(model, "model")
    Path("other").touch()
    modes = {stat.S_IMODE(os.stat(name).st_mode) for name in ("model", "other")}
    assert len(modes) == 1


def test_other_readers_of_safetensors_get_the_arrays(model):
    numpy_reader = pytest.importorskip("safetensors.numpy")
    sklearn_rnn.save(model, "model")
    arrays = numpy_reader.load_file("model")
    for name, weight in model.module_.state_dict().items():
        found = arrays[f"RNNClassifier.weights.{name}"]
        np.testing.assert_array_equal(found, weight.numpy())
