"""heapwatch doctor: what it finds, what it says of a lack, and its exit code."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

from heapwatch import Server, Victim, program
from test_discovery import go_victim

NOBODY = 65534


class Doctor(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.folder.chmod(0o755)

    def doctor(self, *args, uid=None, executable=None, before=()):
        """(exit code, standard output, standard error); a database and a port that are free"""
        more = {"user": uid, "group": uid, "extra_groups": []} if uid is not None else {}
        done = subprocess.run(
            [*before, executable or program(), "doctor", "--db", str(self.folder / "x.db"),
             "--listen", "127.0.0.1:0", *args], capture_output=True, text=True, timeout=300,
            stdin=subprocess.DEVNULL, check=False, cwd="/", **more)
        return done.returncode, done.stdout, done.stderr

    def told(self, *args, **more):
        """(exit code, {check: finding}, answer)"""
        code, out, err = self.doctor("--json", *args, **more)
        self.assertEqual(err, "")
        answer = json.loads(out)
        self.assertEqual(answer["exit"], code)
        return code, {c["name"]: c for c in answer["checks"]}, answer

    def test_text_and_json_say_the_same_and_nothing_is_changed(self):
        _, checks, _ = self.told()
        out = self.doctor()[1]
        words = {"ok": "ok", "lost": "LOST", "denied": "DENIED"}
        for name, check in checks.items():
            self.assertRegex(out, rf"(?m)^  {words[check['verdict']]} +{name} ")
            if check["verdict"] != "ok":
                self.assertTrue(check["lost"] and check["mend"], name)
                self.assertIn("mend: " + check["mend"], out)
        self.assertEqual(list(self.folder.iterdir()), [])

    @unittest.skipUnless(os.geteuid() == 0, "another user's process is watched by root only")
    def test_root_sees_the_victim(self):
        with Victim([go_victim()]) as victim:
            victim.ask("report")  # its runtime has started
            _, checks, answer = self.told()
            found = {t["pid"]: t for t in answer["targets"]}[victim.pid]
            self.assertTrue(found["watched"], found)
            self.assertEqual(found["runtime"], "go")
            for right in ("CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"):
                self.assertEqual(checks[right]["verdict"], "ok")

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_an_ordinary_user_is_told_what_is_denied_and_ends_with_four(self):
        copy = shutil.copy(program(), self.folder / "heapwatch")
        os.chown(self.folder, NOBODY, NOBODY)
        code, checks, _ = self.told(uid=NOBODY, executable=copy)
        self.assertEqual(code, 4)
        self.assertEqual(checks["CAP_SYS_PTRACE"]["verdict"], "denied")
        self.assertEqual(checks["CAP_DAC_READ_SEARCH"]["verdict"], "denied")
        self.assertEqual(checks["CAP_BPF"]["verdict"], "lost")
        self.assertEqual(checks["database"]["verdict"], "ok")
        os.chown(self.folder, 0, 0)
        checks = self.told(uid=NOBODY, executable=copy)[1]
        self.assertEqual(checks["database"]["verdict"], "denied")
        self.assertIn("Permission denied", checks["database"]["found"])

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_the_command_of_its_help_has_the_units_rights(self):
        copy = shutil.copy(program(), self.folder / "heapwatch")
        told = subprocess.run([program(), "doctor", "--help"], capture_output=True, text=True,
                              timeout=300, check=True).stdout
        script = told[told.index("  caps="):]
        script = script.replace("--reuid heapwatch --regid heapwatch", f"--reuid {NOBODY} "
                                f"--regid {NOBODY}").replace("--init-groups", "--clear-groups")
        script = script.rstrip().removesuffix("heapwatch doctor") + f"{copy} doctor --json"
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=300,
                              check=False)
        checks = {c["name"]: c["verdict"] for c in json.loads(done.stdout)["checks"]}
        for right in ("CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"):
            self.assertEqual(checks[right], "ok", done.stderr)

    def test_a_lack_that_is_simulated_is_a_loss(self):
        code, _, _ = self.told("--without=caps")
        self.assertIn(code, (1, 4))

    @unittest.skipUnless(os.geteuid() == 0 and os.path.exists("/sys/kernel/btf/vmlinux"),
                         "needs root and a kernel with BTF, to hide it")
    def test_without_btf_exit_codes_are_lost_and_nothing_else(self):
        hide = ["unshare", "--mount", "sh", "-ec",
                'mount -t tmpfs none /sys/kernel/btf; exec "$@"', "sh"]
        self.assertEqual(self.told(before=hide)[1]["BTF"]["verdict"], "lost")
        out = self.doctor(before=hide)[1]
        self.assertEqual(re.findall(r"(?m)^missing: (.*);", out), ["exit codes and OOM victims"])

    @unittest.skipUnless(os.geteuid() == 0, "a user may not always make a namespace of users")
    def test_rights_of_a_rootless_container_are_none(self):
        checks = self.told(before=["unshare", "--user", "--map-root-user"])[1]
        self.assertEqual(checks["CAP_SYS_PTRACE"]["verdict"], "ok")
        self.assertEqual(checks["user namespace"]["verdict"], "lost")
        self.assertEqual(self.told()[1]["user namespace"]["verdict"], "ok")

    def test_a_folder_is_no_database(self):
        code, checks, _ = self.told("--db", str(self.folder))
        self.assertIn(code, (1, 4))
        self.assertEqual(checks["database"]["verdict"], "lost")

    def test_few_open_files_are_a_loss_where_more_cannot_be_had(self):
        # A soft limit is raised by itself, a hard one is not.
        for limit, verdict in (("256:16384", "ok"), ("256:256", "lost")):
            with self.subTest(limit):
                before = ["prlimit", "--nofile=" + limit]
                files = self.told("--collector-targets-max", "1000", before=before)[1]["open files"]
                self.assertEqual(files["verdict"], verdict)
                self.assertEqual(files["found"], f"{limit.partition(':')[2]} may be open, "
                                                 "up to 5384 wanted")

    def test_a_process_that_a_rule_leaves_out_is_no_loss(self):
        path = self.folder / "heapwatch.yaml"
        path.write_text("watch:\n- action: exclude\n  exe: .*\n")
        with Victim([go_victim()]) as victim:
            _, checks, answer = self.told("--config", str(path))
            found = {t["pid"]: t for t in answer["targets"]}[victim.pid]
            self.assertIn("rule", found["reason"])
            verdicts = [c["verdict"] for c in checks.values()]
            lost, denied = verdicts.count("lost"), verdicts.count("denied")
            self.assertEqual(self.doctor("--config", str(path))[1].splitlines()[-1],
                             f"{lost} lost, {denied} denied" if lost or denied else "all is well")

    def test_a_port_in_use_is_told_with_who_has_it(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            code, checks, _ = self.told("--listen", f"127.0.0.1:{other.getsockname()[1]}")
            self.assertNotEqual(code, 0)
            self.assertEqual(checks["port"]["verdict"], "lost")
            self.assertIn("in use", checks["port"]["found"])
        with Server() as server:
            _, checks, _ = self.told("--listen", server.url.split("//")[1])
            self.assertEqual(checks["port"]["verdict"], "ok")
            self.assertIn(f"pid {server.pid}", checks["port"]["found"])

    def test_too_little_room_is_a_loss(self):
        code, checks, _ = self.told("--retention-bytes", "16TiB")
        self.assertEqual(checks["room for the database"]["verdict"], "lost")
        self.assertNotEqual(code, 0)

    def test_a_folder_without_control_groups_is_a_loss(self):
        checks = self.told("--collector-cgroup-root", str(self.folder))[1]
        self.assertEqual(checks["control groups"]["verdict"], "lost")

    @unittest.skipUnless(os.geteuid() == 0, "making a namespace needs root")
    def test_a_container_sees_its_own_control_group_only(self):
        out = subprocess.run(["unshare", "--cgroup", program(), "doctor", "--json", "--db",
                              str(self.folder / "x.db"), "--listen", "127.0.0.1:0"],
                             stdout=subprocess.PIPE, timeout=300, check=False).stdout
        inside = {c["name"]: c for c in json.loads(out)["checks"]}
        self.assertEqual(inside["cgroup namespace"]["verdict"], "lost")
        first = os.stat("/proc/self/ns/cgroup").st_ino == 0xEFFFFFFB
        self.assertEqual(self.told()[1]["cgroup namespace"]["verdict"], "ok" if first else "lost")

    def test_wrong_usage_is_two(self):
        self.assertEqual(self.doctor("--nonsense", "x")[0], 2)
        self.assertEqual(self.doctor("--flush", "soon")[0], 2)


if __name__ == "__main__":
    unittest.main()
