"""make install into a scratch folder: what is there, and that each part is right."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from heapwatch import ROOT, program

PARTS = ["usr/bin/heapwatch", "usr/lib/systemd/system/heapwatch.service",
         "usr/lib/sysusers.d/heapwatch.conf", "usr/share/man/man8/heapwatch.8",
         "usr/share/man/man5/heapwatch.yaml.5",
         "usr/share/bash-completion/completions/heapwatch",
         "usr/share/zsh/site-functions/_heapwatch",
         "usr/share/fish/vendor_completions.d/heapwatch.fish",
         "usr/share/doc/heapwatch/heapwatch.yaml", "usr/share/doc/heapwatch/LICENSE",
         "etc/heapwatch/heapwatch.yaml"]
COMMANDS = ["serve", "top", "doctor", "check-config", "version"]


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, check=False, **more)


def make(target, folder):
    """make target with the program under test; fails in words."""
    build = pathlib.Path(program()).parent
    done = run(["make", "--no-print-directory", f"BUILD={os.path.relpath(build, ROOT)}", "-o",
                "all", target, f"DESTDIR={folder}", "PREFIX=/usr"], cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name)
        make("install", cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def test_everything_is_there_and_the_program_runs(self):
        self.assertEqual(files(self.folder), sorted(PARTS))
        self.assertRegex(run([self.folder / "usr/bin/heapwatch", "version"]).stdout, r"^heapwatch ")

    def test_the_unit_names_what_was_installed(self):
        unit = (self.folder / PARTS[1]).read_text()
        self.assertIn("ExecStart=/usr/bin/heapwatch serve --config /etc/heapwatch/heapwatch.yaml",
                      unit)
        self.assertNotRegex(unit.split("[Unit]")[1], "@[A-Z]")

    def test_the_configuration_is_right_and_a_changed_one_stays(self):
        config = self.folder / "etc/heapwatch/heapwatch.yaml"
        checked = run([program(), "check-config", config])
        self.assertEqual(checked.returncode, 0, checked.stderr)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            mine = folder / "etc/heapwatch/heapwatch.yaml"
            mine.parent.mkdir(parents=True)
            mine.write_text("node: mine\n")
            make("install", folder)
            self.assertEqual(mine.read_text(), "node: mine\n")
            make("uninstall", folder)
            self.assertEqual(files(folder), ["etc/heapwatch/heapwatch.yaml"])

    def test_the_user_is_one_that_sysusers_would_make(self):
        done = run(["systemd-sysusers", "--dry-run", f"--root={self.folder}"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Creating user 'heapwatch'", done.stdout + done.stderr)


class ManPage(unittest.TestCase):
    def test_it_renders_without_a_warning(self):
        for name in ("heapwatch.8", "heapwatch.yaml.5"):
            done = run(["man", "--warnings", "-l", ROOT / "packaging" / name],
                       env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)
            self.assertIn("SYNOPSIS", done.stdout)

    def test_every_key_of_the_configuration_is_in_its_page(self):
        page = (ROOT / "packaging/heapwatch.yaml.5").read_text()
        made = run([ROOT / "packaging/readme-table", program(), "--print-page"]).stdout
        table = run([program(), "check-config", "--markdown"]).stdout
        keys = re.findall(r"^\| `(\S+)` \|", table, re.M)
        self.assertGreater(len(keys), 30)
        self.assertEqual(re.findall(r"^\.It Ic (\S+)$", made, re.M), keys)
        self.assertIn(made, page, "make docs writes it again")

    def test_its_options_are_those_of_help(self):
        page = (ROOT / "packaging/heapwatch.8").read_text()
        sections = dict(re.findall(r"^\.Ss (\S+)\n(.*?)(?=^\.S[sh] )", page, re.M | re.S))
        commands = re.findall(r"^  ([a-z][a-z-]*) ", run([program(), "--help"]).stdout, re.M)
        self.assertEqual(sorted(commands), sorted(sections))
        for command in commands:
            told = run([program(), command, "--help"]).stdout
            flags = set(re.findall(r"^  --([a-z-]+)", told, re.M)) - {"help"}
            if command == "doctor":  # "as for serve"
                flags.discard("config")
            self.assertEqual(set(re.findall(r"^\.It Fl -([a-z-]+)", sections[command], re.M)),
                             flags, command)


class Completions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.path = f"{pathlib.Path(program()).parent}:{os.environ['PATH']}"

    def shell(self, command, folder=None):
        done = run(command, env={**os.environ, "PATH": self.path}, cwd=folder or ROOT)
        self.assertEqual((done.returncode, done.stderr), (0, ""), command)
        return done.stdout.split("\n")

    def test_bash(self):
        def complete(*words):
            return self.shell(["bash", "-c", '. packaging/completions/heapwatch.bash; '
                               'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _heapwatch; '
                               'printf "%s\\n" "${COMPREPLY[@]}"', "bash", *words])
        for command in COMMANDS:
            self.assertIn(command, complete("heapwatch", ""))
        self.assertEqual(complete("heapwatch", "serve", "--retention-a"), ["--retention-age", ""])
        self.assertIn("--once", complete("heapwatch", "top", "--"))

    def test_zsh(self):
        self.shell(["zsh", "-n", "packaging/completions/_heapwatch"])
        # _describe prints what it was given, as no completion runs here.
        script = ('_describe() { print -l -- "${(@P)2}" }; words=("$@"); CURRENT=$#; '
                  'source packaging/completions/_heapwatch')
        found = self.shell(["zsh", "-f", "-c", script, "zsh", "heapwatch", ""])
        self.assertEqual([line.split(":")[0] for line in found if line],
                         [c for c in self.commands() if c])
        found = self.shell(["zsh", "-f", "-c", script, "zsh", "heapwatch", "top", "--"])
        self.assertIn("--once:Print the table and end", found)
        found = self.shell(["zsh", "-f", "-c", script, "zsh", "heapwatch", "serve", "--"])
        self.assertIn("--db", [line.split(":")[0] for line in found])

    def commands(self):
        return re.findall(r"^  ([a-z][a-z-]*) ", run([program(), "--help"]).stdout, re.M)

    def test_fish(self):
        def complete(line):
            with tempfile.TemporaryDirectory() as home:
                done = run(["fish", "--no-config", "-c",
                            "source packaging/completions/heapwatch.fish; "
                            f"complete -C '{line}'"], cwd=ROOT,
                           env={**os.environ, "PATH": self.path, "HOME": home,
                                "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home})
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            return [word.split("\t")[0] for word in done.stdout.split("\n")]
        for command in COMMANDS:
            self.assertIn(command, complete("heapwatch "))
        self.assertIn("--retention-age", complete("heapwatch serve --ret"))
        self.assertIn("--once", complete("heapwatch top --"))


if __name__ == "__main__":
    unittest.main()
