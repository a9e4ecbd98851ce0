import os

import pandas as pd
import psycopg

from sklearn_rnn import RNNClassifier
from sklearn_rnn.preprocessing import SequenceBuilder

# two tables, as they may be there already
MAKE = """
    SELECT setseed(0.5);
    CREATE TABLE machines AS
        SELECT 'm' || i AS machine, i % 2 AS fails FROM generate_series(0, 39) AS i;
    CREATE TABLE readings AS
        SELECT machine, time, 60 + 5 * fails + 10 * random() AS temperature
        FROM machines, generate_series(
            timestamptz '2024-01-01 00:00Z', '2024-01-01 01:59Z', '1 minute') AS time;
    CREATE INDEX ON readings (machine, time);
"""
QUERY = """
    SELECT machine, fails, avg(temperature) AS temperature,
           date_bin('10 minutes', time, timestamptz '2000-01-01 00:00Z') AS period
    FROM readings JOIN machines USING (machine)
    WHERE time >= %(start)s AND time < %(stop)s
    GROUP BY machine, fails, period
"""
WRITE = """
    INSERT INTO predictions (machine, risk) VALUES (%s, %s)
    ON CONFLICT (machine) DO UPDATE SET risk = excluded.risk
"""


def main(url):
    with psycopg.connect(url) as connection:
        connection.execute(MAKE)

        # query
        period = {"start": "2024-01-01", "stop": "2024-01-02"}
        cursor = connection.execute(QUERY, period)
        names = [column.name for column in cursor.description]
        table = pd.DataFrame(cursor.fetchall(), columns=names)

        # sequences and model
        builder = SequenceBuilder("machine", time="period", features=["temperature"])
        X, y = builder.fit_transform(table), builder.targets(table, "fails")
        model = RNNClassifier(max_epochs=10, random_state=0).fit(X, y)

        # predictions, written back; the connection commits at the end of the block
        rows = zip(
            builder.ids(table).tolist(),
            model.predict_proba(X)[:, 1].tolist(),
            strict=True,
        )
        connection.execute(
            "CREATE TABLE IF NOT EXISTS predictions"
            " (machine text PRIMARY KEY, risk double precision)"
        )
        with connection.cursor() as cursor:
            cursor.executemany(WRITE, rows)
        return connection.execute(
            "SELECT count(*), avg(risk) FROM predictions"
        ).fetchone()


if __name__ == "__main__":
    print(main(os.environ["DATABASE_URL"]))
