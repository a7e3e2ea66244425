"""The wall: which unit is in trouble, since when, why; worst first."""
from parts import *

UNIT = "{{service}}/{{instance}}"
# Where the configuration names no plant, or not all of it.
PLACES = [{"id": "renameByRegex", "options": {"regex": regex, "renamePattern": name}}
          for regex, name in (("^ /  / $", "no line given"), ("^(.*?)( / )+$", "$1"))]


def count(title, description, zero, bad, **conditions):
    return stat(title, description, 4, 5, q("targets", watched="yes", **conditions),
                fields="/^service$/", calc="count", thresholds=bad_above(zero, bad))


DASHBOARD = dashboard(
    "plant", "Plant overview",
    "Site, area, line, unit: who is in trouble, since when and why. Hangs on a wall.",
    variables=plant_variables(), since="now-1h", panels=[
        # First, as a telephone shows one panel below the other.
        table("Who is ill, since when, and why",
              "Every unit, the worst first; of two that are equally ill, the one that is so for "
              "longer. A click on a unit opens its process.", 24, 7,
              q("targets", watched="yes"),
              {"state": ("State", 130), "service": ("Unit", 150), "reason": "Why",
               "since": ("Since", 160), "instance": ("No.", 50), "site": ("Site", 120),
               "area": ("Area", 160), "line": ("Line", 110), "node": ("Node", 160),
               "maintenance": ("Maintenance", 150)},
              overrides=[state_cell(), ago_cell("Since"),
                         override("Unit", links=row_to_process())]),
        count("✖ Critical", "Units beyond a critical limit now; those in planned maintenance are "
              "counted apart.", GREEN, RED, state="critical", silenced="no"),
        count("▲ Warning", "Units beyond a warning limit now; those in planned maintenance are "
              "counted apart.", GREEN, ORANGE, state="warning", silenced="no"),
        count("◌ No reading", "Units whose numbers are old or cannot be had; the table says why.",
              GREEN, SKY, state=["stale", "unknown"], silenced="no"),
        count("● Healthy", "Units within all limits.", GREY, GREEN, state="ok", silenced="no"),
        count("In maintenance", "Units that planned maintenance silences, whatever their state.",
              GREY, PURPLE, silenced="yes"),
        count("Watched", "All units that are watched.", GREY, BLUE),
        timeline("Lines", "The worst state of each line over time, the worst ten of this range. "
                 "A click narrows this page to the line.", 12, 7,
                 q("target_state", format="states", agg="max", by=["site", "area", "line"],
                   topk=10, frame=True, legend="{{site}} / {{area}} / {{line}}"),
                 transformations=PLACES,
                 links=[link("Narrow to this line", "plant",
                             **{n: "${__field.labels.%s:percentencode}" % n
                                for n in ("site", "area", "line")})]),
        timeline("Units", "The state of each unit over time, the worst ten of this range.", 12, 7,
                 q("target_state", format="states", agg="max", by=list(WHO), topk=10, frame=True,
                   legend=UNIT),
                 links=to_process()),
        bars("Fullest heaps", "Live heap as a share of its tightest bound, the eight highest now: "
             "what survives collections. It is this that grows in a leak.", 8, 6,
             q("heap_live_rate", format="latest", agg="max", by=list(WHO), topk=8, frame=True,
               legend=UNIT),
             metric="heap_live_rate", minimum=0, maximum=1, decimals=0, links=to_process()),
        bars("Most collections", "Young collections in the last minute, the eight highest now.",
             8, 6, q("gc_pressure", format="latest", agg="max", by=list(WHO), topk=8, frame=True,
                     legend=UNIT),
             metric="gc_pressure", minimum=0, maximum=30, decimals=0, links=to_process()),
        bars("Least whole heap", "Share of the maximal heap that is still whole, free regions; "
             "the eight lowest now.", 8, 6,
             q("frag_ratio", format="latest", agg="min", by=list(WHO), bottomk=8, frame=True,
               legend=UNIT),
             metric="frag_ratio", minimum=0, maximum=1, decimals=0, links=to_process()),
        row("Area $area", repeat="area"),
        graph("Live heap by unit", "Live heap as a share of its tightest bound.", 12, 8,
              q("heap_live_rate", agg="max", by=list(WHO), legend=UNIT), metric="heap_live_rate",
              minimum=0, maximum=1, links=to_process()),
        graph("Resident memory by unit", "Resident memory of each process, one upon the other.",
              12, 8, q("resident_bytes", agg="max", by=list(WHO), legend=UNIT), stack=True,
              links=to_process()),
    ])
