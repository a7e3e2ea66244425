"""docs/api.md: every request on the page is run, and its answer has the shape that is shown."""
import json
import os
import pathlib
import re
import shlex
import shutil
import tempfile
import unittest

from heapwatch import ROOT, Server, Victim, settled, until

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
        name = f"scada-{os.getpid()}"  # which no other process of the machine has
        with tempfile.TemporaryDirectory() as folder:
            program = shutil.copy(ROOT / "build/victims/go/victim-1.21.13",
                                  pathlib.Path(folder) / name)
            with Victim([program]) as victim, \
                    Server(["--node", "gw-1", "--resolution", "1s"],
                           config=f"watch:\n- {{action: include, exe: '.*/{name}$'}}\n"
                                  "- {action: exclude}\n") as server:
                self.prepare(server, victim)
                for command, kind, shown in blocks:
                    with self.subTest(request=command):
                        self.compare(server, request_of(command), kind, shown, victim.pid)

    def prepare(self, server, victim):
        """Until there is something to tell of all that the page asks for."""
        victim.ask("grow 8")
        server.wait_target(victim.pid)
        server.wait_value("heap_util_rate", victim.pid)
        # a window of 10 s has ended, so that the next one follows it
        until(lambda: len({r["time"] for r in server.get_json(
            "/api/v1/series?metric=heap_util_rate&from=now-1m&step=10s")["rows"]}) > 1,
            120, "two windows")
        until(lambda: server.get_json(
            "/api/v1/latest?metric=heap_util_rate&fn=beyond&step=1m")["rows"],
            60, "a share of time")

    def compare(self, server, request, kind, shown, pid):
        """An order, such as maintenance, is there a round later, and a round may be late."""
        method, path, body, headers = request

        def once():
            real = server.request(method, path, body, headers)[2].decode()
            if kind == "json":
                self.same_shape(json.loads(shown), json.loads(real), pid)
            else:
                self.assertLessEqual(set(shown.splitlines()), set(real.splitlines()))
        settled(once)

    def same_shape(self, shown, real, pid):
        if "targets" in real:  # those of others may come first
            real["targets"].sort(key=lambda t: t["pid"] != pid)
        found = differs(shown, real)
        self.assertIsNone(found, f"{found}\n{json.dumps(real)[:2000]}")

    def test_every_path_is_on_the_page(self):
        page = (ROOT / "docs/api.md").read_text()
        with Server() as server:
            for endpoint in server.get_json("/")["endpoints"]:
                self.assertIn(endpoint["path"].replace("/api/v1", ""), page)


if __name__ == "__main__":
    unittest.main()
