import duckdb
import pyarrow

from sklearn_rnn import RNNClassifier
from sklearn_rnn.preprocessing import SequenceBuilder

# two tables; "FROM 'readings/*.parquet'" would read files in place
connection = duckdb.connect("factory.duckdb")
connection.execute("""
    SELECT setseed(0.5);
    CREATE TABLE machines AS
        SELECT printf('m%02d', i) AS machine, i % 2 AS fails FROM range(40) t(i);
    CREATE TABLE readings AS
        SELECT machine, TIMESTAMP '2024-01-01' + to_minutes(k) AS time,
               60 + 5 * fails + 10 * random() AS temperature
        FROM machines, range(120) t(k);
""")

# query: means of ten minutes, with the outcome
table = connection.sql("""
    SELECT machine, fails, time_bucket(INTERVAL 10 MINUTE, time) AS period,
           avg(temperature) AS temperature
    FROM readings JOIN machines USING (machine)
    GROUP BY ALL
""").to_arrow_table()

# sequences and model
builder = SequenceBuilder("machine", time="period", features=["temperature"])
X, y = builder.fit_transform(table), builder.targets(table, "fails")
model = RNNClassifier(max_epochs=10, random_state=0).fit(X, y)

# predictions, written back: DuckDB finds the variable `predictions`
risk = model.predict_proba(X)[:, 1]
predictions = pyarrow.table({"machine": builder.ids(table), "risk": risk})
connection.execute("CREATE OR REPLACE TABLE predictions AS FROM predictions")
count, mean = connection.execute(
    "SELECT count(*), avg(risk) FROM predictions"
).fetchone()
assert count == 40
assert 0 < mean < 1
connection.close()
