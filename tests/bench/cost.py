#!/usr/bin/env python3
"""What watching costs: the levels of DESIGN section 10, measured.

    tests/bench/cost.py [PAIRS]

Accounted: hits times calibrated cost plus heapwatch's own CPU time, as a share
of one CPU. Seen: the service's CPU time per operation, watched and unwatched in
alternating pairs, the ratio with its 95 % interval. An interval wider than one
percent to either side says "not resolved".
"""
import math
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from heapwatch import Server, Victim, until  # noqa: E402

OPERATIONS = 40000  # about half a second of CPU


def build(folder):
    out = folder / "service"
    subprocess.run(["go", "build", "-o", out, "."], cwd=HERE / "service", check=True)
    return out


def accounted(service, server, seconds=10):
    """Probe and reader cost of one busy service while it works."""
    def costs():
        target = server.target(service.pid)
        return (sum(p["cpu_seconds"] or 0 for p in target["probes"]),
                target["read_cpu_seconds"],
                server.get_json("/api/v1/status")["self"]["cpu_seconds"])
    before, begin = costs(), time.monotonic()
    while time.monotonic() - begin < seconds:
        service.ask(f"work {OPERATIONS}")
    wall = time.monotonic() - begin
    probes, read, own = (b - a for a, b in zip(before, costs()))
    return probes / wall, read / wall, own / wall


def cost_per_operation(service):
    told = service.ask(f"work {OPERATIONS}")
    return told["cpu_ns"] / told["operations"]


def pair(service):
    """Watched cost over unwatched cost, in random order."""
    def watched():
        with Server() as server:
            server.wait_target(service.pid)
            time.sleep(0.3)  # past the analysis and the attaching of probes
            return cost_per_operation(service)
    order = [(watched, "watched"), (lambda: cost_per_operation(service), "unwatched")]
    random.shuffle(order)
    costs = {name: run() for run, name in order}
    return costs["watched"] / costs["unwatched"]


def interval(ratios):
    """Geometric mean and its 95 % interval."""
    logs = [math.log(r) for r in ratios]
    mean = statistics.mean(logs)
    half = 1.96 * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def start_levels(service_path, count=20):
    """Time to the first answer, to the first SLIs of all, and memory then."""
    victims = [Victim([service_path]).__enter__() for _ in range(count)]
    try:
        with Server() as server:
            until(lambda: server.get("/-/healthy")[0] == 200, 5, "health", every=0.005)
            answers = time.monotonic() - server.started

            def all_there():
                tables = server.query("heap_util_rate", {"format": "latest", "service": "service"})
                return sum(len(t.get("rows", [])) for t in tables) >= count
            until(all_there, 20, "SLIs of all", every=0.01)
            first = time.monotonic() - server.started
            time.sleep(20)
            memory = {}
            for line in open(f"/proc/{server.pid}/status"):
                if line.startswith(("RssAnon", "RssShmem")):
                    memory[line.split(":")[0]] = int(line.split()[1]) / 1024
            return answers, first, memory
    finally:
        for victim in victims:
            victim.__exit__(None, None, None)


def main():
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with tempfile.TemporaryDirectory() as folder:
        path = build(pathlib.Path(folder))
        answers, first, memory = start_levels(path)
        print(f"first HTTP answer      {answers * 1000:.0f} ms after start (level 200 ms)")
        print(f"first SLIs of 20       {first * 1000:.0f} ms after start (level 1000 ms)")
        print(f"anonymous + shared RSS {sum(memory.values()):.1f} MB with 20 targets (level 32 MB)")
        with Victim([path]) as service:
            cost_per_operation(service)
            with Server() as server:
                server.wait_target(service.pid)
                probes, read, own = accounted(service, server)
            print(f"accounted              {probes:.4%} probes + {read:.4%} its reads; "
                  f"heapwatch in all {own:.4%} of one CPU (level 0.5 %)")
            ratios = []
            for i in range(pairs):
                ratios.append(pair(service))
                print(f"\r  pair {i + 1} of {pairs}", end="", file=sys.stderr, flush=True)
            print("\r", end="", file=sys.stderr)
        mean, low, high = interval(ratios)
        verdict = "not resolved" if high / mean - 1 > 0.01 or 1 - low / mean > 0.01 else \
            f"{mean - 1:+.2%}"
        print(f"seen                   CPU per operation watched / unwatched = {mean:.4f} "
              f"[{low:.4f}, {high:.4f}], {pairs} pairs: {verdict}")


if __name__ == "__main__":
    main()
