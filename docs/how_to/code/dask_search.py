from dask.distributed import Client, LocalCluster
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV

from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn.datasets import make_sine_mixtures

X, y = make_sine_mixtures(60, random_state=0)
X = RaggedArray.from_sequences(X)
classifier = RNNClassifier(max_epochs=5, random_state=0)
search = GridSearchCV(classifier, {"hidden_size": [8, 16]}, cv=3)

if __name__ == "__main__":
    # or Client("tcp://scheduler:8786"), of a cluster that runs already
    cluster = LocalCluster(n_workers=2, threads_per_worker=1)
    with cluster, Client(cluster), parallel_config("dask"):
        search.fit(X, y)
    print(search.best_params_)
