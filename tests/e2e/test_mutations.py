"""Requests of real clients, broken in every way: always an answer, never a crash or a leak.

MUTATIONS=n asks more, MUTATION_SEED=n others; mutation i of a seed is always
the same. In "make test" the server is the one with sanitizers.
"""
import concurrent.futures
import json
import os
import random
import re
import socket
import struct
import unittest

import clients as c
from loaded import Loaded
from test_clients import CASES, read_reply

COUNT = int(os.environ.get("MUTATIONS", "20000"))
SEED = int(os.environ.get("MUTATION_SEED", "1"))
THREADS = 4
HEAD_MAX = 8192
RSS_GROWTH = 24 << 20  # of allocators, over the last three quarters
CONFIG = """
http: {body_max: 64KiB, hosts: heapwatch, cors_origins: "https://grafana.example"}
query: {points_max: 20000, scan_max: 200000}
"""
# Words that parsers stumble over, in bodies and in URLs.
TOKENS = [b"null", b"{}", b"[]", b'""', b"-1", b"1e999", b"NaN", b"0", b"9223372036854775808",
          b"-9223372036854775809", b"0.1", b'"\\u0000"', b"\\ud800", b"\xff\xfe", b"\x00",
          b"(((((((", b"(a|b", b"a{1,99}{1,99}", b"$__all", b".*", b"{a,b", b"[[", b"%00", b"%",
          b"%ff%fe", b"&&==", b"now-999999999d", b"now", b"1970-01-01T00:00:00Z", b"\r\n\r\n",
          b'"format":"table"', b'"agg":"p99"', b'"agg":"histogram"', b'"fn":"rate"',
          b'"fn":"beyond"', b'"format":"heatmap"', b'"format":"states"', b'"step":"1ms"',
          b'"top":-10000', b'"shift":"3660d"', b'"legend":"{{{{}}"', b"events", b"heap_used_bytes"]


def deep(rng):
    return rng.choice([b"[", b'{"a":', b"(", b"{{"]) * rng.choice([10, 40, 5000])


def mutate(rng, data, other):
    """A few small accidents."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice([1, 2, 5, 20, 200]))
        what = rng.randrange(8)
        if what == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            del data[at:end]
        elif what == 2:
            data[at:at] = data[at:end]
        elif what == 3:
            data[at:at] = rng.choice(TOKENS)
        elif what == 4:
            replace_value(rng, data)
        elif what == 5 and other:
            begin = rng.randrange(len(other))
            data[at:end] = other[begin:begin + rng.choice([5, 50, 500])]
        elif what == 6:
            data[at:end] = bytes(rng.randrange(256) for _ in range(end - at))
        elif rng.random() < 0.1:
            data[at:at] = deep(rng)
    return bytes(data)


def replace_value(rng, data):
    """Another value in the place of one: still JSON, or still a parameter."""
    found = list(re.finditer(rb'(?<=:)("[^"]*"|[\d.]+|true|null)|(?<==)[^&\s]*', bytes(data)))
    if found:
        one = rng.choice(found)
        data[one.start():one.end()] = rng.choice(TOKENS)


def body_mutated(rng, head, body, other):
    body = mutate(rng, body, other)
    head = re.sub(rb"(?i)content-length: \d+", b"Content-Length: %d" % len(body), head)
    return head + b"\r\n\r\n" + body


def line_mutated(rng, head, body):
    line, _, headers = head.partition(b"\r\n")
    method, path, version = line.split(b" ")
    path = re.sub(rb"[\s\x00-\x20\x7f]", b"%20", mutate(rng, path, None))
    return b"%b %b %b\r\n%b\r\n\r\n%b" % (method, path, version, headers, body)


def request_number(i, seeds):
    """(bytes, whether its framing is whole)"""
    rng = random.Random(SEED * 1000003 + i)
    seed, other = rng.choice(seeds), rng.choice(seeds)
    head, _, body = seed.partition(b"\r\n\r\n")
    kind = rng.random()
    if body and kind < 0.75:
        return body_mutated(rng, head, body, other.partition(b"\r\n\r\n")[2]), True
    if kind < 0.95:
        request = line_mutated(rng, head, body)
        return request, len(request) < HEAD_MAX  # beyond, it may just be hung up on
    return mutate(rng, seed, other), False


def check(reply):
    """What must hold whatever was asked."""
    assert 200 <= reply.status < 600, reply.status
    if reply.status == 505:  # the library's own word on "HTTP/5.1"
        assert b"HTTP version" in reply.body, reply
    elif reply.status >= 500:
        assert json.loads(reply.body)["message"], reply
        assert reply.status == 503, f"the server's fault: {reply.body[:500]!r}"
    if reply.status >= 400 and reply.headers.get("content-type") == "application/json":
        told = json.loads(reply.body)
        assert told["message"] == told["error"]["message"] and told["error"]["code"], told
        told["message"].encode()  # no half of a character
    elif reply.headers.get("content-type") == "application/json" and reply.body:
        json.loads(reply.body)


class Client:
    """Keeps a connection for what is well framed."""

    def __init__(self, address):
        self.address, self.socket, self.stream = address, None, None

    def close(self):
        if self.socket:
            self.stream.close()
            self.socket.close()
        self.socket = None

    def open(self):
        self.close()
        self.socket = socket.create_connection(self.address, timeout=120)
        self.stream = self.socket.makefile("rb")

    def whole(self, request):
        if not self.socket:
            self.open()
        self.socket.sendall(request)
        reply = read_reply(self.stream, request.startswith(b"HEAD "))
        if reply.headers.get("connection", "").lower() == "close":
            self.close()
        return reply

    def broken(self, request):
        """Whatever comes at once; None: nothing, or the server hangs up, or waits for more."""
        self.open()
        # Ended by a reset: a half that is closed may go unnoticed by libmicrohttpd
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.settimeout(0.05)
        try:
            self.socket.sendall(request)
            return read_reply(self.stream, request.startswith(b"HEAD "))
        except (OSError, IndexError):
            return None
        finally:
            self.close()


def rss(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Mutations(unittest.TestCase):
    def share(self, first, last, part):
        """Every THREADS-th of these mutations; {status: count}."""
        client, seen = Client(self.server.address), {}
        try:
            for i in range(first + part, last, THREADS):
                request, whole = request_number(i, self.seeds)
                try:
                    reply = client.whole(request) if whole else client.broken(request)
                    if reply:
                        check(reply)
                except Exception as error:
                    raise AssertionError(f"MUTATION_SEED={SEED}, mutation {i}: {error!r}\n"
                                         f"{request!r}") from error
                status = reply.status if reply else 0
                seen[status] = seen.get(status, 0) + 1
        finally:
            client.close()
        return seen

    def ask(self, first, last):
        total = {}
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            for seen in pool.map(lambda part: self.share(first, last, part), range(THREADS)):
                for status, count in seen.items():
                    total[status] = total.get(status, 0) + count
        return total

    def test_broken_requests_get_answers_and_leave_no_trace(self):
        env = {"ASAN_OPTIONS": "quarantine_size_mb=8:malloc_context_size=8"}
        with Loaded(processes=4, seconds=1200, tick=10, config=CONFIG, env=env) as self.server:
            end = self.server.end_ms
            self.seeds = [c.filled(one.request, end - 600000, end) for one in CASES]
            total = self.ask(0, COUNT // 4)
            before = rss(self.server.pid)
            for status, count in self.ask(COUNT // 4, COUNT).items():
                total[status] = total.get(status, 0) + count
            growth = rss(self.server.pid) - before
            self.assertEqual(self.server.get("/-/healthy")[0], 200)
            self.assertLess(growth, RSS_GROWTH)
        print(f"MUTATION_SEED={SEED}: {sum(total.values())} requests, by status "
              f"{dict(sorted(total.items()))}, memory {growth / 2**20:+.1f} MiB")
        for status in (200, 400, 404, 405):
            self.assertGreater(total.get(status, 0), COUNT // 2000, "the mutations miss a path")


if __name__ == "__main__":
    unittest.main()
