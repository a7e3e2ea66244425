"""Forty questions, answered by heapwatch and by a few lines of Python.

The reference reads the samples as they were appended (tests/bench/load_store.c
writes them beside the store), folds them to the resolution as store.h says,
and answers by the words of query.h. What is picked must be equal to the bit;
what is summed or divided may differ in its last bit before it is rounded.
"""
import bisect
import collections
import csv
import io
import json
import math
import unittest

from loaded import Loaded

RESOLUTION = 10000
FOLDS = {"heap_util_rate": max, "frag_ratio": min, "heap_used_bytes": max}
DERIVED_DIGITS = 10

Question = collections.namedtuple(
    "Question", "metric step fn agg by match top shift from_s to_s", defaults=(None,) * 6)


def q(metric, step, fn=None, agg="none", by=(), match=None, top=0, shift=0, span=(3600, 0)):
    return Question(metric, step, fn, agg, by, match or {}, top, shift, *span)


UTIL, FRAG, USED = "heap_util_rate", "frag_ratio", "heap_used_bytes"
ALLOC, PAUSE, GCS = ("heap_allocated_bytes_total", "gc_pause_seconds_total",
                     "gc_collections_total")
HIST = {"node": "hist(3)"}
SERVICE = ("service",)
QUESTIONS = [
    # each fold and fn, at and above the resolution
    q(UTIL, 10), q(FRAG, 10), q(USED, 10), q(ALLOC, 10), q(PAUSE, 10), q(GCS, 10),
    q(UTIL, 60), q(FRAG, 60), q(USED, 300), q(ALLOC, 300), q(GCS, 900),
    q(UTIL, 60, "last"), q(UTIL, 60, "min"), q(UTIL, 60, "max"), q(UTIL, 60, "avg"),
    q(FRAG, 120, "delta"), q(USED, 60, "avg", span=(1800, 17)),
    # counters that start over and fall silent
    q(ALLOC, 60, "rate"), q(ALLOC, 300, "increase"), q(GCS, 60, "increase"),
    q(PAUSE, 60, "rate"), q(PAUSE, 600, "increase"), q(GCS, 10, "increase"),
    q(ALLOC, 3600, "rate", span=(4300, 0)),
    # finer than the resolution
    q(UTIL, 5, span=(600, 0)), q(UTIL, 1, span=(120, 0)),
    # across series
    q(UTIL, 60, agg="max"), q(UTIL, 60, agg="min", by=SERVICE),
    q(USED, 60, agg="sum", by=("node",)), q(USED, 60, agg="count"),
    q(UTIL, 60, agg="avg", by=SERVICE), q(UTIL, 60, agg="p50"),
    q(UTIL, 60, agg="p95", by=("runtime",)), q(FRAG, 300, agg="p99"),
    q(ALLOC, 60, "rate", "sum", SERVICE), q(GCS, 60, "increase", "sum", ("kind",)),
    # a part of them
    q(UTIL, 60, match=HIST), q(USED, 60, top=3), q(USED, 60, top=-2),
    q(UTIL, 60, shift=600, span=(1200, 0)),
]


def folded(samples, fold):
    """Stored points: the fold of the samples in (t - resolution, t]."""
    cells = {}
    for at, value in samples:
        t = -(-at // RESOLUTION) * RESOLUTION
        cells[t] = fold(cells[t], value) if t in cells else value
    return sorted(cells.items())


def windows(question, end_ms):
    """Ends of all windows that touch (from, to]."""
    step = question.step * 1000
    shift = question.shift * 1000
    first = (end_ms - question.from_s * 1000 - shift) // step
    last = -(-(end_ms - question.to_s * 1000 - shift) // step)
    return [(k + 1) * step for k in range(first, last)]


def over_time(fn, points, before, end, step):
    """One window; points lie in it, before is the one before it or None."""
    values = [v for _, v in points]
    if fn in ("last", "max", "min"):
        return {"last": lambda v: v[-1], "max": max, "min": min}[fn](values)
    if fn == "avg":
        return plain_sum(values) / len(values)
    begin = end - step
    if before and begin - before[0] <= max(step, 3 * RESOLUTION):
        points = [before] + points
    span = points[-1][0] - points[0][0]
    if span <= 0:
        return None
    if fn == "delta":
        return points[-1][1] - points[0][1]
    rise = plain_sum([b[1] - a[1] if b[1] >= a[1] else b[1]
                      for a, b in zip(points, points[1:])])
    return rise * 1000 / span if fn == "rate" else rise


def plain_sum(values):
    total = 0.0
    for value in values:
        total += value
    return total


def one_series(question, samples, ends):
    """{end: value} of one series."""
    fold = FOLDS.get(question.metric)
    points = folded(samples, fold or (lambda a, b: b))
    fn = question.fn or {max: "max", min: "min", None: "last"}[fold]
    step, answer = question.step * 1000, {}
    times = [t for t, _ in points]
    for end in ends:
        low, high = (bisect.bisect_right(times, t) for t in (end - step, end))
        value = None
        if low < high:
            value = over_time(fn, points[low:high], points[low - 1] if low else None, end, step)
        elif fn not in ("increase", "delta") and step < RESOLUTION:
            # a stored point stands for its resolution
            if low < len(points) and times[low] - end < RESOLUTION:
                value = points[low][1]
        if value is not None:
            answer[end] = value
    return answer


def share_beyond(samples, ends, step, counts):
    """{end: share of the known time} that the value spent where counts() says so."""
    points = folded(samples, FOLDS[UTIL])
    answer = {}
    for end in ends:
        known = beyond = 0
        for i, (at, value) in enumerate(points):
            if not end - step < at <= end:
                continue
            begin = max(at - RESOLUTION, end - step, points[i - 1][0] if i else 0)
            known += at - begin
            beyond += (at - begin) * counts(value)
        if known:
            answer[end] = beyond / known
    return answer


def quantile(values, share):
    values = sorted(values)
    rank = share * (len(values) - 1)
    low = int(rank)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (rank - low)


AGGS = {"max": max, "min": min, "count": len, "sum": plain_sum,
        "avg": lambda v: plain_sum(v) / len(v),
        **{f"p{n}": lambda v, n=n: quantile(v, n / 100) for n in (50, 95, 99)}}


def rows_of(question, samples, end_ms):
    """{labels: {end: value}} before top."""
    ends, groups = windows(question, end_ms), collections.defaultdict(list)
    for (metric, labels), values in samples.items():
        labels = dict(labels)
        if metric != question.metric or \
                any(labels[k] != v for k, v in question.match.items()):
            continue
        keep = question.by if question.agg != "none" else \
            [k for k in labels if k not in ("pid", "runtime")]
        key = tuple(sorted((k, labels[k]) for k in keep))
        groups[key].append(one_series(question, values, ends))
    if question.agg == "none":
        return {key: one for key, (one,) in groups.items()}, ends
    fold = AGGS[question.agg]
    return {key: {e: fold([s[e] for s in many if e in s])
                  for e in ends if any(e in s for s in many)}
            for key, many in groups.items()}, ends


def reference(question, samples, end_ms):
    rows, ends = rows_of(question, samples, end_ms)
    if question.top:
        mean = {k: plain_sum(v.values()) / len(v) for k, v in rows.items() if v}
        best = sorted(mean, key=lambda k: (-mean[k] if question.top > 0 else mean[k], k))
        rows = {k: rows[k] for k in best[:abs(question.top)]}
    shift = question.shift * 1000
    return {key: {e + shift: row.get(e) for e in ends} for key, row in rows.items()}


def rounded(value):
    return float(f"{value:.{DERIVED_DIGITS - 1}e}")


def same(question, got, want):
    """Equal to the bit where a value was picked, else to its last bit."""
    if got is None or want is None:
        return got is want
    near = {want, math.nextafter(want, math.inf), math.nextafter(want, -math.inf)}
    if question.fn in ("avg", "rate") or question.agg in ("avg", "p50", "p95", "p99"):
        return got in {rounded(v) for v in near}
    if question.agg == "sum" or question.fn in ("increase", "delta"):
        return got in near
    return got == want


class Equality(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Loaded(processes=12, seconds=4800, config="query: {points_max: 1000000}\n")
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        cls.server.__enter__()

    def answer(self, question):
        payload = {"step": f"{question.step}s", "agg": question.agg, "by": list(question.by),
                   "matchers": [{"key": k, "operator": "=", "value": v}
                                for k, v in question.match.items()]}
        for key in ("fn", "top", "shift"):
            if getattr(question, key):
                payload[key] = getattr(question, key)
        end = self.server.end_ms
        answer = self.server.query(
            question.metric, payload, maxDataPoints=100000,
            range={"from": end - question.from_s * 1000, "to": end - question.to_s * 1000})
        rows = {}
        for one in answer:
            tags = {k: v for k, v in one.get("tags", {}).items()
                    if question.agg != "none" or k not in ("pid", "runtime")}
            rows[tuple(sorted(tags.items()))] = {t: v for v, t in one["datapoints"]}
        self.assertEqual(len(rows), len(answer), "two rows have the same labels")
        return rows

    def compare(self, question):
        got = self.answer(question)
        want = reference(question, self.server.samples, self.server.end_ms)
        self.assertEqual(sorted(got), sorted(want))
        cells = 0
        for key, row in want.items():
            self.assertEqual(list(got[key]), list(row), key)
            for end, value in row.items():
                self.assertTrue(same(question, got[key][end], value),
                                f"{key} at {end}: {got[key][end]!r}, reference {value!r}")
                cells += value is not None
        return cells

    def test_forty_questions_have_the_reference_s_answers(self):
        cells = 0
        self.assertEqual(len(QUESTIONS), 40)
        self.assertEqual(len(set(map(repr, QUESTIONS))), 40)
        for question in QUESTIONS:
            with self.subTest(json.dumps(question._asdict())):
                found = self.compare(question)
                self.assertGreater(found, 0)
                cells += found
        print(f"{cells} values compared")

    # ---- shapes ----

    def util(self):
        """{labels without pid and runtime: samples} of heap_util_rate."""
        return {tuple((k, v) for k, v in labels if k not in ("pid", "runtime")): values
                for (metric, labels), values in self.server.samples.items() if metric == UTIL}

    def ask(self, payload, metric=UTIL):
        end = self.server.end_ms
        return self.server.query(metric, {"step": "60s", **payload}, maxDataPoints=100000,
                                 range={"from": end - 3600000, "to": end})

    def test_shares_of_time_beyond_a_limit(self):
        ends, cells = windows(q(UTIL, 60), self.server.end_ms), 0
        for fn, counts in (("above", lambda v: v > 0.5), ("below", lambda v: v < 0.5)):
            got = {tuple(sorted((k, v) for k, v in one["tags"].items()
                                if k not in ("pid", "runtime"))): one["datapoints"]
                   for one in self.ask({"fn": fn, "threshold": 0.5})}
            self.assertEqual(sorted(got), sorted(map(tuple, map(sorted, self.util()))))
            for labels, samples in self.util().items():
                want = share_beyond(samples, ends, 60000, counts)
                for value, at in got[tuple(sorted(labels))]:
                    self.assertEqual(value is None, at not in want, (fn, labels, at))
                    if value is not None:
                        self.assertAlmostEqual(value, want[at], places=9)
                        cells += 1
        self.assertGreater(cells, 100)

    def test_heatmap_and_states_count_every_process_once(self):
        ends = windows(q(UTIL, 60), self.server.end_ms)
        values = [one_series(q(UTIL, 60), samples, ends) for samples in self.util().values()]
        low, total = -math.inf, collections.Counter()
        for one in self.ask({"format": "heatmap"}):
            high = float(one["tags"]["le"])
            for count, at in one["datapoints"]:
                self.assertEqual(count, sum(low < v[at] <= high for v in values if at in v),
                                 (low, high, at))
                total[at] += count
            low = high
        self.assertEqual(total, {at: sum(at in v for v in values) for at in ends})
        limits = {"ok": (-math.inf, 0.75), "warning": (0.75, 0.9), "critical": (0.9, math.inf)}
        for one in self.ask({"agg": "states"}):
            low, high = limits[one["tags"]["state"]]
            for count, at in one["datapoints"]:
                self.assertEqual(count, sum(low < v[at] <= high for v in values if at in v))

    def test_a_state_timeline_has_the_words_of_the_values(self):
        words = self.ask({"format": "states", "service": "svc-00"})[0]
        values = self.ask({"service": "svc-00"})
        self.assertEqual(len(words["columns"]), len(values) + 1)
        for column, one in enumerate(values, 1):
            for row, (value, at) in zip(words["rows"], one["datapoints"], strict=True):
                word = None if value is None else "critical" if value > 0.9 else \
                    "warning" if value > 0.75 else "ok"
                self.assertEqual((row[0], row[column]), (at, word))

    def test_every_shape_carries_the_same_numbers(self):
        want = sorted((at, value) for one in self.ask({}) for value, at in one["datapoints"]
                      if value is not None)
        frame = self.ask({"frame": True})[0]["data"]["values"]
        self.assertEqual(sorted((at, v) for column in frame[1:]
                                for at, v in zip(frame[0], column) if v is not None), want)
        table = self.ask({"format": "table"})[0]
        self.assertEqual(sorted((row[0], row[-1]) for row in table["rows"]), want)
        end = self.server.end_ms
        path = (f"/api/v1/series?metric={UTIL}&step=60s&from={end - 3600000}&to={end}"
                "&maxDataPoints=100000&times=ms&format=")
        rows = [json.loads(line) for line in self.server.get(path + "ndjson")[2].splitlines()]
        self.assertEqual(sorted((r["time"], r[UTIL]) for r in rows), want)
        text = self.server.get(path + "csv")[2].decode()
        rows = csv.DictReader(io.StringIO(text, newline=""))
        self.assertEqual(sorted((int(r["time"]), float(r[UTIL])) for r in rows), want)


if __name__ == "__main__":
    unittest.main()
