"""heapwatch top: the table, its keys, and a server that goes away."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import unittest

from heapwatch import SANITIZER, Server, Victim, program, settled, until
from test_discovery import go_victim

CONFIG = """
report: false
thresholds:
  heap_util_rate: {warning: 0.000001, critical: 0.000002}
"""


def top(*args, env=None, **more):
    """(exit code, standard output, standard error) of one that is no terminal"""
    done = subprocess.run([program(), "top", *args], capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "", **(env or {})},
                          check=False, **more)
    if SANITIZER.search(done.stderr):
        raise RuntimeError(done.stderr)
    return done.returncode, done.stdout, done.stderr


class Terminal:
    """A program on a terminal of its own, and what it has drawn last."""

    def __init__(self, argv, rows=24, columns=100, env=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm", "LC_ALL": "C.UTF-8", **(env or {})})
            os.environ.pop("NO_COLOR", None) if not (env or {}).get("NO_COLOR") else None
            os.execv(argv[0], argv)
        self.said, self.code = "", None
        self.resize(rows, columns)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        while select.select([self.fd], [], [], 0)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:  # its end is closed
                return
            if not data:
                return
            self.said += data.decode(errors="replace")

    def screen(self):
        """Lines of the newest screen that is complete, without colours."""
        self.read()
        whole = [s for s in self.said.split("\033[H") if "\033[J" in s]
        text = re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", whole[-1]) if whole else ""
        return text.replace("\r", "").split("\n")

    def wait_for(self, pattern, timeout=60):
        def there():
            found = [line for line in self.screen() if re.search(pattern, line)]
            return found[0] if found else None
        return until(there, timeout, lambda: f"{pattern} on\n" + "\n".join(self.screen()))

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def wait_end(self, timeout=60):
        def ended():
            self.read()
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.code = os.waitstatus_to_exitcode(status)
            return done
        until(ended, timeout, "the end of top")
        self.read()
        return self.code

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


class Once(unittest.TestCase):
    def test_every_process_is_told_with_its_values(self):
        with Victim([go_victim()], env={"GOMEMLIMIT": "100MiB"}) as victim, Server() as server:
            server.wait_target(victim.pid)
            server.wait_value("heap_util_rate", victim.pid)
            settled(lambda: self.is_told(server, victim))

    def is_told(self, server, victim):
        """Once it was read lately."""
        code, out, err = top("--once", "--url", server.url)
        self.assertEqual((code, err), (0, ""))
        line = next(l for l in out.splitlines() if f" {victim.pid} " in l)
        self.assertRegex(line, r"\bgo1\.")
        self.assertRegex(line, r"\b\d+(\.\d)?%.* 100M ")
        self.assertTrue(out.isascii())
        self.assertNotIn("\033", out)

    def test_a_pipe_is_as_wide_as_columns_says(self):
        with Victim([go_victim()]) as victim, Server() as server:
            server.wait_value("heap_util_rate", victim.pid)
            widths = {}
            for columns in ("50", "200", "nonsense"):
                code, out, _ = top("--once", "--url", server.url, env={"COLUMNS": columns})
                self.assertEqual(code, 0)
                widths[columns] = max(map(len, out.splitlines()))
            self.assertLessEqual(widths["50"], 50)
            self.assertGreater(widths["200"], 70)
            self.assertGreater(widths["nonsense"], 70)

    def test_json_is_the_servers_numbers_whatever_found_the_address(self):
        with Victim([go_victim()]) as victim, Server() as server:
            server.wait_value("heap_max_bytes", victim.pid)
            for args, env in ((["--url", server.url + "/"], {}),
                              ([], {"HEAPWATCH_URL": server.url})):
                told = settled(lambda a=args, e=env: self.same_numbers(server, victim, a, e))
                self.assertEqual(told["service"],
                                 server.target(victim.pid)["labels"]["service"])
                self.assertEqual(len(told["trend"]), 20)

    def same_numbers(self, server, victim, args, env):
        code, out, err = top("--json", *args, env=env)
        self.assertEqual((code, err), (0, ""))
        told = {t["pid"]: t for t in json.loads(out)["targets"]}[victim.pid]
        self.assertEqual(told["heap_max_bytes"], server.wait_value("heap_max_bytes", victim.pid))
        return told

    def test_grades_are_the_servers_thresholds(self):
        with Victim([go_victim()]) as victim, Server(config=CONFIG) as server:
            server.wait_value("heap_util_rate", victim.pid)
            settled(lambda: self.is_critical(server, victim))

    def is_critical(self, server, victim):
        out = top("--once", "--url", server.url)[1]
        line = next(l for l in out.splitlines() if f" {victim.pid} " in l)
        self.assertRegex(line, r"%!! ")
        told = json.loads(top("--json", "--url", server.url)[1])["targets"]
        self.assertEqual({t["pid"]: t["grade"] for t in told}[victim.pid], "critical")

    def test_sorting(self):
        with Victim([go_victim()]) as one, Victim([go_victim()]) as two, Server() as server:
            for victim in (one, two):
                server.wait_value("heap_used_bytes", victim.pid)
            one.tell("grow 30")
            one.hear()
            server.wait_target(one.pid)
            until(lambda: (server.value("heap_used_bytes", one.pid) or 0) > 30e6, 60, "30 MB")
            for key in ("heap", "h"):
                settled(lambda k=key: self.is_sorted(server, k, one, two))

    def is_sorted(self, server, key, one, two):
        told = json.loads(top("--json", "--sort", key, "--url", server.url)[1])
        pids = [t["pid"] for t in told["targets"]]
        self.assertLess(pids.index(one.pid), pids.index(two.pid))

    def test_nobody_there_is_one_and_says_where(self):
        code, out, err = top("--once", "--url", "http://127.0.0.1:1")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("no heapwatch answers at http://127.0.0.1:1", err)

    def test_wrong_usage_is_two(self):
        for args in (["--sort", "taste"], ["--interval", "1ms"], ["--url"], ["nonsense"]):
            code, out, err = top(*args)
            self.assertEqual((code, out), (2, ""), args)
            self.assertTrue(err)


class Live(unittest.TestCase):
    def test_keys_sort_scroll_and_quit_and_the_terminal_is_given_back(self):
        with Victim([go_victim()]) as victim, Server() as server:
            server.wait_value("heap_util_rate", victim.pid)
            with Terminal([program(), "top", "--url", server.url, "--interval", "500ms"],
                          rows=200, columns=140) as terminal:
                line = terminal.wait_for(rf" {victim.pid} ")
                self.assertRegex(line, "[▁▂▃▄▅▆▇█]")
                self.assertIn("\033[32m", terminal.said)
                terminal.wait_for("^q quit")
                terminal.press("hvj")
                terminal.wait_for(rf" {victim.pid} ")
                terminal.press("q")
                self.assertEqual(terminal.wait_end(), 0)
                self.assertTrue(terminal.said.endswith("\033[?25h\033[?1049l"))

    def test_a_narrow_screen_keeps_what_matters_and_a_wider_one_gets_more(self):
        with Victim([go_victim()]) as victim, Server() as server:
            server.wait_value("heap_util_rate", victim.pid)
            with Terminal([program(), "top", "--url", server.url], columns=60) as terminal:
                line = terminal.wait_for("STATE")
                self.assertIn("UTIL", line)
                self.assertNotIn("MAX", line)
                self.assertLessEqual(max(map(len, terminal.screen())), 60)
                terminal.resize(10, 200)
                self.assertIn("UTIL, 10 min", terminal.wait_for("MAX"))
                terminal.resize(3, 5)
                until(lambda: max(map(len, terminal.screen())) <= 33, 60,
                      lambda: "a narrow screen: " + repr(terminal.screen()))
                terminal.press("q")
                self.assertEqual(terminal.wait_end(), 0)

    def test_a_server_that_stops_is_told_and_waited_for(self):
        # Of an address of its own: in between nobody else takes its port.
        address = f"127.9.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}"
        server = Server(args=["--listen", f"{address}:0"])
        with server:
            server.wait_ready()
            with Terminal([program(), "top", "--url", server.url, "--interval", "300ms"],
                          columns=160) as terminal:
                terminal.wait_for("watched")
                server.stop()
                terminal.wait_for("no heapwatch answers")
                terminal.wait_for("watched")  # the last table stays
                again = Server(args=["--listen", server.url.split("//")[1]])
                with again:
                    until(lambda: not any("no heapwatch" in l for l in terminal.screen()), 60,
                          "the table again")
                    terminal.press("q")
                    self.assertEqual(terminal.wait_end(), 0)

    def test_without_colour_or_on_a_dumb_terminal_it_is_plain(self):
        with Victim([go_victim()]) as victim, Server(config=CONFIG) as server:
            server.wait_value("heap_util_rate", victim.pid)
            with Terminal([program(), "top", "--url", server.url],
                          env={"NO_COLOR": "1"}, columns=140) as terminal:
                terminal.wait_for("%!! ")
                self.assertNotRegex(terminal.said, r"\033\[[0-9;]*m")
            with Terminal([program(), "top", "--url", server.url, "--interval", "300ms"],
                          env={"TERM": "dumb"}, columns=0, rows=0) as terminal:
                until(lambda: terminal.read() or terminal.said.count("STATE") > 1, 60,
                      "two tables")
                self.assertNotIn("\033", terminal.said)
                self.assertTrue(terminal.said.isascii())
                self.assertLessEqual(max(map(len, terminal.said.split("\r\n"))), 80)
                os.kill(terminal.pid, signal.SIGINT)
                self.assertEqual(terminal.wait_end(), 0)

    def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(self):
        with Server() as server:
            server.wait_ready()
            with Terminal([program(), "top", "--url", server.url]) as terminal:
                terminal.wait_for("watched")
                os.kill(terminal.pid, signal.SIGTSTP)

                def stopped():
                    terminal.read()
                    return os.waitpid(terminal.pid, os.WNOHANG | os.WUNTRACED)[0]
                until(stopped, 60, "a stop")
                terminal.read()
                self.assertTrue(terminal.said.endswith("\033[?1049l"))
                os.kill(terminal.pid, signal.SIGCONT)
                until(lambda: terminal.read() or terminal.said.count("\033[?1049h") == 2, 60,
                      "the screen again")
                terminal.press("q")
                self.assertEqual(terminal.wait_end(), 0)


if __name__ == "__main__":
    unittest.main()
