"""The program: command line, configuration, start, stop, and coming back."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from heapwatch import ROOT, Server, program, until


def run(*args, timeout=120, **more):
    """(exit code, standard output, standard error)"""
    done = subprocess.run([program(), *args], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, check=False, **more)
    return done.returncode, done.stdout, done.stderr


def table():
    """The rows of the table of keys: {key: (flag, default)}"""
    rows = re.findall(r"^\| `(.*?)` \| (.*?) \| (.*?) \|", run("check-config", "--markdown")[1], re.M)
    return {key: (flag.strip("`"), default.strip("`")) for key, flag, default in rows}


class CommandLine(unittest.TestCase):
    def test_help_is_on_stdout_and_succeeds(self):
        for args in (["--help"], ["-h"], ["serve", "--help"], ["check-config", "--help"],
                     ["version", "--help"]):
            code, out, err = run(*args)
            self.assertEqual((code, err), (0, ""), args)
            self.assertIn("usage: heapwatch", out)

    def test_help_of_serve_tells_every_flag(self):
        out = run("serve", "--help")[1]
        flags = [flag for flag, _ in table().values() if flag != "none"]
        self.assertGreater(len(flags), 15)
        for flag in flags:
            self.assertIn(f"  {flag} ", out)

    def test_version(self):
        self.assertRegex(run("version")[1], r"^heapwatch \d+\.\d+\.\d+\n$")
        self.assertEqual(run("--version")[1], run("version")[1])

    def test_wrong_usage_is_two(self):
        for args in ([], ["nonsense"], ["serve", "nonsense"], ["serve", "--nonsense", "x"],
                     ["serve", "--db"], ["serve", "--flush", "soon"], ["version", "x"],
                     ["serve", "--resolution", "1ms"], ["serve", "--without", "gravity"],
                     ["check-config", "a", "b"], ["serve", "--resolution=1500ms"]):
            code, out, err = run(*args)
            self.assertEqual((code, out), (2, ""), (args, err))
            self.assertTrue(err)

    def test_what_cannot_be_written_is_no_success(self):
        for args in (["version"], ["doctor", "--listen", "127.0.0.1:0"], ["serve", "--help"]):
            with self.subTest(args), open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([program(), *args], stdout=full, stderr=subprocess.PIPE,
                                      timeout=120, check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(b"cannot write: No space left on device", done.stderr)

    def test_an_unknown_option_is_told_by_its_name_wherever_it_stands(self):
        for args in (["--nonsense"], ["--nonsense", "--db", "x"], ["--db", "x", "--nonsense=1"]):
            self.assertIn("no option is named --nonsense;", run("serve", *args)[2])

    def test_an_address_that_is_not_loopback_is_refused(self):
        for address in ("0.0.0.0:0", "192.0.2.1:9817", "[::]:0", "nonsense", "127.0.0.1",
                        "127.0.0.1:99999", "example.org:80", ":9817"):
            code, _, err = run("serve", "--listen", address)
            self.assertEqual(code, 2, err)
            self.assertIn("listen", err)
        self.assertIn("TLS and tokens", run("serve", "--listen", "0.0.0.0:0")[2])


class Configuration(unittest.TestCase):
    def check(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "heapwatch.yaml")
            path.write_text(text)
            return run("check-config", "heapwatch.yaml", cwd=folder)

    def test_errors_have_line_and_column(self):
        for text, place in (("db: x\nresolutoin: 1s\n", "2:1"),
                            ("retention:\n  age: soon\n", "2:8"),
                            ("watch:\n- action: include\n  exe: '['\n", "3:8"),
                            ("db: &a x\n", "1:5"), ("listen: 0.0.0.0:1\n", "1:9"),
                            ("db: a\ndb: b\n", "2:1"), ("db: [\n", "2:1")):
            code, _, err = self.check(text)
            self.assertEqual(code, 2, err)
            self.assertTrue(err.startswith(f"heapwatch.yaml:{place}: "), err)
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
                f.write(text)
                f.flush()
                code, _, err = run("serve", "--config", f.name)
                self.assertEqual(code, 2, err)

    def test_all_errors_are_told_at_once(self):
        code, out, err = self.check("listen: 0.0.0.0:1\nresolutoin: 1s\nhttp: {threads: 0}\n")
        self.assertEqual((code, out), (2, ""))
        self.assertEqual([line.split(" ")[0] for line in err.splitlines()],
                         ["heapwatch.yaml:2:1:", "heapwatch.yaml:3:17:", "heapwatch.yaml:1:9:"])
        self.assertIn("close to it: resolution", err)

    def test_the_example_is_good_and_tells_the_defaults(self):
        path = ROOT / "packaging" / "heapwatch.yaml"
        self.assertEqual(run("check-config", str(path))[0], 0)
        found, group = {}, ""
        for line in path.read_text().splitlines():
            match = re.match(r"( *)([a-z_]+):\s*([^#]*)", line)
            if match:
                indent, key, value = match.groups()
                group = group if indent else key
                name = f"{group}.{key}" if indent else key
                found[name] = value.strip().strip('"')
        for key, (flag, default) in table().items():
            self.assertIn(key, found)
            if flag != "none":
                self.assertEqual(found[key], default if default != "none" else "", key)

    def test_the_readme_has_the_table_of_keys(self):
        self.assertIn(run("check-config", "--markdown")[1], (ROOT / "README.md").read_text())

    def test_a_named_file_must_exist(self):
        for args in (("serve", "--config", "/nowhere/x.yaml"), ("check-config", "/nowhere/x.yaml")):
            code, _, err = run(*args)
            self.assertEqual(code, 2)
            self.assertIn("/nowhere/x.yaml", err)

    def test_flags_override_the_file(self):
        with Server(args=["--node", "flag"], config="node: file\n") as server:
            self.assertEqual(server.get_json("/")["node"], "flag")


class Life(unittest.TestCase):
    def test_answers_soon_after_start(self):
        def seconds():
            with Server() as server:
                self.assertEqual(server.get("/-/healthy")[0], 200)
                return time.monotonic() - server.started
        # 200 ms promised; a sanitizer's start-up is not ours
        self.once_within_a_second(seconds)

    def test_prints_what_the_first_scan_found(self):
        with Server() as server:
            until(lambda: "processes have a known runtime" in server.out(), 60, server.log)

    def test_a_closed_output_is_nobodys_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            db = pathlib.Path(folder) / "x.db"
            shell = f'exec "$0" serve --listen 127.0.0.1:0 --db {db} <&- >&- 2>&-'
            process = subprocess.Popen(["sh", "-c", shell, program()])
            try:
                until(db.exists, 60, "the database")
                for fd in range(3):
                    self.assertEqual(os.readlink(f"/proc/{process.pid}/fd/{fd}"), "/dev/null")
            finally:
                process.terminate()
                self.assertEqual(process.wait(60), 0)

    def test_stops_within_a_second_of_either_signal(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.once_within_a_second(lambda n=number: self.seconds_to_stop(n))

    def once_within_a_second(self, measure):
        """A crowded machine is late now and then, what we do wrong is always."""
        took = []
        until(lambda: took.append(measure()) or took[-1] < 1, 60, lambda: took, every=0)

    def seconds_to_stop(self, number):
        with Server() as server:
            server.wait_value("heapwatch_up")
            idle = [socket.create_connection(server.address) for _ in range(20)]
            idle[0].sendall(b"POST /query HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
            begin = time.monotonic()
            code, took = server.stop(number), time.monotonic() - begin
            for s in idle:
                s.close()
            self.assertEqual(code, 0)
            return took

    def test_a_second_server_on_the_same_port_is_told_so(self):
        with Server() as server, tempfile.TemporaryDirectory() as folder:
            host, port = server.address
            code, _, err = run("serve", "--listen", f"{host}:{port}", "--db", folder + "/x.db")
            self.assertEqual(code, 1)
            self.assertIn(f"{host}:{port} is in use", err)
            self.assertIn('make run or make demo: ARGS="--listen ', err)
            self.assertEqual(server.get("/-/healthy")[0], 200)

    def test_a_second_server_on_the_same_database_is_told_so(self):
        with Server() as server:
            code, _, err = run("serve", "--listen", "127.0.0.1:0", "--db", server.db)
            self.assertEqual(code, 1)
            self.assertIn("in use", err)
            self.assertIn(server.db, err)
            self.assertEqual(server.get("/-/healthy")[0], 200)

    def test_a_file_that_is_no_database_is_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "notes.db")
            path.write_text("shopping list\n" * 100)
            code, _, err = run("serve", "--listen", "127.0.0.1:0", "--db", str(path))
            self.assertEqual(code, 1, err)
            self.assertIn("notes.db", err)
            self.assertEqual(path.read_text(), "shopping list\n" * 100)

    def test_a_folder_that_is_missing_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("mistyped/x.db", "no/where/x.db"):
                path = pathlib.Path(folder, name)
                code, _, err = run("serve", "--listen", "127.0.0.1:0", "--db", str(path))
                self.assertEqual(code, 2, err)
                self.assertIn(f"no folder {path.parent};", err)
            self.assertEqual(os.listdir(folder), [])

    def test_what_was_stored_survives_a_stop_and_a_kill(self):
        with tempfile.TemporaryDirectory() as folder:
            for end in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
                with Server(args=["--flush", "1s", "--resolution", "1s"], folder=folder) as server:
                    self.assertEqual(server.get("/-/healthy")[0], 200)
                    server.wait_value("memory_total_bytes")
                    before = server.get_json("/api/v1/status")["store"]
                    self.assertEqual(before["damaged_rows"], 0)
                    until(lambda: server.get_json("/api/v1/status")["store"].get("last_flush_ms"),
                          60, server.log)
                    server.wait_rounds(3)
                    answer = server.query("memory_total_bytes", {"step": "1s"})
                    points = [t for v, t in answer[0]["datapoints"] if v is not None]
                    first = getattr(self, "first", points[0])
                    # The first point of the first run is there in all runs.
                    self.assertLessEqual(points[0], first + 2000)
                    self.first = first
                    server.stop(end)

    def test_the_name_of_the_node_is_kept(self):
        with tempfile.TemporaryDirectory() as folder:
            with Server(folder=folder) as server:
                first = server.get_json("/")["node"]
            self.assertEqual(first, socket.gethostname())
            with Server(folder=folder, args=["--node", "other"]) as server:
                self.assertEqual(server.get_json("/")["node"], "other")
            with Server(folder=folder) as server:
                self.assertEqual(server.get_json("/")["node"], first)

    def test_without_rights_it_serves_and_says_what_is_missing(self):
        if os.getuid() != 0:
            self.skipTest("needs root to become another user")
        with Server(uid=65534) as server:
            until(lambda: server.get_json("/api/v1/status")["ready"], 60, server.log)
            lacks = server.get_json("/api/v1/status")["lacks"]
            self.assertTrue(any("CAP_" in lack["needs"] for lack in lacks), lacks)
            until(lambda: "missing: " in server.out(), 60, server.log)

    def test_lacks_can_be_simulated(self):
        with Server(args=["--without=caps"]) as server:
            until(lambda: server.get_json("/api/v1/status")["ready"], 60, server.log)
            self.assertTrue(server.get_json("/api/v1/status")["lacks"])


if __name__ == "__main__":
    unittest.main()
