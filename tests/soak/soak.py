#!/usr/bin/env python3
"""Run the server for minutes under a changing load, and see whether it grows.

    tests/soak/soak.py MINUTES

Victims come and go (each executable is learned anew now and then), questions
of every kind are asked all the time, and once a second the server's own
weight is noted. Prints what it came to; fails when descriptors or threads
grow, when the resident memory's slope lies surely above the bound, when
anything was dropped or lost, or when the server reported an error. $HEAPWATCH
names the program. The first quarter is warm-up and is not judged.
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

from heapwatch import Server, Victim  # noqa: E402 pylint: disable=wrong-import-position

GO = ROOT / "build/victims/go/victim-1.26.8"
# In the first minutes the store's memory and SQLite's caches still fill; only
# a slope that is surely above the bound fails. Longer runs take a lower one.
SLOPE_MAX = float(os.environ.get("SOAK_SLOPE_MAX", str(512 << 10)))  # bytes a minute
# What the store remembers of a process until retention drops it: its series.
ENTITY_BYTES = 64 << 10
QUESTIONS = ("heap_util_rate", "gc_pressure", "frag_ratio", "resident_bytes", "heapwatch_up")
STUDENT_95 = 1.96


def count(pid, what):
    return len(os.listdir(f"/proc/{pid}/{what}"))


def resident(pid):
    words = pathlib.Path(f"/proc/{pid}/statm").read_text().split()
    return int(words[1]) * os.sysconf("SC_PAGESIZE")


def line(points):
    """(slope, half of its 95 % interval) of a least squares line.

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
    alike = sum(a * b for a, b in zip(rest, rest[1:])) / square
    alike = min(max(alike, 0.0), 0.99)
    free = max(n * (1 - alike) / (1 + alike), 3.0)
    spread = square / n  # of one point about the line
    return slope, STUDENT_95 * math.sqrt(spread / (sxx / n) / max(free - 2, 1))


class Load:
    """Threads that do one thing over and over until the end."""

    def __init__(self):
        self.over, self.threads, self.errors = threading.Event(), [], []
        self.done = {}

    def start(self, name, step):
        def run():
            while not self.over.is_set():
                try:
                    step()
                    self.done[name] = self.done.get(name, 0) + 1
                except Exception as error:  # pylint: disable=broad-except
                    self.errors.append(f"{name}: {error!r}")
                    self.over.wait(1)
        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


def come_and_go(load, folder, chance, number=[0]):
    """A victim that lives for a while; every tenth is another file."""
    path = folder / f"soak-{number[0] // 10 % 3}"
    if number[0] % 10 == 0:
        # By a process of its own: a fork of ours must not hold it for writing.
        subprocess.run(["cp", "--remove-destination", GO, path], check=True)
    number[0] += 1
    with Victim([path]) as victim:
        victim.ask("grow 8")
        victim.tell("churn 20")
        load.over.wait(chance.choice((0.3, 3, 10, 30)) * chance.uniform(0.5, 1.5))


def ask(server, chance):
    metric = chance.choice(QUESTIONS)
    shape = chance.choice(({"format": "latest"}, {"step": "10s"}, {"format": "table"}, {}))
    server.post_json("/query", {"targets": [{"refId": "A", "target": metric, "payload": shape}]})
    status, _, _ = server.get(chance.choice(("/", "/metrics", "/api/v1/targets",
                                             "/api/v1/status")))
    assert status == 200, status
    time.sleep(0.05)


def watch(server, seconds):
    """[(second, resident, descriptors, threads, entities)], one a second."""
    notes, begin = [], time.monotonic()
    while time.monotonic() - begin < seconds:
        assert server.process.poll() is None, server.log()
        notes.append((time.monotonic() - begin, resident(server.pid), count(server.pid, "fd"),
                      count(server.pid, "task"),
                      server.get_json("/api/v1/status")["store"]["entities"]))
        time.sleep(1)
    return notes


def middle(values):
    return sorted(values)[len(values) // 2]


def judge(notes, status, load):
    """Print all of it; the reasons to fail."""
    judged = notes[len(notes) // 4:]
    slope, half = line([(second / 60, rss) for second, rss, *_ in judged])
    bad = []
    born = line([(second / 60, known) for second, _, _, _, known in judged])[0]
    bound = SLOPE_MAX + max(born, 0) * ENTITY_BYTES
    print(f"  resident     {judged[0][1] >> 10} KiB, at the end {judged[-1][1] >> 10} KiB")
    print(f"  slope        {slope / 1024:+.1f} KiB/min, 95 % interval "
          f"{(slope - half) / 1024:+.1f} to {(slope + half) / 1024:+.1f}, "
          f"bound {bound / 1024:.0f} with {born:.1f} new processes a minute")
    if slope - half > bound:
        bad.append("resident memory grows")
    third = len(judged) // 3
    for name, at in (("descriptors", 2), ("threads", 3)):
        first, last = (middle([n[at] for n in part]) for part in (judged[:third], judged[-third:]))
        print(f"  {name:12} {first}, at the end {last}, most {max(n[at] for n in judged)}")
        if last > first + 4:
            bad.append(f"{name} grow")
    collector, store = status["collector"], status["store"]
    losses = {"queue drops": status["queue"]["dropped"], "ring losses": collector["ring_lost"],
              "lost samples": store["lost_samples"], "lost events": store["lost_events"],
              "write errors": store["write_errors"], "damaged rows": store["damaged_rows"]}
    for name, value in losses.items():
        print(f"  {name:12} {value}")
        if value:
            bad.append(name)
    print(f"  store        {store['entities']} entities, {store['series']} series")
    print(f"  late ticks   {collector['late_ticks']} of {collector['ticks']}")
    print(f"  load         {load.done}, errors {len(load.errors)}")
    for error in load.errors[:5]:
        print(f"    {error}")
    if load.errors:
        bad.append("questions or victims failed")
    return bad


def main():
    minutes = float(sys.argv[1])
    chance, load = random.Random(1), Load()
    with tempfile.TemporaryDirectory() as folder, \
            Server(args=["--flush", "5s", "--resolution", "1s", "--memory", "1m"]) as server:
        for i in range(3):
            own = pathlib.Path(folder, str(i))
            own.mkdir()
            load.start("victims", lambda own=own, number=[0]: come_and_go(
                load, own, chance, number))
        for _ in range(2):
            load.start("questions", lambda: ask(server, chance))
        try:
            notes = watch(server, minutes * 60)
        finally:
            load.stop()
        bad = judge(notes, server.get_json("/api/v1/status"), load)
    print(f"soak of {minutes:g} min: " + (", ".join(bad) if bad else "no growth, nothing lost"))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
