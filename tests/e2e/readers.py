"""How the clients of Grafana read an answer, rule by rule.

Written from their source: simpod 0.6.5 and @grafana/data 13 (toDataFrame,
toDataQueryError, the annotation mapping), simple-json 1.4.3, Infinity 3.11
(the backend parser), marcusolsson 1.4.0. What they would choke on raises
Choked; what they would show is returned.
"""
import calendar
import collections
import json
import re
import time

FIELD_TYPES = {"time", "string", "number", "boolean", "other", "geo", "enum", "trace",
               "nestedFrames", "frame"}
Field = collections.namedtuple("Field", "name type labels config values")
Frame = collections.namedtuple("Frame", "ref_id name meta fields")


class Choked(AssertionError):
    """The client would throw, or silently show something else."""


def need(condition, why):
    if not condition:
        raise Choked(why)


# ---- @grafana/data ----

def guess_type(name, values):
    """guessFieldTypeFromNameAndValues"""
    if name.lower() in ("date", "time"):
        return "time"
    value = next((v for v in values if v is not None), None)
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else "other"


def from_datapoints(e):
    points = e.get("datapoints", e.get("points"))
    need(all(isinstance(p, list) and len(p) == 2 for p in points), "a point is [value, time]")
    config = {k: v for k, v in (("unit", e.get("unit")),
                                ("displayNameFromDS", e.get("title"))) if v is not None}
    return Frame(e.get("refId"), e.get("target") or e.get("name"), e.get("meta") or {}, [
        Field("Time", "time", {}, {}, [p[1] for p in points]),
        Field("Value", "number", e.get("tags") or {}, config, [p[0] for p in points])])


def from_table(e):
    need(isinstance(e.get("rows"), list), "rows is no list: toDataFrame throws")
    fields = []
    for at, column in enumerate(e["columns"]):
        values = [row[at] if at < len(row) else None for row in e["rows"]]
        name = column.get("text") or column.get("name") or f"Field {at}"
        kind = column.get("type")
        if kind not in FIELD_TYPES or name.lower() in ("time", "date"):
            kind = guess_type(name, values)
        config = {k: v for k, v in column.items() if k not in ("text", "type")}
        fields.append(Field(name, kind, {}, config, values))
    return Frame(e.get("refId"), e.get("name"), e.get("meta") or {}, fields)


ENTITIES = {"NaN": float("nan"), "Inf": float("inf"), "NegInf": float("-inf")}


def from_wire(e):
    schema, values = e["schema"], e["data"]["values"]
    need(len(schema["fields"]) == len(values), "fields and values differ in number")
    lengths = {len(v) for v in values}
    need(len(lengths) <= 1, f"columns of unequal length are padded with undefined: {lengths}")
    fields = []
    for at, f in enumerate(schema["fields"]):
        column = list(values[at])
        for key, rows in ((e["data"].get("entities") or [None] * len(values))[at] or {}).items():
            for row in rows:
                column[row] = ENTITIES[key]
        kind = f.get("type") or guess_type(f["name"], column)
        need(kind in FIELD_TYPES, f"type {kind}")
        fields.append(Field(f["name"], kind, f.get("labels") or {}, f.get("config") or {},
                            column))
    return Frame(schema.get("refId"), schema.get("name"), schema.get("meta") or {}, fields)


def to_data_frame(e):
    """toDataFrame, in its order of trying."""
    need(isinstance(e, (dict, list)), f"no frame can be made of {e!r}")
    if isinstance(e, dict):
        if "fields" in e:
            return Frame(e.get("refId"), e.get("name"), e.get("meta") or {}, [
                Field(f.get("name", ""), f.get("type"), f.get("labels") or {},
                      f.get("config") or {}, f["values"]) for f in e["fields"]])
        if e.get("type") == "docs":
            raise Choked("a docs answer is one field of JSON")
        if "datapoints" in e or "points" in e:
            return from_datapoints(e)
        if "data" in e and "schema" in e:
            return from_wire(e)
        if "columns" in e:
            return from_table(e)
        raise Choked(f"Can not convert {list(e)}")
    names = list(e[0]) if e else []
    return Frame(None, None, {}, [
        Field(n, guess_type(n, [r.get(n) for r in e]), {}, {}, [r.get(n) for r in e])
        for n in names])


def check_series(frame):
    """What a panel of time series wants of a frame."""
    times = [f for f in frame.fields if f.type == "time"]
    need(times, "Data is missing a time field")
    values = times[0].values
    need(all(isinstance(t, int) and t > 1e11 for t in values), "times are milliseconds")
    need(all(a < b for a, b in zip(values, values[1:])), "times ascend and are unique")
    need(all(len(f.values) == len(values) for f in frame.fields), "columns of one length")


def simpod_query(status, body, ref_ids):
    """The frames that a panel gets; ref_ids are those it asked with."""
    if not 200 <= status < 300:
        raise Choked(error_text(status, body))
    answer = json.loads(body)
    need(isinstance(answer, list), "response.data.map is not a function")
    frames = [to_data_frame(e) for e in answer]
    for frame in frames:
        need(frame.ref_id in ref_ids, f"refId {frame.ref_id} maps to no query")
    order = [ref_ids.index(f.ref_id) for f in frames]
    need(order == sorted(order), "frames do not follow the order of targets")
    return frames


def error_text(status, body):
    """toDataQueryError: what a panel shows."""
    try:
        data = json.loads(body)
    except ValueError:
        data = None
    if isinstance(data, dict) and data.get("message"):
        return data["message"]
    if isinstance(data, dict) and isinstance(data.get("error"), str):
        return data["error"]
    return f"Query error: {status}"


def test_datasource(status, body):
    """What "Save & test" shows."""
    if 200 <= status < 300:
        return "success"
    data = json.loads(body)
    need(isinstance(data.get("error"), dict), "testDatasource reads error.code and .message")
    return f"{data['error']['code']}: {data['error']['message']}"


def simpod_metrics(body):
    """The zod schema of the editor's metrics; {value: {payload name: payload}}."""
    answer = json.loads(body)
    need(isinstance(answer, list), "not a list is taken as none")
    found = {}
    for m in answer:
        m = {"value": m} if isinstance(m, str) else m
        need(isinstance(m.get("value"), str) and m["value"], "value is text")
        need("label" not in m or isinstance(m["label"], str), "label is text")
        payloads = {}
        for p in m.get("payloads", []):
            need(isinstance(p.get("name"), str), "a payload without a name throws")
            need(p.get("type", "input") in ("input", "select", "multi-select", "textarea"),
                 f"type {p.get('type')}")
            need(isinstance(p.get("reloadMetric", False), bool), "reloadMetric")
            need(isinstance(p.get("width", 1), int), "width")
            simpod_choices(p.get("options", []))
            payloads[p["name"]] = p
        need(m["value"] not in found, f"{m['value']} twice")
        found[m["value"]] = payloads
    return found


def simpod_choices(choices):
    need(isinstance(choices, list), "not a list is taken as none")
    for c in choices:
        need(isinstance(c.get("value"), (str, int, float)), f"value of {c}")
        need("label" not in c or isinstance(c["label"], str), f"label of {c}")
    return [c["value"] for c in choices]


def simpod_variable(body):
    """[(text, value)] after de-duplication by text; the first wins."""
    seen = {}
    for one in json.loads(body):
        need("__text" in one and "__value" in one, "else all fields are flattened")
        seen.setdefault(str(one["__text"]), str(one["__value"]))
    return list(seen.items())


def annotations(frame):
    """Core's mapping of ONE frame to annotations; none without time or text."""
    by_name = {f.name.lower(): f for f in frame.fields}
    at = by_name.get("time") or next((f for f in frame.fields if f.type == "time"), None)
    text = by_name.get("text") or next((f for f in frame.fields if f.type == "string"), None)
    if at is None or text is None:
        return []
    events = []
    for row in range(len(at.values)):
        event = {"time": at.values[row], "text": text.values[row]}
        for key in ("timeend", "title", "tags", "id", "color"):
            if key in by_name and by_name[key].values[row] is not None:
                event[key] = by_name[key].values[row]
        if isinstance(event.get("tags"), str):
            event["tags"] = [t.strip() for t in event["tags"].split(",") if t.strip()]
        events.append(event)
    return events


# ---- simple-json ----

def simple_search(body):
    """mapToTextValue: a falsy value breaks the choice."""
    choices = []
    for at, d in enumerate(json.loads(body)):
        if isinstance(d, dict) and d.get("text") and d.get("value"):
            choices.append((d["text"], d["value"]))
        elif isinstance(d, dict):
            raise Choked(f"the choice {d} becomes {at}")
        else:
            choices.append((d, at))
    return choices


def simple_query(body):
    """Only data points and tables; anything else draws nothing."""
    answer = json.loads(body)
    need(isinstance(answer, list), "no list")
    for e in answer:
        need("datapoints" in e or e.get("type") == "table", f"{list(e)} draws nothing")
        if "datapoints" in e:
            need(isinstance(e["target"], str), "target names the legend")
    return answer


def simple_annotations(body):
    for e in json.loads(body):
        need(isinstance(e["time"], int) and e["time"] > 1e11, "time in milliseconds")
        need(isinstance(e["title"], str) and isinstance(e["text"], str), "title and text")
        need(isinstance(e.get("tags", []), (list, str)), "tags")
    return json.loads(body)


# ---- Infinity ----

def infinity_rows(status, body, root="rows"):
    """The backend parser: our body is lost at 400 and more, empty is an error."""
    need(status < 400, f"unsuccessful HTTP response\nstatus code : {status}")
    need(body, "empty response")
    data = json.loads(body)
    rows = data[root] if root else data
    need(isinstance(rows, list), f"{root} is no list")
    keys = {tuple(r) for r in rows}
    need(len(keys) <= 1, f"rows of different keys: {keys}")
    return rows


def long_to_wide(rows, time_key="time"):
    """data.LongToWide of the plugin SDK: refused unless sorted ascending."""
    times = [r[time_key] for r in rows]
    need(all(times), "long series must not have null in its time column")
    need(times == sorted(times), "long series must be sorted ascending by time")
    wide = collections.defaultdict(dict)
    for r in rows:
        labels = tuple((k, v) for k, v in r.items() if isinstance(v, str) and k != time_key)
        need(r[time_key] not in wide[labels], f"two rows of {labels} at {r[time_key]}")
        wide[labels][r[time_key]] = [v for v in r.values() if isinstance(v, (int, float))]
    return wide


def numeric_long(rows):
    """{labels: value}, one alert instance a row."""
    instances = {}
    for r in rows:
        numbers = [k for k, v in r.items() if isinstance(v, (int, float))]
        need(len(numbers) == 1, f"number columns: {numbers}")
        need(not any(isinstance(v, (dict, list)) for v in r.values()), "flat rows")
        labels = tuple(sorted((k, v) for k, v in r.items() if isinstance(v, str)))
        need(labels not in instances, f"duplicate label set {labels}")
        instances[labels] = r[numbers[0]]
    return instances


# ---- marcusolsson ----

ISO = re.compile(r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d([+-][0-2]\d:[0-5]\d|Z)$")


def marcus_fields(rows, names):
    """One JSONPath a field; {name: (type, values)}."""
    fields = {}
    for name in names:
        values = [r[name] for r in rows if name in r]
        need(len(values) == len(rows), "Fields have different lengths")
        if values and all(isinstance(v, str) and ISO.match(v) for v in values if v is not None):
            fields[name] = ("time", [None if v is None else calendar.timegm(
                time.strptime(v[:19], "%Y-%m-%dT%H:%M:%S")) * 1000 for v in values])
        else:
            fields[name] = (guess_type("", values), values)
    return fields
