"""Files that are not what `save` writes, with a right checksum; also run as a script.

``python -m tests.persistence_attacks FILE COUNT SEED`` loads so many damaged copies of
a file, and prints how many were refused and by how many MB memory has risen.
"""

import copy
import hashlib
import json
import random
import resource
import sys
import warnings

START = b'{"__metadata__":{"checksum":"'
DIGITS = slice(8 + len(START), 8 + len(START) + 64)


def seal(data):
    """Return a file with the checksum of its content: SHA-256, zeros in its place."""
    blank = data[: DIGITS.start] + b"0" * 64 + data[DIGITS.stop :]
    digest = hashlib.sha256(blank).hexdigest().encode()
    return data[: DIGITS.start] + digest + data[DIGITS.stop :]


def take_apart(data):
    """Return header, document and body of a file."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    return header, json.loads(header["__metadata__"]["document"]), data[8 + length :]


def put_together(header, document, body):
    """Return a file of parts, of which the header and the document may be text."""
    if not isinstance(document, str):
        document = json.dumps(document)
    if not isinstance(header, str):
        metadata = {"checksum": "0" * 64, "document": document}
        header = {"__metadata__": metadata} | {
            name: entry for name, entry in header.items() if name != "__metadata__"
        }
        header = json.dumps(header, separators=(",", ":"))
    encoded = header.encode()
    return seal(len(encoded).to_bytes(8, "little") + encoded + body)


def change(data, path, value):
    """Return a file with another value at a path of the document; None deletes it."""
    header, document, body = take_apart(data)
    *way, last = path.split(".")
    place = document["object"]["object"]
    for key in way:
        place = place[int(key) if isinstance(place, list) else key]
    if value is DELETED:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return put_together(header, document, body)


DELETED = object()
POOL = [
    *(None, True, -1, 0, 1, 3, 2**31, 2**63, 10**30, 1.5, -0.0, 1e-320, 1e308),
    *("", "x", "gru", "meta", "cuda", "adam", "RNNRegressor", "os.system", "\ud800"),
    *([], {}, [[]], [1, 2], {"tuple": []}, {"tuple": [1, 1]}, {"float": "nan"}),
    *({"dict": {}}, {"pairs": [[1], [2]]}, {"type": "float64"}, {"device": "cpu"}),
    *({"object": {}}, {"dtype": "<f8"}, {"array": "x"}, {"scalar": 1}, {"objects": []}),
]


def list_places(value):
    """Return all (container, key) of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = [(value, key) for key, _ in items]
    for container, key in list(found):
        if isinstance(container[key], dict | list):
            found += list_places(container[key])
    return found


def damage(value, rng):
    """Change a JSON value somewhere."""
    container, key = rng.choice(list_places(value))
    other, other_key = rng.choice(list_places(value))
    kind = rng.randrange(5)
    if kind == 0:
        container[key] = rng.choice(POOL)
    elif kind == 1:
        container[key] = copy.deepcopy(other[other_key])
    elif kind == 2:
        del container[key]
    elif kind == 3 and isinstance(container, dict):
        container[rng.choice(["x", "learned", "array", str(key) + "_"])] = (
            container.pop(key)
        )
    elif isinstance(container[key], int | float):
        container[key] = rng.choice([-container[key], container[key] * 10 + 1, 0])
    else:
        container[key] = [container[key]]


def make_damaged(data, rng):
    """Return a file with damage in its document, its header or its arrays."""
    header, document, body = copy.deepcopy(take_apart(data))
    where = rng.random()
    for _ in range(rng.randint(1, 3)):
        if where < 0.6:
            damage(document, rng)
        elif where < 0.8:
            entries = {n: e for n, e in header.items() if n != "__metadata__"}
            damage(entries, rng)
            header = {"__metadata__": header["__metadata__"], **entries}
        else:
            i = rng.randrange(len(body))
            body = body[:i] + rng.randbytes(rng.choice([1, 4, 8])) + body[i:][1:]
            body = body[: len(take_apart(data)[2])]
    return put_together(header, document, body)


def attack(path, count, seed):
    """Load damaged copies; anything but an estimator or a ValueError is an error."""
    import sklearn_rnn

    rng = random.Random(seed)
    with open(path, "rb") as file:
        data = file.read()
    sklearn_rnn.load(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for _ in range(count):
        with open("damaged", "wb") as file:
            file.write(make_damaged(data, rng))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                repr(sklearn_rnn.load("damaged"))
        except ValueError as error:
            assert "damaged" in str(error)
            refused += 1
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(refused, (after - before) // 1024)


if __name__ == "__main__":
    attack(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
