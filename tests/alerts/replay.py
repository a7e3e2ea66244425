"""A recorded day, played again: to heapwatch's store, and to promtool.

    with Replayed() as server:
        server.begin_s, server.length_s

tests/alerts/day.txt.gz has the readings, days.py what must come of them.
"""
import gzip
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from heapwatch import Server, program  # noqa: E402

DAY = HERE / "day.txt.gz"


def loader():
    return pathlib.Path(program()).parent / "tests" / "alerts" / "load_day"


def readings(text):
    """(columns of processes, of the machine, [(second, [words of a line])])"""
    columns, rounds = {}, []
    for line in text.splitlines():
        if line.startswith("#") and ": " in line:
            words = line.split(": ", 1)[1].split()
            if words[0] in ("service", "-"):
                columns[words[0] == "-"] = words[3:]
        elif line.startswith("@"):
            rounds.append((int(line[1:]), []))
        elif not line.startswith("#"):
            rounds[-1][1].append(line.split())
    return columns[False], columns[True], rounds


class Replayed(Server):
    """heapwatch serve whose past is that day, or another text of its kind; it
    watches nothing itself."""

    def __init__(self, text=None, **more):
        self.scratch = tempfile.TemporaryDirectory(prefix="heapwatch-day-")
        super().__init__(folder=self.scratch.name, args=["--resolution", "1s"],
                         config="watch: [{action: exclude}]\nnode: here\n", **more)
        text = text or gzip.decompress(DAY.read_bytes()).decode()
        self.length_s = readings(text)[2][-1][0]
        # Steps of rules are aligned, so the day always begins at the same
        # place of them; and it ends well before what the server itself sees.
        end = int(time.time()) // 300 * 300 - 300
        self.begin_s = end - self.length_s
        (self.folder / "day.txt").write_text(text)
        subprocess.run([loader(), self.folder / "heapwatch.db", str(end),
                        self.folder / "day.txt"], check=True, timeout=300)

    def end(self):
        super().end()
        self.scratch.cleanup()


def notation(values):
    """Values every 5 s from second 5 on as promtool writes them. What is gone
    from one scrape to the next is marked so, as a scrape does."""
    words, before = ["_"], None
    for value in values:
        words.append(value if value is not None else "stale" if before is not None else "_")
        before = value
    return " ".join(words)


def prometheus_series():
    """[(name with labels, [value or None])], a value every 5 s from second 5.
    Where promtool's clock begins with 0, so do the times of starts."""
    processes, machine, rounds = readings(gzip.decompress(DAY.read_bytes()).decode())
    series = {}
    began = min(float(line[3 + processes.index("start_time_seconds")])
                for _, lines in rounds for line in lines if line[0] != "-")
    for i, (_, lines) in enumerate(rounds):
        for service, instance, runtime, *values in lines:
            labels = 'node="gw-1"'
            if service != "-":
                labels = (f'instance="{instance}",node="gw-1",runtime="{runtime}",'
                          f'service="{service}"')
            for column, value in zip(machine if service == "-" else processes, values):
                name, _, dim = column.partition("{")
                if name == "start_time_seconds":
                    value = f"{float(value) - began:.3f}"
                key = f"{name}{{{dim[:-1] + ',' if dim else ''}{labels}}}"
                series.setdefault(key, [None] * len(rounds))[i] = None if value == "-" else value
    return series.items()
