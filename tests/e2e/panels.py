"""A dashboard of 12 panels over a Loaded past, as heapwatch and as Prometheus are asked."""
import json
import urllib.parse

STEP = 60
S = f"[{STEP}s]"
# name, metric, payload, PromQL
PANELS = [
    ("worst use by service", "heap_util_rate", {"agg": "max", "by": ["service"]},
     f"max by (service) (max_over_time(heap_util_rate{S}))"),
    ("use of one service", "heap_util_rate", {"service": ["svc-00"]},
     f'max_over_time(heap_util_rate{{service="svc-00"}}{S})'),
    ("least whole heap by node", "frag_ratio", {"agg": "min", "by": ["node"]},
     f"min by (node) (min_over_time(frag_ratio{S}))"),
    ("bytes by node", "heap_used_bytes", {"agg": "sum", "by": ["node"]},
     f"sum by (node) (max_over_time(heap_used_bytes{S}))"),
    ("allocation by service", "heap_allocated_bytes_total",
     {"fn": "rate", "agg": "sum", "by": ["service"]},
     f"sum by (service) (rate(heap_allocated_bytes_total{S}))"),
    ("pauses by service", "gc_pause_seconds_total",
     {"fn": "rate", "agg": "max", "by": ["service"]},
     f"max by (service) (rate(gc_pause_seconds_total{S}))"),
    ("collections by kind", "gc_collections_total",
     {"fn": "increase", "agg": "sum", "by": ["kind"]},
     f"sum by (kind) (increase(gc_collections_total{S}))"),
    ("95th percentile of use", "heap_util_rate", {"agg": "p95"},
     f"quantile(0.95, max_over_time(heap_util_rate{S}))"),
    ("mean bytes", "heap_used_bytes", {"agg": "avg"},
     f"avg(max_over_time(heap_used_bytes{S}))"),
    ("processes", "heap_used_bytes", {"agg": "count"},
     f"count(max_over_time(heap_used_bytes{S}))"),
    ("bytes of every process", "heap_used_bytes", {},
     f"max_over_time(heap_used_bytes{S})"),
    ("whole heap on one node", "frag_ratio", {"node": ["plc-01"]},
     f'min_over_time(frag_ratio{{node="plc-01"}}{S})'),
]


def heapwatch_requests(end_ms, seconds):
    """[(method, path, body)]"""
    return [("POST", "/query", json.dumps({
        "app": "dashboard", "intervalMs": STEP * 1000, "maxDataPoints": 700,
        "range": {"from": end_ms - seconds * 1000, "to": end_ms},
        "targets": [{"refId": "A", "target": metric, "payload": {**payload, "step": f"{STEP}s"}}],
    }).encode()) for _, metric, payload, _ in PANELS]


def prometheus_requests(end_ms, seconds):
    return [("GET", "/api/v1/query_range?" + urllib.parse.urlencode({
        "query": promql, "start": end_ms // 1000 - seconds, "end": end_ms // 1000,
        "step": STEP}), None) for _, _, _, promql in PANELS]
