"""A server over a store with a known past, and that past as plain samples.

    from loaded import Loaded

    with Loaded(processes=12, seconds=4800) as server:
        server.samples      # {(metric, labels): [(time_ms, value), ...]}
        server.end_ms       # of the past, a multiple of 10 s

tests/bench/load_store.c makes both from one generator. The server watches
nothing of the machine it runs on but the machine itself.
"""
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from heapwatch import PATIENCE, Server, program

LINE = re.compile(r'([a-z_]+)\{(.*)\} (\S+) (\d+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
NODES = ["plc-01", "hist(3)", 'edge,7|b "x"']


def loader():
    return str(pathlib.Path(program()).parent / "tests" / "bench" / "load_store")


def read_samples(path):
    """Every sample that was appended; labels as a sorted tuple of pairs."""
    series, keys = {}, {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            head, value, at = line.rsplit(" ", 2)
            if head not in keys:
                metric, text, _, _ = LINE.match(line.rstrip("\n")).groups()
                labels = tuple(sorted((k, v.replace('\\"', '"'))
                                      for k, v in LABEL.findall(text)))
                keys[head] = series.setdefault((metric, labels), [])
            keys[head].append((int(at) * 1000, float(value)))
    return series


class Loaded(Server):
    """heapwatch serve on a store that load_store filled."""

    def __init__(self, processes=12, seconds=4800, tick=1, end=None, config="", **more):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="heapwatch-loaded-"))
        super().__init__(folder=folder, config="watch: [{action: exclude}]\nnode: here\n"
                         + config, **more)
        end = end or int(time.time()) // 10 * 10 - 120
        self.end_ms, self.seconds = end * 1000, seconds
        self.text = folder / "samples.om"
        try:
            subprocess.run([loader(), str(folder / "heapwatch.db"), str(self.text),
                            str(processes), str(seconds), str(end), str(tick)],
                           check=True, timeout=600 * PATIENCE)
        except BaseException:
            self.end()
            raise

    @property
    def samples(self):
        if not hasattr(self, "read"):
            self.read = read_samples(self.text)
        return self.read

    def end(self):
        super().end()
        shutil.rmtree(self.folder, ignore_errors=True)
