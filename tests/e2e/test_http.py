"""The door: protocols, limits, and what hostile or broken clients get."""
import concurrent.futures
import json
import re
import socket
import threading
import time
import unittest

from heapwatch import PATIENCE, Server, until


def talk(server, data, silence=60, half_close=False):
    """Send raw bytes, return all bytes until the server closes or is silent."""
    with socket.create_connection(server.address, timeout=60) as s:
        s.settimeout(silence * PATIENCE)
        answer = b""
        try:
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            while True:
                part = s.recv(65536)
                if not part:
                    return answer
                answer += part
        except OSError:  # silent, or closed in the face of what we send
            return answer


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(config="http: {body_max: 64KiB, connections_max: 250}\n"
                                   "query: {points_max: 100000}\n"
                                   "plant:\n- labels: {site: north}\n")
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        cls.server.wait_value("memory_total_bytes")

    def refused(self, answer, status, code, *words):
        """A problem in the one body that every client can read."""
        self.assertEqual(answer[0], status, answer)
        self.assertEqual(answer[1]["error"]["code"], code)
        self.assertEqual(answer[1]["message"], answer[1]["error"]["message"])
        for word in words:
            self.assertIn(word, answer[1]["message"])

    def query(self, what):
        return self.server.post_json("/query", what)

    # ---- the JSON protocol ----

    def test_query_answers_points_of_the_machine(self):
        status, answer = self.query({
            "range": {"from": "now-5m", "to": "now"}, "intervalMs": 1000, "maxDataPoints": 300,
            "targets": [{"refId": "A", "target": "memory_total_bytes", "payload": {}}]})
        self.assertEqual(status, 200)
        self.assertEqual(len(answer), 1)
        self.assertEqual(answer[0]["refId"], "A")
        values = [v for v, _ in answer[0]["datapoints"] if v is not None]
        with open("/proc/meminfo") as f:
            total = int(f.readline().split()[1]) * 1024
        self.assertEqual(set(values), {total})
        times = [t for _, t in answer[0]["datapoints"]]
        self.assertEqual(times, sorted(set(times)))

    def test_query_without_a_range_is_the_last_hour(self):
        answer = self.server.query("memory_available_bytes", {"format": "table"})
        self.assertGreater(len(answer[0]["rows"]), 0)

    def test_frames_are_sent_when_asked_for(self):
        answer = self.server.query("memory_total_bytes", {"format": "frames"})
        self.assertEqual(answer[0]["schema"]["refId"], "A")
        self.assertEqual(len(answer[0]["schema"]["fields"]), len(answer[0]["data"]["values"]))

    def test_several_targets_keep_their_order(self):
        status, answer = self.query({"targets": [
            {"refId": "B", "target": "memory_total_bytes"},
            {"refId": "A", "target": "heapwatch_up"},
            {"refId": "C", "target": "memory_available_bytes", "hide": True}]})
        self.assertEqual(status, 200)
        self.assertEqual([a["refId"] for a in answer], ["B", "A"])

    def test_latest_is_one_number(self):
        self.assertEqual(self.server.wait_value("heapwatch_up"), 1)

    def test_unknown_metric_is_told_with_suggestion(self):
        self.refused(self.query({"targets": [{"refId": "Q", "target": "heap_utl_rate"}]}),
                     404, "unknown_metric", "refId Q", "heap_utl_rate", "heap_util_rate")

    def test_one_bad_target_leaves_the_others(self):
        status, answer = self.query({"targets": [
            {"refId": "A", "target": "nonsense"}, {"refId": "B", "target": "heapwatch_up"},
            {"refId": "C", "target": "threads", "payload": {"fn": "rate"}}]})
        self.assertEqual(status, 200)
        self.assertEqual([a["refId"] for a in answer], ["A", "B", "C"])
        self.assertGreater(len(answer[1]["datapoints"]), 0)
        for bad, word in ((answer[0], "nonsense"), (answer[2], "needs a counter")):
            self.assertEqual(bad["datapoints"], [])
            self.assertEqual(bad["meta"]["notices"][0]["severity"], "error")
            self.assertIn(word, bad["meta"]["notices"][0]["text"])
        self.refused(self.query({"targets": [{"refId": "B", "target": "nonsense"}]}),
                     404, "unknown_metric", "refId B", "nonsense")

    def test_empty_target_is_refused(self):
        self.refused(self.query({"targets": [{"refId": "A", "target": ""}]}),
                     400, "empty_target", "refId A")

    def test_a_misspelt_option_is_explained(self):
        answer = self.server.query("heapwatch_up", {"aggr": "max", "node": "elsewhere"})
        notices = [n["text"] for a in answer for n in a["meta"]["notices"]]
        self.assertIn('no series has a label "aggr"', notices)
        self.assertNotIn('no series has a label "node"', notices)

    def test_too_many_points_say_which_limit(self):
        self.refused(self.query({"range": {"from": 0, "to": "now"}, "intervalMs": 1000,
                                 "maxDataPoints": 10 ** 9,
                                 "targets": [{"refId": "A", "target": "memory_total_bytes",
                                              "payload": {"step": "1s"}}]}),
                     422, "too_much", "refId A")

    def test_metrics_lists_all_with_options_whatever_is_selected(self):
        for body in ({}, b"", {"metric": "gc_pressure", "payload": {"agg": "max"}}):
            status, answer = self.server.post_json("/metrics", body)
            self.assertEqual(status, 200)
            self.assertGreater(len(answer), 50)
            by_value = {m["value"]: m for m in answer}
            payloads = {p["name"]: p for p in by_value["heap_util_rate"]["payloads"]}
            for name in ("node", "service", "site", "agg", "by", "fn", "step", "topk", "bottomk", "threshold",
                         "matchers", "format"):
                self.assertIn(name, payloads)
            self.assertIn("p99", [o["value"] for o in payloads["agg"]["options"]])

    def test_options_come_on_demand(self):
        _, answer = self.server.post_json("/metric-payload-options", {
            "metric": "heap_util_rate", "payload": {"site": ["north"]}, "name": "site"})
        self.assertEqual(answer, [{"label": "north", "value": "north"}])
        _, answer = self.server.post_json("/metric-payload-options", {"name": "by"})
        self.assertIn("node", [o["value"] for o in answer])
        _, answer = self.server.post_json("/metric-payload-options", {"name": "format"})
        self.assertIn("table", [o["value"] for o in answer])

    def test_variable_answers_values_of_a_label(self):
        node = self.server.get_json("/")["node"]
        for target in ("node", "nodes"):
            status, answer = self.server.post_json("/variable", {"payload": {"target": target}})
            self.assertEqual((status, answer), (200, [{"__text": node, "__value": node}]))
        _, answer = self.server.post_json(
            "/variable", {"payload": {"target": "node", "site": "south"}})
        self.assertEqual(answer, [])
        _, answer = self.server.post_json("/variable", {"payload": {"target": "metrics"}})
        self.assertIn({"__text": "gc_pressure", "__value": "gc_pressure"}, answer)
        self.refused(self.server.post_json("/variable", {}), 400, "empty_target")

    def test_ad_hoc_filters(self):
        _, keys = self.server.post_json("/tag-keys", b"")
        self.assertIn({"type": "string", "text": "site", "value": "site"}, keys)
        _, values = self.server.post_json("/tag-values", {"key": "site", "filters": [
            {"key": "site", "operator": "=", "value": "elsewhere"}]})
        self.assertEqual([v["text"] for v in values], ["north"])
        self.refused(self.server.post_json("/tag-values", {}), 400, "bad_request", "key")
        filters = [{"key": "site", "operator": "=|", "value": "a", "values": ["a", "north"]}]
        until(lambda: self.server.query("heapwatch_up", {"format": "latest"},
                                        filters=filters)[0]["rows"], 60, "a row")
        status, answer = self.query({"targets": [{"refId": "A", "target": "heapwatch_up",
                                                  "payload": {"format": "latest"}}],
                                     "adhocFilters": [{"key": "site", "operator": "!=",
                                                       "value": "north"}]})
        self.assertEqual(status, 200)
        self.assertEqual([r for a in answer for r in a["rows"]], [])

    # ---- finished frames, for heapwatch's own plugin ----

    def frames(self, targets):
        status, headers, data = self.server.request(
            "POST", "/query", json.dumps({"targets": targets}).encode(),
            {"Accept": "application/vnd.heapwatch.frames"})
        self.assertEqual((status, headers["content-type"]),
                         (200, "application/vnd.heapwatch.frames"))
        return data

    def test_frames_answer_each_question_by_itself(self):
        # tests/grafana-host reads them with Grafana's own decoder
        data = self.frames([{"refId": "good", "target": "heapwatch_up", "hide": True},
                            {"refId": "bad", "target": "no_such"}, {"refId": "empty"}, 7])
        self.assertEqual(data.count(b"ARROW1\0\0"), 1)
        self.assertIn(b'"timeseries-multi"', data)
        for ref in (b"\x04good", b"\x03bad", b"\x05empty"):
            self.assertIn(b"\x0a" + ref, data)
        self.assertIn(b'no metric is named "no_such"', data)
        self.assertIn(b"target is empty", data)
        self.assertEqual(data.count(b"downstream"), 3)

    def test_targets_of_a_request_share_what_it_may_cost(self):
        now = int(time.time()) + 1
        targets = [{"refId": ref, "target": "memory_total_bytes", "payload": {"step": "1s"},
                    "range": {"from": now - 60000, "to": now}, "maxDataPoints": 10 ** 6}
                   for ref in "AB"]
        told = "the targets before it in this request took"
        data = self.frames(targets)
        self.assertEqual(data.count(told.encode()), 1)
        status, answer = self.query({"targets": targets, "intervalMs": 1000,
                                     "maxDataPoints": 10 ** 6, "range": targets[0]["range"]})
        self.assertEqual((status, answer[1]["refId"], answer[1]["datapoints"]), (200, "B", []))
        self.assertIn(told, answer[1]["meta"]["notices"][0]["text"])

    def test_a_question_may_have_a_range_of_its_own(self):
        ask = {"target": "heapwatch_up", "payload": {"step": "1s"}}
        self.server.wait_value("heapwatch_up")
        now = int(time.time()) + 1
        small = self.frames([{"refId": "A", **ask, "range": {"from": now - 10, "to": now}}])
        large = self.frames([{"refId": "A", **ask, "range": {"from": now - 1000, "to": now}}])
        self.assertGreater(len(large), len(small) + 900 * 16)

    # ---- the other faces ----

    def test_prometheus_text(self):
        status, headers, data = self.server.get("/metrics")
        self.assertEqual(status, 200)
        self.assertIn("text/plain; version=0.0.4", headers["content-type"])
        text = data.decode()
        self.assertIn("# TYPE memory_total_bytes gauge\n", text)
        self.assertIn("heapwatch_build_info{version=", text)
        families = [l.split()[2] for l in text.splitlines() if l.startswith("# TYPE ")]
        self.assertEqual(len(families), len(set(families)))
        for line in text.splitlines():
            if not line.startswith("#"):
                float(line.rsplit(" ", 1)[1])

    def test_status_tells_of_heapwatch_itself(self):
        status = self.server.get_json("/api/v1/status")
        self.assertEqual(status["self"]["pid"], self.server.pid)
        self.assertGreater(status["collector"]["processes"], 0)
        self.assertEqual(status["queue"]["dropped"], 0)
        self.assertEqual(status["store"]["last_error"], "")
        self.assertEqual(status["thresholds"]["frag_ratio"],
                         {"warning": 0.3, "critical": 0.1, "bad": "below"})

    def test_health_and_readiness(self):
        self.assertEqual(self.server.get("/-/healthy")[0], 200)
        self.assertEqual(self.server.get("/-/ready")[0], 200)

    def test_root_is_a_page_for_people_and_json_for_programs(self):
        status, headers, data = self.server.get("/", {"Accept": "text/html"})
        self.assertEqual((status, headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn(b"/api/v1/targets", data)
        paths = [e["path"] for e in self.server.get_json("/")["endpoints"]]
        self.assertIn("/query", paths)

    # ---- methods and paths ----

    def test_slashes_collapse(self):
        self.assertEqual(self.server.get("//-//healthy/")[0], 200)
        self.assertEqual(self.server.post_json("//query", {"targets": []}), (200, []))

    def test_head_has_no_body_and_options_says_what_is_allowed(self):
        status, headers, data = self.server.request("HEAD", "/")
        self.assertEqual((status, data), (200, b""))
        self.assertGreater(int(headers["content-length"]), 0)
        status, headers, _ = self.server.request("OPTIONS", "/metrics")
        self.assertEqual((status, headers["allow"]), (204, "GET, HEAD, POST, OPTIONS"))

    def test_wrong_methods_say_which_are_right(self):
        for method, path, allow in (("GET", "/query", "POST, OPTIONS"),
                                    ("DELETE", "/", "GET, HEAD, OPTIONS"),
                                    ("PUT", "/metrics", "GET, HEAD, POST, OPTIONS"),
                                    ("PATCH", "/api/v1/status", "GET, HEAD, OPTIONS")):
            status, headers, data = self.server.request(method, path, b"{}")
            self.refused((status, json.loads(data)), 405, "wrong_method", path, allow)
            self.assertEqual(headers["allow"], allow)

    def test_unknown_path_says_where_to_look(self):
        status, headers, data = self.server.get("/api/v1/nothing")
        self.assertEqual(headers["content-type"], "application/json")
        self.refused((status, json.loads(data)), 404, "unknown_path", "/api/v1/nothing", "GET /")

    def test_long_paths_are_refused(self):
        self.assertEqual(self.server.get("/" + "x" * 5000)[0], 400)
        self.assertGreaterEqual(self.server.get("/" + "x" * 100000)[0], 400)
        self.assertEqual(self.server.get("/-/healthy")[0], 200)

    # ---- bodies ----

    def test_malformed_bodies_are_refused(self):
        for body in (b"{", b"[]", b"nonsense", b'{"targets":[{"target":"a"}],"targets":[]}',
                     b"\xff\xfe", b'{"targets":{}}', b'"x"', b"{\"targets\":[[[]]]}",
                     b'{"targets":[{"target":{"a":1}}]}', b'{"targets":[1,2]}',
                     b'{"range":5,"targets":[{"target":"threads"}]}',
                     b'{"range":{"from":"x"},"targets":[{"target":"threads"}]}',
                     b'{"a":' * 5000):
            self.refused(self.query(body), 400, "bad_request")

    def test_an_oversized_body_is_refused(self):
        for size in (64 * 1024 + 1, 1024 * 1024, 8 * 1024 * 1024):
            self.refused(self.query(b" " * size), 413, "too_large", "65536")
        status, answer = self.query(b'{"targets":[]' + b" " * 65000 + b"}")
        self.assertEqual((status, answer), (200, []))

    def test_an_absurd_length_is_refused_before_the_body(self):
        for length in (b"99999999999", b"18446744073709551615"):
            answer = talk(self.server, b"POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                          length + b"\r\n\r\n{")
            self.assertIn(answer.split()[1], (b"413", b"400"), answer)
        self.assertEqual(self.server.get("/-/healthy")[0], 200)

    def test_an_endless_body_ends_the_connection(self):
        with socket.create_connection(self.server.address, timeout=60) as s:
            s.sendall(b"POST /query HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
            with self.assertRaises((ConnectionError, socket.timeout)):
                for _ in range(1024):
                    s.sendall(chunk)
        self.assertEqual(self.server.get("/-/healthy")[0], 200)

    def test_a_chunked_body_is_read(self):
        answer = talk(self.server, b"POST /query HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                      b"Transfer-Encoding: chunked\r\n\r\n8\r\n{\"target\r\n6\r\ns\":[]}\r\n0\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)
        self.assertTrue(answer.endswith(b"[]"), answer)

    def test_ambiguous_framing_is_refused(self):
        for headers in (b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
                        b"Content-Length: 2\r\nContent-Length: 3\r\n",
                        b"Transfer-Encoding: gzip, chunked\r\n"):
            answer = talk(self.server, b"POST /query HTTP/1.1\r\nHost: localhost\r\n" + headers +
                          b"\r\n{}GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertTrue(answer.startswith(b"HTTP/1.1 400"), (headers, answer))
            self.assertNotIn(b"heapwatch is healthy", answer)

    def test_two_names_of_the_server_are_refused(self):
        answer = talk(self.server, b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n"
                      b"Host: evil.example\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400"), answer)
        self.assertIn(b"more than one Host", answer)

    # ---- clients ----

    def test_garbage_does_not_disturb_others(self):
        for data in (b"\x00" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00",
                     b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20000 + b"\r\n",
                     b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n\x01\x02\x03 garbage \r\n\r\n" * 5,
                     b"POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n{}",
                     b"POST /query HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
            talk(self.server, data, silence=2, half_close=True)
            self.assertEqual(self.server.get("/-/healthy")[0], 200)

    def test_pipelined_requests_are_answered_in_order(self):
        answer = talk(self.server, b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
                      b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
                      b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self.assertEqual(re.findall(rb"HTTP/1\.1 (\d+)", answer), [b"200", b"404", b"200"])

    def test_a_client_that_leaves_early_does_no_harm(self):
        body = json.dumps({"targets": [{"target": ".*"}]}).encode()
        for _ in range(50):
            s = socket.create_connection(self.server.address)
            s.sendall(b"POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
                      + body)
            s.close()
        self.assertEqual(self.server.get("/-/healthy")[0], 200)

    def test_slow_clients_do_not_hold_up_others(self):
        def seconds_of_twenty():
            begin = time.monotonic()
            for _ in range(20):
                self.assertEqual(self.server.get("/-/healthy")[0], 200)
            return time.monotonic() - begin

        slow, alone = [], seconds_of_twenty()
        try:
            for i in range(100):
                s = socket.create_connection(self.server.address)
                s.sendall(b"POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"
                          if i % 2 else b"GET / HT")
                slow.append(s)
            # A crowded machine, or a sanitizer, is slow without them too. Who
            # waits for one of them waits until it is hung up on, after 30 s.
            self.assertLess(seconds_of_twenty(), 25 + 4 * alone)
        finally:
            for s in slow:
                s.close()

    def test_large_answers_that_nobody_reads_are_bounded(self):
        body = json.dumps({"range": {"from": "now-11d", "to": "now"}, "intervalMs": 1000,
                           "maxDataPoints": 999999,
                           "targets": [{"target": "memory_total_bytes"}]}).encode()
        request = (b"POST /query HTTP/1.1\r\nHost: localhost\r\n"
                   b"Content-Length: %d\r\n\r\n" % len(body)) + body
        with Server() as server:
            server.wait_value("memory_total_bytes")
            until(lambda: any(v is not None for v, _ in server.query(
                "memory_total_bytes", {"step": "1s"})[0]["datapoints"]), 60,
                "a value that a step of the range has")
            slow, first = [], []
            try:
                # Of 20 MB each; at once, as after 30 s they are hung up on.
                while len(slow) < 12 and b"HTTP/1.1 503" not in first:
                    s = socket.create_connection(server.address, timeout=120)
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    slow.append(s)
                    s.sendall(request)
                    first.append(s.recv(12))
                self.assertEqual(first[0], b"HTTP/1.1 200")
                self.assertEqual(first[-1], b"HTTP/1.1 503")
                told = b""
                while b"busy" not in told:
                    part = slow[-1].recv(4096)
                    self.assertTrue(part, told)
                    told += part
                self.assertEqual(server.get("/metrics")[0], 200)  # of who asks for little
            finally:
                for s in slow:
                    s.close()
            until(lambda: server.request("POST", "/query", body)[0] == 200, 60, "room", 0.5)

    def test_two_hundred_connections_at_once(self):
        ready = threading.Barrier(200)
        body = {"targets": [{"refId": "A", "target": "memory_total_bytes"}]}

        def ask(_):
            ready.wait(120)
            return self.server.post_json("/query", body)[0]
        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            self.assertEqual(set(pool.map(ask, range(200))), {200})

    def test_more_connections_than_the_limit_wait_their_turn(self):
        idle = [socket.create_connection(self.server.address) for _ in range(400)]
        for s in idle:
            s.close()
        self.assertEqual(self.server.get("/-/healthy")[0], 200)


if __name__ == "__main__":
    unittest.main()
