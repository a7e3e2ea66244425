"""Grafana's evaluation of an alert rule, as far as our rules use it.

    from evaluator import Evaluator, Plugin

    rules = Evaluator(rules_of("heapwatch.yaml"), Plugin(url))
    rules.evaluate(now_s)
    rules.firing()          # {(rule, service)}

Written from what pkg/expr and pkg/services/ngalert of Grafana 11 do: reduce
with its modes, math over joined labels, threshold with hysteresis, "for",
"keepFiringFor", missing series, no data, errors. It is no Grafana: what
Grafana makes of the files themselves is dashboards/alerts/check's matter.
"""
import http.client
import json
import math
import pathlib
import re
import urllib.parse

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class NoAnswer(Exception):
    """A data source that cannot be asked, or that refuses."""


def seconds(text):
    return sum(int(n) * SECONDS[u] for n, u in re.findall(r"(\d+)([smhd])", str(text)))


def rules_of(path):
    """The groups' rules of a file below dashboards/provisioning/alerting."""
    file = yaml.load((ROOT / "dashboards/provisioning/alerting" / path).read_text(), LOADER)
    return [rule for group in file["groups"] for rule in group["rules"]]


def fetch(url, path, body=None):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
    try:
        connection.request("POST" if body else "GET", path, body)
        answer = connection.getresponse()
        data = answer.read()
    except OSError as error:
        raise NoAnswer(str(error)) from None
    finally:
        connection.close()
    if answer.status != 200:
        raise NoAnswer(f"{path}: {answer.status} {data[:300]!r}")
    return json.loads(data)


# ---- data sources: [(labels, number or [number or None])] ----

class Plugin:
    """What our plugin asks of heapwatch, and the frames it hands on."""

    uid = "heapwatch"

    def __init__(self, url):
        self.url = url

    def ask(self, model, from_ms, to_ms):
        body = {"range": {"from": from_ms, "to": to_ms}, "intervalMs": model["intervalMs"],
                "maxDataPoints": model["maxDataPoints"],
                "targets": [{"refId": model["refId"], "target": model["target"],
                             "payload": {**model["payload"], "frame": True}}]}
        frames = fetch(self.url, "/query", json.dumps(body))
        return [series for frame in frames for series in self.read(frame)]

    @staticmethod
    def read(frame):
        schema, values = frame["schema"], frame["data"]["values"]
        for notice in schema.get("meta", {}).get("notices", []):
            if notice["severity"] == "error":
                raise NoAnswer(notice["text"])
        for field, column in zip(schema["fields"], values):
            if field["type"] == "number":
                yield field.get("labels", {}), column


class Infinity:
    """What the backend of Infinity makes of rows: of a table the labels and
    number of each row, of a time series its rows turned into columns."""

    uid = "heapwatch-infinity"

    def __init__(self, url):
        self.url = url

    def ask(self, model, _from_ms, _to_ms):
        assert model["parser"] == "backend" and model["root_selector"] == "rows", model
        answer = fetch(self.url, model["url"])
        for notice in answer.get("notices", []):
            if notice["severity"] == "error":
                raise NoAnswer(notice["text"])
        names = {kind: [c["selector"] for c in model["columns"] if c["type"] == kind]
                 for kind in ("string", "number", "timestamp")}
        rows = [({n: row[n] or "" for n in names["string"]}, row) for row in answer["rows"]]
        number = names["number"][0]
        if model["format"] == "table":
            return [(labels, row[number]) for labels, row in rows]
        return self.widen(rows, names["timestamp"][0], number)

    @staticmethod
    def widen(rows, time, number):
        times = sorted({row[time] for _, row in rows})
        assert [row[time] for _, row in rows] == sorted(row[time] for _, row in rows)
        series = {}
        for labels, row in rows:
            key = tuple(sorted(labels.items()))
            series.setdefault(key, {})[row[time]] = row[number]
        return [(dict(key), [at.get(t) for t in times]) for key, at in series.items()]


# ---- expressions ----

def last(values):
    return values[-1] if values else math.nan


REDUCERS = {"last": last, "sum": sum, "count": len,
            "min": lambda v: min(v) if v else math.nan,
            "max": lambda v: max(v) if v else math.nan,
            "mean": lambda v: sum(v) / len(v) if v else math.nan}


def is_number(value):
    return value is not None and math.isfinite(value)


def reduce_values(values, model):
    if not isinstance(values, list):
        return values
    settings = model.get("settings", {})
    mode = settings.get("mode", "")
    if mode == "dropNN":
        values = [v for v in values if is_number(v)]
    elif mode == "replaceNN":
        values = [v if is_number(v) else settings["replaceWithValue"] for v in values]
    elif not all(is_number(v) for v in values):
        return math.nan
    return REDUCERS[model["reducer"]](values)


def joins(a, b):
    """Labels are equal, or one's are among the other's."""
    return a.items() <= b.items() or b.items() <= a.items()


def math_values(known, model):
    expression = model["expression"]
    names = sorted(set(re.findall(r"\$\{?([A-Z]\w*)\}?", expression)))
    rows = [({}, {})]
    for name in names:
        rows = [({**labels, **more}, {**values, name: value}) for labels, values in rows
                for more, value in known[name] if joins(labels, more)]
    code = compile(re.sub(r"\$\{?([A-Z]\w*)\}?", r"\1", expression), "math", "eval")
    return [(labels, float(eval(code, {"__builtins__": {}}, values)))  # of our own file
            if all(is_number(v) for v in values.values()) else (labels, math.nan)
            for labels, values in rows]


PREDICATES = {
    "gt": lambda v, p: v > p[0], "lt": lambda v, p: v < p[0],
    "gte": lambda v, p: v >= p[0], "lte": lambda v, p: v <= p[0],
    "within_range": lambda v, p: p[0] < v < p[1],
    "outside_range": lambda v, p: v < p[0] or v > p[1]}


def threshold_values(known, model, active):
    condition = model["conditions"][0]
    unload = condition.get("unloadEvaluator")

    def beyond(labels, value):
        if not is_number(value):
            return math.nan
        if unload and key_of(labels) in active:
            return float(not PREDICATES[unload["type"]](value, unload["params"]))
        return float(PREDICATES[condition["evaluator"]["type"]](
            value, condition["evaluator"]["params"]))
    return [(labels, beyond(labels, value)) for labels, value in known[model["expression"]]]


def key_of(labels):
    return tuple(sorted((k, v) for k, v in labels.items() if v))


# ---- rules ----

class Instance:
    """One alert of a rule."""

    def __init__(self):
        self.state, self.since, self.recovered, self.missing = "normal", 0, None, 0


class Evaluated:
    """A rule and its alerts."""

    def __init__(self, rule, source):
        self.rule, self.source, self.alerts = rule, source, {}
        self.values = {}

    def results(self, now):
        known = {}
        for node in self.rule["data"]:
            model, ref = node["model"], node["refId"]
            if node["datasourceUid"] == self.source.uid:
                span = node["relativeTimeRange"]
                known[ref] = self.source.ask(model, int((now - span["from"]) * 1000),
                                             int((now - span["to"]) * 1000))
            elif model["type"] == "reduce":
                known[ref] = [(labels, reduce_values(values, model))
                              for labels, values in known[model["expression"]]]
            elif model["type"] == "math":
                known[ref] = math_values(known, model)
            elif model["type"] == "threshold":
                active = {k for k, a in self.alerts.items() if a.state in ("pending", "firing")}
                known[ref] = threshold_values(known, model, active)
        self.values = known
        return known[self.rule["condition"]]

    def evaluate(self, now):
        try:
            results = self.results(now)
        except NoAnswer:
            return self.special("execErrState", now)
        if not any(is_number(v) for _, v in results):
            return self.special("noDataState", now)
        seen = set()
        for labels, value in results:
            if not is_number(value):
                continue
            key = key_of(labels)
            assert key not in seen, f"{self.rule['uid']}: twice {labels}"
            seen.add(key)
            self.step(self.alerts.setdefault(key, Instance()), value > 0, now)
        for key in list(self.alerts):
            if key not in seen:
                self.miss(key)
        return None

    def special(self, which, now):
        word = self.rule[which]
        if word == "KeepLast":
            return
        if word == "Alerting":
            for alert in self.alerts.values() or [self.alerts.setdefault((), Instance())]:
                self.step(alert, True, now)
        elif word == "OK":
            for alert in self.alerts.values():
                self.step(alert, False, now)
        else:
            raise AssertionError(f"{which} {word} is not evaluated here")

    def miss(self, key):
        alert = self.alerts[key]
        alert.missing += 1
        if alert.missing >= self.rule["missing_series_evals_to_resolve"]:
            del self.alerts[key]

    def step(self, alert, beyond, now):
        alert.missing = 0
        if beyond:
            alert.recovered = None
            if alert.state == "normal":
                alert.state, alert.since = "pending", now
            if now - alert.since >= seconds(self.rule["for"]):
                alert.state = "firing"
            return
        if alert.state == "firing":
            alert.recovered = now if alert.recovered is None else alert.recovered
            if now - alert.recovered < seconds(self.rule["keepFiringFor"]):
                return
        alert.state, alert.recovered = "normal", None


class Evaluator:
    def __init__(self, rules, source):
        self.rules = [Evaluated(rule, source) for rule in rules]

    def evaluate(self, now):
        for rule in self.rules:
            rule.evaluate(now)

    def firing(self):
        """{(rule, service or "")}"""
        return {(rule.rule["labels"]["rule"], dict(key).get("service", ""))
                for rule in self.rules for key, alert in rule.alerts.items()
                if alert.state == "firing"}
