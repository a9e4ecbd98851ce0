"""What the fetchers return, compared with the files and with what is published."""

import doctest
import gzip
import io
import json
import re
import tarfile
import textwrap
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import loadmat
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from sklearn_rnn import RaggedArray, RNNClassifier, RNNRegressor, datasets
from sklearn_rnn.datasets import (
    _cmapss,
    _cmudict,
    _data_home,
    _monthly_sunspots,
    _multi30k,
    _music,
    _physionet2012,
    _spoken_digits,
    _text,
    _tinyshakespeare,
    _uea,
    _yesno,
    fetch_cmapss_fd001,
    fetch_cmudict,
    fetch_japanese_vowels,
    fetch_jsb_chorales,
    fetch_monthly_sunspots,
    fetch_multi30k,
    fetch_names,
    fetch_natops,
    fetch_nottingham,
    fetch_physionet2012,
    fetch_spoken_digits,
    fetch_sst2,
    fetch_tinyshakespeare,
    fetch_yesno,
    read_ts,
)
from sklearn_rnn.datasets._downloads import RemoteFile
from sklearn_rnn.preprocessing import (
    GapEncoder,
    SequenceBuilder,
    SequenceTokenizer,
    make_windows,
)

FETCHERS = [
    getattr(datasets, name) for name in datasets.__all__ if name.startswith("fetch_")
]
WITHOUT_TARGET = [
    fetch_monthly_sunspots,
    fetch_tinyshakespeare,
    fetch_jsb_chorales,
    fetch_nottingham,
]
WITH_TARGET = [fetch for fetch in FETCHERS if fetch not in WITHOUT_TARGET]
FILES = [
    *_uea._JAPANESE_VOWELS.values(),
    *_uea._NATOPS.values(),
    *_text._NAMES,
    *_text._SST2.values(),
    *_cmapss._STEPS.values(),
    _cmapss._REMAINING,
    _physionet2012._FILE,
    _monthly_sunspots._FILE,
    _tinyshakespeare._FILE,
    *_multi30k._FILES.values(),
    _cmudict._FILE,
    _spoken_digits._FILE,
    _yesno._FILE,
    _music._CHORALES,
    _music._TUNES,
]
ARCHIVES = [_physionet2012._FILE, _spoken_digits._FILE, _yesno._FILE]
every_fetcher = pytest.mark.parametrize("fetch", FETCHERS, ids=lambda f: f.__name__)


def folder_of(fetch):
    """Return the name of a data set in the data home and on a mirror."""
    if fetch is fetch_spoken_digits:
        return "fsdd"
    return fetch.__name__.removeprefix("fetch_")


# Sources ----------------------------------------------------------------------------


@pytest.fixture
def sources(shared_data):
    """The text about each data set, by folder, of the page that names the sources."""
    _, *sections = (shared_data / "SOURCES.md").read_text().split("\n## ")
    return {section.split("\n")[0]: section for section in sections}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.folder}/{f.name}")
def test_files_come_from_the_named_source_and_are_those_that_are_mirrored(
    file, sources, shared_data
):
    repository, commit, path = re.search(
        r"^- Source: github.com/(\S+), commit (\w+), path (\S+)",
        sources[file.folder],
        re.MULTILINE,
    ).groups()
    if file in ARCHIVES:
        assert file.url == f"https://github.com/{repository}/archive/{commit}.tar.gz"
    else:
        root = f"https://raw.githubusercontent.com/{repository}/{commit}/"
        folder = path.rpartition("/")[0]
        name = f"{file.name}.gz" if path.endswith(".gz") else file.name
        assert file.url == root + (f"{folder}/" if folder else "") + name
    mirrored = shared_data / file.folder / (file.mirror_name or file.name)
    row = re.search(rf"\| {file.folder}/{mirrored.name} .*", sources[file.folder])[0]
    assert str(mirrored.stat().st_size) in row
    if file.mirror_name is None:
        assert file.sha256 in row  # or else a download tests the checksum


def test_every_data_set_has_its_folder_in_the_data_home():
    assert set(_data_home._DATA_SETS) == {file.folder for file in FILES}
    assert set(_data_home._DATA_SETS) == set(map(folder_of, FETCHERS))


@every_fetcher
def test_the_description_has_source_licence_and_citation(fetch, mirror, sources):
    text = " ".join(fetch().DESCR.split())
    source = sources[folder_of(fetch)]
    repository, commit = re.search(r"(github.com/\S+), commit (\w+)", source).groups()
    assert f":Source: {repository}, commit {commit}" in text
    licences = "MIT|not stated|no licence file|BSD 2-clause|CC BY-SA 4.0|Apache-2.0"
    licence = re.search(f"- Licence: (?:repository )?({licences})", source)[1]
    assert f":Licence: {licence}" in text
    author = re.search(r"(?:- Citation: (?:\w\. )?|recordings from the )(\w+)", source)[
        1
    ]
    assert author in text.partition("Citation:")[2]


# Archives ---------------------------------------------------------------------------


@pytest.fixture
def serve_archive(tmp_path, serve, home, monkeypatch):
    """A function that puts a server of a.tar.gz in the place of a module's source."""

    def replace_source(module):
        folder = tmp_path / "server"
        folder.mkdir()
        server = serve(folder)
        server.archive = folder / "a.tar.gz"
        file = RemoteFile(
            module._FILE.folder,
            module._FILE.name,
            f"{server.url}/a.tar.gz",
            "not that of the archive",
        )
        monkeypatch.setattr(module, "_FILE", file)
        return server

    return replace_source


# What all of them promise -----------------------------------------------------------


@every_fetcher
def test_examples_of_the_docstrings_are_so(fetch, mirror):
    """Skipped where there is no network; here is one."""
    examples = doctest.DocTestParser().get_doctest(
        fetch.__doc__.replace("# doctest: +SKIP", ""), {}, fetch.__name__, None, 0
    )
    assert len(examples.examples) >= 3
    flags = doctest.NORMALIZE_WHITESPACE
    report = io.StringIO()
    doctest.DocTestRunner(optionflags=flags).run(examples, out=report.write)
    assert report.getvalue() == ""


@pytest.mark.parametrize("fetch", WITH_TARGET, ids=lambda f: f.__name__)
def test_data_and_target_can_be_had_alone(fetch, mirror):
    bunch = fetch()
    X, y = fetch(return_X_y=True)
    assert isinstance(bunch, Bunch)
    assert type(X) is type(bunch.data)
    assert len(X) == len(y) == len(bunch.target)
    np.testing.assert_array_equal(
        getattr(y, "values", y), getattr(bunch.target, "values", bunch.target)
    )


@pytest.mark.parametrize(
    ("fetch", "parts"),
    [
        (fetch_japanese_vowels, ["train", "test"]),
        (fetch_natops, ["train", "test"]),
        (fetch_sst2, ["train", "dev", "test"]),
        (fetch_cmapss_fd001, ["train", "test"]),
        (fetch_multi30k, ["train", "val", "test"]),
        (fetch_spoken_digits, ["train", "test"]),
        (fetch_yesno, ["train", "test"]),
    ],
)
def test_all_is_the_parts_one_after_the_other(fetch, parts, mirror):
    X, y = fetch(subset="all", return_X_y=True)
    start = 0
    for part in parts:
        X_part, y_part = fetch(subset=part, return_X_y=True)
        end = start + len(X_part)
        for i in (0, len(X_part) - 1):
            np.testing.assert_array_equal(X[start + i], X_part[i])
        np.testing.assert_array_equal(list(y[start:end])[-1], list(y_part)[-1])
        start = end
    assert len(X) == len(y) == start


@pytest.mark.parametrize(
    "fetch",
    [
        fetch_natops,
        fetch_sst2,
        fetch_cmapss_fd001,
        fetch_multi30k,
        fetch_jsb_chorales,
        fetch_nottingham,
    ],
)
def test_an_unknown_subset_is_named(fetch):
    with pytest.raises(ValueError, match=f"'subset' parameter of {fetch.__name__}"):
        fetch(subset="validation")


# What each of them promises ---------------------------------------------------------


def test_japanese_vowels_are_those_of_the_file(mirror, shared_data):
    vowels = fetch_japanese_vowels(subset="test")
    X, y = read_ts(shared_data / "japanese_vowels" / "JapaneseVowels_TEST.ts")
    np.testing.assert_array_equal(vowels.data.values, X.values)
    np.testing.assert_array_equal(vowels.data.offsets, X.offsets)
    assert [vowels.target_names[i] for i in vowels.target] == y.tolist()
    assert len(vowels.feature_names) == X.n_features == 12


def test_natops_is_that_of_the_file_and_its_names_those_of_the_header(
    mirror, shared_data
):
    path = shared_data / "natops" / "NATOPS_TRAIN.ts.gz"
    natops = fetch_natops()
    X, y = read_ts(path)
    np.testing.assert_array_equal(natops.data, X.to_padded())
    assert (natops.target + 1).tolist() == y.astype(float).tolist()
    header = gzip.decompress(path.read_bytes()).decode().partition("@")[0]
    features = re.findall(r"^#\d+\. (.+), ([XYZ]) coord", header, re.MULTILINE)
    assert natops.feature_names == [
        f"{place.replace(' ', '_')}_{axis}".lower() for place, axis in features
    ]
    assert natops.target_names == re.findall(r"^#\d: (.+)", header, re.MULTILINE)


def test_names_are_those_of_the_files(mirror, shared_data):
    names = fetch_names()
    assert len(names.data) == len(names.target) == 20_050
    assert {min(map(len, names.data)), max(map(len, names.data))} == {2, 20}
    for i, nationality in enumerate(names.target_names):
        path = shared_data / "names" / f"{nationality}.txt"
        mine = [
            name for name, t in zip(names.data, names.target, strict=True) if t == i
        ]
        assert mine == [
            line.strip() for line in path.read_text(encoding="utf-8").split("\n")[:-1]
        ]


def test_sst2_has_the_published_sizes(mirror):
    for part, size in {"train": 6920, "dev": 872, "test": 1821, "all": 9613}.items():
        sst2 = fetch_sst2(subset=part)
        assert len(sst2.data) == len(sst2.target) == size
        assert set(sst2.target) == {0, 1}
        assert all(isinstance(sentence, str) and sentence for sentence in sst2.data)


@pytest.mark.parametrize("subset", ["train", "test"])
def test_engines_are_those_of_the_file(subset, mirror, shared_data):
    folder = shared_data / "cmapss_fd001"
    table = pd.read_csv(
        folder / f"{subset}_FD001.txt.gz",
        sep=r"\s+",
        header=None,
        na_values=["'N/A'", "NAN", "None"],
    )
    at_end = np.loadtxt(folder / "RUL_FD001.txt") if subset == "test" else np.zeros(100)
    engines = fetch_cmapss_fd001(subset=subset)
    assert engines.unit.tolist() == list(range(1, 101))
    for i, (_, rows) in enumerate(table.groupby(0)):
        np.testing.assert_array_equal(
            engines.data[i], rows.iloc[:, 2:].to_numpy("float32")
        )
        remaining = at_end[i] + np.arange(len(rows))[::-1]
        np.testing.assert_array_equal(engines.target[i][:, 0], remaining)
    n_missing = {"train": 47, "test": 0}[subset]
    assert np.isnan(engines.data.values).sum() == n_missing


def test_engines_as_a_table_are_the_same_engines(mirror):
    engines = fetch_cmapss_fd001(subset="all")
    tables = fetch_cmapss_fd001(subset="all", as_frame=True)
    assert list(tables.frame) == ["unit", "cycle", *engines.feature_names, "RUL"]
    assert tables.frame["unit"].nunique() == 200
    assert tables.data.equals(tables.frame.drop(columns="RUL"))
    assert tables.target.equals(tables.frame["RUL"])
    for i, (unit, rows) in enumerate(tables.frame.groupby("unit")):
        assert unit == engines.unit[i]
        assert rows["cycle"].tolist() == list(range(1, len(rows) + 1))
        np.testing.assert_array_equal(
            engines.data[i], rows[engines.feature_names].to_numpy("float32")
        )
        np.testing.assert_array_equal(engines.target[i][:, 0], rows["RUL"])


def test_sunspots_are_months_without_a_gap(mirror, shared_data):
    sunspots = fetch_monthly_sunspots()
    path = shared_data / "monthly_sunspots" / "monthly-sunspots.csv"
    table = pd.read_csv(path, parse_dates=["Month"])
    np.testing.assert_array_equal(sunspots.data[:, 0], table["Sunspots"])
    assert (np.diff(sunspots.months) == np.timedelta64(1, "M")).all()
    frame = fetch_monthly_sunspots(as_frame=True).frame
    assert list(frame) == ["month", "sunspots"]
    assert (frame["month"] == table["Month"]).all()
    np.testing.assert_array_equal(frame["sunspots"], table["Sunspots"])


def test_parts_of_shakespeare_are_those_of_the_text(mirror, shared_data):
    text = (shared_data / "tinyshakespeare" / "input.txt").read_text()
    parts = [fetch_tinyshakespeare(subset=part).data for part in ("train", "test")]
    assert [len(part) for (part,) in parts] == [1_003_854, 111_540]
    assert parts[0][0] + parts[1][0] == text
    assert fetch_tinyshakespeare(subset="all").data == [text]
    assert len(set(text)) == 65


@pytest.mark.parametrize(
    ("subset", "name", "size"),
    [
        ("train", "train", 29_000),
        ("val", "val", 1014),
        ("test", "test_2016_flickr", 1000),
    ],
)
def test_pairs_of_sentences_are_those_of_the_files(
    subset, name, size, mirror, shared_data
):
    pairs = fetch_multi30k(subset=subset)
    for sentences, language in [(pairs.data, "en"), (pairs.target, "de")]:
        path = shared_data / "multi30k" / f"{name}.{language}.gz"
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
            assert sentences == [line.strip() for line in lines]
        assert len(sentences) == size


def test_pronunciations_are_those_of_the_file(mirror, shared_data):
    words = fetch_cmudict()
    with gzip.open(shared_data / "cmudict" / "cmudict.dict.gz", "rt") as lines:
        for line, word, phonemes in zip(lines, words.data, words.target, strict=True):
            entry = re.match(r"([^( ]+)(?:\(\d\))? ([A-Z\d]+(?: [A-Z\d]+)*)", line)
            assert entry.groups() == (word, phonemes)
    assert len(words.data) == 135_166
    assert len(set(words.data)) == 126_052
    phonemes = {phoneme for text in words.target for phoneme in text.split()}
    assert len({phoneme.rstrip("012") for phoneme in phonemes}) == 39


def test_chorales_are_those_of_the_file(mirror, shared_data):
    path = shared_data / "jsb_chorales" / "jsb-chorales-quarter.json"
    parts = json.loads(path.read_text())
    for part, size in {"train": 229, "valid": 76, "test": 77}.items():
        rolls = fetch_jsb_chorales(subset=part).data
        assert len(rolls) == size
        assert [
            [(np.flatnonzero(step) + 21).tolist() for step in roll] for roll in rolls
        ] == [[sorted(set(step)) for step in piece] for piece in parts[part]]


def test_folk_tunes_are_those_of_the_file(mirror, shared_data):
    file = loadmat(shared_data / "nottingham" / "Nottingham.mat")
    for part, size in {"train": 694, "valid": 173, "test": 170}.items():
        rolls = fetch_nottingham(subset=part).data
        assert len(rolls) == size
        for roll, expected in zip(rolls, file[f"{part}data"][0], strict=True):
            np.testing.assert_array_equal(roll, expected)


@pytest.mark.parametrize("fetch", [fetch_jsb_chorales, fetch_nottingham])
def test_all_music_is_its_parts_one_after_the_other(fetch, mirror):
    every, parts = fetch(subset="all").data, ("train", "valid", "test")
    rolls = [roll for part in parts for roll in fetch(subset=part).data]
    assert every.lengths.tolist() == [len(roll) for roll in rolls]
    np.testing.assert_array_equal(every.values, np.concatenate(rolls))
    assert every.values.dtype == np.float32
    assert set(np.unique(every.values)) == {0, 1}


def test_what_is_fetched_can_be_learned_from(mirror):
    X, y = fetch_japanese_vowels(return_X_y=True)
    X_test, y_test = fetch_japanese_vowels(subset="test", return_X_y=True)
    classifier = RNNClassifier(max_epochs=10, random_state=0).fit(X, y)
    assert classifier.score(X_test, y_test) > 0.9


# PhysioNet 2012 ---------------------------------------------------------------------


@pytest.fixture
def stays(shared_data):
    """The observations, as plain arrays."""
    return dict(np.load(shared_data / "physionet2012" / "set_a.npz"))


def test_steps_hold_what_was_observed_in_a_minute(mirror, stays):
    physionet = fetch_physionet2012()
    assert isinstance(physionet.data, RaggedArray)
    assert physionet.feature_names == ["minutes", *stays["variable_names"]]
    np.testing.assert_array_equal(physionet.record_id, stays["record_id"])
    for i in range(0, 3996, 97):
        steps = {}
        for k in range(stays["offsets"][i], stays["offsets"][i + 1]):
            minute = stays["time_min"][k]
            step = steps.setdefault(minute, np.full(38, np.nan))
            step[0], step[1 + stays["variable"][k]] = minute, stays["value"][k]
        np.testing.assert_array_equal(physionet.data[i], list(steps.values()))


def test_numbers_of_physionet_are_those_that_are_documented(mirror, stays):
    physionet = fetch_physionet2012()
    assert physionet.target.sum() == 554
    assert physionet.target_names == ["survived", "died"]
    np.testing.assert_array_equal(physionet.target, physionet.outcomes[:, -1])
    np.testing.assert_array_equal(physionet.outcomes, stays["outcomes"])
    n_twice = len(stays["value"]) - (~np.isnan(physionet.data.values[:, 1:])).sum()
    descr = physionet.DESCR
    assert f"{len(stays['value']):,} observations" in descr
    assert f"{len(physionet.data.values):,} steps" in descr
    assert f"{n_twice:,} values" in fetch_physionet2012.__doc__


def test_what_is_unknown_at_admission_is_missing(mirror, stays):
    physionet = fetch_physionet2012()
    assert physionet.static_names == ["Age", "Gender", "Height", "Weight"]
    columns = [list(stays["static_names"]).index(n) for n in physionet.static_names]
    filled = np.nan_to_num(physionet.static, nan=-1)
    np.testing.assert_array_equal(filled, stays["static"][:, columns])
    assert np.nanmin(physionet.static) >= 0


def test_stays_as_tables_are_the_same_stays(mirror):
    arrays, tables = fetch_physionet2012(), fetch_physionet2012(as_frame=True)
    died = "In-hospital_death"
    assert list(tables.frame) == ["record_id", *arrays.feature_names, died]
    np.testing.assert_array_equal(
        tables.data[arrays.feature_names].to_numpy("float32"), arrays.data.values
    )
    by_stay = tables.frame.groupby("record_id")
    assert (by_stay.size() == arrays.data.lengths).all()
    assert by_stay[died].nunique().eq(1).all()
    assert by_stay[died].first().equals(tables.target)
    assert tables.static.index.equals(tables.target.index)
    assert list(tables.outcomes) == arrays.outcome_names


def shortest(number):
    """Return a number as the text files of the challenge write it."""
    return str(number).removesuffix(".0")


def text_of_stay(stays, i):
    rows = ["Time,Parameter,Value", f"00:00,RecordID,{stays['record_id'][i]}"]
    for name, value in zip(stays["static_names"], stays["static"][i], strict=True):
        if name != "ICUType":  # the source lacks it
            rows.append(f"00:00,{name},{shortest(value)}")
    for k in range(stays["offsets"][i], stays["offsets"][i + 1]):
        hours, minutes = divmod(int(stays["time_min"][k]), 60)
        name = stays["variable_names"][stays["variable"][k]]
        rows.append(f"{hours:02}:{minutes:02},{name},{shortest(stays['value'][k])}")
    return "\n".join(rows) + "\n"


def archive_of(stays, path):
    """Write the archive of text files that the public source is."""
    texts = {
        f"set-a/{stays['record_id'][i]}.txt": text_of_stay(stays, i)
        for i in range(len(stays["record_id"]))
    }
    outcomes = [",".join(["RecordID", *stays["outcome_names"]])]
    for record_id, row in zip(stays["record_id"], stays["outcomes"], strict=False):
        outcomes.append(",".join(map(str, [record_id, *row])))
    outcomes.append("139060,1,2,3,4,0")  # has no time series
    texts["Outcomes-a.txt"] = "\n".join(outcomes) + "\n"
    texts["README.md"] = "Not of interest."
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, text in texts.items():
            member = tarfile.TarInfo(f"Repository-7d00/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))


@pytest.fixture
def source(serve_archive):
    return serve_archive(_physionet2012)


def test_text_files_of_the_source_become_the_arrays_of_the_mirror(source, home, stays):
    archive_of(stays, source.archive)
    assert len(fetch_physionet2012().data) == 3996
    assert [path.name for path in home.rglob("*.*")] == ["set_a.npz"]
    converted = np.load(home / "physionet2012" / "set_a.npz")
    for name in converted:
        np.testing.assert_array_equal(converted[name], stays[name])
        assert converted[name].dtype == stays[name].dtype
    fetch_physionet2012()
    assert source.paths == ["/a.tar.gz"]  # once


def test_other_values_in_the_source_are_an_error_that_leaves_nothing(
    source, home, stays
):
    archive_of({**stays, "record_id": stays["record_id"][:3]}, source.archive)
    with pytest.raises(OSError, match=r"the expected set_a.npz.*values differs"):
        fetch_physionet2012()
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize("fault", ["no archive", "half", "other files"])
def test_a_bad_archive_is_an_error_that_leaves_nothing(fault, source, home, stays):
    if fault == "no archive":
        source.archive.write_bytes(b"<html>")
    elif fault == "half":
        archive_of({**stays, "record_id": stays["record_id"][:3]}, source.archive)
        whole = source.archive.read_bytes()
        source.archive.write_bytes(whole[: len(whole) // 2])
    else:
        tarfile.open(source.archive, "w:gz").close()
    with pytest.raises(OSError, match="no part of it was kept"):
        fetch_physionet2012()
    assert list(home.rglob("*")) == []


def test_a_damaged_file_of_arrays_is_fetched_again(mirror, home):
    fetch_physionet2012()
    path = home / "physionet2012" / "set_a.npz"
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes(100) + whole[middle + 100 :]
    for damaged in (flipped, whole[:-1000], b"", b"no arrays"):
        path.write_bytes(damaged)
        assert len(fetch_physionet2012().data) == 3996


def test_the_page_of_the_docs_runs(mirror):
    page = Path(__file__).resolve().parents[2] / "docs" / "datasets.rst"
    blocks = re.findall(r"code-block:: python\n\n((?:   .*\n|\n)+)", page.read_text())
    assert len(blocks) == 3
    exec("".join(map(textwrap.dedent, blocks)), {})


# Spoken digits ----------------------------------------------------------------------


@pytest.fixture
def spoken(shared_data):
    """The recordings, as plain arrays."""
    return dict(np.load(shared_data / "fsdd" / "fsdd.npz"))


def samples_of(spoken):
    """Return the samples of each recording, as 16-bit integers."""
    samples = 256 * spoken["signal_hi"].astype("<i2") + spoken["signal_lo"]
    return np.split(samples, spoken["offsets"][1:-1])


def test_digits_are_those_of_the_arrays(mirror, spoken):
    digits = fetch_spoken_digits(subset="test")
    assert isinstance(digits.data, RaggedArray)
    assert digits.data.shape == (300, None, 1)
    assert digits.data.dtype == np.float32
    rows = np.flatnonzero(spoken["index"] < 5)
    samples = samples_of(spoken)
    for i, row in enumerate(rows):
        np.testing.assert_array_equal(digits.data[i][:, 0] * 2**15, samples[row])
    np.testing.assert_array_equal(digits.target, spoken["digit"][rows])
    np.testing.assert_array_equal(digits.speaker, spoken["speaker"][rows])
    assert digits.speaker_names == spoken["speaker_names"].tolist()
    assert digits.sampling_rate == spoken["sample_rate"]
    assert len(fetch_spoken_digits().data) == 2700
    seconds = fetch_spoken_digits(subset="all").data.lengths / 8000
    shortest, longest = f"{seconds.min():.2f}", f"{seconds.max():.1f}"
    assert f"of {shortest} to {longest} seconds" in digits.DESCR


def write_archive(path, folder, names, recordings):
    """Write the archive of WAV files that a public source is, in another order."""
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for i in reversed(range(len(names))):
            content = io.BytesIO()
            with wave.open(content, "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(recordings[i].tobytes())
            member = tarfile.TarInfo(f"Repository-26eb/{folder}/{names[i]}.wav")
            member.size = len(content.getvalue())
            archive.addfile(member, io.BytesIO(content.getvalue()))
        archive.addfile(tarfile.TarInfo(f"Repository-26eb/{folder}/README"))
        archive.addfile(tarfile.TarInfo("Repository-26eb/README.md"))


def archive_of_digits(spoken, path, n_recordings=3000):
    names = [
        f"{digit}_{spoken['speaker_names'][speaker]}_{index}"
        for digit, speaker, index in zip(
            spoken["digit"], spoken["speaker"], spoken["index"], strict=True
        )
    ]
    write_archive(path, "recordings", names[:n_recordings], samples_of(spoken))


@pytest.fixture
def source_of_digits(serve_archive):
    return serve_archive(_spoken_digits)


def test_recordings_of_the_source_become_the_arrays_of_the_mirror(
    source_of_digits, home, spoken
):
    archive_of_digits(spoken, source_of_digits.archive)
    assert len(fetch_spoken_digits().data) == 2700
    assert [path.name for path in home.rglob("*.*")] == ["fsdd.npz"]
    converted = np.load(home / "fsdd" / "fsdd.npz")
    for name in converted:
        np.testing.assert_array_equal(converted[name], spoken[name])
        assert converted[name].dtype == spoken[name].dtype
    fetch_spoken_digits(subset="test")
    assert source_of_digits.paths == ["/a.tar.gz"]  # once


@pytest.mark.parametrize("fault", ["too few", "no WAV file"])
def test_other_recordings_are_an_error_that_leaves_nothing(
    fault, source_of_digits, home, spoken
):
    archive_of_digits(spoken, source_of_digits.archive, n_recordings=3)
    if fault == "no WAV file":
        with tarfile.open(source_of_digits.archive, "w:gz") as archive:
            member = tarfile.TarInfo("Repository-26eb/recordings/0_theo_0.wav")
            member.size = 100
            archive.addfile(member, io.BytesIO(bytes(100)))
    with pytest.raises(OSError, match=r"the expected fsdd\.npz"):
        fetch_spoken_digits()
    assert list(home.rglob("*")) == []


# yesno ------------------------------------------------------------------------------


@pytest.fixture
def words(shared_data):
    """The recordings, as plain arrays."""
    return dict(np.load(shared_data / "yesno" / "yesno.npz"))


def test_words_are_those_of_the_arrays(mirror, words):
    everything = fetch_yesno(subset="all")
    assert isinstance(everything.data, RaggedArray)
    assert everything.data.shape == (60, None, 1)
    assert everything.data.dtype == np.float32
    recordings = np.split(words["samples"], words["offsets"][1:-1])
    for x, samples in zip(everything.data, recordings, strict=True):
        np.testing.assert_array_equal(x[:, 0] * 2**15, samples)
    names = [
        text.replace("yes", "1").replace("no", "0").replace(" ", "_")
        for text in everything.target
    ]
    assert names == words["names"].tolist()
    assert everything.sampling_rate == words["rate"]
    seconds = everything.data.lengths / 8000
    shortest, longest = f"{seconds.min():.1f}", f"{seconds.max():.1f}"
    assert f"of {shortest} to {longest} seconds" in everything.DESCR


def test_training_words_begin_with_no_and_test_words_with_yes(mirror):
    X, y = fetch_yesno(return_X_y=True)
    X_test, y_test = fetch_yesno(subset="test", return_X_y=True)
    assert len(X) == len(y) == 31
    assert len(X_test) == len(y_test) == 29
    assert {text.split()[0] for text in y} == {"no"}
    assert {text.split()[0] for text in y_test} == {"yes"}


@pytest.fixture
def source_of_words(serve_archive):
    return serve_archive(_yesno)


def test_words_of_the_source_become_the_arrays_of_the_mirror(
    source_of_words, home, words
):
    recordings = np.split(words["samples"], words["offsets"][1:-1])
    write_archive(source_of_words.archive, "waves_yesno", words["names"], recordings)
    assert len(fetch_yesno().data) == 31
    assert [path.name for path in home.rglob("*.*")] == ["yesno.npz"]
    converted = np.load(home / "yesno" / "yesno.npz")
    for name in converted:
        np.testing.assert_array_equal(converted[name], words[name])
        assert converted[name].dtype == words[name].dtype
    fetch_yesno(subset="test")
    assert source_of_words.paths == ["/a.tar.gz"]  # once


@pytest.mark.parametrize("n_recordings", [0, 59])
def test_missing_words_are_an_error_that_leaves_nothing(
    n_recordings, source_of_words, home, words
):
    recordings = np.split(words["samples"], words["offsets"][1:-1])
    names = words["names"][:n_recordings]
    write_archive(source_of_words.archive, "waves_yesno", names, recordings)
    with pytest.raises(OSError, match=r"the expected yesno\.npz"):
        fetch_yesno()
    assert list(home.rglob("*")) == []


# Into preprocessing -----------------------------------------------------------------


def test_engines_go_into_windows(mirror):
    engines = fetch_cmapss_fd001()
    windows, remaining, group = make_windows(
        engines.data, engines.target, length=30, horizon=0, step=10
    )
    assert windows.shape == (len(remaining), 30, 24)
    last = np.flatnonzero(np.diff(group, append=100))
    assert (remaining[last] < 10).all()
    assert (remaining < engines.data.lengths[group]).all()
    model = make_pipeline(GapEncoder(), RNNRegressor(max_epochs=1, hidden_size=4))
    assert np.isnan(windows).any()
    assert model.fit(windows[::20], remaining[::20]).predict(windows[:5]).shape == (5,)


def test_engines_as_a_table_are_built_into_the_same_sequences(mirror):
    engines, table = fetch_cmapss_fd001(), fetch_cmapss_fd001(as_frame=True)
    builder = SequenceBuilder("unit", time="cycle", features=engines.feature_names)
    X = builder.fit_transform(table.frame)
    assert np.array_equal(X.offsets, engines.data.offsets)
    values = X.values.astype("f4")
    assert np.array_equal(values, engines.data.values, equal_nan=True)


def test_stays_go_through_gaps_with_their_minutes(mirror):
    stays = fetch_physionet2012()
    X = stays.data[:60]
    encoder = GapEncoder(time=stays.feature_names.index("minutes")).fit(X)
    names = encoder.get_feature_names_out(stays.feature_names)
    encoded = encoder.transform(X)
    assert encoded.n_features == len(names) == 1 + 3 * 37
    assert names[0] == "minutes_elapsed"
    elapsed = np.concatenate([np.diff(x[:, 0], prepend=x[0, 0]) for x in X])
    assert np.array_equal(encoded.values[:, 0], elapsed)


def test_sunspots_go_into_windows_of_months(mirror):
    months = fetch_monthly_sunspots()
    windows, following, _ = make_windows(months.data, length=24, horizon=[1, 12])
    assert windows.shape == (2820 - 24 - 12 + 1, 24, 1)
    flat = np.asarray(months.data).ravel()
    assert np.array_equal(following[0].ravel(), flat[[24, 35]])


def test_names_go_into_tokens_and_a_classifier(mirror):
    X, y = fetch_names(return_X_y=True)
    model = make_pipeline(
        SequenceTokenizer(level="char"), RNNClassifier(max_epochs=1, hidden_size=4)
    )
    assert model.fit(X[::100], y[::100]).predict(X[:3]).shape == (3,)
