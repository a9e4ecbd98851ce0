"""Code shared by the fetchers: validation of arguments and construction of results."""

from importlib import resources
from os import PathLike
from typing import Any

from sklearn.utils import Bunch

from sklearn_rnn.utils import StrOptions

DATA_HOME = {"data_home": [str, PathLike, None]}
SUBSETS = {"train": ("train",), "test": ("test",), "all": ("train", "test")}
SUBSET = {"subset": [StrOptions(set(SUBSETS))]}


def as_bunch(name: str, return_X_y: bool, **contents: Any) -> Bunch | tuple[Any, Any]:
    """Return a Bunch with the description of the data set, or only data and target."""
    if return_X_y:
        return contents["data"], contents["target"]
    descr = resources.files("sklearn_rnn.datasets") / "descr" / f"{name}.rst"
    return Bunch(**contents, DESCR=descr.read_text(encoding="utf-8"))
