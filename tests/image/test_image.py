"""The container image, without Docker: its build stage runs in a Debian 12 of
its own (debootstrap), and what it leaves runs as docker-compose.yml has it.
Needs root, the network, and victims; "make check-image" has the packages.
"""
import functools
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from heapwatch import ROOT, Server, Victim, until  # noqa: E402

DEBIAN = "bookworm"
PROFILES = ("prometheus", "victoria-metrics")
AGAIN = ROOT / "packaging" / "again"


def run(*command, **more):
    """Its output; fails with all of it."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          **more)
    text = done.stdout.decode(errors="replace")
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.returncode}\n{text[-8000:]}")
    return text


@functools.cache
def compose(profiles=()):
    """What docker-compose makes of the file."""
    command = ["docker-compose"]
    for name in profiles:
        command += ["--profile", name]
    text = run(*command, "config", cwd=ROOT)
    # docker-compose brings a YAML reader for Debian's own Python.
    reader = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"
    return json.loads(run("/usr/bin/python3", "-c", reader, input=text.encode()))["services"]


class Compose(unittest.TestCase):
    def test_every_profile_is_accepted(self):
        for profiles in ((), *((p,) for p in PROFILES), PROFILES):
            self.assertIn("heapwatch", compose(profiles=profiles))

    def test_only_grafana_can_be_reached_and_from_this_machine_only(self):
        for name, service in compose(profiles=PROFILES).items():
            ports = service.get("ports", [])
            self.assertEqual(ports, ["127.0.0.1:3000:3000/tcp"] if name == "heapwatch" else [])
            if name != "heapwatch":
                self.assertEqual(service["network_mode"], "service:heapwatch")
                self.assertNotIn("pid", service)

    def test_no_service_has_a_right_too_many(self):
        for name, service in compose(profiles=PROFILES).items():
            self.assertEqual(service["cap_drop"], ["ALL"], name)
            self.assertIn("no-new-privileges:true", service["security_opt"], name)
            self.assertNotIn("privileged", service, name)
            self.assertTrue(service.get("read_only") or name == "grafana", name)
            self.assertRegex(service["image"], r":v?\d+\.\d+\.\d+$", name)

    def test_the_base_is_the_debian_that_is_tried_here(self):
        stages = re.findall(r"^FROM (\S+)", dockerfile(), re.M)
        self.assertEqual(len(stages), 2)
        self.assertRegex(stages[0], rf"^debian:{DEBIAN}-\d{{8}}-slim$")
        self.assertEqual(stages[1], "scratch")

    def test_mounted_files_are_there_or_it_is_told(self):
        for name, service in compose(profiles=PROFILES).items():
            for volume in service.get("volumes", []):
                if isinstance(volume, dict):
                    self.assertEqual(volume["type"], "bind")
                    self.assertTrue(volume["source"].startswith(f"{ROOT}/build/"), volume)
                elif volume.startswith("/"):
                    source = pathlib.Path(volume.split(":")[0])
                    self.assertTrue(source.exists(), f"{name}: {source}")
                    self.assertNotIn("build", source.parts[len(ROOT.parts):])

    def test_prometheus_takes_its_configuration(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(ROOT / "packaging/compose/prometheus.yml", folder)
            shutil.copytree(ROOT / "dashboards/prometheus", folder + "/heapwatch")
            run("promtool", "check", "config", "prometheus.yml", cwd=folder)


# ---- a Debian of its own ----

def known_sources():
    """[(mirror, release, line of sources.list)] of Debian's own, as apt has them."""
    form = "$(CREATED_BY)|$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(CODENAME)|$(COMPONENT)"
    found = []
    for line in run("apt-get", "indextargets", "--format", form).splitlines():
        kind, origin, uri, release, codename, component = line.split("|")
        if kind == "Packages" and origin == "Debian" and component == "main" and \
                codename.split("-")[0] == DEBIAN:
            found.append((uri, release, f"deb {uri} {release} main"))
    return sorted(set(found))


def sources():
    """The same; a machine that is new has no lists of packages yet."""
    def mirror(found):
        return any(release == DEBIAN for _, release, _ in found)

    found = known_sources()
    if not mirror(found):
        run(AGAIN, "apt-get", "update")
        found = known_sources()
    if not mirror(found):
        raise AssertionError(f"apt knows no mirror of {DEBIAN}")
    return found


def debian(root):
    """Debian, with nothing but what every one has."""
    known = sources()
    mirror = next(uri for uri, release, _ in known if release == DEBIAN)
    # After a download that failed, what it has begun is taken up.
    run(AGAIN, "debootstrap", "--variant=minbase", DEBIAN, root, mirror)
    (root / "etc/apt/sources.list").write_text("".join(line + "\n" for _, _, line in known))
    # proxies and the like, whatever reaches the mirror from here
    settings = run("apt-config", "dump", "Acquire").splitlines()
    (root / "etc/apt/apt.conf.d/99machine").write_text(
        "".join(line + "\n" for line in settings if "::IndexTargets" not in line))
    for name in ("resolv.conf", "hosts"):
        shutil.copyfile(f"/etc/{name}", root / "etc" / name)


def copy_tree(into):
    """What is, or could be, committed: what Docker sends as the context."""
    into.mkdir()
    names = run("git", "-C", ROOT, "ls-files", "-coz", "--exclude-standard").split("\0")
    present = "\0".join(n for n in names if n and (ROOT / n).exists())
    run("sh", "-c", f"tar -C '{ROOT}' --null -T - -c | tar -C '{into}' -x", input=present.encode())


def dockerfile():
    return (ROOT / "packaging/Dockerfile").read_text()


class Contained(Server):
    """heapwatch in the image, with the image's own command."""

    def __init__(self, command):
        super().__init__()
        self.command = command

    def start(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heapwatch-image-"))
        with open(self.folder / "log", "wb") as log, open(self.folder / "out", "wb") as out:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=log)
        self.pid = self.process.pid


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = pathlib.Path(tempfile.mkdtemp(prefix="heapwatch-image-", dir=ROOT / "build"))
        cls.addClassCleanup(shutil.rmtree, scratch)
        debian(scratch / "debian")
        copy_tree(scratch / "debian/src")
        command, image = re.search(r"^RUN (packaging/build-image-root) (/\S+)$", dockerfile(),
                                   re.M).groups()
        cls.files = run("chroot", scratch / "debian", "sh", "-c", f"cd /src && {command} {image}")
        cls.image = scratch / "image"
        (scratch / "debian" / image[1:]).rename(cls.image)
        cls.scratch = scratch
        cls.service = compose()["heapwatch"]
        cls.victim = cls.enterClass(Victim([ROOT / "build/victims/go/victim-1.26.8"], user=1,
                                           group=1, extra_groups=[]))

    @classmethod
    def enterClass(cls, thing):
        cls.addClassCleanup(thing.__exit__, None, None, None)
        return thing.__enter__()

    def inside(self, *args, without=None):
        caps = [cap for cap in self.service["cap_add"] if cap != without]
        return [HERE / "enter", self.image, ",".join(caps), "/usr/bin/heapwatch", *args]

    def doctor(self, *command):
        """(exit code, what is not well)"""
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        checks = json.loads(done.stdout)["checks"]
        return done.returncode, [c["name"] for c in checks if c["verdict"] != "ok"]

    def serve(self):
        args = json.loads(re.search(r"^CMD (.*)$", dockerfile(), re.M).group(1))
        return Contained(self.inside(*args, "--listen", "127.0.0.1:0"))

    def test_every_library_is_in_it(self):
        for file in self.image.rglob("*"):
            if file.is_file() and file.read_bytes()[:4] == b"\x7fELF":
                listed = run("chroot", self.image, "/lib64/ld-linux-x86-64.so.2", "--list",
                             "/" + str(file.relative_to(self.image)))
                self.assertNotIn("not found", listed)

    def test_it_is_small_and_holds_nothing_else(self):
        names = [line.split()[1] for line in self.files.splitlines()
                 if re.match(r"^ +\d+  /", line)]
        odd = [n for n in names if not re.match(
            r"/(usr/bin/heapwatch$|lib(64)?/.*\.so[.\d]*$|usr/share/doc/|etc/passwd$)", n)]
        self.assertEqual(odd, [])
        size = sum(f.stat().st_size for f in self.image.rglob("*") if f.is_file())
        self.assertLess(size, 40 << 20)
        licences = {n.split("/")[4] for n in names if n.endswith("/copyright")}
        self.assertLessEqual({"libbpf1", "libc6", "libsqlite3-0", "libcurl4"}, licences)

    def test_it_is_this_version(self):
        self.assertEqual(run(*self.inside("version")), run(ROOT / "build/heapwatch", "version"))

    def test_doctor_finds_nothing_amiss(self):
        # The kernel may lack something; the image must not lack more. A
        # program that just ended is a loss of its own, and 1. Any port: one
        # that both ask for may be taken in between.
        _, here = self.doctor(ROOT / "build/heapwatch", "doctor", "--json", "--db",
                              str(self.scratch / "x.db"), "--listen", "127.0.0.1:0")
        code, amiss = self.doctor(*self.inside("doctor", "--json", "--listen", "127.0.0.1:0"))
        self.assertIn(code, (0, 1))
        self.assertEqual(amiss, here)

    def test_every_right_of_the_compose_file_is_needed(self):
        for cap in self.service["cap_add"]:
            code, amiss = self.doctor(*self.inside("doctor", "--json", without=cap))
            self.assertNotEqual(code, 0)
            self.assertIn("CAP_" + cap, amiss)

    def test_it_watches_with_the_rights_of_the_compose_file(self):
        with self.serve() as server:
            server.wait_target(self.victim.pid, 90)
            self.assertGreater(server.wait_value("heap_used_bytes", self.victim.pid, 90), 0)
            self.assertEqual(server.get_json("/api/v1/status")["lacks"], [])

            def hit():
                self.victim.ask("gc", 30)
                return [p for p in server.target(self.victim.pid)["probes"] if p["hits"]]
            until(hit, 90, lambda: f"hits of {server.target(self.victim.pid)}", every=1)
            self.assertEqual(server.get("/-/healthy")[0], 200)

    def test_its_health_check_asks_the_server(self):
        check = json.loads(re.search(r"^HEALTHCHECK.*?CMD (\[.*?\])$", dockerfile(),
                                     re.M | re.S).group(1))
        with self.serve() as server:
            run("chroot", self.image, *check, "--url", server.url)
        down = subprocess.run(["chroot", self.image, *check, "--url", "http://127.0.0.1:1"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertNotEqual(down.returncode, 0)
        self.assertIn(b"127.0.0.1:1", down.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
