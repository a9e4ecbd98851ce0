"""Pickles hold the versions of packages, and a warning names others."""

import copy
import pickle

import pytest
from sklearn.base import clone

from sklearn_rnn import RNNClassifier
from sklearn_rnn.utils import _version


@pytest.mark.parametrize("package", ["sklearn_rnn", "scikit-learn", "skorch", "torch"])
def test_another_version_is_a_warning(package, monkeypatch):
    data = pickle.dumps(RNNClassifier(hidden_size=3))
    versions = {**_version._find_versions(), package: "0.0.1"}
    monkeypatch.setattr(_version, "_find_versions", lambda: versions)
    with pytest.warns(UserWarning, match=f"pickled with {{'{package}'") as record:
        again = pickle.loads(data)
    assert "'0.0.1'" in str(record[0].message)
    assert again.hidden_size == 3


def test_the_same_versions_are_no_warning_and_no_attribute(ragged):
    model = RNNClassifier(max_epochs=1, hidden_size=4, random_state=0).fit(*ragged)
    expected = vars(model).keys()
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert vars(again).keys() == expected
    assert vars(clone(model)).keys() == model.get_params(deep=False).keys()
