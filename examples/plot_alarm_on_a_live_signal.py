"""
An alarm on a live signal
=========================

A network that reads from the first step to the last can predict while a signal is still
coming in. Here a sensor sends one number at a time over a network connection. After
each of them, the stream of a fitted :class:`~sklearn_rnn.RNNTagger` returns the
probability that the machine is in its bad regime.
"""

# %%
# Training on recorded signals
# ----------------------------
# In the good regime a value is close to the one before, in the bad one it tends to the
# other side. Each single value looks the same in both. ``bidirectional=False`` is what
# makes streaming possible: no state depends on a later step.
import socket
import struct
import threading

import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import RNNTagger
from sklearn_rnn.datasets import make_regime_switch

options = {"n_steps": 200, "switch_probability": 0.01}
X, y = make_regime_switch(100, **options, random_state=0)
tagger = RNNTagger(
    bidirectional=False, hidden_size=32, max_epochs=30, random_state=0
).fit(X, y)
X_test, y_test = make_regime_switch(20, **options, random_state=1)
print(f"accuracy on new signals: {tagger.score(X_test, y_test):.2f}")

# %%
# The sensor
# ----------
# A thread plays the machine: it sends eight bytes a step over a socket of this
# computer.
signal, regime = X_test[3, :, 0], y_test[3]
server = socket.create_server(("127.0.0.1", 0))


def send_signal():
    connection, _ = server.accept()
    with connection:
        for value in signal:
            connection.sendall(struct.pack("<d", value))


sensor = threading.Thread(target=send_signal)
sensor.start()

# %%
# The alarm
# ---------
# :meth:`~sklearn_rnn.RNNTagger.stream` returns an object that keeps the state of the
# network. Each ``update`` costs the same, however long the signal has been running.
stream = tagger.stream(method="predict_proba")
probability = []
with (
    socket.create_connection(server.getsockname()) as connection,
    connection.makefile("rb") as messages,
):
    while message := messages.read(8):
        (value,) = struct.unpack("<d", message)
        probability.append(stream.update(np.array([value]))[1])
sensor.join()
server.close()

# %%
# Nothing is lost by reading step by step: the batch gives the same bits.
batch = tagger.predict_proba(X_test[3:4])[0][:, 1]
print("equal to the batch:", np.array_equal(probability, batch))

# %%
# The alarm follows each change within a few steps.
fig, (top, bottom) = plt.subplots(2, sharex=True, figsize=(6.4, 4))
top.plot(signal, lw=0.8)
top.set(title="An alarm on a live signal", ylabel="signal")
bottom.plot(probability, label="probability of the bad regime")
bottom.fill_between(
    range(len(regime)), regime, step="mid", alpha=0.2, label="true regime"
)
bottom.axhline(0.5, color="black", lw=0.5)
bottom.set(xlabel="step", ylabel="alarm")
bottom.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3), ncol=2, frameon=False)
fig.tight_layout()
fig.savefig("alarm_on_a_live_signal.png", dpi=100)

# %%
# Streams are described in :doc:`/how_to/streaming`, the tagger in :doc:`/tagging`.
