"""What end-to-end tests stand on: the real server and real victims.

    from heapwatch import Server, Victim

    with Victim(["build/victims/go-heap", "64MiB"]) as victim, Server() as server:
        target = server.wait_target(victim.pid)
        used = server.value("heap_used_bytes", victim.pid)
        told = victim.ask("hold")

Python 3.9 and its standard library only. Everything listens on loopback and
lives in a scratch directory; processes are ended by their own pid.
$HEAPWATCH names the program (default build/heapwatch); $E2E_PATIENCE makes
every limit so many times longer, for a program that is that much slower.
"""
import http.client
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = float(os.environ.get("E2E_PATIENCE", "1"))
SANITIZER = re.compile(
    r"ERROR: (Address|Leak|Memory)Sanitizer|WARNING: ThreadSanitizer|: runtime error: ")


def program():
    """The heapwatch under test, as an absolute path."""
    path = pathlib.Path(os.environ.get("HEAPWATCH", "build/heapwatch"))
    return str(path if path.is_absolute() else ROOT / path)


def until(condition, timeout, what, every=0.05):
    """The first true value of condition(), polled; fails in words."""
    timeout *= PATIENCE
    end = time.monotonic() + timeout
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() >= end:
            raise AssertionError(f"not within {timeout} s: {what() if callable(what) else what}")
        time.sleep(every)


def settled(check, timeout=60, every=0.5):
    """What check() returns once it raises no AssertionError; at the end the last one.

    For readings of what may move between them: check takes them all anew.
    """
    end = time.monotonic() + timeout * PATIENCE
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() >= end:
                raise
        time.sleep(every)


class Server:
    """heapwatch serve on a free port of loopback, with a database of its own.

    args    more flags of "serve"
    config  text of a heapwatch.yaml, or None
    uid     run as this user, without any right; None: as who runs the test
    caps    with uid: capabilities it has all the same, as setpriv names them
    folder  scratch folder to use and keep; None: one that is removed
    """

    def __init__(self, args=(), config=None, uid=None, folder=None, env=None, caps=()):
        self.args, self.config, self.uid, self.env = list(args), config, uid, env
        self.caps = ",".join("+" + cap for cap in caps)
        self.keep = folder is not None
        self.folder = pathlib.Path(folder) if folder else None
        self.process = self.url = self.pid = self.code = None
        self.killed = False

    # ---- life ----

    def __enter__(self):
        try:
            self.start()
            self.url = self.wait_url()
        except BaseException:
            self.end()
            raise
        return self

    def start(self):
        if self.folder is None:
            self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heapwatch-e2e-"))
        self.db = str(self.folder / "heapwatch.db")
        command = [program(), "serve", "--listen", "127.0.0.1:0", "--db", self.db]
        if self.config is not None:
            path = self.folder / "heapwatch.yaml"
            path.write_text(self.config)
            command += ["--config", str(path)]
        more = {}
        if self.uid is not None:
            # The build folder may be closed to that user.
            command[0] = shutil.copy(program(), self.folder / "heapwatch")
            for path in [self.folder, *self.folder.iterdir()]:
                os.chown(path, self.uid, self.uid)
            more = {"user": self.uid, "group": self.uid, "extra_groups": []}
        if self.caps:
            command[:0] = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}",
                           "--clear-groups", "--inh-caps", self.caps,
                           "--ambient-caps", self.caps]
            more = {}
        self.started = time.monotonic()
        with open(self.folder / "log", "wb") as log, open(self.folder / "out", "wb") as out:
            self.process = subprocess.Popen(
                command + self.args, stdin=subprocess.DEVNULL, stdout=out, stderr=log,
                cwd=self.folder, env={**os.environ, **(self.env or {})}, **more)
        self.pid = self.process.pid

    def wait_url(self):
        def listening():
            found = re.search(r"listening url=(\S+)", self.log())
            if found:
                return found.group(1)
            if self.process.poll() is not None:
                raise AssertionError(
                    f"heapwatch ended with {self.process.returncode}:\n{self.log()}")
            return None
        return until(listening, 60, lambda: "the line with the address\n" + self.log(), 0.01)

    def stop(self, number=signal.SIGTERM, timeout=60):
        """Send the signal, wait for the end, and return the exit code."""
        if self.code is None:
            self.killed = self.killed or number == signal.SIGKILL
            if self.process.poll() is None:
                self.process.send_signal(number)
            try:
                self.code = self.process.wait(timeout * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                self.code = -signal.SIGKILL
                raise AssertionError(
                    f"did not stop within {timeout} s of signal {number}\n{self.log()}") from None
        return self.code

    def __exit__(self, kind, error, trace):
        early = self.process.poll()
        try:
            code = self.stop()
            log = self.log()
            if kind is not None:
                print(f"---- log of heapwatch ----\n{log[-20000:]}---- end of log ----")
            if SANITIZER.search(log):
                raise AssertionError("a sanitizer reported:\n" + log[-20000:])
            if kind is None and not self.killed and code != 0:
                when = "by itself" if early is not None else "when stopped"
                raise AssertionError(f"heapwatch ended {when} with {code}:\n{log[-20000:]}")
        finally:
            self.end()

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.folder is not None and not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what it prints ----

    def log(self):
        """Standard error so far."""
        return (self.folder / "log").read_text(errors="replace")

    def out(self):
        """Standard output so far: what was found in the first scan."""
        return (self.folder / "out").read_text(errors="replace")

    # ---- asking ----

    @property
    def address(self):
        parts = urllib.parse.urlsplit(self.url)
        return parts.hostname, parts.port

    def request(self, method, path, body=None, headers=None, timeout=120):
        """(status, headers with lower-case names, bytes)"""
        connection = http.client.HTTPConnection(*self.address, timeout=timeout * PATIENCE)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            data = answer.read()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, data
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    def get_json(self, path):
        status, _, data = self.get(path)
        assert status == 200, f"GET {path}: {status} {data[:500]!r}"
        return json.loads(data)

    def post_json(self, path, what, headers=None):
        """(status, parsed answer); what is an object, or bytes sent as they are."""
        body = what if isinstance(what, bytes) else json.dumps(what).encode()
        status, _, data = self.request(
            "POST", path, body, {"Content-Type": "application/json", **(headers or {})})
        return status, json.loads(data)

    def wait_ready(self, timeout=60):
        """Until the first round over all processes is done."""
        until(lambda: self.get("/-/ready")[0] == 200, timeout, "ready\n" + self.log())

    def wait_rounds(self, count=2, timeout=60):
        """Until so many more rounds over all processes are stored.

        The first may be under way; the second reads what is true from now on.
        """
        begin = self.get_json("/api/v1/status").get("collector", {}).get("ticks", 0)
        until(lambda: self.get_json("/api/v1/status")["store"]["batches"] >= begin + count,
              timeout, lambda: f"{count} rounds\n{self.log()}")

    # ---- what is watched ----

    def target(self, pid):
        """The entry of GET /api/v1/targets, or None."""
        for target in self.get_json("/api/v1/targets")["targets"]:
            if target["pid"] == pid:
                return target
        return None

    def wait_target(self, pid, timeout=60):
        """That target, once it is watched; fails with the server's reason."""
        last = {}

        def watched():
            found = self.target(pid)
            last["target"] = found
            return found if found and found["watched"] else None

        def why():
            found = last.get("target")
            if not found:
                return f"pid {pid} is not among the targets\n{self.log()}"
            return f"pid {pid} is not watched: {found.get('reason')}"
        return until(watched, timeout, why)

    def query(self, metric, payload=None, **more):
        """The answer of POST /query for one target."""
        status, answer = self.post_json("/query", {
            "targets": [{"refId": "A", "target": metric, "payload": payload or {}}], **more})
        assert status == 200, f"{metric} {payload}: {status} {answer}"
        return answer

    def value(self, metric, pid=None, **labels):
        """The newest value of the one series that matches, or None."""
        payload = {"format": "latest", **{k: str(v) for k, v in labels.items()}}
        if pid is not None:
            payload["pid"] = str(pid)
        values = [v for table in self.query(metric, payload)
                  for v in latest_values(table, metric)]
        assert len(values) <= 1, f"{metric} {payload} means {len(values)} series"
        return values[0] if values else None

    def wait_value(self, metric, pid=None, timeout=60, **labels):
        """Like value(), but waits until there is one."""
        box = {}

        def there():
            box["value"] = self.value(metric, pid, **labels)
            return box["value"] is not None
        until(there, timeout, lambda: f"a value of {metric} for pid {pid}: "
              f"{(self.target(pid) or {}).get('missing') if pid else ''}")
        return box["value"]


def latest_values(table, metric):
    """The numbers of one answer in the shape of a table or of data points."""
    if "datapoints" in table:
        points = [p[0] for p in table["datapoints"] if p[0] is not None]
        return points[-1:]
    names = [c["text"] for c in table["columns"]]
    column = next((n for n in (metric, "Value", "value") if n in names), None)
    if column is None:
        raise AssertionError(f"no column of values among {names}")
    at = names.index(column)
    return [row[at] for row in table["rows"] if row[at] is not None]


def java_service(folder):
    """A jar of the Java victim: a service of a name that no other test's has."""
    jar = pathlib.Path(folder) / f"victim-{os.getpid()}.jar"
    subprocess.run(["jar", "--create", "--file", jar, "--main-class", "Victim",
                    "-C", ROOT / "build/victims/java", "."], check=True, timeout=300)
    return jar


class Victim:
    """A program with a known heap that answers questions on its pipes.

    It reads one word a line and answers, where asked to, one JSON line.
    """

    def __init__(self, argv, env=None, cwd=None, **more):
        self.argv, self.env, self.cwd, self.more = argv, env, cwd, more
        self.process = self.pid = None

    def __enter__(self):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [str(a) for a in self.argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.errors, cwd=self.cwd, env={**os.environ, **(self.env or {})},
            **self.more)
        self.pid = self.process.pid
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        return self

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def tell(self, word):
        try:
            self.process.stdin.write(word.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise AssertionError(self.obituary()) from None

    def line(self, timeout=60):
        """The next line of its standard output, without the newline."""
        try:
            line = self.lines.get(timeout=timeout * PATIENCE)
        except queue.Empty:
            raise AssertionError(f"{self.argv[0]} said nothing for {timeout} s") from None
        if line is None:
            raise AssertionError(self.obituary())
        return line.decode().rstrip("\n")

    def hear(self, timeout=60):
        """The next JSON line; lines that are none are passed over."""
        while True:
            line = self.line(timeout)
            if line.startswith(("{", "[")):
                return json.loads(line)

    def ask(self, word, timeout=60):
        self.tell(word)
        return self.hear(timeout)

    def obituary(self):
        self.errors.seek(0)
        return (f"{self.argv} ended with {self.process.poll()}:\n"
                + self.errors.read().decode(errors="replace")[-5000:])

    def stop(self, number=signal.SIGTERM, timeout=10):
        """End it; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def __exit__(self, kind, error, trace):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        if kind is not None:
            self.errors.seek(0)
            text = self.errors.read().decode(errors="replace")
            if text:
                print(f"---- {self.argv[0]} said ----\n{text[-5000:]}----")
        self.stop(signal.SIGKILL)
        self.reader.join(5)
        self.process.stdout.close()
        self.errors.close()
