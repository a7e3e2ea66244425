"""Wall clocks that step, and one that is wrong at first. Needs Go victims."""
import pathlib
import tempfile
import time
import unittest

from heapwatch import Server, Victim, until
from test_discovery import go_victim
from test_events import wait_event

HOUR = 3600
DAY = 24 * HOUR  # ahead, so that a step back stays behind the build date


class Clock:
    """A server whose wall clock is off by some seconds."""

    def __init__(self, offset=DAY):
        self.offset = offset

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name) / "offset"
        self.set(self.offset)
        self.server = Server(args=[f"--clock-offset-file={self.path}"])
        return self.server.__enter__(), self

    def set(self, seconds):
        # In place and of one length: it is read at any time.
        with open(self.path, "r+b" if self.path.exists() else "wb") as file:
            file.write(b"%+020d" % int(seconds * 1000))
        self.offset = seconds

    def __exit__(self, *error):
        self.server.__exit__(*error)
        self.folder.cleanup()


def points(server, pid, begin, end):
    """[time in s] of stored points within (begin, end], Unix seconds."""
    answer = server.query("heap_used_bytes", {"pid": str(pid), "step": "1s"}, **{
        "range": {"from": str(int(begin * 1000)), "to": str(int(end * 1000))},
        "maxDataPoints": 10000})
    return [p[1] / 1000 for series in answer for p in series["datapoints"]
            if p[0] is not None]


def held_batches(server):
    return server.get_json("/api/v1/status")["store"]["held_batches"]


def wait_points(server, pid, begin, end, count=1):
    """Until there are so many; they."""
    return until(lambda: len(found := points(server, pid, begin, end)) >= count and found, 60,
                 f"{count} points between {begin} and {end}")


class Time(unittest.TestCase):
    def test_forward_step_is_a_gap_and_an_event(self):
        with Victim([go_victim()]) as victim, Clock() as (server, clock):
            server.wait_target(victim.pid)
            wait_points(server, victim.pid, time.time() + DAY - 60, time.time() + DAY + 60)
            step = time.time() + DAY
            clock.set(DAY + HOUR)
            told = wait_event(server, "stepped forward by", kind="clock_stepped", to="now+2h")
            self.assertRegex(told["text"], r"by (3599|3600|3601)\.\d s")
            wait_points(server, victim.pid, step - 90, step + 60)
            wait_points(server, victim.pid, step + HOUR - 60, step + HOUR + 120)
            self.assertEqual(points(server, victim.pid, step + 60, step + HOUR - 60), [])

    def test_backward_step_refuses_and_loses_nothing(self):
        with Victim([go_victim()]) as victim, Clock() as (server, clock):
            server.wait_target(victim.pid)
            begin = time.time() + DAY - 60
            wait_points(server, victim.pid, begin, begin + 120, count=2)
            step = time.time() + DAY
            clock.set(DAY - HOUR)
            wait_event(server, "stepped back by", kind="clock_stepped", **{"from": "now-3h"})
            wait_points(server, victim.pid, step - HOUR - 60, step - HOUR + 120, count=2)
            self.assertGreaterEqual(len(points(server, victim.pid, begin, step + 60)), 2)
            server.wait_value("heap_used_bytes", victim.pid)
            self.assertEqual(server.get_json("/api/v1/status")["store"]["lost_samples"], 0)

    def test_times_before_the_build_wait_for_a_right_clock(self):
        begin = time.time()
        with Victim([go_victim()]) as victim, Clock(-20 * 365 * 24 * HOUR) as (server, clock):
            server.wait_target(victim.pid)
            before = held_batches(server)
            until(lambda: held_batches(server) >= before + 3, 60, "batches that wait")
            self.assertIsNone(server.value("heap_used_bytes", victim.pid))
            right = time.time()
            clock.set(0)
            server.wait_value("heap_used_bytes", victim.pid)
            until(lambda: held_batches(server) == 0, 60, "that none waits any more")
            # What waited stands at the times at which it was read.
            held = points(server, victim.pid, begin - 60, right + 0.5)
            self.assertGreaterEqual(len(held), 2)
            # the last window ends up to a step after the range does
            self.assertTrue(all(begin - 1 <= t <= right + 1.5 for t in held), held)
            wait_event(server, "", kind="heapwatch_started")
            wait_event(server, "", kind="clock_stepped")


if __name__ == "__main__":
    unittest.main()
