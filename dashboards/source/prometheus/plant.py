"""The wall, for a Prometheus that scrapes GET /metrics with honor_labels: true."""
from parts import *

CHOSEN = ('site=~"$site",area=~"$area",line=~"$line",node=~"$node",service=~"$service",'
          'instance=~"$instance"')
UNIT = "{{service}}/{{instance}}"
WHO_BY = "node, service, instance"


def count(title, description, condition, zero, bad):
    return stat(title, description, 6, 5,
                p(f"count(target_state{{{CHOSEN}}} {condition}) or vector(0)", "short",
                  instant=True), thresholds=bad_above(zero, bad))


DASHBOARD = dashboard(
    "plant", "Plant overview",
    "Who is in trouble. Since when and why in words stand in heapwatch's own data source.",
    variables=plant_variables(), since="now-1h", panels=[
        count("✖ Critical", "Units beyond a critical limit now.", "== 4", GREEN, RED),
        count("▲ Warning", "Units beyond a warning limit now.", "== 3", GREEN, ORANGE),
        count("◌ No reading", "Units whose numbers are old or cannot be had.",
              "> 0 < 3", GREEN, SKY),
        count("● Healthy", "Units within all limits.", "== 0", GREY, GREEN),
        timeline("Units", "The state of each unit over time.", 24, 9,
                 p(f"max by ({WHO_BY}) (target_state{{{CHOSEN}}})", "none", UNIT),
                 links=to_process()),
        bars("Fullest heaps", "Live heap as a share of its tightest bound, the eight highest now.",
             8, 8, p(f"topk(8, max by ({WHO_BY}) (heap_live_rate{{{CHOSEN}}}))", "percentunit",
                     UNIT, instant=True),
             metric="heap_live_rate", minimum=0, maximum=1, decimals=0, links=to_process()),
        bars("Most collections", "Young collections in the last minute, the eight highest now.",
             8, 8, p(f"topk(8, max by ({WHO_BY}) (gc_pressure{{{CHOSEN}}}))", "short", UNIT,
                     instant=True),
             metric="gc_pressure", minimum=0, maximum=30, decimals=0, links=to_process()),
        bars("Least whole heap", "Share of the maximal heap that is still whole, free regions; "
             "the eight lowest now.", 8, 8,
             p(f"bottomk(8, min by ({WHO_BY}) (frag_ratio{{{CHOSEN}}}))", "percentunit", UNIT,
               instant=True),
             metric="frag_ratio", minimum=0, maximum=1, decimals=0, links=to_process()),
        graph("Live heap", "Live heap of each unit as a share of its tightest bound.", 12, 9,
              p(f"max by ({WHO_BY}) (heap_live_rate{{{CHOSEN}}})", "percentunit", UNIT),
              metric="heap_live_rate", minimum=0, maximum=1, links=to_process()),
        graph("Resident memory", "Resident memory of each process, one upon the other.", 12, 9,
              p(f"max by ({WHO_BY}) (resident_bytes{{{CHOSEN}}})", "bytes", UNIT), stack=True,
              links=to_process()),
    ])
