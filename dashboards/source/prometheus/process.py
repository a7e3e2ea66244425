"""One process, for a Prometheus that scrapes GET /metrics with honor_labels: true."""
from parts import *

CHOSEN = ('site=~"$site",area=~"$area",line=~"$line",node=~"$node",service=~"$service",'
          'instance=~"$instance"')
UNIT = "{{node}} {{service}}/{{instance}}"


def one(metric, legend, agg="max"):
    return p(f"{agg} by (node, service, instance) ({metric}{{{CHOSEN}}})",
             METRICS[metric]["unit"], legend)


def rate(metric, unit, legend=UNIT, narrowed=""):
    return p(f"sum by (node, service, instance) "
             f"(rate({metric}{{{CHOSEN}{narrowed}}}[$__rate_interval]))", unit, legend)


DASHBOARD = dashboard(
    "process", "Process", "One process: SLIs, heap, collections, memory.",
    variables=plant_variables(service_alone=True), since="now-1h", panels=[
        stat("Heap used", "Used heap of the tightest bound, garbage not yet collected included.",
             6, 5, one("heap_util_rate", UNIT), metric="heap_util_rate", spark=True, decimals=0,
             minimum=0, maximum=1),
        stat("Heap live", "What survives collections, of the tightest bound. A leak shows here.",
             6, 5, one("heap_live_rate", UNIT), metric="heap_live_rate", spark=True, decimals=0,
             minimum=0, maximum=1),
        stat("Collections a minute", "Young collections in the trailing minute (Go: all cycles).",
             6, 5, one("gc_pressure", UNIT), metric="gc_pressure", spark=True, decimals=0),
        stat("Heap whole", "Share of the maximal heap that is still whole, free regions.", 6, 5,
             one("frag_ratio", UNIT, "min"), metric="frag_ratio", spark=True, decimals=0,
             minimum=0, maximum=1),
        graph("Heap", "Used saw-tooths by design; live, and what is left after collections, tell "
              "growth.", 16, 10, one("heap_used_bytes", "used"),
              one("heap_after_gc_bytes", "after collection"), one("heap_live_bytes", "live"),
              one("heap_max_bytes", "bound"),
              overrides=HEAP_LINES),
        graph("Resident memory", "Resident memory of each process.", 8, 10,
              one("resident_bytes", UNIT)),
        graph("Collections", "Finished collections per second.", 8, 8,
              rate("gc_collections_total", "cps", narrowed=',kind!="forced"'), minimum=0),
        graph("Time stopped", "Share of time the program stood still for collections.", 8, 8,
              rate("gc_pause_seconds_total", "percentunit", narrowed=',kind=""'), minimum=0),
        graph("CPU", "CPU time per second: 100 % is one CPU.", 8, 8,
              rate("cpu_seconds_total", "percentunit"), minimum=0),
    ])
