"""The data source's editors in a real browser, over the real executable.

Not in "make test", for its packages weigh 560 MB: make check-shell lays and
builds what this needs below build/shell. Needs node, npm and chromium.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from heapwatch import ROOT
from loaded import Loaded

SHELL = ROOT / "build" / "shell"


def certificate(folder):
    """One that is its own authority, for server and client."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=heapwatch.test", "-addext", "subjectAltName=DNS:heapwatch.test",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Shell(unittest.TestCase):
    def test_a_person_clicks_through_the_editors(self):
        chromium = shutil.which("chromium")
        self.assertTrue(chromium, "chromium is not installed: packaging/deps shell")
        with tempfile.TemporaryDirectory() as folder, Loaded() as server:
            certificate(pathlib.Path(folder))
            server.wait_value("heapwatch_up")
            env = {**os.environ, "HEAPWATCH_URL": server.url, "CHROMIUM": chromium,
                   "HEAPWATCH_END_MS": str(server.end_ms), "CERTIFICATES": folder,
                   "PLUGIN": str(ROOT / os.environ["PLUGIN"]), "TZ": "UTC",
                   "SCREENSHOTS": str(ROOT / "build" / "shell-screenshots")}
            done = subprocess.run(
                ["node", "--test", "--test-reporter=tap", "harness/editors.test.mjs"],
                cwd=SHELL, env=env, timeout=500, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, check=False)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0, text)
        passed = int(re.search(r"^. pass (\d+)$", text, re.M).group(1))
        self.assertGreaterEqual(passed, 12, text)
        self.assertRegex(text, r"(?m)^. skipped 0$")


if __name__ == "__main__":
    unittest.main()
