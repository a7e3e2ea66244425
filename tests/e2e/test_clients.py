"""Every client, every endpoint, every quirk: bytes in, and what the client makes of the answer.

clients.py has the requests, readers.py how answers are read. A case is a row
of CASES: the client, a sentence, its bytes, and what must come of them.
"""
import collections
import csv
import gzip
import io
import json
import re
import socket
import unittest

import clients as c
import readers as r
from heapwatch import PATIENCE, settled
from loaded import NODES, Loaded

CONFIG = """
plant:
- labels: {site: north}
http: {hosts: heapwatch, cors_origins: "https://grafana.example"}
collector: {interval: 20s}  # so that no machine is too slow to have values of now
"""
Case = collections.namedtuple("Case", "client what request check")
Reply = collections.namedtuple("Reply", "status headers body")
CASES = []
SERVICES = ["svc-00", "svc-01", "svc-02"]
TWO = ["hist(3)", "plc-01"]
UTIL = "heap_util_rate"


def case(client, what, request, check):
    CASES.append(Case(client, what, request, check))


def read_reply(stream, head):
    """One HTTP answer, its body unpacked."""
    status = int(stream.readline().split()[1])
    headers = {}
    for line in iter(stream.readline, b"\r\n"):
        name, _, value = line.decode("latin-1").partition(":")
        old = headers.get(name.lower())
        headers[name.lower()] = (old + ", " if old else "") + value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(stream.readline(), 16):
            body += stream.read(size)
            stream.readline()
        stream.readline()
    else:
        body = b"" if head else stream.read(int(headers.get("content-length", 0)))
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return Reply(status, headers, body)


def send(server, request, head=False):
    with socket.create_connection(server.address, timeout=120 * PATIENCE) as s, s.makefile("rb") as stream:
        s.sendall(request)
        return read_reply(stream, head)


# ---- what must come of it ----

def frames(reply, refs=("A",)):
    found = r.simpod_query(reply.status, reply.body, list(refs))
    kind = reply.headers["content-type"]
    assert kind.startswith("application/json"), kind
    return found


def nodes_are(*nodes):
    """Time series of exactly these nodes, as a panel wants them."""
    def check(reply):
        found = frames(reply)
        for frame in found:
            r.check_series(frame)
            assert frame.fields[1].config["unit"] == "percentunit", frame
            assert any(v is not None for v in frame.fields[1].values), frame
        got = sorted({f.fields[1].labels["node"] for f in found})
        assert got == sorted(nodes), got
    return check


def refused(status, code, *words):
    """Panels show the message; so does the test of a data source."""
    def check(reply):
        text = r.error_text(reply.status, reply.body)
        assert reply.status == status, (reply.status, text)
        assert r.test_datasource(reply.status, reply.body).startswith(f"{code}: "), reply.body
        for word in words:
            assert word in text, text
    return check


def told(*words):
    """Nothing but a notice that says why."""
    def check(reply):
        found = frames(reply)
        texts = [n["text"] for f in found for n in f.meta.get("notices", [])]
        assert all(any(w in t for t in texts) for w in words), texts
        assert not any(v is not None for f in found for f2 in f.fields[1:] for v in f2.values)
    return check


def choices_are(*values):
    def check(reply):
        got = r.simpod_choices(json.loads(reply.body))
        assert reply.status == 200 and got == list(values), got
    return check


def whole_list(reply):
    metrics = r.simpod_metrics(reply.body)
    assert reply.status == 200 and len(metrics) > 50, list(metrics)
    for name in ("node", "service", "agg", "fn", "step", "topk", "format", "legend"):
        assert name in metrics[UTIL], metrics[UTIL]
    # what is no metric too, or the editor blanks such a panel
    assert {"service", "site", "kind"} <= set(metrics["events"]), metrics["events"]
    assert {"service", "site", "state", "watched"} <= set(metrics["targets"]), metrics["targets"]
    assert set(metrics["status"]) == set(metrics["lacks"]) == {"node", "matchers"}


def answer_is(status, what):
    def check(reply):
        assert (reply.status, json.loads(reply.body)) == (status, what), reply
    return check


def ok(reply):
    assert reply.status == 200, reply
    assert r.test_datasource(reply.status, reply.body) == "success"


# ---- simpod: panels ----

BOTH = r'{"node":["(plc-01|hist\\(3\\))"],"top":"10"}'

for slash in ("/", "//"):
    case("simpod", f"tests the data source at {slash}", c.get(slash), ok)
case("simpod", "tests the data source from a browser", c.get("/", c.BROWSER), ok)
case("simpod", "asks a panel in builder mode: one element holds many values",
     c.ask(UTIL, BOTH), nodes_are(*TWO))
case("simpod", "has a slash too many in its URL",
     c.post("//query", c.panel(c.target(UTIL, BOTH))), nodes_are(*TWO))
case("simpod", "is opened in a browser", c.post("/query", c.panel(c.target(UTIL)), c.BROWSER),
     nodes_are(*NODES))
for what, payload in {
        "a list": '{"node":["plc-01","hist(3)"]}',
        "a glob": '{"node":"{plc-01,hist(3)}"}',
        "commas": '{"node":"plc-01,hist(3)"}',
        "pipes": '{"node":"plc-01|hist(3)"}',
        "a regular expression": r'{"node":"(plc-01|hist\\(3\\))"}',
        "matchers": '{"matchers":{"node":["plc-01","hist(3)"]}}'}.items():
    case("simpod", f"sends many values as {what}", c.ask(UTIL, payload), nodes_are(*TWO))
for what, payload in {
        "text": '{"node":"hist(3)"}', "an escape": r'{"node":"hist\\(3\\)"}',
        "a list of one": '{"node":["hist(3)"]}'}.items():
    case("simpod", f"sends one value as {what}", c.ask(UTIL, payload), nodes_are("hist(3)"))
for value in ('"$__all"', '[]', '""', 'null', '".*"', '["$__all"]'):
    case("simpod", f"sends All as {value}", c.ask(UTIL, '{"node":%s}' % value),
         nodes_are(*NODES))
case("simpod", "sends a payload that became {} of broken JSON", c.ask(UTIL, "{}"),
     nodes_are(*NODES))
case("simpod", "sends no payload at all",
     c.post("/query", c.panel('{"refId":"A","target":"%s"}' % UTIL)), nodes_are(*NODES))
case("simpod 0.2", "names the payload data and adds a type",
     c.post("/query", c.panel('{"refId":"A","target":"%s","type":"timeserie","data":'
                              '{"node":"plc-01"}}' % UTIL)), nodes_are("plc-01"))


def step_is(seconds):
    def check(reply):
        for frame in frames(reply):
            times = frame.fields[0].values
            assert {b - a for a, b in zip(times, times[1:])} == {seconds * 1000}, times
            assert all(t % (seconds * 1000) == 0 for t in times)
    return check


for step in ('60', '"60"', '"60s"', '"1m"', '["60"]'):
    case("simpod", f"writes a step as {step}", c.ask(UTIL, '{"step":%s}' % step), step_is(60))
case("simpod", "leaves the step to the panel's interval", c.ask(UTIL), step_is(30))
case("simpod", "has few pixels",
     c.post("/query", c.panel(c.target(UTIL)).replace('"maxDataPoints":700',
                                                      '"maxDataPoints":11')), step_is(60))
case("simpod", "writes top as text and as a number", c.ask(UTIL, '{"top":"2"}'),
     lambda reply: len(frames(reply)) == 2 or r.need(False, reply.body))


def metrics_are(*names):
    def check(reply):
        found = frames(reply)
        units = {f.fields[1].config["unit"] for f in found}
        assert len(found) == 12 * len(names) and len(units) >= 1, (len(found), units)
    return check


case("simpod", "takes the metric from a variable with several values",
     c.ask("(heap_util_rate|heap_used_bytes)"), metrics_are("a", "b"))
case("simpod", "takes the metric from a variable with one value", c.ask("(heap_util_rate)"),
     metrics_are("a"))
case("simpod", "has an empty variable as metric: never everything", c.ask(""),
     refused(400, "empty_target", "refId A"))
case("simpod", "misspells a metric", c.ask("heap_utl_rate"),
     refused(404, "unknown_metric", "refId A", "heap_utl_rate", "heap_util_rate"))
case("simpod", "misspells an option", c.ask(UTIL, '{"agg":"mean"}'),
     refused(400, "bad_request", "refId A", "payload.agg", "mean"))
case("simpod", "has a payload key left over from another server", c.ask(UTIL, '{"limt":"10"}'),
     told('"limt"'))
case("simpod", "sends a pattern that would run forever", c.ask(UTIL, '{"node":"(a+)+$"}'),
     told("no series"))


def survivors(reply):
    found = frames(reply, ("A", "B", "C"))
    good = {f.ref_id for f in found if any(v is not None for v in f.fields[1].values)}
    assert good == {"A", "C"}, found
    text = [n["text"] for f in found if f.ref_id == "B" for n in f.meta["notices"]
            if n["severity"] == "error"]
    assert text and "nonsense" in text[0], text


case("simpod", "has one bad target of three: the others draw, it says why",
     c.post("/query", c.panel(",".join((c.target(UTIL), c.target("nonsense", ref="B"),
                                        c.target("frag_ratio", ref="C"))))), survivors)


def order_is(*refs):
    return lambda reply: r.need(
        list(dict.fromkeys(f.ref_id for f in frames(reply, refs))) == list(refs), reply.body)


case("simpod", "orders its targets", c.post("/query", c.panel(
    c.target("frag_ratio", ref="B") + "," + c.target(UTIL, ref="A"))), order_is("B", "A"))
case("simpod", "hides a target", c.post("/query", c.panel(
    c.target(UTIL, ref="B", more=',"hide":true') + "," + c.target(UTIL))), order_is("A"))
case("simpod", "has no target left", c.post("/query", c.panel("")), answer_is(200, []))
for more in (',"panelId":"panel-3"', ',"liveStreaming":false,"cacheTimeout":null',
             ',"queryCachingTTL":60000,"groupByKeys":[],"timeInfo":"","hideFromInspector":true',
             ',"panelName":"Heap","dashboardTitle":"All heaps","queryGroupId":"x"'):
    body = c.panel(c.target(UTIL, BOTH), more).replace('"panelId":2,', "")
    case("simpod", f"adds keys of newer Grafana {more}", c.post("/query", body), nodes_are(*TWO))


# ---- simpod: shapes ----

def table(reply):
    frame, = frames(reply)
    kinds = {f.name: f.type for f in frame.fields}
    assert kinds["time"] == "time" and kinds["node"] == "string", kinds
    assert kinds[UTIL] == "number" and frame.fields[-1].config["unit"] == "percentunit"
    assert all(t > 1e11 for t in frame.fields[0].values) and frame.fields[0].values


def wire(reply):
    frame, = frames(reply)
    r.check_series(frame)
    assert frame.meta["type"] == "timeseries-wide" and len(frame.fields) == 13, frame.meta
    assert frame.fields[0].config["interval"] == 30000
    names = [f.config["displayNameFromDS"] for f in frame.fields[1:]]
    assert len(set(names)) == 12, names


def heatmap(reply):
    frame, = frames(reply)
    assert frame.meta["type"] == "heatmap-rows", frame.meta
    bounds = [float(f.labels["le"]) for f in frame.fields[1:]]
    assert bounds == sorted(set(bounds)) and len(bounds) > 3, bounds
    totals = {sum(f.values[row] or 0 for f in frame.fields[1:])
              for row in range(len(frame.fields[0].values))}
    assert max(totals) == 12, totals


def states(reply):
    frame, = frames(reply)
    assert all(f.type == "string" for f in frame.fields[1:]), frame
    words = {v for f in frame.fields[1:] for v in f.values if v is not None}
    assert words and words <= {"ok", "warning", "critical"}, words


def named(*names):
    return lambda reply: r.need(
        [f.fields[1].config["displayNameFromDS"] for f in frames(reply)] == list(names),
        reply.body)


case("simpod", "wants a table", c.ask(UTIL, '{"format":"table"}'), table)
case("simpod", "wants wire frames", c.ask(UTIL, '{"format":"frames"}'), wire)
case("simpod", "wants wire frames by a word", c.ask(UTIL, '{"frame":"true"}'), wire)
case("simpod", "wants a heatmap", c.ask(UTIL, '{"format":"heatmap","frame":"true"}'), heatmap)
case("simpod", "wants a state timeline", c.ask(UTIL, '{"format":"states"}'), states)
case("simpod", "names series by a template",
     c.ask(UTIL, '{"agg":"max","by":["service"],"legend":"{{service}} used"}'),
     named(*(s + " used" for s in SERVICES)))
case("simpod", "writes by as it became of a variable",
     c.ask(UTIL, '{"agg":"max","by":"(service)","legend":"{{service}}"}'), named(*SERVICES))


def events(reply):
    found, = frames(reply)
    got = r.annotations(found)
    assert len(got) == 12, got
    for one in got:
        assert "started" in one["text"] and one["title"], one
        assert "target_started" in one["tags"] and one["time"] > 1e11, one


case("simpod", "shows events as annotations",
     c.post("/query", c.panel(c.target("events", '{"kind":"target_started"}')).replace(
         "@FROM@", "1970-01-01T00:00:00Z")), events)
for form in ("table", "latest", "frames", "heatmap", "states"):
    case("simpod", f"asks for events with the format {form} left over",
         c.ask("events", '{"format":"%s"}' % form),
         lambda reply: frames(reply)[0].fields[0].type == "time" or r.need(False, reply.body))


# ---- simpod: ad-hoc filters ----

def filtered(key, operator, value, *values):
    return ',"filters":[%s]' % json.dumps(
        {"key": key, "operator": operator, "value": value, **({"values": values} if values else {})})


for operator, value, values, expect in (
        ("=", "plc-01", (), ["plc-01"]), ("!=", "plc-01", (), NODES[1:]),
        ("=~", "hist.*|plc-01", (), TWO), ("!~", "hist.*", (), [NODES[0], NODES[2]]),
        ("=|", "hist(3)", ("hist(3)", "plc-01"), TWO),
        ("!=|", "hist(3)", ("hist(3)", "plc-01"), [NODES[2]])):
    more = filtered("node", operator, value, *values)
    case("simpod", f"filters by {operator}", c.ask(UTIL, more=more), nodes_are(*expect))
    case("simpod 0.4", f"calls filters adhocFilters, {operator}",
         c.ask(UTIL, more=more.replace('"filters"', '"adhocFilters"')), nodes_are(*expect))
case("simpod", "has a filter that is being typed", c.ask(UTIL, more=filtered("", "=", "")),
     nodes_are(*NODES))
case("simpod", "filters by an operator of another kind",
     c.ask(UTIL, more=filtered("node", "><", "1")), refused(400, "bad_request", "><"))
TAGS = '{"filters":[],"queries":[],"timeRange":{"from":"@FROM@","to":"@TO@"},"scopes":[]}'


def keys(reply):
    got = json.loads(reply.body)
    assert all(k["type"] == "string" for k in got), got
    assert {"node", "service", "site"} <= {k["text"] for k in got}, got


def texts(*values):
    return lambda reply: r.need(
        sorted(v["text"] for v in json.loads(reply.body)) == sorted(values), reply.body)


case("simpod", "asks for keys with an empty body", c.post("/tag-keys", ""), keys)
case("simpod", "asks for keys", c.post("/tag-keys", TAGS), keys)
case("simpod", "asks for values", c.post("/tag-values", '{"key":"node","filters":[]}'),
     lambda reply: r.need(set(NODES) <= {v["text"] for v in json.loads(reply.body)}, reply.body))
case("simpod", "asks for values narrowed by other filters",
     c.post("/tag-values", '{"key":"instance","filters":[{"key":"node","operator":"=","value":'
            '"plc-01"},{"key":"service","operator":"=","value":"svc-00"}]}'), texts("i0", "i3"))
case("simpod", "asks for values of a key that nothing has",
     c.post("/tag-values", '{"key":"nothing","filters":[]}'), texts())


# ---- simpod: editors and variables ----

case("simpod", "opens the editor", c.post("/metrics", "{}"), whole_list)
case("simpod", "reloads the editor: the metric is a hint, the list stays whole",
     c.post("/metrics", '{"metric":"heap_util_rate","payload":{"format":"table"}}'), whole_list)
case("simpod", "opens the editor on a variable",
     c.post("/metrics", '{"metric":"(heap_util_rate|frag_ratio)"}'), whole_list)
OPTIONS = '{"metric":"heap_util_rate","payload":%s,"name":"%s"}'
case("simpod", "opens the menu of a label: what is chosen hides nothing",
     c.post("/metric-payload-options", OPTIONS % (r'{"step":"10","service":["(plc-01|svc-01)"]}',
                                                  "service")), choices_are(*SERVICES))
case("simpod", "opens the menu of a column that only this table has",
     c.post("/metric-payload-options", '{"metric":"targets","payload":{},"name":"watched"}'),
     choices_are("yes", "no"))
case("simpod", "opens a menu narrowed by what is chosen",
     c.post("/metric-payload-options",
            OPTIONS % ('{"node":["plc-01"],"service":["svc-00"]}', "instance")),
     choices_are("i0", "i3"))
case("simpod", "opens the menu of an option",
     c.post("/metric-payload-options", OPTIONS % ("{}", "agg")),
     lambda reply: r.need({"max", "p99", "sum"} <= set(r.simpod_choices(
         json.loads(reply.body))), reply.body))


def variable(*values):
    def check(reply):
        got = r.simpod_variable(reply.body)
        raw = json.loads(reply.body)
        assert len(got) == len(raw), "texts are not unique"
        assert sorted(v for _, v in got) == sorted(values), got
    return check


case("simpod", "fills a variable", c.post("/variable", '{"payload":{"target":"service"},' + c.RANGE
                                          + "}"), variable(*SERVICES))
case("simpod", "fills a variable by the plural", c.post(
    "/variable", '{"payload":{"target":"services"},' + c.RANGE + "}"), variable(*SERVICES))
case("simpod", "fills a variable that depends on another", c.post(
    "/variable", r'{"payload":{"target":"instance","node":"(plc-01)","service":"svc-00"}}'),
    variable("i0", "i3"))
case("simpod", "fills a variable with nothing", c.post(
    "/variable", '{"payload":{"target":"service","node":"elsewhere"}}'), variable())


# ---- HTTP, through a proxy and from a browser ----

def preflight_ok(reply):
    h = reply.headers
    assert reply.status == 204, reply
    assert h["access-control-allow-origin"] == "https://grafana.example", h
    assert h["access-control-allow-credentials"] == "true" and "Origin" in h["vary"], h
    assert {"GET", "POST", "OPTIONS"} <= set(h["access-control-allow-methods"].split(", ")), h
    allowed = h["access-control-allow-headers"].lower()
    assert all(w in allowed for w in ("content-type", "x-grafana-device-id")), allowed
    assert int(h["access-control-max-age"]) > 0, h


def readable(status):
    def check(reply):
        h = reply.headers
        assert reply.status == status, reply
        assert h["access-control-allow-origin"] == "https://grafana.example", h
        assert h["access-control-allow-credentials"] == "true" and "Origin" in h["vary"], h
    return check


PATHS = [("GET", "/"), ("POST", "/query"), ("POST", "/metrics"),
         ("POST", "/metric-payload-options"), ("POST", "/variable"), ("POST", "/tag-keys"),
         ("POST", "/tag-values"), ("POST", "/search"), ("POST", "/annotations"),
         ("GET", "/api/v1/series"), ("GET", "/api/v1/latest"), ("GET", "/api/v1/events"),
         ("GET", "/api/v1/labels"), ("GET", "/metrics")]
for method, path in PATHS:
    case("browser", f"asks leave for {method} {path}", c.preflight(path, method), preflight_ok)
case("browser", "reads an answer", c.get("/", c.BROWSER), readable(200))
case("browser", "reads an error", c.post("/query", "{", c.BROWSER), readable(400))
case("browser", "reads that nothing is there", c.get("/nothing", c.BROWSER), readable(404))
case("browser", "of a stranger's page reads nothing",
     c.get("/", c.BROWSER.replace("grafana.example", "evil.example")),
     lambda reply: r.need("access-control-allow-origin" not in reply.headers, reply.headers))


def packed(reply):
    assert reply.headers["content-encoding"] == "gzip", reply.headers
    assert "Accept-Encoding" in reply.headers["vary"], reply.headers
    nodes_are(*NODES)(reply)


GZIP = c.PROXY + "Accept-Encoding: gzip\r\n"
case("proxy", "asks for gzip", c.post("/query", c.panel(c.target(UTIL)), GZIP), packed)
case("proxy", "refuses gzip", c.post("/query", c.panel(c.target(UTIL)),
                                     c.PROXY + "Accept-Encoding: gzip;q=0, identity\r\n"),
     lambda reply: r.need("content-encoding" not in reply.headers, reply.headers))
case("proxy", "brings a token and cookies", c.post("/query", c.panel(c.target(UTIL)), c.PROXY + (
    "Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.e30.x\r\nX-ID-Token: abc\r\n"
    "Cookie: grafana_session=1\r\n")), nodes_are(*NODES))


# ---- simple-json ----

def simple_points(reply):
    answer = r.simple_query(reply.body)
    assert reply.status == 200 and len(answer) == 12, answer
    assert all("datapoints" in e for e in answer)


def simple_table(reply):
    answer, = r.simple_query(reply.body)
    assert len(answer["rows"][0]) == len(answer["columns"]), answer["columns"]


def simple_events(count):
    def check(reply):
        got = r.simple_annotations(reply.body)
        assert reply.status == 200 and len(got) == count, (len(got), reply.body[:500])
        assert all("target_started" in e["tags"] for e in got)
    return check


def searched(*names):
    def check(reply):
        found = [text for text, _ in r.simple_search(reply.body)]
        assert set(names) <= set(found) and reply.status == 200, found
    return check


case("simple-json", "tests the data source", c.get("/"), ok)
case("simple-json", "searches before a letter is typed", c.post("/search", '{"target":""}'),
     searched(UTIL, "gc_pressure"))
case("simple-json", "searches with no body", c.post("/search", ""), searched(UTIL))
case("simple-json", "searches for a text", c.post("/search", '{"target":"heap"}'),
     searched(UTIL, "heap_used_bytes"))
case("simple-json", "asks for points", c.simple(UTIL), simple_points)
case("simple-json", "asks for a table", c.simple(UTIL, "table"), simple_table)
case("simple-json", "filters", c.simple(UTIL, more='{"key":"node","operator":"=","value":'
                                        '"plc-01"}'), nodes_are("plc-01"))
FAR = "1970-01-01T00:00:00Z"
case("simple-json", "asks for annotations", c.annotation("").replace("@FROM@", FAR),
     lambda reply: r.need(len(r.simple_annotations(reply.body)) >= 12, reply.body))
case("simple-json", "asks for annotations of a kind",
     c.annotation(r'kind=\"target_started\"').replace("@FROM@", FAR), simple_events(12))
case("simple-json", "asks for annotations of some nodes, as a glob",
     c.annotation(r'kind=\"target_started\", node=~\"{plc-01,hist(3)}\"').replace("@FROM@", FAR),
     simple_events(8))
case("simple-json", "writes nonsense as the query of an annotation", c.annotation("=="),
     refused(400, "bad_request", "matchers"))


# ---- Infinity ----

def series(more="", span="from=@FROM@&to=@TO@"):
    return f"/api/v1/series?metric={UTIL}&{span}&step=60s{more}"


def infinity(path):
    return c.get(path, c.INFINITY, "")


def long_rows(count):
    def check(reply):
        wide = r.long_to_wide(r.infinity_rows(reply.status, reply.body))
        assert len(wide) == count and all(len(v) >= 4 for v in wide.values()), wide.keys()
    return check


def wide_rows(reply):
    rows = r.infinity_rows(reply.status, reply.body)
    assert [x["time"] for x in rows] == sorted({x["time"] for x in rows}), rows
    assert len(rows[0]) == 13 and len(rows) in (10, 11), rows[0]


def alert_rows(reply):
    rows = r.infinity_rows(reply.status, reply.body)
    assert rows and "time" not in rows[0], rows
    assert set(r.numeric_long(rows).values()) == {1}


def csv_rows(reply):
    assert reply.headers["content-type"].startswith("text/csv"), reply.headers
    rows = list(csv.DictReader(io.StringIO(reply.body.decode(), newline="")))
    assert {x["node"] for x in rows} == set(NODES) and all(x[UTIL] for x in rows), rows[0]


def ndjson_rows(reply):
    rows = [json.loads(line) for line in reply.body.splitlines()]
    assert len(rows) > 100 and {x["node"] for x in rows} == set(NODES), len(rows)


for span in ("from=@FROM@&to=@TO@", "from=@FROM_S@&to=@TO_S@", "from=@FROM_MS@&to=@TO_MS@"):
    case("Infinity", f"asks for a long series {span}", infinity(series(span=span)), long_rows(12))
case("Infinity", "gets gzip and unpacks it", infinity(series()),
     lambda reply: r.need(reply.headers.get("content-encoding") == "gzip", reply.headers))
case("Infinity", "narrows by a variable", infinity(series("&node=%28plc-01%7Chist%5C%283%5C%29%29")),
     long_rows(8))
case("Infinity", "narrows by two of one name", infinity(series("&node=plc-01&node=hist(3)")),
     long_rows(8))
case("Infinity", "aggregates", infinity(series("&agg=max&by=service")), long_rows(3))
case("Infinity", "asks for a wide series", infinity(series("&layout=wide")), wide_rows)
case("Infinity", "asks for rows past the end: an empty list, never 404",
     infinity(series("&offset=100000")),
     lambda reply: r.need(r.infinity_rows(reply.status, reply.body) == [], reply.body))
case("Infinity", "asks for what an alert rule needs",
     infinity("/api/v1/latest?metric=heapwatch_up"), alert_rows)
case("Infinity", "narrows by a label of the plant",
     infinity("/api/v1/latest?metric=heapwatch_up&site=north"), alert_rows)
case("Infinity", "asks for events as annotations",
     infinity("/api/v1/events?kind=target_started&from=0&to=@TO_MS@"),
     lambda reply: r.need(len(r.annotations(r.to_data_frame(
         r.infinity_rows(reply.status, reply.body)))) == 12, reply.body))
case("Infinity", "fills a variable", infinity("/api/v1/labels?label=service"),
     lambda reply: r.need(sorted(x["value"] for x in r.infinity_rows(
         reply.status, reply.body)) == SERVICES, reply.body))
case("Infinity", "asks for CSV", c.get(series(), c.INFINITY.replace(
    "application/json;q=0.9,text/plain", "text/csv"), ""), csv_rows)
case("script", "asks for lines of JSON", c.get(series("&format=ndjson"), c.INFINITY, ""),
     ndjson_rows)
case("Infinity", "misspells a metric", infinity("/api/v1/series?metric=heap_utl_rate"),
     refused(404, "unknown_metric", "heap_util_rate"))
for path in ("series?metric=events", "latest?metric=events", "series?metric=events&layout=wide"):
    case("Infinity", f"asks for events as {path}", infinity("/api/v1/" + path),
         refused(400, "bad_request", "/api/v1/events"))
case("script", "sends a value that is no text: refused, never everything",
     infinity(series("&node=%ff")), refused(400, "bad_request", "UTF-8"))
case("script", "sends a name that is no text", infinity(series("&%ff=a")),
     refused(400, "bad_request", "UTF-8"))
case("Infinity", "names no metric", infinity("/api/v1/series"), refused(400, "empty_target"))
case("Infinity", "passes a query through, as the migration guide says: no range, no payload",
     c.post("/query", '{"targets":[{"target":"memory_total_bytes"}]}', c.INFINITY),
     lambda reply: r.need(json.loads(reply.body)[0]["datapoints"], reply.body))


# ---- marcusolsson ----



def typed(**kinds):
    def check(reply):
        rows = json.loads(reply.body)["rows"]
        fields = r.marcus_fields(rows, list(kinds))
        assert {k: v[0] for k, v in fields.items()} == kinds, fields
        assert rows, reply.body
    return check


case("marcusolsson", "reads fields by JSONPath: ISO time is a time",
     c.get("/api/v1/series?metric=heap_util_rate&from=@FROM_S@&to=@TO_S@&step=60", kind=""),
     typed(time="time", node="string", heap_util_rate="number"))
case("marcusolsson", "asks from a browser",
     c.get("/api/v1/series?metric=heap_util_rate&from=@FROM_S@&to=@TO_S@", c.BROWSER, ""),
     typed(time="time", service="string", heap_util_rate="number"))
case("marcusolsson", "reads Unix milliseconds as numbers",
     c.get("/api/v1/series?metric=heap_util_rate&from=@FROM_S@&to=@TO_S@&times=ms", kind=""),
     lambda reply: r.need(all(x["time"] > 1e12 for x in json.loads(reply.body)["rows"]),
                          reply.body))
case("marcusolsson", "has fields that are null at times, never missing",
     c.get("/api/v1/series?metric=heap_util_rate&from=@FAR_S@&to=@TO_S@&step=10&layout=wide"
           .replace("@FAR_S@", "@FROM_S@"), kind=""),
     lambda reply: r.infinity_rows(reply.status, reply.body))


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Loaded(seconds=3600, tick=10, config=CONFIG)
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        cls.server.wait_value("heapwatch_up")

    def ask(self, request, **more):
        end = self.server.end_ms
        return send(self.server, c.filled(request, end - 600000, end), **more)

    def test_every_client_reads_what_it_should(self):
        for one in CASES:
            with self.subTest(f"{one.client} {one.what}"):
                reply = self.ask(one.request)
                try:
                    one.check(reply)
                except (KeyError, IndexError, ValueError, TypeError, AssertionError) as error:
                    raise AssertionError(f"{error!r}\nasked: {one.request}\n"
                                         f"answer: {reply.status} {reply.headers}\n"
                                         f"{reply.body[:2000]!r}") from error
        print(f"{len(CASES)} cases")

    def test_no_answer_is_kept_where_it_changes(self):
        for method, path in PATHS:
            if method == "POST":
                with self.subTest(path):
                    body = '{"key":"node","name":"agg","payload":{"target":"node"},"targets":[]}'
                    reply = self.ask(c.post(path, body))
                    self.assertIn(reply.headers.get("cache-control"), ("no-store", "no-cache"))

    def test_head_and_wrong_methods_on_every_path(self):
        for method, path in PATHS:
            with self.subTest(f"{method} {path}"):
                reply = self.ask(f"DELETE {path} HTTP/1.1\r\n{c.PROXY}\r\n")
                self.assertEqual(reply.status, 405)
                self.assertIn(method, reply.headers["allow"])
                if method == "GET":
                    reply = self.ask(f"HEAD {path} HTTP/1.1\r\n{c.PROXY}\r\n", head=True)
                    self.assertGreater(int(reply.headers["content-length"]), 0)

    def test_pages_are_the_whole_in_order(self):
        path = series("&limit=50")
        whole = json.loads(self.ask(infinity(series("&limit=100000"))).body)["rows"]
        paged, cursor, pages = [], "", 0
        while True:
            reply = json.loads(self.ask(infinity(path + f"&cursor={cursor}")).body)
            paged += reply["rows"]
            cursor, pages = reply["next"], pages + 1
            if not cursor:
                break
        self.assertEqual(paged, whole)
        self.assertEqual(pages, -(-len(whole) // 50))
        by_offset = [row for at in range(0, len(whole) + 100, 50) for row in json.loads(
            self.ask(infinity(path + f"&offset={at}")).body)["rows"]]
        self.assertEqual(by_offset, whole)

    def test_what_changes_slowly_has_an_etag(self):
        # / is another as soon as a process of a known runtime comes or goes.
        settled(lambda: self.check_etag("/"))

    def check_etag(self, path):
        tag = self.ask(c.get(path)).headers["etag"]
        self.assertRegex(tag, r'^(W/)?"[^"]+"$')
        again = self.ask(f"GET {path} HTTP/1.1\r\n{c.PROXY}If-None-Match: {tag}\r\n\r\n")
        self.assertEqual((again.status, again.body), (304, b""))

    def test_a_series_of_requests_on_one_connection(self):
        end = self.server.end_ms
        requests = [c.filled(one.request, end - 600000, end) for one in CASES[:40]]
        with socket.create_connection(self.server.address, timeout=120 * PATIENCE) as s, \
                s.makefile("rb") as stream:
            for request, one in zip(requests, CASES):
                s.sendall(request)
                one.check(read_reply(stream, False))


class Sentences(unittest.TestCase):
    def test_cases_are_told_apart(self):
        names = [(one.client, one.what) for one in CASES]
        self.assertEqual(len(names), len(set(names)))
        self.assertFalse([n for n in names if re.search(r"\s$", n[1])])


if __name__ == "__main__":
    unittest.main()
