"""make demo: three services, what it prints, and that Ctrl-C ends all of it."""
import json
import os
import re
import signal
import subprocess
import tempfile
import unittest
import urllib.request

from heapwatch import ROOT, program, until


def children(pid):
    """Every process that comes from this one."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                if int(file.read().rsplit(")", 1)[1].split()[1]) == pid:
                    found += [int(name), *children(int(name))]
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


class Demo(unittest.TestCase):
    def test_three_services_are_shown_and_all_end_with_it(self):
        built = ROOT / "build/victims/demo"
        subprocess.run([ROOT / "tests/victims/demo/build", built], check=True, timeout=500)
        with tempfile.TemporaryFile("w+") as out:
            demo = subprocess.Popen(
                [ROOT / "tests/victims/demo/run", program(), built, "--listen", "127.0.0.1:0"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True)
            started = [demo.pid]

            def said():
                out.seek(0)
                return out.read()
            try:
                until(lambda: "Ctrl-C" in said() or demo.poll() is not None, 240, said)
                started += children(demo.pid)
                self.assertGreaterEqual(len(started), 5, said())
                for service in ("historian", "telemetry", "scada"):
                    self.assertRegex(said(), rf"(?m)^\S+( \S+)? +{service}/0 .*%")
                # Each line to try works as it is printed.
                lines = re.findall(r"^  curl -s (\S+)(?: -d '(.*)')?", said(), re.M)
                self.assertEqual(len(lines), 4)
                for url, body in lines:
                    with urllib.request.urlopen(url, body.encode() or None, timeout=60) as answer:
                        text = answer.read().decode()
                    self.assertIn("telemetry", text)
                    if body:
                        self.assertTrue(json.loads(text)[0]["rows"])
            finally:
                if demo.poll() is None:
                    os.killpg(demo.pid, signal.SIGINT)
                code = demo.wait(60)
            self.assertEqual(code, 0, said())
            for pid in started:
                self.assertFalse(os.path.exists(f"/proc/{pid}"), said())


if __name__ == "__main__":
    unittest.main()
