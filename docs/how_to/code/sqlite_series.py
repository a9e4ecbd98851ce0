import sqlite3

import numpy as np
import pandas as pd

from sklearn_rnn import RNNClassifier
from sklearn_rnn.preprocessing import SequenceBuilder

# two tables, as they may be there already
rng = np.random.default_rng(0)
fails = rng.integers(2, size=40)
readings = pd.DataFrame(
    {
        "machine": np.repeat([f"m{i:02d}" for i in range(40)], 120),
        "time": np.tile(pd.date_range("2024-01-01", periods=120, freq="min"), 40),
        "temperature": rng.normal(60, 5, 4800) + 5 * np.repeat(fails, 120),
    }
)
machines = pd.DataFrame({"machine": readings["machine"].unique(), "fails": fails})
connection = sqlite3.connect("factory.db")
readings.to_sql("readings", connection, index=False)
machines.to_sql("machines", connection, index=False)

# query: means of ten minutes, with the outcome
query = """
    SELECT machine, fails,
           unixepoch(time) / 600 AS period, avg(temperature) AS temperature
    FROM readings JOIN machines USING (machine)
    GROUP BY machine, fails, period
"""
table = pd.read_sql_query(query, connection)

# sequences and model
builder = SequenceBuilder("machine", time="period", features=["temperature"])
X, y = builder.fit_transform(table), builder.targets(table, "fails")
model = RNNClassifier(max_epochs=10, random_state=0).fit(X, y)

# predictions, written back
risk = model.predict_proba(X)[:, 1].tolist()
with connection:
    connection.execute("CREATE TABLE predictions (machine TEXT PRIMARY KEY, risk REAL)")
    connection.executemany(
        "INSERT INTO predictions VALUES (?, ?)"
        " ON CONFLICT (machine) DO UPDATE SET risk = excluded.risk",
        zip(builder.ids(table).tolist(), risk, strict=True),
    )
count, mean = connection.execute(
    "SELECT count(*), avg(risk) FROM predictions"
).fetchone()
assert count == 40
assert 0 < mean < 1
connection.close()
