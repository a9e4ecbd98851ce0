"""
Anomalies of a pump, as they happen
===================================

This example finds a spike, a stuck sensor and a slow leak in the recordings of a pump,
without labels. Each step has a score as soon as it is recorded. The guide is
:doc:`/anomalies`.
"""

# %%
# Three sensors record every hour for eight weeks. Pressure and flow follow the day; the
# temperature follows the flow, hours later.
import socket
import threading

import matplotlib.pyplot as plt
import numpy as np

from sklearn_rnn import RNNAnomalyDetector
from sklearn_rnn.inspection import AnomalyDisplay
from sklearn_rnn.metrics import segment_f1_score, vus_pr_score

DAY, N_DAYS = 24, 56
rng = np.random.default_rng(0)
hours = np.arange(DAY * N_DAYS)
flow = 5 + 2 * np.sin(2 * np.pi * hours / DAY) + rng.normal(0, 0.2, len(hours))
pressure = 3 + 0.1 * flow**2 + rng.normal(0, 0.15, len(hours))
temperature = np.full(len(hours), 43.0)
for t in range(1, len(hours)):
    pull = 0.2 * (38 + flow[t - 1] - temperature[t - 1])
    temperature[t] = temperature[t - 1] + pull + rng.normal(0, 0.05)
x = np.column_stack([flow, pressure, temperature])

# %%
# Three events in the last half of the recording.
y = np.zeros(len(x), int)
x[700, 1] += 4  # a spike of the pressure
y[700] = 1
x[900:950, 0] = x[900, 0]  # the flow sensor is stuck for two days
y[900:950] = 1
x[1150:1250, 1] -= np.linspace(0, 3, 100)  # a leak
y[1150:1250] = 1

# %%
# The first four weeks are fitted, then the whole is scored: a score reads no later
# step, so it is the one that the detector gives on the day.
detector = RNNAnomalyDetector(season_length=DAY, smoothing=DAY, random_state=0)
detector.fit([x[: 28 * DAY]])
scores = detector.score_steps([x])
print(detector.find_anomalies([x]).round({"severity": 1}).to_string())

# %%
# On the day, a row arrives at a time: here a thread sends them over a socket of this
# computer. The stream of the detector keeps the state, so each ``update`` costs the
# same, however long the pump has been running.
server = socket.create_server(("127.0.0.1", 0))


def send_rows():
    connection, _ = server.accept()
    with connection:
        for row in x:
            connection.sendall(row.tobytes())


pump = threading.Thread(target=send_rows)
pump.start()
stream, live = detector.stream(), []
with (
    socket.create_connection(server.getsockname()) as connection,
    connection.makefile("rb") as messages,
):
    while message := messages.read(x[0].nbytes):
        live.append(stream.update(np.frombuffer(message)))
pump.join()
server.close()

is_alarm = np.array(live) > detector.step_threshold_
delays = [int(is_alarm[start:].argmax()) for start in (700, 900, 1150)]
print("equal to the batch:", np.array_equal(live, scores[0]))
print("hours from the start of an event to its alarm:", delays)

# %%
# The features are numbered in the order of the columns: the spike and the leak are
# found in the pressure (1), the stuck sensor in the flow (0). Labels show how good the
# scores and the table are.
found = detector.predict_steps([x])[0]
print(f"VUS-PR, window of a day: {vus_pr_score([y], scores, window=DAY):.2f}")
print(f"F1 of stretches:         {segment_f1_score([y], [found]):.2f}")

# %%
# The figure shows the signals, the score with its threshold, and the stretches of the
# table beside the true ones. A smoothed score stays high for some hours after an event;
# a stretch ends with its last unusual step.
figure, ax = plt.subplots(figsize=(9, 5), layout="constrained")
display = AnomalyDisplay.from_predictions(
    scores[0],
    threshold=detector.step_threshold_,
    signals=x,
    y_pred=found,
    y_true=y,
    signal_names=["flow", "pressure", "temperature"],
    ax=ax,
)
figure.savefig("anomalies_of_a_pump.png", dpi=100)
print("figure saved: anomalies_of_a_pump.png")
