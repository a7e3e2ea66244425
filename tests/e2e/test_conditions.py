"""What holds of every path: CORS, preflight, HEAD, OPTIONS, 405, slashes, ETag, base path, gzip.

The table of paths is the server's own, from GET /, so a new endpoint is tested too.
"""
import collections
import gzip
import json
import unittest

from heapwatch import Server, settled, until

ORIGIN = "https://grafana.example"
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "content-type,x-grafana-device-id"}
# A round that is late is no fault here, and what others start is none of ours.
CONFIG = f"""
http: {{cors_origins: '{ORIGIN}'}}
collector: {{interval: 10s}}
watch: [{{action: exclude}}]
"""
SLOW = {"/", "/api/v1/labels"}  # worth an ETag
# What a good request needs besides its path.
QUERY = {"/api/v1/series": "?metric=heapwatch_up", "/api/v1/latest": "?metric=heapwatch_up"}
BODY = {"/query": {"targets": [{"refId": "A", "target": "heapwatch_up"}]},
        "/variable": {"payload": {"target": "node"}}, "/tag-values": {"key": "node"},
        "/metric-payload-options": {"metric": "heapwatch_up", "name": "node"},
        "/annotations": {"annotation": {"query": ""}},
        "/api/v1/maintenance": {"service": "none-.*", "for": "1h", "reason": "test"}}
# What a broken one gets; paths not named take none of it amiss.
BROKEN = [("POST", "/query", b"{", 400), ("POST", "/metrics", b"[", 400),
          ("POST", "/metric-payload-options", b"{", 400), ("POST", "/variable", b"{}", 400),
          ("POST", "/tag-keys", b"{", 400), ("POST", "/tag-values", b"{}", 400),
          ("POST", "/search", b"{", 400), ("POST", "/annotations", b"{", 400),
          ("POST", "/api/v1/maintenance", b"{}", 400),
          ("DELETE", "/api/v1/maintenance", None, 400),
          ("DELETE", "/api/v1/maintenance?service=no", None, 404),
          ("GET", "/api/v1/series", None, 400), ("GET", "/api/v1/latest?metric=x1", None, 404),
          ("GET", "/api/v1/events?limit=0", None, 400),
          ("GET", "/api/v1/labels?label=%20", None, 400), ("GET", "/nothing", None, 404),
          ("PUT", "/query", b"{}", 405)]


class Conditions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(["--base-path", "/hw"], config=CONFIG)
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        cls.server.wait_value("heapwatch_up")
        cls.server.wait_ready()
        cls.methods = collections.defaultdict(set)
        for endpoint in cls.server.get_json("/")["endpoints"]:
            cls.methods[endpoint["path"]].add(endpoint["method"])

    def good(self, method, path, headers=None, prefix=""):
        """A request that this endpoint takes."""
        body = json.dumps(BODY.get(path, {})).encode() if method == "POST" else None
        where = prefix + path + (QUERY.get(path, "") if method in ("GET", "HEAD") else "")
        return self.server.request(method, where, body, headers)

    def each(self):
        """All endpoints but the end of a maintenance, which wants one that is there."""
        return [(method, path) for path, methods in self.methods.items()
                for method in sorted(methods - {"DELETE"})]

    def allow(self, methods):
        """The words of Allow, whatever their order."""
        return methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())

    def test_every_endpoint_answers(self):
        count = 0
        for method, path in self.each():
            with self.subTest(method=method, path=path):
                self.assertIn(self.good(method, path)[0], (200, 202))
                count += 1
        self.assertGreater(count, 18)

    def test_cors_is_on_good_answers(self):
        for method, path in self.each():
            with self.subTest(method=method, path=path):
                _, headers, _ = self.good(method, path, {"Origin": ORIGIN})
                self.assertEqual(headers["access-control-allow-origin"], ORIGIN)
                self.assertEqual(headers["access-control-allow-credentials"], "true")
                self.assertIn("Origin", headers["vary"])
                # Maintenance is refused to strangers, all else is only unreadable for them.
                status, headers, _ = self.good(method, path, {"Origin": "https://evil.example"})
                self.assertNotIn("access-control-allow-origin", headers)
                changes = (method, path) == ("POST", "/api/v1/maintenance")
                self.assertEqual(status == 403, changes)

    def test_cors_and_the_one_body_are_on_errors(self):
        for method, path, body, want in BROKEN:
            with self.subTest(method=method, path=path):
                status, headers, data = self.server.request(method, path, body, {"Origin": ORIGIN})
                self.assertEqual(status, want, data)
                self.assertEqual(headers["access-control-allow-origin"], ORIGIN)
                self.assertEqual(headers["content-type"], "application/json")
                self.assertEqual(headers["cache-control"], "no-store")
                answer = json.loads(data)
                self.assertEqual(answer["message"], answer["error"]["message"])
                self.assertTrue(answer["error"]["code"])

    def test_preflight_on_every_path(self):
        for path, _ in self.methods.items():
            with self.subTest(path=path):
                for where in (path, "/hw" + path, "/" + path):
                    status, headers, data = self.server.request("OPTIONS", where, headers=PREFLIGHT)
                    self.assertEqual((status, data), (204, b""))
                    self.assertEqual(headers["access-control-allow-origin"], ORIGIN)
                    self.assertIn("POST", headers["access-control-allow-methods"])
                    self.assertIn("x-grafana-device-id", headers["access-control-allow-headers"])
                    self.assertGreater(int(headers["access-control-max-age"]), 0)
                strange = {**PREFLIGHT, "Origin": "https://evil.example"}
                _, headers, _ = self.server.request("OPTIONS", path, headers=strange)
                self.assertNotIn("access-control-allow-origin", headers)
        status, _, _ = self.server.request("OPTIONS", "/nothing", headers=PREFLIGHT)
        self.assertEqual(status, 204)  # so that the page may read the 404

    def test_options_and_405_allow_the_same(self):
        for path, methods in self.methods.items():
            with self.subTest(path=path):
                status, headers, data = self.server.request("OPTIONS", path)
                self.assertEqual((status, data), (204, b""))
                self.assertEqual(set(headers["allow"].split(", ")), self.allow(methods))
                for method in {"GET", "HEAD", "POST", "DELETE", "PUT", "PATCH"} - self.allow(methods):
                    status, refused, data = self.server.request(method, path, b"{}")
                    self.assertEqual((status, refused["allow"]), (405, headers["allow"]), method)
                    if method != "HEAD":
                        self.assertEqual(json.loads(data)["error"]["code"], "wrong_method")

    def test_head_is_get_without_a_body(self):
        for method, path in self.each():
            with self.subTest(method=method, path=path):
                if method != "GET":
                    continue
                _, plain, _ = self.good("GET", path)
                status, headers, data = self.good("HEAD", path)
                self.assertEqual((status, data), (200, b""))
                self.assertEqual(headers["content-type"], plain["content-type"])
                self.assertGreater(int(headers["content-length"]), 0)

    def test_slashes_and_the_base_path_do_not_matter(self):
        for method, path in self.each():
            with self.subTest(method=method, path=path):
                doubled = path.replace("/", "//")
                for where in (doubled, path.rstrip("/") + "/", "/hw" + path, "//hw" + doubled):
                    body = json.dumps(BODY.get(path, {})).encode() if method == "POST" else None
                    query = QUERY.get(path, "") if method == "GET" else ""
                    status, _, data = self.server.request(method, where + query, body)
                    self.assertIn(status, (200, 202), (where, data[:300]))
        for path in ("/hwquery", "/hw/hw/query", "/query/x"):
            self.assertEqual(self.server.request("POST", path, b"{}")[0], 404, path)

    def test_etag_where_answers_change_slowly_and_nowhere_else(self):
        for method, path in self.each():
            with self.subTest(method=method, path=path):
                if method == "GET" and path in SLOW:
                    # It is another as soon as a process of a known runtime comes or goes.
                    settled(lambda: self.check_etag(path))
                    continue
                _, headers, _ = self.good(method, path)
                self.assertNotIn("etag", headers)
                self.assertEqual(headers["cache-control"], "no-store")

    def check_etag(self, path):
        _, headers, data = self.good("GET", path)
        self.assertEqual(headers["cache-control"], "no-cache")
        etag = headers["etag"]
        for sent in (etag, '"other", ' + etag, "*"):
            self.check_unchanged(path, sent, etag)
        status, _, again = self.good("GET", path, {"If-None-Match": '"other"'})
        self.assertEqual((status, again), (200, data))

    def check_unchanged(self, path, sent, etag):
        for method in ("GET", "HEAD"):
            status, headers, data = self.good(method, path, {"If-None-Match": sent})
            self.assertEqual((status, data, headers["etag"]), (304, b"", etag), (method, sent))
            self.assertIn("Accept-Encoding", headers["vary"])

    def test_gzip_where_it_pays(self):
        packed = 0
        for method, path in self.each():
            with self.subTest(method=method, path=path):
                _, headers, data = self.good(method, path, {"Accept-Encoding": "gzip"})
                self.assertIn("Accept-Encoding", headers["vary"])
                self.assertEqual(int(headers["content-length"]), len(data))
                if "content-encoding" in headers:
                    self.assertEqual(headers["content-encoding"], "gzip")
                    self.assertGreaterEqual(len(gzip.decompress(data)), 1024)
                    packed += 1
                else:
                    self.assertLess(len(data), 1024)
                for refused in ("identity", "gzip;q=0"):
                    _, headers, _ = self.good(method, path, {"Accept-Encoding": refused})
                    self.assertNotIn("content-encoding", headers)
        self.assertGreater(packed, 4)

    def test_maintenance_ends_as_it_began(self):
        self.assertEqual(self.good("POST", "/api/v1/maintenance")[0], 202)
        where = "/hw//api/v1/maintenance?service=none-.*"
        until(lambda: self.server.request("DELETE", where, None, {"Origin": ORIGIN})[0] == 202,
              120, "the maintenance to be there")


if __name__ == "__main__":
    unittest.main()
