"""The data source's editors in a real browser, over the real executable.

Not in "make test", for its packages weigh 560 MB: make check-shell lays and
builds what this needs below build/shell. Needs node, npm and chromium.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import zipfile

from heapwatch import ROOT
from loaded import Loaded

SHELL = ROOT / "build" / "shell"
DIST = ROOT / "build" / "plugin-dist"
ID = "heapwatch-heapwatch-datasource"

# What Grafana 10.4 and later hand to a module that names it.
GIVEN = {"exports", "react", "react-dom", "rxjs", "@grafana/data", "@grafana/runtime", "@grafana/ui"}


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
        self.assertTrue(chromium, "chromium is not installed: packaging/deps test")
        with tempfile.TemporaryDirectory() as folder, Loaded() as server:
            certificate(pathlib.Path(folder))
            server.wait_value("heapwatch_up", timeout=60)
            env = {**os.environ, "HEAPWATCH_URL": server.url, "CHROMIUM": chromium,
                   "HEAPWATCH_END_MS": str(server.end_ms), "CERTIFICATES": folder,
                   "PLUGIN": str(ROOT / os.environ["PLUGIN"]), "TZ": "UTC",
                   "SCREENSHOTS": str(ROOT / "build" / "shell-screenshots")}
            done = subprocess.run(
                ["node", "--test", "--test-reporter=tap", "harness/editors.test.mjs"],
                cwd=SHELL, env=env, timeout=1500, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, check=False)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0, text)
        passed = int(re.search(r"^. pass (\d+)$", text, re.M).group(1))
        self.assertGreaterEqual(passed, 12, text)
        self.assertRegex(text, r"(?m)^. skipped 0$")

    def test_the_zip_is_what_grafana_loads(self):
        (archive,) = DIST.glob(f"{ID}-*.zip")
        with zipfile.ZipFile(archive) as z:
            files = {i.filename: i.external_attr >> 16 for i in z.infolist()}
            about = json.loads(z.read(f"{ID}/plugin.json"))
            module = z.read(f"{ID}/module.js").decode()
        self.assertEqual({name.split("/")[0] for name in files}, {ID})
        for name in ("LICENSE", "README.md", "CHANGELOG.md", about["info"]["logos"]["small"]):
            self.assertIn(f"{ID}/{name}", files)
        self.assertEqual(files[f"{ID}/{about['executable']}_linux_amd64"], 0o100755)
        self.assertRegex(about["info"]["version"], r"^\d+\.\d+\.\d+$")
        self.assertRegex(about["info"]["updated"], r"^20\d\d-\d\d-\d\d$")
        wanted = json.loads(re.match(r"define\((\[[^]]*\])", module).group(1))
        self.assertLessEqual(set(wanted), GIVEN)

    def test_the_same_files_make_the_same_zip(self):
        with tempfile.TemporaryDirectory() as folder:
            made = [pathlib.Path(folder) / name for name in ("a.zip", "b.zip")]
            for path in made:
                subprocess.run([ROOT / "packaging" / "plugin-zip", DIST / ID, path, "1795000000"],
                               check=True)
            self.assertEqual(made[0].read_bytes(), made[1].read_bytes())


if __name__ == "__main__":
    unittest.main()
