"""What a fit needs beside the data, measured in processes of its own."""

import subprocess
import sys

import pytest

SCRIPT = """
import re, sys, warnings
from pathlib import Path
import numpy as np
from sklearn_rnn import RNNClassifier
warnings.simplefilter("ignore")
n = int(sys.argv[1])
X = np.ones((n, 100, 15), np.float32)
X[::2, 0, 0] = 0
RNNClassifier(
    cell="rnn", conv_channels=None, bidirectional=False, pooling="last",
    hidden_size=4, batch_size=1024, max_epochs=1,
).fit(X, np.arange(n) % 2)
status = Path("/proc/self/status").read_text()
print(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]), X.nbytes)
"""


def run(n_samples):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(n_samples)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(word) for word in done.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_fit_needs_little_more_than_the_data():
    small, _ = run(100)  # it has loaded all that a fit loads
    large, n_bytes = run(50_000)  # 300 MB
    assert large - small < 1.3 * n_bytes
