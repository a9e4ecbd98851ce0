"""The version of this package."""

from importlib.metadata import PackageNotFoundError, version


def get_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("sklearn-rnn")
    except PackageNotFoundError:  # a checkout that is not installed
        return "0.0.0"
