"""The rules beside real programs, twelve times faster: real heapwatch, Debian's
prometheus and prometheus-alertmanager, and both sets of Grafana's rules. Needs
Go victims. Run by make check-alerts."""
import http.server
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import yaml

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from evaluator import Evaluator, Infinity, Plugin  # noqa: E402
from heapwatch import ROOT, Server, Victim, until  # noqa: E402
from test_discovery import go_victim  # noqa: E402
from test_prometheus import Prometheus  # noqa: E402

SHRINK = 12
WATCH = "watch: [{action: include, exe: '%s/.*'}, {action: exclude}]\n"  # none of other tests'
ALERTMANAGER = """
route: {receiver: test, group_by: [alertname, service], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}
receivers:
- name: test
  webhook_configs: [{url: "http://127.0.0.1:%d/", send_resolved: true}]
"""
PROMETHEUS = """
global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}
rule_files: ["%s"]
alerting: {alertmanagers: [{static_configs: [{targets: ["127.0.0.1:%d"]}]}]}
scrape_configs:
- job_name: heapwatch
  honor_labels: true
  static_configs: [{targets: ["%s:%d"]}]
"""


class Receiver:
    """What alertmanager tells: {(rule, service): firing or resolved}."""

    def __enter__(self):
        self.told, self.annotations = {}, {}
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                for alert in json.loads(body)["alerts"]:
                    key = alert["labels"]["rule"], alert["labels"].get("service", "")
                    receiver.told[key] = alert["status"]
                    receiver.annotations[key] = alert["annotations"]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def firing(self):
        return {key for key, status in list(self.told.items()) if status == "firing"}


class Alertmanager:
    def __init__(self, folder, receiver):
        self.port, self.folder = None, folder
        (folder / "alertmanager.yml").write_text(ALERTMANAGER % receiver.port)

    def __enter__(self):
        self.log = open(self.folder / "alertmanager.log", "w")
        self.process = subprocess.Popen(
            ["prometheus-alertmanager", f"--config.file={self.folder}/alertmanager.yml",
             f"--storage.path={self.folder}/alertmanager", "--cluster.listen-address=",
             "--web.listen-address=127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            until(self.listens, 120, "alertmanager listens")
        except BaseException:
            self.__exit__()
            raise
        return self

    def listens(self):
        """A port of its own choice, which its log tells."""
        said = (self.folder / "alertmanager.log").read_text()
        if self.process.poll() is not None:
            raise AssertionError(f"alertmanager ended:\n{said[-5000:]}")
        found = re.search(r'"Listening on" address=127\.0\.0\.1:(\d+)', said)
        self.port = found and int(found.group(1))
        return self.port

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Watchers(threading.Thread):
    """Both sets of Grafana's rules, evaluated every two seconds."""

    def __init__(self, folder, url):
        super().__init__(daemon=True)
        alerting = folder / "provisioning" / "alerting"
        self.sets = [Evaluator(self.rules(alerting / "heapwatch.yaml"), Plugin(url)),
                     Evaluator(self.rules(alerting / "optional" / "infinity.yaml"), Infinity(url))]
        self.ended, self.error = threading.Event(), None
        self.seen = [set(), set()]
        self.now = [set(), set()]

    @staticmethod
    def rules(path):
        return yaml.safe_load(path.read_text())["groups"][0]["rules"]

    def run(self):
        try:
            while not self.ended.wait(2):
                for i, rules in enumerate(self.sets):
                    rules.evaluate(time.time())
                    self.now[i] = rules.firing()
                    self.seen[i] |= self.now[i]
        except BaseException as error:
            self.error = error
            raise

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join(60)


class Live(unittest.TestCase):
    def everybody(self, what, true, timeout=300):
        """Until it is so for alertmanager and both sets of Grafana's rules."""
        def all_agree():
            self.assertIsNone(self.watchers.error)
            return all(true(f) for f in (self.receiver.firing(), *self.watchers.now))
        until(all_agree, timeout, lambda: f"{what}: alertmanager {self.receiver.firing()}, plugin "
              f"and Infinity {self.watchers.now}")

    def test_every_way_tells_the_same(self):
        with tempfile.TemporaryDirectory() as name, Receiver() as self.receiver:
            folder = pathlib.Path(name)
            subprocess.run([ROOT / "dashboards/alerts/build", "--into", folder,
                            "--shrink", str(SHRINK)], check=True, timeout=300)
            for service in ("sick", "well"):
                shutil.copy(go_victim(), folder / service)
            with Victim([folder / "sick"], env={"GOMEMLIMIT": "64MiB", "GOGC": "off"}) as sick, \
                    Victim([folder / "well"], env={"GOMEMLIMIT": "512MiB"}) as well, \
                    Server(config=WATCH % folder) as server, \
                    Alertmanager(folder, self.receiver) as alertmanager, \
                    Prometheus(PROMETHEUS % (folder / "prometheus/rules.yaml", alertmanager.port,
                                             *server.address)), \
                    Watchers(folder, server.url) as self.watchers:
                self.story(server, sick, well)
        for told in (set(self.receiver.told), *self.watchers.seen):
            self.assertEqual({r for r, s in told if s == "well"}, {"target_lost"}, told)
            self.assertNotIn("no_data", {r for r, s in told if s == "sick"}, told)

    def story(self, server, sick, well):
        for victim in (sick, well):
            server.wait_value("target_up", victim.pid, 120)
        begin = time.monotonic()
        sick.tell("grow 60")
        ill = ("heap_util_critical", "sick")
        self.everybody("the heap is full", lambda firing: ill in firing)
        self.assertRegex(self.receiver.annotations[ill]["summary"],
                         r"^sick/0 on \S+ uses 9\d(\.\d+)?% of its heap's limit")
        sick.tell("shrink")
        sick.tell("gc")
        self.everybody("it is empty again", lambda firing: not any(s == "sick" for _, s in firing))
        time.sleep(max(0, 600 / SHRINK + 15 - (time.monotonic() - begin)))
        well.stop(signal.SIGKILL)
        self.everybody("it is gone", lambda firing: ("target_lost", "well") in firing)
        server.stop()
        self.everybody("heapwatch is down", lambda firing: ("heapwatch_down", "") in firing)


if __name__ == "__main__":
    unittest.main()
