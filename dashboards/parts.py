"""What dashboards are made of: each function is one kind of panel, in few words.

A source file names panels with their size and questions; all that is the same
everywhere (units, limits, colours, scope, links, layout) is decided here, once.
Units, meanings and limits come from docs/metrics.md, which the program writes.
"""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[1]
TAG = "heapwatch"
DATASOURCE = {"type": "heapwatch-heapwatch-datasource", "uid": "heapwatch"}
WIDTH = 24  # columns of Grafana's grid

# Okabe and Ito's colours, told apart by every eye; each state has a sign too.
GREEN, ORANGE, RED, BLUE, SKY, GREY, PURPLE, PALE = (
    "#009E73", "#E69F00", "#D55E00", "#0072B2", "#56B4E9", "#5C5C5C", "#CC79A7", "#B0B0B0")
STATES = {  # word: (code of target_state, sign, colour)
    "ok": (0, "●", GREEN),
    "unknown": (1, "?", GREY),
    "stale": (2, "◌", SKY),
    "warning": (3, "▲", ORANGE),
    "critical": (4, "✖", RED),
}


# ---- what the program says of its metrics ----

def read_metrics():
    """{name: {unit, kind, meaning}} and {name: (warning, critical, "above" or "below")}"""
    text = (ROOT / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (gauge|counter) \| \w+ \| .*? \| (.*?) \|$",
                      text, re.M)
    limits = re.findall(r"^\| `(\w+)` \| ([<>]) ([\d.]+) \| [<>] ([\d.]+) \|$", text, re.M)
    return ({name: {"unit": unit, "kind": kind, "meaning": meaning}
             for name, unit, kind, meaning in rows},
            {name: (float(warning), float(critical), "above" if sign == ">" else "below")
             for name, sign, warning, critical in limits})


METRICS, LIMITS = read_metrics()
PER_SECOND = {"bytes": "Bps", "s": "percentunit"}  # of what is counted
# Targets that are no metric, with the times among their columns.
TIMES = {"targets": ("since", "started"), "status": (), "lacks": (),
         "events": ("time", "timeEnd")}


# ---- questions ----

# What may be added up. The series without a kind is of all kinds together, and
# the forced collections are among the cycles.
PAUSES = {"kind": "^$"}
COLLECTIONS = {"kind": ["cycle", "young", "old", "concurrent"]}


def q(target, scope=True, **payload):
    """One question; keys of its payload as docs/api.md has them."""
    return {"target": target, "payload": payload, "scope": scope}


def p(expr, unit, legend="", instant=False, format="time_series"):
    """The same of a Prometheus that scrapes GET /metrics, in PromQL."""
    return {"expr": expr, "unit": unit, "legend": legend, "instant": instant, "format": format,
            "scope": False}


def unit_of(question):
    """Grafana's unit of the answer."""
    if "expr" in question:
        return question["unit"]
    target, payload = question["target"], question["payload"]
    name = re.split(r"[()|]", target.strip("("))[0]
    if name in TIMES:
        return "none"
    unit = METRICS[name]["unit"]
    if payload.get("agg") in ("count", "states", "histogram"):
        return "short"
    if payload.get("fn") == "rate":
        return PER_SECOND.get(unit, "cps")
    return unit


# ---- looks ----

def limits(metric):
    """Steps of colour at the configuration's numbers."""
    if metric is None:
        return {"mode": "absolute", "steps": [{"color": SKY, "value": None}]}
    warning, critical, side = LIMITS[metric]
    if side == "above":
        # The limit itself is healthy, but Grafana colours from the number on.
        beyond = 1 + 1e-9
        steps = [(GREEN, None), (ORANGE, warning * beyond), (RED, critical * beyond)]
    else:
        steps = [(RED, None), (ORANGE, critical), (GREEN, warning)]
    return {"mode": "absolute", "steps": [{"color": c, "value": v} for c, v in steps]}


def bad_above(zero, colour=RED):
    """Good at zero, bad from there on: a count of what should not be."""
    return {"mode": "absolute", "steps": [{"color": zero, "value": None},
                                          {"color": colour, "value": 1}]}


def calm():
    """A number that is neither good nor bad."""
    return {"mode": "absolute", "steps": [{"color": BLUE, "value": None}]}


def state_mappings():
    """Words and codes of states as sign, word and colour."""
    options = {}
    for at, (word, (code, sign, colour)) in enumerate(STATES.items()):
        for key in (word, str(code)):
            options[key] = {"text": f"{sign} {word}", "color": colour, "index": at}
    return [{"type": "value", "options": options}]


def override(name, **properties):
    """Properties of the one field of that name; "custom_x" means custom.x."""
    return {"matcher": {"id": "byName", "options": name},
            "properties": [{"id": key.replace("custom_", "custom."), "value": value}
                           for key, value in properties.items()]}


def colour(name, value, **more):
    return override(name, color={"mode": "fixed", "fixedColor": value}, **more)


def colours(*names):
    """One each, told apart; by its own choice Grafana gives some names the same."""
    return [colour(name, value) for name, value in
            zip(names, (SKY, ORANGE, GREEN, PURPLE, BLUE, PALE))]


# Lines that mean the same have the same look on every dashboard.
MEMORY_KINDS = colours("anon", "file", "shmem")
FILE_KINDS = colours("file", "socket", "pipe", "anon", "device", "other")
POOLS = colours("eden", "survivor", "old", "young", "heap")
STALLS = colours("memory_some", "memory_full", "cpu_some", "io_some", "io_full")
HEAP_LINES = [
    colour("used", SKY, custom_fillOpacity=15),
    colour("live", GREEN, custom_lineWidth=3),
    colour("after collection", PURPLE),
    colour("goal", PALE, custom_lineStyle={"fill": "dash", "dash": [6, 6]},
           custom_fillOpacity=0),
    colour("bound", RED, custom_lineStyle={"fill": "dash", "dash": [12, 6]}, custom_lineWidth=2,
           custom_fillOpacity=0),
]

# ---- links ----

KEEP = "${site:queryparam}&${area:queryparam}&${line:queryparam}&${__url_time_range}"


def link(title, dashboard, **variables):
    """To another dashboard of this set, with time and the plant's variables kept. What Grafana
    puts in must be encoded: by itself it leaves & and # as they are."""
    chosen = "".join(f"var-{name}={value}&" for name, value in variables.items())
    keep = "&".join(p for p in KEEP.split("&") if p.strip("${}").split(":")[0] not in variables)
    return {"title": title, "url": f"/d/heapwatch-{dashboard}?{chosen}{keep}",
            "targetBlank": False}


WHO = ("node", "service", "instance")


def to_process():
    """From a series that has these labels."""
    return [link("Show this process", "process",
                 **{name: "${__field.labels.%s:percentencode}" % name for name in WHO})]


def row_to_process(**known):
    """From a row of a table that has these columns, but for what is known."""
    return [link("Show this process", "process", **{
        name: known.get(name, "${__data.fields.%s:percentencode}" % name) for name in WHO})]


# ---- panels ----

def panel(kind, title, description, width, height, questions, unit=None, metric=None,
          thresholds=None, mappings=(), overrides=(), options=None, custom=None, links=(),
          minimum=None, maximum=None, decimals=None, fixed=None, no_value=None,
          transformations=(), repeat=None, name=None):
    """The fields that every panel has; metric: whose limits colour it."""
    defaults = {
        "unit": unit or unit_of(questions[0]),
        "thresholds": thresholds or limits(metric),
        "mappings": list(mappings),
        "color": {"mode": "fixed", "fixedColor": fixed} if fixed else {"mode": "thresholds"},
        "custom": custom or {},
        "links": list(links),
    }
    for key, value in (("min", minimum), ("max", maximum), ("decimals", decimals),
                       ("noValue", no_value), ("displayName", name)):
        if value is not None:
            defaults[key] = value
    made = {"type": kind, "title": title, "description": description, "questions": questions,
            "width": width, "height": height, "options": options or {},
            "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
            "transformations": list(transformations)}
    if repeat:
        made.update(repeat=repeat, repeatDirection="h", maxPerRow=WIDTH // width)
    return made


def reduce(fields="", calc="lastNotNull", values=False):
    return {"calcs": [calc], "fields": fields, "values": values}


def stat(title, description, width, height, question, fields="", calc="lastNotNull",
         background=True, spark=False, names=False, **more):
    """One big number, readable from four metres."""
    return panel("stat", title, description, width, height, [question], options={
        "reduceOptions": reduce(fields, calc), "orientation": "auto", "wideLayout": True,
        "textMode": "value_and_name" if names else "value",
        "colorMode": "background_solid" if background else "value",
        "graphMode": "area" if spark else "none", "justifyMode": "center",
        "showPercentChange": False, "percentChangeColorMode": "standard"}, **more)


def bars(title, description, width, height, question, calc="lastNotNull", **more):
    """The worst few, side by side."""
    return panel("bargauge", title, description, width, height, [question], options={
        "reduceOptions": reduce(calc=calc), "orientation": "horizontal", "displayMode": "basic",
        "valueMode": "text", "namePlacement": "auto", "showUnfilled": True, "sizing": "auto",
        "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 300,
        "legend": {"showLegend": False, "displayMode": "hidden", "placement": "bottom",
                   "calcs": []}}, **more)


def graph(title, description, width, height, *questions, stack=False, bars=False, points=False,
          fill=8, line=2, right=False, metric=None, **more):
    """Lines over time; limits are dashed lines. right: a legend beside, with values."""
    custom = {
        "drawStyle": "bars" if bars else "points" if points else "line",
        "lineInterpolation": "linear", "lineWidth": 1 if bars else line,
        "fillOpacity": 70 if bars else 25 if stack else fill, "gradientMode": "none",
        "showPoints": "always" if points else "never", "pointSize": 7 if points else 5,
        "spanNulls": False, "insertNulls": False, "axisPlacement": "auto", "axisLabel": "",
        "axisColorMode": "text", "axisBorderShow": False, "axisCenteredZero": False,
        "axisSoftMin": 0, "barAlignment": 0, "barWidthFactor": 0.6,
        "scaleDistribution": {"type": "linear"},
        "hideFrom": {"legend": False, "tooltip": False, "viz": False},
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if metric else "off"},
    }
    made = panel("timeseries", title, description, width, height, list(questions), metric=metric,
                 custom=custom, options={
                     "legend": {"showLegend": True,
                                "displayMode": "table" if right else "list",
                                "placement": "right" if right else "bottom",
                                "calcs": ["lastNotNull", "max"] if right else []},
                     "tooltip": {"mode": "multi", "sort": "desc", "hideZeros": False}}, **more)
    if not more.get("fixed"):
        made["fieldConfig"]["defaults"]["color"] = {"mode": "palette-classic-by-name"}
    return made


def timeline(title, description, width, height, question, **more):
    """States as coloured, labelled bars over time."""
    return panel("state-timeline", title, description, width, height, [question],
                 mappings=state_mappings(), unit="none", custom={
                     "fillOpacity": 85, "lineWidth": 0,
                     "hideFrom": {"legend": False, "tooltip": False, "viz": False}},
                 options={"mergeValues": True, "showValue": "auto", "alignValue": "left",
                          "rowHeight": 0.85,
                          "legend": {"showLegend": False, "displayMode": "list",
                                     "placement": "bottom", "calcs": []},
                          "tooltip": {"mode": "single", "sort": "none", "hideZeros": False}},
                 **more)


def heatmap(title, description, width, height, question, unit):
    """How many are in each bucket, over time; dark is many."""
    return panel("heatmap", title, description, width, height, [question], unit="short", custom={
        "hideFrom": {"legend": False, "tooltip": False, "viz": False},
        "scaleDistribution": {"type": "linear"}}, options={
            "calculate": False, "cellGap": 1, "showValue": "never",
            "color": {"mode": "scheme", "scheme": "Cividis", "steps": 32, "exponent": 0.5,
                      "fill": BLUE, "reverse": False},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
            "rowsFrame": {"layout": "auto"}, "cellValues": {"unit": "short"},
            "filterValues": {"le": 1e-9}, "exemplars": {"color": RED},
            "legend": {"show": True},
            "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": False}})


def table(title, description, width, height, question, columns, newest=None, **more):
    """columns: {field: (title, width) or title}; others are hidden, order is kept.
    newest: the column whose newest comes first."""
    titles = {k: v if isinstance(v, str) else v[0] for k, v in columns.items()}
    overrides = [override(title, custom_width=columns[name][1])
                 for name, title in titles.items() if not isinstance(columns[name], str)]
    overrides += more.pop("overrides", [])
    # A filter of names lets every time pass.
    times = TIMES[question["target"]] if "target" in question else ("Time",)
    hidden = {name: True for name in times if name not in columns}
    return panel("table", title, description, width, height, [question], unit="none",
                 overrides=overrides, custom={
                     "align": "auto", "cellOptions": {"type": "auto"}, "inspect": False,
                     "filterable": False, "minWidth": 60},
                 options={"showHeader": True, "cellHeight": "md", "frameIndex": 0},
                 transformations=[
                     {"id": "filterFieldsByName", "options": {
                         "include": {"names": list(columns)}}},
                     {"id": "organize", "options": {
                         "indexByName": {name: at for at, name in enumerate(columns)},
                         "renameByName": titles, "excludeByName": hidden, "includeByName": {}}}]
                 + ([{"id": "sortBy", "options": {
                     "fields": {}, "sort": [{"field": newest, "desc": True}]}}] if newest else []),
                 **more)


def state_cell(title="State"):
    """The column of states: sign, word and colour."""
    return override(title, mappings=state_mappings(), custom_align="center",
                    custom_cellOptions={"type": "color-background", "mode": "basic",
                                        "applyToRow": False})


def ago_cell(title):
    return override(title, unit="dateTimeFromNow")


def row(title, repeat=None, collapsed=False):
    """A heading; what follows belongs to it. Repeated once for each value."""
    return {"type": "row", "title": title, "repeat": repeat, "collapsed": collapsed}


# ---- dashboards ----

def variable(name, label, multi=True, every=True, **narrowed_by):
    """Values of a label; narrowed_by: {label: variable that was chosen before}."""
    return {"name": name, "label": label, "multi": multi, "all": every,
            "payload": {"target": name, **narrowed_by}}


def plant_variables(service_alone=False):
    """The same on every dashboard, so that links carry them everywhere."""
    narrowed = {}
    made = []
    for name, label in (("site", "Site"), ("area", "Area"), ("line", "Line"), ("node", "Node"),
                        ("service", "Service"), ("instance", "Instance")):
        alone = service_alone and name == "service"
        made.append(variable(name, label, multi=not alone, every=not alone, **narrowed))
        narrowed[name] = f"${name}"
    return made


def dashboard(uid, title, description, panels, variables, since="now-6h", scope=None):
    """scope: labels that narrow every question by the variable of that name."""
    return {"uid": uid, "title": title, "description": description, "panels": panels,
            "variables": variables, "since": since,
            "scope": [v["name"] for v in variables] if scope is None else scope}
