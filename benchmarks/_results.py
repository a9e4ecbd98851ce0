"""Results of tasks, kept in a file, so that a task that is there is not run again."""

import argparse
import json
import warnings

import torch


def keep_result(path, results, name, result):
    """Add the result of a task to those of the file."""
    results[name] = result
    path.write_text(json.dumps(results, indent=1) + "\n")


def measure_missing(path, description, tasks, measure):
    """Return all results; tasks that are not in the file are measured and added.

    The command line may have beginnings of names of tasks. One thread is used.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("names", nargs="*", help="beginnings of names of data sets")
    names = tuple(name.lower() for name in parser.parse_args().names)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    results = json.loads(path.read_text()) if path.exists() else {}
    for name, task in tasks.items():
        if name not in results and name.lower().startswith(names or ""):
            keep_result(path, results, name, measure(task))
    return results
