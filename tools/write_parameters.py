"""Write the constructors and their docstrings from tools/parameters.toml.

Without arguments, the sources that differ from the table are rewritten. With
``--check``, the differences are printed, and the exit status is 1 if there are any.
"""

import argparse
import ast
import difflib
import re
import sys
import textwrap
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = Path(__file__).with_name("parameters.toml")
LINE_LENGTH = 88


def main(arguments=None):
    """Rewrite or compare the files of all estimators; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    check = parser.parse_args(arguments).check
    table = tomllib.loads(TABLE.read_text())
    differ = False
    for name, estimator in table["estimators"].items():
        path = ROOT / estimator["file"]
        found = path.read_text()
        expected = render_source(found, name, table)
        if check:
            differ |= show_difference(found, expected, estimator["file"])
        elif found != expected:
            path.write_text(expected)
            print(f"{estimator['file']}: rewritten")
    if differ:
        print("Run `python tools/write_parameters.py` to apply tools/parameters.toml.")
    return int(differ)


def show_difference(found, expected, file):
    """Print the difference between two texts; return whether there is one."""
    lines = found.splitlines(), expected.splitlines()
    difference = difflib.unified_diff(*lines, file, f"{file} (table)", lineterm="")
    print(*difference, sep="\n", end="\n" if found != expected else "")
    return found != expected


def render_source(source, name, table):
    """Return the source of a file with class `name` as in the table."""
    parameters = select_entries(table, name, "parameters")
    attributes = select_entries(table, name, "attributes")
    constructor = render_constructor(parameters)
    source = replace_node(source, name, "__init__", lambda _: constructor)

    def rewrite_class(text):
        text = replace_section(text, name, "Parameters", parameters)
        return replace_section(text, name, "Attributes", attributes)

    return replace_node(source, name, None, rewrite_class)


def select_entries(table, name, kind):
    """Return {name: entry} of an estimator's parameters or attributes, in table order.

    Overrides of the estimator replace the type or the text of an entry.
    """
    estimator = table["estimators"][name]
    selected = set(estimator[kind])
    if unknown := selected - set(table[kind]):
        sys.exit(f"{TABLE.name}: {name} has {kind} without an entry: {unknown}.")
    overrides = estimator.get("overrides", {})
    return {
        key: entry | overrides.get(key, {})
        for key, entry in table[kind].items()
        if key in selected
    }


def replace_node(source, class_name, method, rewrite):
    """Return the source with a class, or one of its methods, rewritten."""
    nodes = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == class_name
    ]
    if nodes and method is not None:
        nodes = [node for node in nodes[0].body if getattr(node, "name", "") == method]
    if not nodes:
        sys.exit(f"No {'.'.join(filter(None, (class_name, method)))} to write to.")
    lines = source.splitlines(keepends=True)
    start, stop = nodes[0].lineno - 1, nodes[0].end_lineno
    text = rewrite("".join(lines[start:stop]))
    return "".join(lines[:start]) + text + "".join(lines[stop:])


def replace_section(text, class_name, title, entries):
    """Return the source of a class with one section of its docstring rewritten."""
    heading = f"    {title}\n    {'-' * len(title)}\n"
    section_end = r'(?=\n    \w[\w ]*\n    -+\n|    """\n)'
    section = "".join(render_entry(name, entry) for name, entry in entries.items())
    pattern = re.compile(re.escape(heading) + ".*?" + section_end, re.DOTALL)
    text, n_sections = pattern.subn(lambda _: heading + section, text, count=1)
    if n_sections == 0:
        sys.exit(f"The docstring of {class_name} has no section {title}.")
    return text


def render_entry(name, entry):
    """Return the lines of a docstring for one parameter or attribute."""
    # room for " \" at the end of a line that continues
    first = textwrap.wrap(
        f"{name} : {entry['type']}",
        LINE_LENGTH - 2,
        initial_indent=" " * 4,
        subsequent_indent=" " * 12,
        break_on_hyphens=False,
    )
    text = textwrap.indent(entry["text"].strip("\n"), " " * 8)
    return " \\\n".join(first) + "\n" + text + "\n"


def render_constructor(parameters):
    """Return the source of `__init__`."""
    defaults = {
        name: entry["type"].partition("default=")[2]
        for name, entry in parameters.items()
    }
    return "".join(
        [
            "    def __init__(\n        self,\n        *,\n",
            *(f"        {name}={default},\n" for name, default in defaults.items()),
            "    ):\n",
            *(f"        self.{name} = {name}\n" for name in defaults),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
