"""PhysioNet 2012, set A: two days in intensive care.

The public source has 3,996 text files, which are converted to plain arrays.
"""

import tarfile
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklearn_rnn._sequences import RaggedArray, lengths_to_offsets
from sklearn_rnn.datasets._archives import ArrayFile
from sklearn_rnn.datasets._bunch import DATA_HOME, as_bunch
from sklearn_rnn.datasets._downloads import RemoteFile
from sklearn_rnn.utils import check_pandas_support, validate_params

_FILE = RemoteFile(
    "physionet2012",
    "set_a.npz",
    "https://github.com/SamuelJoray/Predicting-Mortality-of-ICU-Patients/archive/"
    "7d004326132fddd268f645bf0b37217fd15bcedb.tar.gz",
    "af2e29ff7c31acf4e89178deaf4a537760f1c2d93b85b9b8d6bfbc529aa9ff9b",  # of the .npz
)
_ARRAYS = {
    "time_min": "<u2",  # minutes since admission of each observation, in file order
    "variable": "u1",  # its index in _VARIABLES
    "value": "<f4",
    "offsets": "<i4",  # observations of stay i: offsets[i] to offsets[i + 1]
    "record_id": "<i4",
    "static": "<f4",  # (n_stays, 5), -1 where unknown
    "outcomes": "<i4",  # (n_stays, 5)
}
_ARRAYS_SHA256 = "4013cb1afe39318f0b4df0a63a1ffd240b5224b71ed5e3bda15dc189d0eb6760"
_STATIC = ("Age", "Gender", "Height", "ICUType", "Weight")
_OUTCOMES = ["SAPS-I", "SOFA", "Length_of_stay", "Survival", "In-hospital_death"]
# fmt: off
_VARIABLES = [
    "ALP", "ALT", "AST", "Albumin", "BUN", "Bilirubin", "Cholesterol", "Creatinine",
    "DiasABP", "FiO2", "GCS", "Glucose", "HCO3", "HCT", "HR", "K", "Lactate", "MAP",
    "MechVent", "Mg", "NIDiasABP", "NIMAP", "NISysABP", "Na", "PaCO2", "PaO2",
    "Platelets", "RespRate", "SaO2", "SysABP", "Temp", "TroponinI", "TroponinT",
    "Urine", "WBC", "Weight", "pH",
]
# fmt: on
_INDEX = {name: i for i, name in enumerate(_VARIABLES)}


@validate_params(
    {**DATA_HOME, "return_X_y": ["boolean"], "as_frame": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def fetch_physionet2012(
    *,
    data_home: str | PathLike[str] | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Load PhysioNet 2012, set A: death in hospital from vital signs (classification).

    Downloaded once, with pooch: ``pip install "sklearn-rnn[datasets]"``. The data are
    the first 48 hours of 3,996 stays in intensive care, with 37 variables measured at
    irregular times. A step is a minute with at least one measurement; missing values
    are NaN. 554 patients (13.9 %) died. There is no published split; 5-fold
    cross-validation and the area under the ROC curve are usual.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder for the files. By default, see :func:`get_data_home`.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.
    as_frame : bool, default=False
        Whether `data` is a long pandas table, with one row per step.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes:

        - data : RaggedArray of shape (3996, None, 38), float32, whose first feature is
          the minutes since admission; with `as_frame` a DataFrame with the columns
          "record_id", "minutes" and the 37 variables. If a variable has several values
          in one minute, the last one in the file is used, which drops 3,744 values.
        - target : ndarray of shape (3996,), 1 if the patient died in hospital, else 0;
          with `as_frame` a Series with record_id as its index.
        - frame : DataFrame, data and the target of the stay in each row; only with
          `as_frame`.
        - static : ndarray of shape (3996, 4), or DataFrame: values recorded at
          admission, NaN if unknown.
        - outcomes : ndarray of shape (3996, 5), or DataFrame: two scores of severity,
          the length of the stay and the survival in days (-1: not known, or no death
          recorded), and the target.
        - record_id : ndarray of shape (3996,), the number of each stay.
        - feature_names : list of 38 str, "minutes" and the variables.
        - target_names : list, ``["survived", "died"]``.
        - static_names : list of 4 str: Age (years), Gender (1: male), Height (cm),
          Weight (kg).
        - outcome_names : list of 5 str.
        - DESCR : str, the description, with licence and citation.
    (data, target) : tuple
        Only if `return_X_y` is True.

    Raises
    ------
    OSError
        If the download fails. No files are left behind.

    See Also
    --------
    fetch_cmapss_fd001 : Sensor data with few missing values.

    Examples
    --------
    >>> from sklearn_rnn.datasets import fetch_physionet2012
    >>> stays = fetch_physionet2012()  # doctest: +SKIP
    >>> stays.data  # doctest: +SKIP
    RaggedArray(n_samples=3996, n_features=38, n_steps=1..202, dtype=float32)
    >>> print(stays.target.mean().round(3))  # doctest: +SKIP
    0.139
    """
    array_file = ArrayFile(_ARRAYS, _ARRAYS_SHA256, _read_archive)
    arrays = array_file.fetch(_FILE, data_home)
    values, lengths = _steps(arrays)
    contents = {
        "data": RaggedArray(values, lengths_to_offsets(lengths)),
        "target": arrays["outcomes"][:, -1].astype(np.int64),
        "static": _known_static(arrays["static"]),
        "outcomes": arrays["outcomes"],
    }
    if as_frame:
        contents = _as_tables(contents, arrays["record_id"])
    return as_bunch(
        "physionet2012",
        return_X_y,
        **contents,
        record_id=arrays["record_id"],
        feature_names=["minutes", *_VARIABLES],
        target_names=["survived", "died"],
        static_names=_static_names(),
        outcome_names=list(_OUTCOMES),
    )


# From observations to steps ---------------------------------------------------------


def _steps(
    arrays: dict[str, NDArray],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Collect the observations of a minute in a row; return rows and their counts."""
    n_observations = np.diff(arrays["offsets"])
    stay = np.repeat(np.arange(len(n_observations)), n_observations)
    minute = arrays["time_min"]
    begins = np.ones(len(stay), dtype=bool)
    begins[1:] = (np.diff(stay) != 0) | (minute[1:] != minute[:-1])
    row = begins.cumsum() - 1
    values = np.full((row[-1] + 1, 1 + len(_VARIABLES)), np.nan, dtype=np.float32)
    values[:, 0] = minute[begins]
    values[row, 1 + arrays["variable"]] = arrays["value"]  # the last value wins
    return values, np.bincount(stay[begins])


def _static_names() -> list[str]:
    return [name for name in _STATIC if name != "ICUType"]  # the source lacks it


def _known_static(static: NDArray[np.float32]) -> NDArray[np.float32]:
    known = static[:, [_STATIC.index(name) for name in _static_names()]]
    return np.where(known == -1, np.float32(np.nan), known)


def _as_tables(contents: dict[str, Any], record_id: NDArray) -> dict[str, Any]:
    pd = check_pandas_support("fetch_physionet2012 with as_frame=True")
    X, y = contents["data"], contents["target"]
    data = pd.DataFrame(X.values, columns=["minutes", *_VARIABLES])
    data["minutes"] = data["minutes"].astype(np.int64)
    data.insert(0, "record_id", np.repeat(record_id, X.lengths))
    index = pd.Index(record_id, name="record_id")
    name = _OUTCOMES[-1]
    return {
        "data": data,
        "target": pd.Series(y, index=index, name=name),
        "frame": data.assign(**{name: np.repeat(y, X.lengths)}),
        "static": pd.DataFrame(contents["static"], index, _static_names()),
        "outcomes": pd.DataFrame(contents["outcomes"], index, _OUTCOMES),
    }


# From the source to arrays ----------------------------------------------------------


def _read_archive(path: Path) -> dict[str, NDArray]:
    """Read the stays and their outcomes from an archive of the repository."""
    texts = {}
    with tarfile.open(path) as archive:
        for member in filter(tarfile.TarInfo.isfile, archive):
            name = member.name.partition("/")[2]  # without the top folder
            if name.startswith("set-a/") or name == "Outcomes-a.txt":
                texts[name] = archive.extractfile(member).read().decode()
    _, *rows = texts.pop("Outcomes-a.txt").splitlines()
    outcomes = {row.split(",")[0]: row.split(",")[1:] for row in rows}
    ids, static, observations = zip(
        *(_read_stay(texts[name]) for name in sorted(texts)), strict=True
    )
    minutes, variables, values = (
        [x for stay in observations for x in stay[column]] for column in range(3)
    )
    contents = {
        "time_min": minutes,
        "variable": variables,
        "value": values,
        "offsets": lengths_to_offsets([len(stay[0]) for stay in observations]),
        "record_id": [int(i) for i in ids],
        "static": static,
        "outcomes": [[int(x) for x in outcomes[i]] for i in ids],
    }
    return {name: np.array(contents[name], dtype) for name, dtype in _ARRAYS.items()}


def _read_stay(text: str) -> tuple[str, list[float], tuple[list, list, list]]:
    """Return the number of a stay, its values at admission, and its observations.

    Weight occurs in both; the first weight is the one at admission.
    """
    admission: dict[str, str] = {}
    minutes, variables, values = [], [], []
    _, *rows = text.splitlines()
    for row in rows:
        time, name, value = row.split(",")
        if name in ("RecordID", *_STATIC) and name not in admission:
            admission[name] = value
            continue
        hours, minute = time.split(":")
        minutes.append(60 * int(hours) + int(minute))
        variables.append(_INDEX[name])
        values.append(float(value))
    static = [float(admission.get(name, -1)) for name in _STATIC]
    return admission["RecordID"], static, (minutes, variables, values)
