"""Grafana's own code reads every shape of the answers. Needs node and npm.

"make check-e2e" installs tests/grafana-data's packages below build/.
"""
import os
import re
import subprocess
import unittest

from heapwatch import PATIENCE, ROOT
from loaded import Loaded

TEST = ROOT / "tests" / "grafana-data" / "frames.test.mjs"
MODULES = ROOT / "build" / "grafana-data"
# So that no machine is too slow to have values of now.
CONFIG = "collector: {interval: 20s}\n"


class Frames(unittest.TestCase):
    def test_grafana_makes_the_intended_frames_of_every_shape(self):
        self.assertTrue((MODULES / "node_modules").is_dir(), "run make check-e2e")
        with Loaded(config=CONFIG) as server:
            server.wait_value("heapwatch_up")
            env = {**os.environ, "HEAPWATCH_URL": server.url, "TZ": "UTC",
                   "HEAPWATCH_END_MS": str(server.end_ms), "HEAPWATCH_MODULES": str(MODULES)}
            done = subprocess.run(["node", "--test", "--test-reporter=tap", str(TEST)], env=env,
                                  timeout=450 * PATIENCE, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0, text)
        passed = int(re.search(r"^. pass (\d+)$", text, re.M).group(1))
        self.assertGreaterEqual(passed, 20, text)
        self.assertRegex(text, r"(?m)^. skipped 0$")
        print(f"{passed} tests of frames passed")


if __name__ == "__main__":
    unittest.main()
