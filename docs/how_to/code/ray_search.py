import ray
from joblib import parallel_config
from ray.util.joblib import register_ray
from sklearn.model_selection import GridSearchCV

from sklearn_rnn import RaggedArray, RNNClassifier
from sklearn_rnn.datasets import make_sine_mixtures

X, y = make_sine_mixtures(60, random_state=0)
X = RaggedArray.from_sequences(X)
classifier = RNNClassifier(max_epochs=5, random_state=0)
search = GridSearchCV(classifier, {"hidden_size": [8, 16]}, cv=3)

if __name__ == "__main__":
    ray.init(num_cpus=2)  # or ray.init("auto"), of a cluster that runs already
    register_ray()
    with parallel_config("ray"):
        search.fit(X, y)
    print(search.best_params_)
