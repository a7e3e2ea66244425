"""docs/api.md: every request on the page is run, and its answer has the shape that is shown."""
import json
import re
import shlex
import time
import unittest

from heapwatch import ROOT, Server, Victim, until

BLOCKS = re.compile(r"```sh\n(curl .*?)```\n```(json|text)\n(.*?)```", re.S)


def request_of(command):
    """curl as (method, path, body, headers)"""
    words = shlex.split(command)
    method, body, headers, url = None, None, {}, None
    rest = iter(words[1:])
    for word in rest:
        if word == "-d":
            body = next(rest).encode()
        elif word == "-X":
            method = next(rest)
        elif word == "-H":
            name, value = next(rest).split(": ", 1)
            headers[name] = value
        elif word != "-s":
            url = word
    path = re.sub(r"^localhost:9817", "", url)
    return method or ("POST" if body else "GET"), path, body, headers


def differs(shown, real, where="answer"):
    """Where the shape of the real answer is not the one shown; None: nowhere."""
    if shown is None or real is None:
        return None
    if isinstance(shown, dict) and isinstance(real, dict):
        lacks = set(shown) - set(real) - {"..."}
        more = set() if "..." in shown else set(real) - set(shown)
        if lacks or more:
            return f"{where}: shown only {sorted(lacks)}, real only {sorted(more)}"
        found = (differs(v, real[k], f"{where}.{k}") for k, v in shown.items() if k != "...")
        return next((d for d in found if d), None)
    if isinstance(shown, list) and isinstance(real, list):
        items = [s for s in shown if s != "..."]
        if len(real) < len(items) or (items == shown and len(real) != len(items)):
            return f"{where}: {len(items)} shown, {len(real)} real"
        found = (differs(s, real[i], f"{where}[{i}]") for i, s in enumerate(items))
        return next((d for d in found if d), None)
    number = (int, float)
    same = type(shown) is type(real) or (isinstance(shown, number) and isinstance(real, number)
                                         and not isinstance(shown, bool))
    return None if same else f"{where}: {shown!r} shown, {real!r} real"


class ApiDocs(unittest.TestCase):
    def test_the_comparison_itself_finds_differences(self):
        self.assertIsNone(differs({"a": [1, "..."]}, {"a": [2.5, 3]}))
        for shown, real in (({"a": 1}, {"b": 1}), ({"a": 1}, {"a": 1, "b": 2}), ([1], [1, 2]),
                            ([1, "..."], []), ({"a": 1}, {"a": "1"}), (True, 1)):
            self.assertIsNotNone(differs(shown, real), (shown, real))

    def test_every_request_has_the_answer_shown(self):
        page = (ROOT / "docs/api.md").read_text()
        blocks = BLOCKS.findall(page)
        self.assertEqual(len(blocks), page.count("```sh\n"))
        with Victim([ROOT / "build/victims/go/victim-1.21.13"]) as victim, \
                Server(["--node", "gw-1", "--resolution", "1s"],
                       config="watch:\n- {action: include, exe: '.*/victim-1.21.13$'}\n"
                              "- {action: exclude}\n") as server:
            victim.ask("grow 8")
            server.wait_target(victim.pid)
            server.wait_value("heap_util_rate", victim.pid)
            # a window of 10 s has ended, so that the next one follows it
            until(lambda: len({r["time"] for r in server.get_json(
                "/api/v1/series?metric=heap_util_rate&from=now-1m&step=10s")["rows"]}) > 1,
                30, "two windows")
            until(lambda: server.get_json(
                "/api/v1/latest?metric=heap_util_rate&fn=beyond&step=1m")["rows"],
                10, "a share of time")
            for command, kind, shown in blocks:
                method, path, body, headers = request_of(command)
                with self.subTest(request=command):
                    def answer():
                        return server.request(method, path, body, headers)[2]
                    if kind == "json":
                        self.compare(json.loads(shown), answer, victim.pid)
                        continue
                    lines = answer().decode().splitlines()
                    for line in shown.splitlines():
                        self.assertIn(line, lines)

    def compare(self, shown, answer, pid):
        """An order, such as maintenance, is there a round later; so ask for a while."""
        for _ in range(50):
            real = json.loads(answer())
            if "targets" in real:  # those of others may come first
                real["targets"].sort(key=lambda t: t["pid"] != pid)
            found = differs(shown, real)
            if not found:
                return
            time.sleep(0.1)
        self.fail(f"{found}\n{json.dumps(real)[:2000]}")

    def test_every_path_is_on_the_page(self):
        page = (ROOT / "docs/api.md").read_text()
        with Server() as server:
            for endpoint in server.get_json("/")["endpoints"]:
                self.assertIn(endpoint["path"].replace("/api/v1", ""), page)


if __name__ == "__main__":
    unittest.main()
