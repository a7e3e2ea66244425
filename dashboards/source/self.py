"""Heapwatch itself: does it see everything, and what does watching cost?"""
from parts import *

UNIT = "{{service}}/{{instance}}"
NODE = {"scope": ["node"]}


def figure(title, description, field, **more):
    return stat(title, description, 4, 5, q("status", **NODE), fields=f"/^{field}$/", **more)


DASHBOARD = dashboard(
    "self", "Heapwatch itself", "Does it see everything, what does it lack, what does it cost?",
    variables=plant_variables(), panels=[
        figure("Watched", "Processes that are watched now.", "watched", unit="short",
               thresholds={"mode": "absolute", "steps": [{"color": RED, "value": None},
                                                         {"color": GREEN, "value": 1}]}),
        figure("Things it lacks", "What a missing right or kernel would give; the table below "
               "names it.", "lacks", unit="short", thresholds=bad_above(GREEN, ORANGE)),
        figure("Batches dropped", "Whole ticks lost since heapwatch started, because the writer did "
               "not keep up.",
               "batches_dropped", unit="short", thresholds=bad_above(GREEN)),
        figure("Write errors", "Writes to the database that failed since heapwatch started.", "write_errors",
               unit="short", thresholds=bad_above(GREEN)),
        figure("Database", "Size of all database files; retention.bytes bounds it.", "file",
               unit="bytes", thresholds=calm()),
        figure("Running for", "Time since heapwatch started.", "uptime", unit="s",
               thresholds=calm()),
        graph("CPU", "CPU time of heapwatch per second; 100 % is one CPU.", 8, 8,
              q("heapwatch_cpu_seconds_total", **NODE, fn="rate", agg="max", by=["node"],
                legend="{{node}}"), minimum=0),
        graph("Memory", "Resident memory of heapwatch by kind.", 8, 8,
              q("heapwatch_resident_bytes", **NODE, agg="max", by=["kind"], legend="{{kind}}"),
              stack=True, overrides=MEMORY_KINDS),
        graph("Length of a round", "Time that reading all processes once took.", 8, 8,
              q("heapwatch_tick_seconds", **NODE, agg="max", by=["node"], legend="{{node}}"),
              minimum=0),
        bars("Dearest to read", "CPU time per second that reading each process costs heapwatch; "
             "the eight highest.", 8, 8,
             q("target_read_cpu_seconds_total", format="latest", fn="rate", agg="max",
               by=list(WHO), topk=8, frame=True, legend=UNIT), decimals=3, minimum=0,
             links=to_process()),
        bars("What probes cost", "Share of one CPU that probes cost each process now; above "
             "governor.target they are detached.", 8, 8,
             q("target_probe_cpu_ratio", format="latest", agg="max", by=list(WHO), topk=8,
               frame=True, legend=UNIT), decimals=4, minimum=0, links=to_process()),
        graph("Probes", "Executables and libraries with probes, by what became of them.", 8, 8,
              q("heapwatch_probe_links", **NODE, agg="max", by=["state"], legend="{{state}}"),
              overrides=[colour("attached", GREEN), colour("backing_off", ORANGE),
                         colour("refused", RED)], minimum=0),
        graph("Lost", "Batches that were dropped and eBPF records that were lost, in each step.",
              8, 7,
              q("heapwatch_batches_dropped_total", **NODE, fn="increase", agg="sum",
                legend="batches"),
              q("heapwatch_ring_lost_total", **NODE, fn="increase", agg="sum", legend="records"),
              bars=True, minimum=0),
        table("What it lacks", "A missing right or kernel, and what it would give. Empty is good: "
              "nothing is missing.", 16, 7, q("lacks", **NODE),
              {"node": ("Node", 150), "what": "What", "needs": ("Needs", 240),
               "reason": "Why"}, no_value="Nothing is missing"),
        table("Not watched, and why", "Processes of a known runtime that are not watched.", 24, 6,
              q("targets", watched="no"),
              {"service": ("Unit", 220), "reason": "Why", "runtime": ("Runtime", 100),
               "version": ("Version", 230), "node": ("Node", 160), "pid": ("PID", 100),
               "started": ("Started", 170)},
              no_value="Every process of a known runtime is watched",
              overrides=[ago_cell("Started")]),
        table("What happened", "Events of this range, the newest first.",
              24, 9, q("events"),
              {"time": ("Time", 210), "title": ("What", 320), "text": "Details"},
              newest="Time"),
    ])
