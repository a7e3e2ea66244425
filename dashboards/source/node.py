"""One machine: its memory, who takes it, and whether it stalls."""
from parts import *

UNIT = "{{service}}/{{instance}}"
# The machine's own numbers have no service, so only the node narrows them.
NODE = {"scope": ["node"]}

DASHBOARD = dashboard(
    "node", "Node", "A machine and the processes on it: memory, stalls, kills, who takes what.",
    variables=plant_variables(), panels=[
        row("Node $node", repeat="node"),
        stat("Memory available", "RAM available without swapping.", 6, 5,
             q("memory_available_bytes", **NODE, agg="min", by=["node"], legend="{{node}}"),
             spark=True, background=False),
        stat("Stalled for memory", "Share of time in which some task waited for memory.", 6, 5,
             q("pressure_stalled_seconds_total", **NODE, kind="memory_some", fn="rate", agg="max",
               by=["node"], legend="{{node}}"), spark=True, background=False, decimals=1),
        stat("OOM kills", "Processes the kernel killed for want of memory in this range.", 6, 5,
             q("oom_kills_total", **NODE, fn="increase", agg="sum"),
             calc="sum", thresholds=bad_above(GREEN), decimals=0),
        stat("Units not healthy", "Processes on this machine that are beyond a limit or cannot be "
             "read.", 6, 5,
             q("targets", watched="yes", state=["critical", "warning", "stale", "unknown"]),
             fields="/^service$/", calc="count", thresholds=bad_above(GREEN)),
        table("Processes", "Every process that is watched on this machine, the worst first.",
              24, 8, q("targets", watched="yes"),
              {"state": ("State", 150), "service": ("Unit", 190), "instance": ("No.", 60),
               "since": ("Since", 170), "reason": "Why", "runtime": ("Runtime", 100),
               "version": ("Version", 210), "bound": ("Bound by", 120), "pid": ("PID", 90),
               "started": ("Started", 170)},
              overrides=[state_cell(), ago_cell("Since"), ago_cell("Started"),
                         override("Unit", links=row_to_process(node="${node:percentencode}"))]),
        graph("Memory of the machine", "RAM that is available, and all there is.", 12, 8,
              q("memory_available_bytes", **NODE, agg="min", by=["node"], legend="available"),
              q("memory_total_bytes", **NODE, agg="min", by=["node"], legend="total"),
              overrides=[colour("available", SKY), colour("total", PALE)]),
        graph("Resident memory by unit", "Who takes it: resident memory, one upon the other.",
              12, 8, q("resident_bytes", agg="max", by=list(WHO), legend=UNIT), stack=True,
              links=to_process()),
        graph("Stalls", "Share of time in which tasks waited for a resource (pressure stall "
              "information).", 12, 8,
              q("pressure_stalled_seconds_total", **NODE, fn="rate", agg="max", by=["kind"],
                legend="{{kind}}"), minimum=0, overrides=STALLS),
        graph("CPU by unit", "CPU time per second: 100 % is one CPU.", 12, 8,
              q("cpu_seconds_total", fn="rate", agg="max", by=list(WHO), legend=UNIT),
              stack=True, links=to_process()),
        graph("Memory of control groups", "Memory that the control group of each process uses.",
              12, 8, q("cgroup_used_bytes", agg="max", by=list(WHO), legend=UNIT),
              links=to_process()),
        graph("Open file descriptors", "Open file descriptors by unit.", 12, 8,
              q("open_fds", agg="max", by=list(WHO), legend=UNIT), links=to_process()),
    ])
