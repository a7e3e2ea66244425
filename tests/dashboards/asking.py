"""Every question of a dashboard, as Grafana would send it; and what is allowed to be empty."""
import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "dashboards"

# (dashboard, panel, refId or None): why its answer may be empty here.
EMPTY = {
    ("self", "What it lacks"): "nothing is missing where tests have all rights",
    ("self", "Not watched, and why"): "every process of a known runtime may be watched",
    ("process", "Allocation"): "hsperfdata of this JVM tells no allocation",
    ("plant", "✖ Critical"): "nobody may be ill",
    ("plant", "▲ Warning"): "nobody may be ill",
    ("plant", "◌ No reading"): "everything may be readable",
    ("plant", "● Healthy"): "everybody may be ill",
    ("plant", "In maintenance"): "no maintenance is planned",
    ("node", "Units not healthy"): "nobody may be ill",
}
# Notices that are meant for the reader.
INTENDED = re.compile(
    "this version or build does not tell it"  # a JVM and its allocation
    "|highest \\d+ of \\d+ series are shown|lowest \\d+ of \\d+ series are shown"
    "|waits for the first collection|watched for less than the 60 s"  # right after a start
    "|\\d+ more without a value")


def load(folder):
    """{name: dashboard}"""
    return {path.stem: json.loads(path.read_text())
            for path in sorted((DASHBOARDS / folder).glob("*.json"))}


def panels(dashboard):
    """All panels that ask, those in collapsed rows too: (row's title, panel)."""
    row = ""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
            for inner in panel["panels"]:
                yield row, inner
        else:
            yield row, panel


def variables(dashboard):
    return [v for v in dashboard["templating"]["list"] if v["type"] == "query"]


def escaped(text):
    """Grafana's format "regex" of one value."""
    return re.sub(r"([\\^$*+?.()|\[\]{}/])", r"\\\1", text)


def chosen(dashboard, options, **picked):
    """{variable: (text of format regex, values)}: what was picked, All, or the first."""
    values = {}
    for v in variables(dashboard):
        found = picked.get(v["name"]) or (None if v["includeAll"] else options[v["name"]][0])
        values[v["name"]] = v["allValue"] if found is None else escaped(found)
    return values


def fill(what, values):
    """Text, list or object with its variables replaced."""
    if isinstance(what, str):
        return re.sub(r"\$\{?(\w+)(?::\w+)?\}?",
                      lambda m: values.get(m.group(1), m.group(0)), what)
    if isinstance(what, list):
        return [fill(one, values) for one in what]
    if isinstance(what, dict):
        return {key: fill(value, values) for key, value in what.items()}
    return what


def questions(dashboard, values):
    """[(row, panel's title, target)] of panels and annotations, interpolated."""
    asked = [(row, panel["title"], fill(target, values))
             for row, panel in panels(dashboard) for target in panel["targets"]]
    return asked + [("", f"annotation {a['name']}", fill(a["target"], values))
                    for a in dashboard["annotations"]["list"]]


def expected(name, row, title, target, runtime):
    """Must there be data? runtime: of the process that was picked."""
    if target == "heap_live_bytes" and runtime == "jvm":
        return False  # only after a look at the whole heap, which a young JVM never took
    if title.startswith("annotation") or (name, title) in EMPTY:
        return (name, title) == ("process", "Allocation") and runtime == "go"
    if row.startswith("Go runtime"):
        return runtime == "go"
    if row.startswith("JVM"):
        return runtime == "jvm"
    return True
