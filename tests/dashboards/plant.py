"""A small plant for dashboards to look at: the services of "make demo" under other names.

    with Plant() as plant:            # builds what is missing
        plant.server.url
        plant.renew()                 # the archive comes back as another build

Seven units in two areas of one site, one of them leaking, one with too little
memory. Run as a program it stays until SIGTERM and prints the address.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from heapwatch import Server, until  # noqa: E402

BUILT = ROOT / "build" / "victims" / "demo"
CONFIG = """
node: gw-north-1
governor: {target: 5%, total: 20%}
plant:
  - {node: "gw-.*", labels: {site: north}}
  - {service: "(boiler|mixer|archive)MARK", labels: {area: boiler house}}
  - {service: "(packer|hmi|control|uplink)MARK", labels: {area: packing hall}}
  - {service: "boilerMARK", labels: {line: "1"}}
  - {service: "mixerMARK", labels: {line: "2"}}
  - {service: "archiveMARK", labels: {line: common}}
  - {service: "packerMARK", labels: {line: "7"}}
  - {service: "(hmi|control|uplink)MARK", labels: {line: "8"}}
watch:
  - {action: include, service: "(boiler|mixer|archive|packer|hmi|control|uplink)MARK"}
  - {action: exclude, service: ".*"}
"""
# service, what it is of the demo's, its memory
GO = [("boiler", "historian", "256MiB"), ("mixer", "historian", "384MiB"),
      ("archive", "historian", "256MiB"), ("packer", "historian", "84MiB"),
      ("uplink", "telemetry", "192MiB")]
JVM = [("control", "-Xmx128m"), ("hmi", "-Xmx96m")]
SERVICES = [name for name, *_ in GO + JVM]


class Plant:
    """mark: goes behind every name, so that another plant on the machine is none of ours."""

    def __init__(self, args=(), mark=""):
        self.server = Server(args=args, config=CONFIG.replace("MARK", mark))
        self.mark = mark
        self.processes = {}

    def __enter__(self):
        subprocess.run([ROOT / "tests/victims/demo/build", BUILT], check=True, timeout=300)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heapwatch-plant-"))
        try:
            for name, program, limit in GO:
                path = self.folder / f"{name}{self.mark}"
                shutil.copy(BUILT / program, path)
                self.start(name, [path], {"GOMEMLIMIT": limit})
            for name, limit in JVM:
                path = self.folder / f"{name}{self.mark}.jar"
                shutil.copy(BUILT / "scada.jar", path)
                self.start(name, ["java", limit, limit.replace("mx", "ms"), "-XX:+UseG1GC",
                                  "-Xmn8m",  # a collection every 15 s
                                  "-jar", path])
            self.server.__enter__()
            until(lambda: len(self.states()) == len(SERVICES), 300, self.states)
        except BaseException:
            self.server.end()
            self.end()
            raise
        return self

    def start(self, name, command, env=None):
        self.processes[name] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            env={**os.environ, **(env or {})})

    def states(self):
        """{service: state} of what is watched."""
        return {t["labels"]["service"]: t["state"]
                for t in self.server.get_json("/api/v1/targets")["targets"] if t["watched"]}

    def renew(self):
        """The archive is stopped and comes back as another build of it."""
        other = self.folder / "new" / f"archive{self.mark}"
        env = {**os.environ, "GOFLAGS": "-buildvcs=false", "GOWORK": "off", "CGO_ENABLED": "0",
               "GOTOOLCHAIN": "local", "PATH": os.environ["PATH"] + ":/usr/lib/go-1.19/bin"}
        subprocess.run(["go", "build", "-trimpath", "-o", other, "./historian"], env=env,
                       cwd=ROOT / "tests/victims/demo", check=True, timeout=300)
        self.stop("archive")
        self.start("archive", [other], {"GOMEMLIMIT": "256MiB"})

    def stop(self, name):
        process = self.processes.pop(name)
        process.terminate()
        process.wait(60)

    def end(self):
        for name in list(self.processes):
            self.stop(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __exit__(self, kind, error, trace):
        try:
            self.server.__exit__(kind, error, trace)
        finally:
            self.end()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Plant(args=sys.argv[1:]) as plant:
        print(plant.server.url, flush=True)
        time.sleep(480)
        plant.renew()
        time.sleep(86400)


if __name__ == "__main__":
    main()
