"""The version of this package, and of those that a pickle depends on."""

import warnings
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def get_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("sklearn-rnn")
    except PackageNotFoundError:  # a checkout that is not installed
        return "0.0.0"


@cache
def _find_versions() -> dict[str, str]:
    names = "scikit-learn", "skorch", "torch"
    return {"sklearn_rnn": get_version(), **{name: version(name) for name in names}}


def list_versions() -> dict[str, str]:
    """Return the versions of the packages that a pickle depends on."""
    return dict(_find_versions())


def warn_of_other_versions(written: Mapping[str, str], owner: str) -> None:
    """Warn if a pickle was written by other versions of these packages."""
    now = list_versions()
    others = {name: v for name, v in written.items() if now.get(name) != v}
    if not others:
        return
    used = {name: now.get(name) for name in others}
    warnings.warn(
        f"{owner} was pickled with {others}, and is loaded with {used}: it may fail, "
        "or predict something else. Files of sklearn_rnn.save can be loaded by later "
        "versions.",
        UserWarning,
        stacklevel=3,
    )
