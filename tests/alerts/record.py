#!/usr/bin/env python3
"""Record a sick day, shortened to 32 minutes, for the proof of the alert rules.

    tests/alerts/record.py build/heapwatch build/victims/demo tests/alerts/day.txt.gz

Real heapwatch beside the services of "make demo", read from GET /metrics every
5 s. What is done to the services and when is in SCRIPT; tests/alerts/days.py
says what the rules must make of it. Needs root: for the kill by the kernel a
control group with a limit is made, and removed.
"""
import gzip
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

STEP = 5
MINUTES = 32
PROCESS = ["heap_util_rate", "heap_live_rate", 'heap_live_rate{basis="floor"}', "gc_pressure",
           "frag_ratio", 'frag_ratio{basis="bytes"}', "target_up", "target_state",
           "target_silenced", "start_time_seconds"]
MACHINE = ["heapwatch_up", "oom_kills_total", "heapwatch_batches_dropped_total"]
LINE = re.compile(r"^([a-z_]+)\{(.*)\} (\S+)$")
LABEL = re.compile(r'([a-z_]+)="([^"]*)"')


class Plant:
    """The services, each restarted or ended by the script."""

    def __init__(self, heapwatch, services, scratch):
        self.heapwatch, self.scratch, self.running = heapwatch, scratch, {}
        for file, name in (("historian", "historian"), ("historian", "press"),
                           ("telemetry", "telemetry"), ("scada.jar", "batch.jar")):
            shutil.copy(services / file, scratch / name)
        self.commands = {
            "historian": ({"GOMEMLIMIT": "256MiB"}, [scratch / "historian"]),
            "press": ({"GOMEMLIMIT": "256MiB", "GOGC": "30"}, [scratch / "press"]),
            "telemetry": ({"GOMEMLIMIT": "192MiB"}, [scratch / "telemetry"]),
            "batch": ({}, ["java", "-Xmx128m", "-Xms128m", "-XX:+UseG1GC", "-jar",
                           scratch / "batch.jar"]),
        }

    def start(self, name):
        env, command = self.commands[name]
        self.running[name] = subprocess.Popen(
            command, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self, name):
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def restart(self, name):
        self.stop(name)
        self.start(name)

    def serve(self):
        log = open(self.scratch / "log", "wb")
        self.server = subprocess.Popen(
            [self.heapwatch, "serve", "--listen", "127.0.0.1:0", "--node", "gw-1",
             "--db", self.scratch / "heapwatch.db", "--config", self.scratch / "heapwatch.yaml"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        while True:
            found = re.search(r"listening url=(\S+)", (self.scratch / "log").read_text())
            if found:
                self.url = found.group(1)
                return
            if self.server.poll() is not None:
                sys.exit((self.scratch / "log").read_text())
            time.sleep(0.1)

    def silence(self, name):
        subprocess.run([self.heapwatch, "maintenance", "start", "--service", name, "--for", "9m",
                        "--reason", "planned", "--url", self.url], check=True, timeout=30,
                       stdout=subprocess.DEVNULL)

    def kill_for_memory(self):
        """A program in a group of 24 MiB wants 200, and the kernel ends it."""
        root = pathlib.Path("/sys/fs/cgroup")
        old = (root / "memory").is_dir()
        group = (root / "memory" if old else root) / f"heapwatch-record-{os.getpid()}"
        group.mkdir()
        limit = group / ("memory.limit_in_bytes" if old else "memory.max")
        try:
            limit.write_text(str(24 << 20))
            subprocess.run(["sh", "-c", f"echo $$ > {group}/cgroup.procs; "
                            f"exec {sys.executable} -c 'b\"x\" * (200 << 20)'"],
                           timeout=60, check=False, stderr=subprocess.DEVNULL)
        finally:
            group.rmdir()

    def end(self):
        for process in [*self.running.values(), self.server]:
            process.terminate()
        for process in [*self.running.values(), self.server]:
            process.wait()


# (minute, what is done)
SCRIPT = [
    (10, lambda p: p.restart("telemetry")),
    (11, lambda p: p.restart("historian")),
    (12, lambda p: p.restart("historian")),
    (13, lambda p: p.restart("historian")),
    (14, lambda p: p.restart("historian")),
    (14.5, lambda p: p.silence("telemetry")),
    (15, lambda p: p.stop("batch")),
    (18, lambda p: p.kill_for_memory()),
    (20, lambda p: p.stop("press")),
    (22, lambda p: p.restart("telemetry")),
]


def read(url):
    """{(node, service, instance, runtime): {column: value}}"""
    rows = {}
    with urllib.request.urlopen(url + "/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            found = LINE.match(line)
            if not found:
                continue
            labels = dict(LABEL.findall(found.group(2)))
            who = tuple(labels.pop(k, "-") for k in ("node", "service", "instance", "runtime"))
            column = found.group(1)
            if labels:
                column += "{" + ",".join(f'{k}="{v}"' for k, v in sorted(labels.items())) + "}"
            if column in (PROCESS if who[1] != "-" else MACHINE):
                rows.setdefault(who, {})[column] = found.group(3)
    return rows


def write(out, second, rows):
    out.write(f"@ {second}\n")
    for who, values in sorted(rows.items()):
        columns = PROCESS if who[1] != "-" else MACHINE
        out.write(" ".join([*who[1:], *(values.get(c, "-") for c in columns)]) + "\n")


def record(plant, out):
    begin = time.monotonic()
    script = list(SCRIPT)
    for second in range(STEP, MINUTES * 60 + 1, STEP):
        while script and script[0][0] * 60 < second:
            script.pop(0)[1](plant)
        time.sleep(max(0, begin + second - time.monotonic()))
        write(out, second, read(plant.url))


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    heapwatch, services, path = (pathlib.Path(a).resolve() for a in sys.argv[1:4])
    with tempfile.TemporaryDirectory() as folder:
        plant = Plant(heapwatch, services, pathlib.Path(folder))
        (plant.scratch / "heapwatch.yaml").write_text(
            f"watch:\n  - {{action: include, exe: '{folder}/.*'}}\n"
            "  - {action: include, service: batch}\n  - {action: exclude}\n")
        for name in plant.commands:
            plant.start(name)
        plant.serve()
        try:
            with gzip.GzipFile(path, "wb", mtime=0) as packed:
                class Out:
                    write = staticmethod(lambda text: packed.write(text.encode()))
                Out.write("# made by: tests/alerts/record.py build/heapwatch build/victims/demo "
                          "tests/alerts/day.txt.gz\n")
                Out.write("# @ second, then: service instance runtime " + " ".join(PROCESS) + "\n")
                Out.write("# and of the machine: - - - " + " ".join(MACHINE) + "\n")
                record(plant, Out)
        finally:
            plant.end()


if __name__ == "__main__":
    main()
