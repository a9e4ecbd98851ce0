"""Private scikit-learn names, devices and seeds, estimator checks."""
