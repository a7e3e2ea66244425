#!/usr/bin/env python3
"""Run the server for minutes under a changing load, and see whether it grows.

    tests/soak/soak.py MINUTES

The server begins where others are after a month: its database has reached
retention.bytes, it remembers as many ended processes as ended_max allows, and
its caches are small, so that all of them are full after the warm-up. Then
Go and Java victims come and go (executables are learned anew now and then)
and questions of every kind are asked all the time, and once a second the
server's own weight is noted: resident memory, what its allocator holds (but
for SQLite's caches, which come and go within bounds of their own),
descriptors, threads. Warm-up is not judged: the first quarter, and longer on
a slow machine, until so much has come, gone and been asked that all is full.

Fails when one of them grows, surely (99.9 %) and by more than its bound; when
anything was dropped or lost; when a question or a victim failed. $HEAPWATCH
names the program, $SOAK_BOUND another bound, in bytes a minute. A build with
a sanitizer tells nothing of its allocator.
"""
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from heapwatch import Server, Victim, java_service  # noqa: E402 pylint: disable=wrong-import-position
from loaded import loader  # noqa: E402 pylint: disable=wrong-import-position

GO = ROOT / "build/victims/go/victim-1.26.8"
JAVA = ["java", "-Xmx64m", "-XX:+UseSerialGC", "-jar"]
BOUND = float(os.environ.get("SOAK_BOUND", 64 << 10))  # bytes a minute
BOUNDS = {                      # a minute
    "allocated": BOUND,
    "resident": 4 * BOUND,      # the same in pages, with holes in them
    "descriptors": 2,
    "threads": 0.5,
}
BESIDE = {"allocated": "entities", "resident": "entities", "descriptors": "watched",
          "threads": "watched"}
SQLITE_MAX = 24 << 20  # its caches, by server/store/schema.c
PAST = 10             # processes that the database knows from before
PAST_S = 300000       # and for how long
ENDED_MAX = 30
WARM_BIRTHS = 4 * 3 * 10  # of Go: every one of the files below has been learned
WARM_QUESTIONS = 1000
WARM_MAX_S = 1800     # then it never gets there
PROGRESS_S = 30
BLOCK_S = 10          # the least of so many seconds is one point
QUESTIONS = ("heap_util_rate", "gc_pressure", "frag_ratio", "resident_bytes", "heapwatch_up",
             "gc_collections_total")
CONFIG = """\
watch:
  - {{action: include, exe: '{folder}/.*'}}
  - {{action: include, service: {jar}}}
  - {{action: exclude}}
ended_max: {ended_max}
resolution: 1s
flush: 2s
memory: 1m
retention: {{bytes: 2MiB}}
query: {{cache_bytes: 1MiB}}
"""


def quantile(free):
    """Student's t, two-sided 99.9 %, to a few hundredths from 3 degrees on."""
    return 3.29 + 10.72 / free + 7.67 / free ** 2 + 140.2 / free ** 3


def apart(points, others):
    """The points without what goes along with others: more programs at the end
    than at the beginning are no growth."""
    mean = sum(others) / len(others)
    square = sum((o - mean) ** 2 for o in others)
    if square == 0:
        return points

    def rest(values):
        middle = sum(values) / len(values)
        share = sum((o - mean) * (v - middle) for o, v in zip(others, values)) / square
        return [v - share * (o - mean) for o, v in zip(others, values)]
    return list(zip(*map(rest, zip(*points))))


def line(points):
    """(slope, half of its 99.9 % interval) of a least squares line.

    Memory moves in long waves, so neighbours tell nearly the same: the
    interval counts only as many points as are independent of each other.
    """
    n = len(points)
    mx = sum(x for x, _ in points) / n
    my = sum(y for _, y in points) / n
    sxx = sum((x - mx) ** 2 for x, _ in points)
    slope = sum((x - mx) * (y - my) for x, y in points) / sxx
    rest = [y - my - slope * (x - mx) for x, y in points]
    square = sum(r * r for r in rest)
    if square == 0:
        return slope, 0.0
    alike = min(max(sum(a * b for a, b in zip(rest, rest[1:])) / square, 0.0), 0.99)
    free = max(n * (1 - alike) / (1 + alike) - 3, 3.0)  # less slope, mean, others
    return slope, quantile(free) * math.sqrt(square / sxx / free)


class Load:
    """Threads that do one thing over and over until the end."""

    def __init__(self):
        self.over, self.threads, self.errors = threading.Event(), [], []
        self.done = {}

    def start(self, name, step):
        self.done.setdefault(name, 0)

        def run():
            while not self.over.is_set():
                try:
                    step()
                    self.done[name] += 1
                except Exception as error:  # pylint: disable=broad-except
                    self.errors.append(f"{name}: {error!r}")
                    self.over.wait(1)
        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


def go_comes_and_goes(load, folder, chance, number):
    """A victim that lives for a while; every tenth is another file."""
    path = folder / f"soak-{number[0] // 10 % 3}"
    if number[0] % 10 == 0:
        # By a process of its own: a fork of ours must not hold it for writing.
        subprocess.run(["cp", "--remove-destination", GO, path], check=True)
    number[0] += 1
    with Victim([path]) as victim:
        victim.ask("grow 8")
        victim.tell("churn 20")
        load.over.wait(chance.choice((0.3, 1, 3, 12)) * chance.uniform(0.5, 1.5))


def java_comes_and_goes(load, jar, chance):
    with Victim([*JAVA, jar]) as victim:
        assert victim.line(300) == "ready"
        load.over.wait(chance.uniform(5, 15))


def ask(load, server, chance):
    now_ms = int(time.time() * 1000)
    metric = chance.choice(QUESTIONS)
    shape = chance.choice(({"format": "latest"}, {"step": "10s"}, {"format": "table"}, {}))
    back_s = chance.choice((60, 300, 3600, PAST_S))
    server.post_json("/query", {
        "targets": [{"refId": "A", "target": metric, "payload": shape}],
        "range": {"from": now_ms - back_s * 1000, "to": now_ms}, "maxDataPoints": 500})
    status, _, _ = server.get(chance.choice(("/", "/metrics", "/api/v1/targets",
                                             "/api/v1/status", "/api/v1/events")))
    assert status == 200, status
    load.over.wait(0.1)


def holds(pid, name):
    """Whether a descriptor is of the server itself. It has a pidfd of each Go
    program and JVM of the machine, watched or not: one of a process that is
    gone would be a leak, one that lives is none."""
    try:
        if os.readlink(f"/proc/{pid}/fd/{name}") != "anon_inode:[pidfd]":
            return True
        text = pathlib.Path(f"/proc/{pid}/fdinfo/{name}").read_text()
    except FileNotFoundError:  # closed since it was listed
        return False
    return "\nPid:\t-1\n" in text


class Note:
    """What was seen in one second."""

    def __init__(self, server, second):
        status = server.get_json("/api/v1/status")
        self.second = second
        self.resident = status["self"]["resident_bytes"]
        self.sqlite = status["store"]["sqlite_bytes"]
        allocated = status["self"].get("allocated_bytes")
        self.allocated = allocated and allocated - self.sqlite
        self.descriptors = sum(holds(server.pid, n) for n in os.listdir(f"/proc/{server.pid}/fd"))
        self.threads = len(os.listdir(f"/proc/{server.pid}/task"))
        self.entities = status["store"]["entities"]
        self.watched = status["collector"]["watched"]
        self.status = status

    def losses(self):
        collector, store = self.status["collector"], self.status["store"]
        return {"queue drops": self.status["queue"]["dropped"],
                "ring losses": collector["ring_lost"], "lost samples": store["lost_samples"],
                "lost events": store["lost_events"], "write errors": store["write_errors"],
                "damaged rows": store["damaged_rows"]}


def told(field, value):
    """In words: bytes as KiB, counts as they are."""
    if value is None:
        return "unknown"
    return f"{value:.1f}" if field in ("descriptors", "threads") else f"{value / 1024:.1f} KiB"


def births(load):
    return load.done["go"] + load.done["java"]


def warm(load, note):
    return (load.done["go"] >= WARM_BIRTHS and load.done["questions"] >= WARM_QUESTIONS
            and note.status["store"]["dropped_rows"] > 0)


def watch(server, load, seconds):
    """A note each second, a line of them now and then; and those to be judged."""
    notes, judged, begin, next_line = [], [], time.monotonic(), 0
    end = WARM_MAX_S + seconds
    while time.monotonic() - begin < end:
        assert server.process.poll() is None, server.log()
        note = Note(server, time.monotonic() - begin)
        notes.append(note)
        if not judged and note.second >= seconds / 4 and warm(load, note):
            end = note.second + seconds * 3 / 4
            judged = [note]
        elif judged:
            judged.append(note)
        if note.second >= next_line:
            next_line += PROGRESS_S
            print(f"  {note.second:5.0f} s  resident {told('resident', note.resident)}, "
                  f"allocated {told('allocated', note.allocated)}, {note.descriptors} descriptors, "
                  f"{note.threads} threads, {note.entities} entities, "
                  f"lost {sum(note.losses().values())}, "
                  + ", ".join(f"{n} {name}" for name, n in load.done.items()), flush=True)
        time.sleep(1)
    return notes, judged


def blocks(notes, field):
    """[(minute, value)] of the least of each few seconds: what a question takes
    for a moment is no growth; and what the server had to do with just then."""
    least = {}
    for note in notes:
        key = int(note.second // BLOCK_S)
        if key not in least or getattr(note, field) < getattr(least[key], field):
            least[key] = note
    kept = sorted(least.items())
    return ([(key * BLOCK_S / 60, getattr(note, field)) for key, note in kept],
            [getattr(note, BESIDE[field]) for _, note in kept])


def grows(notes, field, births_a_minute):
    """Print how it went; whether it grows."""
    if any(getattr(n, field) is None for n in notes):
        print(f"  {field:12} unknown")
        return False
    points, others = blocks(notes, field)
    slope, half = line(apart(points, others))
    low, high, bound = (told(field, v) for v in (slope - half, slope + half, BOUNDS[field]))
    print(f"  {field:12} {told(field, points[0][1])}, at the end {told(field, points[-1][1])}: "
          f"{told(field, slope)} a minute, 99.9 % interval {low} to {high}, bound {bound}; "
          f"{slope / max(births_a_minute, 1):.1f} a new process")
    return slope - half > BOUNDS[field]


def judge(notes, judged, load):
    """Print all of it; the reasons to fail."""
    last = notes[-1]
    each_minute = births(load) / (last.second / 60)
    bad = [f"growth of {field}" for field in BOUNDS if judged and grows(judged, field, each_minute)]
    if max(n.sqlite for n in notes) > SQLITE_MAX:
        bad.append("SQLite's caches")
    bad += [name for name, value in last.losses().items() if value]
    collector, store = last.status["collector"], last.status["store"]
    print("  lost         " + ", ".join(f"{n} {v}" for n, v in last.losses().items()))
    print(f"  store        {store['entities']} entities, {store['series']} series, "
          f"{store['file_bytes'] >> 10} KiB, {store['dropped_rows']} rows dropped")
    print(f"  SQLite       {told('sqlite', max(n.sqlite for n in notes))} at most")
    print(f"  late ticks   {collector['late_ticks']} of {collector['ticks']}")
    print(f"  load         {load.done}, errors {len(load.errors)}")
    for error in load.errors[:5]:
        print(f"    {error}")
    if load.errors:
        bad.append("questions or victims failed")
    print(f"  judged       {len(judged)} of {len(notes)} notes")
    if not judged or store["entities"] < ENDED_MAX // 2:
        bad.append("the server was not in its steady state")
    return bad


def start_load(load, server, folder, jar, chance):
    for i in range(4):
        own = folder / str(i)
        own.mkdir()
        load.start("go", lambda own=own, number=[0]: go_comes_and_goes(load, own, chance, number))
    load.start("java", lambda: java_comes_and_goes(load, jar, chance))
    for _ in range(2):
        load.start("questions", lambda: ask(load, server, chance))


def main():
    minutes = float(sys.argv[1])
    chance, load = random.Random(1), Load()
    with tempfile.TemporaryDirectory(prefix="heapwatch-soak-") as name:
        folder = pathlib.Path(name)
        end = int(time.time()) // 10 * 10 - 60
        subprocess.run([loader(), str(folder / "heapwatch.db"), "/dev/null", str(PAST),
                        str(PAST_S), str(end), "10"], check=True, timeout=300)
        jar = java_service(folder)
        config = CONFIG.format(folder=folder, ended_max=ENDED_MAX, jar=jar.stem)
        with Server(folder=folder, config=config) as server:
            server.wait_ready()
            start_load(load, server, folder, jar, chance)
            try:
                notes, judged = watch(server, load, minutes * 60)
            finally:
                load.stop()
            bad = judge(notes, judged, load)
    print(f"soak of {minutes:g} min: " + (", ".join(bad) if bad else "no growth beyond the bounds, nothing lost"))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
