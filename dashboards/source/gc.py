"""Collections: how many, how long, what they cost, what they leave."""
from parts import *

UNIT = "{{service}}/{{instance}}"
EACH = {"by": list(WHO), "legend": UNIT}

DASHBOARD = dashboard(
    "gc", "Collections", "How often, how long, at what price, and what each collection leaves.",
    variables=plant_variables(), since="now-1h", panels=[
        stat("Most collections a minute", "The highest rate of any unit chosen.", 6, 5,
             q("gc_pressure", agg="max", legend="worst"), metric="gc_pressure", spark=True,
             decimals=0),
        stat("Longest pause", "The longest pause of all units chosen in this range.", 6, 5,
             q("gc_last_pause_seconds", agg="max", legend="longest"), calc="max", spark=True,
             background=False),
        stat("Most time stopped", "The highest share of time a unit stood still for collections, "
             "in this range.", 6, 5,
             q("gc_pause_seconds_total", **PAUSES, fn="rate", agg="max", legend="worst"), calc="max",
             spark=True, background=False, decimals=2),
        stat("Most CPU for collections", "Go: the highest CPU time per second that collecting "
             "took in this range; 100 % is one CPU.", 6, 5,
             q("gc_cpu_seconds_total", fn="rate", agg="max", legend="worst"), calc="max",
             spark=True, background=False, decimals=2),
        graph("Collections a minute", "Young collections in the trailing minute (Go: all cycles).",
              12, 9, q("gc_pressure", agg="max", **EACH), metric="gc_pressure", minimum=0,
              links=to_process()),
        graph("When collections ended", "Finished collections in each step, by unit.", 12, 9,
              q("gc_collections_total", **COLLECTIONS, fn="increase", agg="sum", **EACH),
              bars=True, stack=True, minimum=0, links=to_process()),
        graph("Last pause", "Length of the most recent pause, as each step ended.", 12, 9,
              q("gc_last_pause_seconds", agg="max", **EACH), points=True, minimum=0,
              links=to_process()),
        heatmap("Pauses by length", "How many units had a last pause of which length, over time.",
                12, 9, q("gc_last_pause_seconds", format="heatmap", frame=True), "s"),
        graph("Time stopped", "Share of time each unit stood still for collections.", 12, 8,
              q("gc_pause_seconds_total", **PAUSES, fn="rate", agg="max", **EACH), minimum=0,
              links=to_process()),
        graph("Length of collections", "From begin to end, as probes saw it; absent where none "
              "can be attached.", 12, 8, q("gc_last_cycle_seconds", agg="max", **EACH), minimum=0,
              links=to_process()),
        graph("CPU for collections", "Go: CPU time per second that collecting takes; 100 % is one "
              "CPU.", 12, 8, q("gc_cpu_seconds_total", fn="rate", agg="max", **EACH), minimum=0,
              links=to_process()),
        graph("Allocation", "Bytes allocated per second: what makes collections necessary. A JVM "
              "of some versions does not tell it.", 12, 8,
              q("heap_allocated_bytes_total", fn="rate", agg="max", **EACH), minimum=0,
              links=to_process()),
        table("Each collection", "Begin, length, cause, and the heap before and after, as probes "
              "saw it; the newest first. Of one process two a second are kept.", 24, 9,
              q("events", kind="collection"),
              {"time": ("Begin", 240), "service": ("Unit", 150), "instance": ("No.", 50),
               "collection": ("Kind", 120), "duration_seconds": ("Length", 110),
               "before_bytes": ("Before", 120), "after_bytes": ("After", 120),
               "cause": "Cause", "collector": ("Collector", 220), "node": ("Node", 150)},
              newest="Begin", no_value="No collection was seen in this range", overrides=[
                  override("Length", unit="s"), override("Before", unit="bytes"),
                  override("After", unit="bytes")]),
        row("Heap before and after collections"),
        graph("$service", "The highest use of each step, and what was left right after the last "
              "collection.", 8, 8,
              q("heap_used_bytes", agg="max", legend="used"),
              q("heap_after_gc_bytes", agg="max", legend="after collection"),
              q("heap_max_bytes", agg="max", legend="bound"), overrides=HEAP_LINES,
              repeat="service"),
    ])
