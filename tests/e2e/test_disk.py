"""A disk that fills and empties, power that goes, pages that are overwritten. Needs root (mounts a tmpfs)."""
import contextlib
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time
import unittest

from heapwatch import PATIENCE, Server, until
from loaded import Loaded, loader
from test_events import events

MIB = 1 << 20
ROUNDS = int(os.environ.get("KILL_ROUNDS", "100"))
FAST = ["--resolution", "1s", "--flush", "1s"]


@contextlib.contextmanager
def small_disk(size):
    """A folder on a file system of its own, of so many bytes."""
    with tempfile.TemporaryDirectory(prefix="heapwatch-disk-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "heapwatch-test", folder],
                       check=True)
        try:
            yield pathlib.Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def free(folder):
    fs = os.statvfs(folder)
    return fs.f_bavail * fs.f_frsize


def fill(folder):
    """Take all the room there is, to the last page."""
    with open(folder / "greedy", "ab", buffering=0) as greedy:
        with contextlib.suppress(OSError):
            while True:
                greedy.write(b"x" * 4096)


def store(server):
    return server.get_json("/api/v1/status")["store"]


def points(server, metric="memory_total_bytes"):
    """Times (ms) of all stored points of the last eight minutes."""
    now = int(time.time() * 1000)
    answer = server.query(metric, {"step": "1s"},
                          range={"from": now - 480000, "to": now + 1000})
    return [t for table in answer for v, t in table["datapoints"] if v is not None]


def flushed(server):
    """Times of the points that are surely in the file, and there alone."""
    return {t for t in points(server) if t <= (store(server).get("last_flush_ms") or 0) - 2000}


class FullDisk(unittest.TestCase):
    def test_a_full_disk_costs_the_oldest_and_nothing_else(self):
        with small_disk(48 * MIB) as folder:
            args = FAST + ["--memory", "1m", "--retention-bytes", "1GiB"]
            with Server(args=args, folder=folder) as server:
                server.wait_value("memory_total_bytes")
                until(lambda: len(flushed(server)) > 3, 60, lambda: store(server))
                first = points(server)[0]
                seen = set()
                self.assertEqual((store(server)["last_error"], store(server)["short_of_disk"]),
                                 ("", False))

                self.fill_up(server, folder)
                for _ in range(10):
                    time.sleep(0.5)
                    fill(folder)
                    seen |= set(points(server)[:-2])  # those of steps that are over
                    self.assertTrue(store(server)["short_of_disk"], store(server))
                # Answers go on, with what is not written too.
                for path in ("/", "/metrics", "/api/v1/targets"):
                    self.assertEqual(server.get(path)[0], 200)
                full = time.time() * 1000
                until(lambda: points(server)[-1] > full, 60, "a fresh point")
                self.assertEqual(store(server)["lost_samples"], 0)

                # A busy machine may spoil some, but not all.
                times = [self.recovery(server, folder)]
                while min(times) >= 10 and len(times) < 5:
                    self.fill_up(server, folder)
                    times.append(self.recovery(server, folder))
                self.assertLess(min(times), 10, times)
                ballast = server.db + "-ballast"
                until(lambda: os.path.exists(ballast) and os.stat(ballast).st_size == 4 * MIB,
                      60, "the ballast back")
                until(lambda: len(points(server)) > 8, 60, lambda: points(server))
                self.oldest_went_first(points(server), first, seen)
                self.assertEqual(store(server)["lost_samples"], 0)

    def fill_up(self, server, folder):
        def told():
            fill(folder)  # what it frees is taken at once
            return store(server)["short_of_disk"]
        until(told, 60, lambda: store(server))

    def recovery(self, server, folder):
        """Seconds from space to a store that has all it wants."""
        os.unlink(folder / "greedy")
        begin = time.monotonic()
        until(lambda: not store(server)["last_error"]
              and not store(server)["short_of_disk"], 60, lambda: store(server))
        return time.monotonic() - begin

    def oldest_went_first(self, times, first, seen):
        """No hole: what is missing, if anything, is missing at the begin."""
        self.assertGreaterEqual(times[0], first)
        self.assertEqual({t for t in seen if t >= times[0]} - set(times), set())
        self.assertGreater(len(seen), 5)

    def test_it_starts_on_a_full_disk(self):
        with small_disk(24 * MIB) as folder:
            with Server(args=FAST, folder=folder) as server:
                server.wait_value("memory_total_bytes")
                # A step that is not over yet stands at its newest sample.
                until(lambda: flushed(server), 60, lambda: store(server))
                first = points(server)[0]
                server.stop(signal.SIGKILL)
            fill(folder)
            (folder / "log").unlink()  # the harness writes one as well
            # The first flush may drop the oldest: it is far away, and no event calls for it.
            with Server(config="watch: [{action: exclude}]\n", folder=folder,
                        args=["--resolution", "1s", "--flush", "10m"]) as server:
                server.wait_value("memory_total_bytes")
                self.assertEqual(points(server)[0], first)

    def test_the_byte_cap_holds_at_every_moment(self):
        cap = 2 * MIB
        with Server(args=FAST + ["--retention-bytes", str(cap), "--memory", "1m",
                                 "--collector-interval", "250ms"]) as server:
            files = [server.db + end for end in ("", "-wal", "-shm", "-ballast")]

            def sizes():
                found = []
                for name in files:
                    with contextlib.suppress(FileNotFoundError):
                        found.append(os.stat(name).st_size)
                return found

            def size():
                """Of all files at one moment: none changed while it was looked at."""
                found, again = None, sizes()
                while found != again:
                    found, again = again, sizes()
                return sum(found)
            end = time.monotonic() + 12
            while time.monotonic() < end:
                self.assertLessEqual(size(), cap)
                time.sleep(0.02)
            self.assertEqual(store(server)["write_errors"], 0)


class Kill(unittest.TestCase):
    def test_a_hundred_kills_lose_the_last_flush_at_most(self):
        """What a status called flushed before the kill is there after it."""
        kept, promised, ever = set(), 0, set()
        chance = random.Random(7)
        with tempfile.TemporaryDirectory() as folder:
            for number in range(ROUNDS):
                with Server(args=FAST, folder=folder) as server:
                    there = set(points(server))
                    asked_from = (time.time() - 480) * 1000
                    gone = {t for t in kept if asked_from < t <= promised} - there
                    self.assertEqual(gone, set(), f"round {number}: {server.log()}")
                    self.assertEqual(store(server)["damaged_rows"], 0)
                    self.assertNotIn("salvage", store(server))
                    if number % 10 == 0:
                        until(lambda: len({t for t in points(server)
                                           if t <= (store(server).get("last_flush_ms") or 0)}
                                          - there) > 1, 60, server.log)
                    else:
                        time.sleep(chance.uniform(0, 1.2))
                    # Steps up to the flush are in the file; the one under way may not be.
                    promised = (store(server).get("last_flush_ms") or promised + 2000) - 2000
                    kept = there | set(points(server))
                    ever |= there
                    server.stop(signal.SIGKILL)
        self.assertGreater(len(ever), ROUNDS / 10)


class Damage(unittest.TestCase):
    def test_overwritten_pages_do_not_keep_it_from_starting(self):
        with tempfile.TemporaryDirectory() as folder:
            with Server(args=FAST, folder=folder) as server:
                server.wait_value("memory_total_bytes")
                until(lambda: store(server)["rows"] >= 5, 60, lambda: store(server))
                before = points(server)
            path = pathlib.Path(server.db)
            pages = path.stat().st_size // 4096
            self.assertGreater(pages, 10)
            with open(path, "r+b") as file:
                for page in (pages // 3, pages // 2, pages - 2):
                    file.seek(page * 4096)
                    file.write(b"\xa5" * 4096)
            with Server(args=FAST, folder=folder) as server:
                told = store(server)["salvage"]
                self.assertEqual(told["kept"], str(path) + "-damaged")
                self.assertIn("the database is damaged", server.log())
                self.assertEqual(os.stat(told["kept"]).st_size, pages * 4096)
                until(lambda: store(server)["rows"] > 1, 60, lambda: store(server))
                self.assertEqual(store(server)["last_error"], "")
                self.assertTrue(set(t for t in points(server) if t <= before[-1])
                                <= set(before))
            with Server(args=FAST, folder=folder) as server:
                self.assertNotIn("salvage", store(server))

    def test_without_room_the_newest_comes_over_and_that_is_told(self):
        with small_disk(48 * MIB) as folder:
            db = folder / "heapwatch.db"
            end = int(time.time()) // 10 * 10 - 60
            subprocess.run([loader(), str(db), "/dev/null", "200", "20000", str(end), "10"],
                           check=True, timeout=300 * PATIENCE)
            size = db.stat().st_size
            self.assertGreater(size, 2 * MIB)
            with open(db, "r+b") as file:
                file.seek(size // 4096 // 2 * 4096)
                file.write(b"\xa5" * 4096)
            with open(folder / "greedy", "wb") as greedy:
                greedy.write(b"x" * (free(folder) - size // 2 - 2 * MIB))
            with Server(config="watch: [{action: exclude}]\n", args=FAST, folder=folder) as server:
                told = store(server)["salvage"]
                self.assertEqual((told["complete"], told["error"]),
                                 (False, "No space left on device"))
                oldest = store(server)["oldest_ms"] / 1000
                self.assertTrue(end - 18000 < oldest < end - 300, end - oldest)
                until(lambda: events(server, kind="database_salvaged"), 60, "the event")
                self.assertIn("did not come over", events(server, kind="database_salvaged")[0]["text"])
                # The room that writing wants: first of all the copy goes.
                until(lambda: events(server, kind="damaged_copy_dropped"), 60,
                      lambda: store(server))
                self.assertEqual(store(server)["damaged_bytes"], 0)
                self.assertFalse(os.path.exists(told["kept"]))
                until(lambda: not store(server)["last_error"], 60, lambda: store(server))


class Age(unittest.TestCase):
    def test_what_is_too_old_goes_at_once_when_the_clock_goes_on(self):
        with Loaded(processes=4, seconds=6 * 3600, tick=10,
                    config="retention: {age: 2h}\n", args=FAST) as server:
            # A chain goes as a whole: an hour of rows, of 256 points at most.
            least = server.end_ms - 2 * 3600000 - 3600000 - 2560000
            until(lambda: store(server)["oldest_ms"] >= least, 60,
                  lambda: (store(server)["oldest_ms"], least))
            now = int(time.time() * 1000)
            answer = server.query("heap_used_bytes", {"step": "10s"},
                                  range={"from": now - 7 * 3600000, "to": now})
            times = [t for series in answer for v, t in series["datapoints"] if v is not None]
            self.assertGreaterEqual(min(times), least)
            self.assertLess(min(times), now - 3600000 * 3 // 2)  # and no more than that

    def test_a_clock_that_may_be_ahead_drops_nothing(self):
        # The rows end two days ago: a wrong clock now, or a machine that was off.
        end = int(time.time()) // 10 * 10 - 2 * 86400
        with Loaded(processes=4, seconds=2 * 3600, tick=10, end=end,
                    config="retention: {age: 1d}\n", args=FAST) as server:
            until(lambda: store(server)["rows"] > 2, 60, lambda: store(server))
            self.assertEqual(store(server)["dropped_rows"], 0)
            self.assertLess(store(server)["oldest_ms"], (end - 3600) * 1000)


if __name__ == "__main__":
    unittest.main()
