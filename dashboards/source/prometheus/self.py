"""Heapwatch itself, for a Prometheus that scrapes GET /metrics with honor_labels: true."""
from parts import *

NODE = '{node=~"$node"}'


def each(metric, wrap="%s"):
    return p(wrap % f"{metric}{NODE}", METRICS[metric]["unit"], "{{node}}")


def rate(metric, unit):
    return p(f"rate({metric}{NODE}[$__rate_interval])", unit, "{{node}}")


DASHBOARD = dashboard(
    "self", "Heapwatch itself", "Is it up, what does it lose, what does it cost?",
    variables=plant_variables(), panels=[
        stat("Watched", "Processes that are watched now.", 8, 5, each("heapwatch_targets", "sum(%s)"),
             thresholds=calm()),
        stat("Batches dropped", "Whole ticks lost in this range because the writer did not keep up.",
             8, 5, p(f"sum(increase(heapwatch_batches_dropped_total{NODE}[$__range]))", "short",
                     instant=True), thresholds=bad_above(GREEN), decimals=0),
        stat("Database", "Size of all database files of all machines; retention.bytes bounds each.", 8, 5,
             p("sum(heapwatch_store_file_bytes)", "bytes"), thresholds=calm()),
        graph("CPU", "CPU time of heapwatch per second; 100 % is one CPU.", 8, 8,
              rate("heapwatch_cpu_seconds_total", "percentunit"), minimum=0),
        graph("Memory", "Resident memory of heapwatch by kind.", 8, 8,
              p(f"heapwatch_resident_bytes{NODE}", "bytes", "{{kind}}"), stack=True,
              overrides=MEMORY_KINDS),
        graph("Length of a round", "Time that reading all processes once took.", 8, 8,
              each("heapwatch_tick_seconds"), minimum=0),
        graph("What probes cost", "Share of one CPU that all probes cost all processes now.", 8, 8,
              each("heapwatch_probe_cpu_ratio"), minimum=0),
        graph("Requests", "Requests answered per second.", 8, 8,
              p("rate(heapwatch_http_requests_total[$__rate_interval])", "reqps", "{{instance}}"),
              minimum=0),
        graph("Series", "Series that the store knows.", 8, 8,
              p("heapwatch_store_series", "short", "{{instance}}"), minimum=0),
    ])
