"""A service's builds side by side: is the new one as good as the old?"""
from parts import *

BUILD = {"by": ["version", "build_id"], "legend": "{{version}} {{build_id}}"}
# A build id is long; its first eight letters tell builds apart.
SHORT = [{"id": "renameByRegex", "options": {"regex": "^(.* \\S{8})\\S*$", "renamePattern": "$1"}}]


def compare(title, description, question, metric=None, **more):
    return graph(title, description, 12, 8, question, metric=metric, transformations=SHORT, **more)


DASHBOARD = dashboard(
    "versions", "Version comparison",
    "Builds of one service side by side, wherever and whenever they ran in this range.",
    variables=plant_variables(service_alone=True), panels=[
        table("Who runs what", "Every instance with the version of its runtime and its build.",
              24, 6, q("targets"),
              {"version": ("Runtime version", 220), "build_id": "Build", "state": ("State", 150),
               "instance": ("No.", 60), "node": ("Node", 160), "since": ("Since", 170),
               "started": ("Started", 170)},
              no_value="No instance runs now; below is what ran in this range",
              overrides=[state_cell(), ago_cell("Since"), ago_cell("Started")]),
        bars("Most live heap", "The most live bytes of each build in this range, of its worst "
             "instance; a JVM tells it after a look at the whole heap.", 12, 6,
             q("heap_live_bytes", agg="max", **BUILD), calc="max", transformations=SHORT,
             minimum=0, no_value="not known yet"),
        bars("Most resident memory", "The most resident memory of each build in this range, of "
             "its worst instance.", 12, 6, q("resident_bytes", agg="max", **BUILD), calc="max",
             transformations=SHORT, minimum=0),
        compare("Live heap", "Live heap as a share of its bound, the worst instance of each "
                "build.", q("heap_live_rate", agg="max", **BUILD), "heap_live_rate", minimum=0,
                maximum=1),
        compare("Collections a minute", "The worst instance of each build.",
                q("gc_pressure", agg="max", **BUILD), "gc_pressure", minimum=0),
        compare("Allocation", "Bytes allocated per second, the mean of each build.",
                q("heap_allocated_bytes_total", fn="rate", agg="avg", **BUILD), minimum=0),
        compare("Time stopped", "Share of time stopped for collections, the mean of each build.",
                q("gc_pause_seconds_total", **PAUSES, fn="rate", agg="avg", **BUILD),
                minimum=0),
        compare("Resident memory", "The worst instance of each build.",
                q("resident_bytes", agg="max", **BUILD), minimum=0),
        compare("CPU", "CPU time per second, the mean of each build; 100 % is one CPU.",
                q("cpu_seconds_total", fn="rate", agg="avg", **BUILD), minimum=0),
    ])
