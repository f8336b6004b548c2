#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program `zaguan` against a broker in memory: what it prints, sends, keeps and exits with."""
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import fake_broker

ZAGUAN = sys.argv.pop(1) if len(sys.argv) > 1 else "build/client/ctl/zaguan"
POOL = "kind: Pool\nname: office\ntemplate: debian-tiny\nready: 2\n"


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.top = pathlib.Path(tempfile.mkdtemp(prefix="zaguan-ctl-"))
        cls.dir = cls.top / "installation"
        made = subprocess.run([ZAGUAN, "init", cls.dir, "--no-admin", "--web-directory", "/tmp",
                               "--json"], capture_output=True, text=True, timeout=60)
        assert made.returncode == 0, made.stderr
        cls.made = json.loads(made.stdout)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.top)

    def setUp(self):
        self.server = fake_broker.start(self.dir / "tls/front.pem", self.dir / "tls/front.key")
        self.state = self.server.state
        self.context = self.top / f"{self.id()}.json"
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.top)}

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()

    def zaguan(self, *words, status=0, stdin=None):
        done = subprocess.run([ZAGUAN, *map(str, words), "--context", self.context],
                              capture_output=True, text=True, timeout=60, input=stdin,
                              env=self.env, start_new_session=True)  # no terminal to ask on
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def login(self, *more, status=0, password=fake_broker.PASSWORD):
        return self.zaguan("login", self.server.url, "--user", "ana", "--password-file", "-",
                           *more, status=status, stdin=password + "\n")

    def signed_in(self):
        self.login("--ca", self.dir / "ca/ca.pem")


class Init(Case):
    def test_folders_and_keys_are_closed_to_others(self):
        for path in self.dir.rglob("*"):
            if path.is_dir() or path.suffix in (".key", ".conf"):
                self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0, path)

    def test_a_folder_in_use_is_refused(self):
        done = self.zaguan("init", self.dir, "--no-admin", "--web-directory", "/tmp", status=1)
        self.assertIn("is not empty", done.stderr)

    def test_certificates_are_good_for_what_they_are_for(self):
        for name, purpose in (("broker", "sslserver"), ("host", "sslclient"),
                              ("front", "sslserver")):
            subprocess.run(["openssl", "verify", "-purpose", purpose, "-CAfile",
                            self.dir / "ca/ca.pem", self.dir / f"tls/{name}.pem"], check=True,
                           capture_output=True, timeout=30)

    def test_wrong_options_are_misuse(self):
        for words, text in ((["--https-port", "0"], "--https-port"),
                            (["--address", "a b"], "address 'a b'"),
                            (["--ldap-uri", "ldap://x"], "must begin with ldaps://"),
                            (["--host", "Not A Name"], "--host")):
            done = self.zaguan("init", self.top / "other", "--no-admin", "--web-directory", "/tmp",
                               *words, status=2)
            self.assertIn(text, done.stderr)


class Login(Case):
    def test_the_sign_in_is_kept_for_its_owner_alone(self):
        self.signed_in()
        self.assertEqual(stat.S_IMODE(self.context.stat().st_mode), 0o600)
        self.assertEqual(json.loads(self.context.read_text())["user"], "ana")
        self.zaguan("logout")
        self.assertFalse(self.context.exists())

    def test_a_wrong_password_is_said_with_its_trace(self):
        done = self.login("--ca", self.dir / "ca/ca.pem", status=1, password="no")
        self.assertIn("name or password is wrong", done.stderr)
        self.assertIn("trace: trace-1", done.stderr)
        self.assertEqual(len(self.state.calls), 1)

    def test_an_unknown_server_is_not_trusted_without_a_word(self):
        done = self.login(status=1)
        self.assertIn("is not trusted", done.stderr)
        self.assertEqual(self.state.calls, [])

    def test_the_printed_fingerprint_is_enough(self):
        self.login("--fingerprint", self.made["ca_sha256"].upper())
        self.zaguan("pool", "list")

    def test_a_wrong_fingerprint_is_refused(self):
        done = self.login("--fingerprint", "00" * 32, status=1)
        self.assertIn("presents another authority", done.stderr)

    def test_another_authority_is_refused(self):
        other = self.top / "other-installation"
        subprocess.run([ZAGUAN, "init", other, "--no-admin", "--web-directory", "/tmp"],
                       check=True, capture_output=True, timeout=60)
        self.login("--ca", other / "ca/ca.pem", status=1)
        self.assertEqual(self.state.calls, [])
        shutil.rmtree(other)

    def test_nobody_signed_in_is_said(self):
        self.assertIn("zaguan login", self.zaguan("pool", "list", status=1).stderr)

    def test_the_password_is_asked_without_echo(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(ZAGUAN, [ZAGUAN, "login", self.server.url, "--user", "ana", "--ca",
                               str(self.dir / "ca/ca.pem"), "--context", str(self.context)],
                      self.env)
        shown = b""
        while b"Password of ana: " not in shown:
            self.assertTrue(select.select([terminal], [], [], 20)[0], "no question came")
            shown += os.read(terminal, 1024)
        os.write(terminal, fake_broker.PASSWORD.encode() + b"\n")
        try:
            while select.select([terminal], [], [], 20)[0]:
                shown += os.read(terminal, 1024)
        except OSError:
            pass  # the terminal ended with the program
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.assertNotIn(b"correct horse", shown)


class Commands(Case):
    def setUp(self):
        super().setUp()
        self.signed_in()

    def apply(self, text, *more, status=0):
        return self.zaguan("apply", "-f", "-", *more, status=status, stdin=text)

    def test_apply_says_created_unchanged_and_changed(self):
        for text, result in ((POOL, "created"), (POOL, "unchanged"),
                             (POOL.replace("2", "3"), "changed")):
            done = self.apply(text, "-o", "json")
            self.assertEqual(json.loads(done.stdout)["items"],
                             [{"kind": "Pool", "name": "office", "result": result}])
        self.assertEqual(self.state.changes, 2)

    def test_the_demos_manifests_are_good(self):
        demo = pathlib.Path(__file__).resolve().parents[2] / "demo"
        for path in sorted(demo.glob("*.yaml")):
            self.assertIn("created", self.zaguan("apply", "-f", path).stdout)
        self.assertEqual(sorted(self.state.pools), ["office", "tiny"])

    def test_a_dry_run_changes_nothing(self):
        self.assertIn("created", self.apply(POOL, "--dry-run").stdout)
        self.assertEqual(self.state.pools, {})

    def test_a_pool_has_a_profile(self):
        for profile in ("lossless", "branch-2mbit"):
            self.apply(POOL + f"profile: {profile}\n")
            self.assertEqual(self.state.pools["office"]["profile"], profile)
        done = self.apply(POOL + "profile: dsl\n", status=2)
        self.assertIn("-:5:10: profile: ", done.stderr)
        self.assertIn("branch-5mbit", done.stderr)

    def test_a_wrong_manifest_is_told_with_its_place_and_nothing_is_sent(self):
        n_calls = len(self.state.calls)
        done = self.apply(POOL + "memory-mb: 5\n", status=2)
        self.assertIn("-:5:1: memory-mb: unknown field (did you mean 'memory-mib'?)", done.stderr)
        self.assertEqual(len(self.state.calls), n_calls)

    def test_the_brokers_refusal_names_the_document(self):
        done = self.apply(POOL.replace("debian-tiny", "nowhere"), status=2)
        self.assertIn("-:1: Pool 'office': template 'nowhere' does not exist", done.stderr)
        self.assertIn("hint: zaguan template list", done.stderr)

    def test_a_change_whose_answer_was_lost_happens_once(self):
        self.state.cut_next = True
        self.apply(POOL)
        puts = [call for call in self.state.calls if call[0] == "PUT"]
        self.assertEqual(len(puts), 2)
        self.assertEqual(puts[0][3], puts[1][3])
        self.assertEqual(self.state.changes, 1)

    def test_the_token_travels_in_a_header_only(self):
        self.zaguan("pool", "list")
        _, path, _, _, headers = self.state.calls[-1]
        self.assertTrue(headers["Authorization"].startswith("Bearer "))
        self.assertNotIn("t" * 43, path)

    def test_scale_keeps_the_rest_and_names_the_revision(self):
        self.apply(POOL)
        self.zaguan("pool", "scale", "office", "--max", "7")
        method, path, body, _, headers = self.state.calls[-1]
        self.assertEqual((method, path, headers["If-Match"]), ("PUT", "/api/v1/pools/office",
                                                               '"1"'))
        self.assertEqual((body["max"], body["ready"]), (7, 2))
        self.assertNotIn("counts", body)

    def test_wait_pool_ends_when_enough_are_ready(self):
        self.apply(POOL)
        self.assertIn("2 of 2 ready", self.zaguan("wait", "pool", "office", "--ready", 2).stderr)
        done = self.zaguan("wait", "pool", "office", "--ready", 3, "--timeout", 1, status=1)
        self.assertIn("zaguan status", done.stderr)

    def test_every_page_of_a_list_is_shown(self):
        names = [d["name"] for d in json.loads(
            self.zaguan("desktop", "list", "--json").stdout)["items"]]
        self.assertEqual(names, ["office-1", "office-2", "office-3"])
        table = self.zaguan("desktop", "list").stdout
        self.assertIn("office-3", table)
        self.assertNotIn("\033", table)

    def test_a_desktop_is_found_by_its_name(self):
        done = self.zaguan("desktop", "refresh", "office-2")
        self.assertEqual(done.stdout, "")
        self.assertIn("done", done.stderr)
        self.assertIn(("POST", f"/api/v1/desktops/{2:032x}/refresh"),
                      [call[:2] for call in self.state.calls])
        self.assertIn("there is no desktop 'x'",
                      self.zaguan("desktop", "show", "x", status=1).stderr)

    def test_a_failed_operation_fails_the_command_with_its_reason(self):
        done = self.zaguan("desktop", "restart", "office-1", status=1)
        self.assertIn("guest is silent", done.stderr)

    def test_status_tells_what_is_wrong_and_exits_with_1(self):
        done = self.zaguan("status", status=1)
        self.assertIn("host 'h1': is away", done.stdout)
        self.assertIn("h1: lost, tcg (no /dev/kvm)", done.stdout)
        self.assertIn("office: 2 of 3 ready, 1 in use", done.stdout)
        self.assertIn("-> look at its hostd.log", done.stdout)

    def test_import_brings_the_files_and_removes_them_afterwards(self):
        source = self.top / "made"
        source.mkdir(exist_ok=True)
        for name in ("disk.qcow2", "vmlinux", "initrd.img"):
            (source / name).write_bytes(b"x" * 100)
        self.zaguan("template", "import", "debian-tiny", source)
        body = self.state.templates["debian-tiny"]
        self.assertEqual({key: value.rsplit("-", 1)[-1] for key, value in body.items()},
                         {"path": "disk.qcow2", "kernel": "vmlinux", "initrd": "initrd.img"})
        self.assertEqual(list((self.dir / "incoming").iterdir()), [])

    def test_import_of_nothing_is_refused(self):
        done = self.zaguan("template", "import", "t", "/nonexistent", "--dir", self.dir, status=1)
        self.assertIn("/nonexistent", done.stderr)

    def test_without_a_local_installation_the_folder_must_be_named(self):
        self.context.unlink()
        self.login("--fingerprint", self.made["ca_sha256"])
        done = self.zaguan("template", "import", "t", "/etc/hostname", status=2)
        self.assertIn("--dir", done.stderr)

    def test_the_own_desktops_are_listed(self):
        self.assertIn("Office", self.zaguan("my", "list").stdout)

    def test_what_takes_no_argument_but_a_verb_is_misuse(self):
        self.assertIn("pool scale", self.zaguan("pool", status=2).stdout)
        self.assertIn("pool scale", self.zaguan("pool", "--help").stdout)

    def test_a_table_shows_names_short_ids_and_local_time(self):
        self.env["TZ"] = "Europe/Madrid"
        table = self.zaguan("session", "list").stdout
        self.assertIn("55555555 ", table)
        self.assertNotIn("5" * 9, table)
        self.assertIn("office-1", table)
        self.assertIn("2026-01-01 01:00:00", table)
        whole = json.loads(self.zaguan("session", "list", "-o", "json").stdout)
        self.assertEqual(whole["items"][0]["id"], "5" * 32)

    def test_a_session_is_shown_with_its_line(self):
        shown = dict(line.split(maxsplit=1)
                     for line in self.zaguan("session", "show", "5555").stdout.splitlines())
        self.assertEqual((shown["line.rtt_ms"], shown["line.rate_kbit"], shown["line.fps"]),
                         ("81", "4800", "23"))
        self.assertIn("jpeg", shown["line.encodings"])
        self.assertEqual((shown["line.bottleneck"], shown["line.bottleneck_text"]),
                         ("link", "the line to the person"))
        whole = json.loads(self.zaguan("session", "show", "5555", "-o", "json").stdout)
        self.assertEqual(whole["line"]["encodings"], ["tight", "jpeg"])

    def test_json_is_the_whole_of_stdout_for_every_kind_of_command(self):
        self.apply(POOL)
        for words in (["status"], ["my", "list"], ["op", "list"], ["audit"],
                      ["why", "desktop", "office-1"], ["pool", "show", "office"],
                      ["pool", "scale", "office", "--max", "6"], ["wait", "pool", "office"],
                      ["desktop", "refresh", "office-2"], ["desktop", "refresh", "office-2",
                                                           "--no-wait"],
                      ["pool", "delete", "office"], ["logout"]):
            done = self.zaguan(*words, "-o", "json", status=1 if words == ["status"] else 0)
            self.assertIsInstance(json.loads(done.stdout), dict, words)

    def test_an_operation_is_found_by_the_start_of_its_id(self):
        name = self.zaguan("desktop", "refresh", "office-2", "--no-wait").stdout.strip()
        self.zaguan("op", "wait", name[:8])
        self.assertIn(name, self.zaguan("op", "show", name[:8]).stdout)
        self.assertIn("there is no operation 'ffff'",
                      self.zaguan("op", "show", "ffff", status=1).stderr)

    def test_progress_without_a_terminal_is_a_line_a_step(self):
        done = self.zaguan("desktop", "refresh", "office-2")
        self.assertEqual(done.stderr.count("working"), 1, done.stderr)

    def test_progress_on_a_terminal_is_one_line_that_is_drawn_anew(self):
        ours, theirs = pty.openpty()
        self.env["TERM"] = "xterm"
        done = subprocess.run([ZAGUAN, "desktop", "refresh", "office-2", "--context", self.context],
                              stdout=subprocess.PIPE, stderr=theirs, timeout=60, env=self.env)
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:
            pass  # all was read, and nobody has the other end
        os.close(ours)
        self.assertEqual((done.returncode, done.stdout), (0, b""))
        self.assertIn(b"[#", shown)
        self.assertGreater(shown.count(b"\r"), 2)
        self.assertEqual(shown.count(b"\n"), 2, shown)  # the bar's, and that of "done"
        self.assertNotIn(b"\033[3", shown)

    def test_status_looks_at_this_machine_when_the_portal_is_away(self):
        self.server.shutdown()
        self.server.server_close()
        done = self.zaguan("status", status=1)
        self.assertIn("zaguan-broker: does not run", done.stdout)
        self.assertIn("zaguan-display (front): does not run", done.stdout)
        self.assertIn(f"-> zaguan up {self.dir}", done.stdout)
        self.assertEqual(json.loads(self.zaguan("status", "-o", "json", status=1).stdout)["state"],
                         "down")

    def test_certificates_that_end_are_told_and_renewed(self):
        pem = self.dir / "tls/host.pem"
        kept = [(path, path.read_bytes()) for path in (self.dir / "tls").iterdir()]
        subprocess.run(["openssl", "x509", "-req", "-days", "3", "-in", "/dev/stdin", "-CA",
                        self.dir / "ca/ca.pem", "-CAkey", self.dir / "ca/ca.key", "-out", pem],
                       input=subprocess.run(["openssl", "req", "-new", "-key",
                                             self.dir / "tls/host.key", "-subj", "/CN=h1",
                                             "-addext", "subjectAltName=URI:zaguan:host/h1"],
                                            check=True, capture_output=True, timeout=30).stdout,
                       check=True, capture_output=True, timeout=30)
        self.assertRegex(self.zaguan("status", status=1).stdout, "it ends in [23] days")
        self.assertIn("renewed", self.zaguan("renew", self.dir).stdout)
        self.assertNotIn("it ends", self.zaguan("status", status=1).stdout)
        subprocess.run(["openssl", "verify", "-purpose", "sslserver", "-verify_hostname",
                        "localhost", "-CAfile", self.dir / "ca/ca.pem",
                        self.dir / "tls/front.pem"], check=True, capture_output=True, timeout=30)
        self.assertEqual(stat.S_IMODE((self.dir / "tls/front.key").stat().st_mode), 0o600)
        for path, text in kept:
            path.write_bytes(text)
        self.assertIn("is it the folder", self.zaguan("renew", self.top, status=2).stderr)

    def test_a_certificate_that_has_ended_is_told_as_such(self):
        key, pem = self.dir / "tls/front.key", self.top / "ended.pem"
        signed = subprocess.run(["openssl", "req", "-new", "-key", key, "-subj", "/CN=localhost"],
                                check=True, capture_output=True, timeout=30).stdout
        names = self.top / "names"
        names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        subprocess.run(["openssl", "x509", "-req", "-days", "-1", "-CA", self.dir / "ca/ca.pem",
                        "-CAkey", self.dir / "ca/ca.key", "-extfile", names, "-out", pem],
                       input=signed, check=True, capture_output=True, timeout=30)
        self.server.shutdown()
        self.server.server_close()
        self.server = fake_broker.start(pem, key)
        kept = json.loads(self.context.read_text())
        self.context.write_text(json.dumps(dict(kept, url=self.server.url)))
        done = self.zaguan("pool", "list", status=1)
        self.assertIn("its certificate has ended", done.stderr)
        self.assertIn("portal: ", self.zaguan("status", status=1).stdout)

    def test_who_may_use_a_pool_is_told_whole(self):
        self.apply(POOL + "entitle: {groups: [a], users: [b]}\n")
        self.apply(POOL + "entitle: {groups: [a]}\n")
        self.assertEqual(self.state.pools["office"]["entitle"], {"groups": ["a"], "users": []})

    def test_completion_knows_nouns_verbs_and_options(self):
        script = self.zaguan("completion", "bash").stdout
        for words, wanted in (("po", "pool"), ("pool sc", "scale"), ("pool scale x --re", "--ready"),
                              ("up /x --det", "--detach")):
            typed = ["zaguan", *words.split(" ")]
            shown = subprocess.run(
                ["bash", "-c", script + "COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _zaguan; "
                 "printf '%s\\n' \"${COMPREPLY[@]}\"", "-", *typed],
                capture_output=True, text=True, timeout=30, check=True)
            self.assertIn(wanted, shown.stdout.split(), words)

    def test_the_version_is_told_without_a_sign_in(self):
        self.context.unlink()
        self.assertRegex(self.zaguan("--version").stdout, r"^zaguan \d+\.\d+\.\d+\n$")

    def test_a_dead_broker_is_said_in_time(self):
        self.server.shutdown()
        self.server.server_close()
        self.assertIn("is Zaguan running?", self.zaguan("pool", "list", status=1).stderr)


class Connect(Case):
    def setUp(self):
        super().setUp()
        self.signed_in()
        self.runtime = pathlib.Path(tempfile.mkdtemp(prefix="zaguan-rt-"))
        self.env["XDG_RUNTIME_DIR"] = str(self.runtime)
        self.program = None

    def tearDown(self):
        if self.program and self.program.poll() is None:
            self.program.kill()
        if self.program:
            self.program.communicate(timeout=10)
        super().tearDown()
        shutil.rmtree(self.runtime)

    def connect(self, *more):
        self.program = subprocess.Popen(
            [ZAGUAN, "my", "connect", *more, "--viewer", "none", "--context", self.context],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env)
        return self.viewer()

    def viewer(self):
        self.assertTrue(select.select([self.program.stdout], [], [], 20)[0], "no socket was named")
        self.path = pathlib.Path(self.program.stdout.readline().strip())
        viewer = socket.socket(socket.AF_UNIX)
        viewer.settimeout(20)
        viewer.connect(str(self.path))
        self.addCleanup(viewer.close)
        return viewer

    def read(self, viewer, n):
        got = b""
        while len(got) < n:
            piece = viewer.recv(n - len(got))
            self.assertTrue(piece, got)
            got += piece
        return got

    def ended(self):
        _, talk = self.program.communicate(timeout=20)
        self.assertEqual(list(self.runtime.iterdir()), [])
        return self.program.returncode, talk

    def test_bytes_flow_both_ways_through_a_private_socket(self):
        viewer = self.connect()
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.path.parent.stat().st_mode), 0o700)
        self.assertEqual(self.read(viewer, 12), fake_broker.GREETING)
        viewer.sendall(b"hello")
        self.assertEqual(self.read(viewer, 5), b"HELLO")
        viewer.close()
        self.assertEqual(self.ended()[0], 0)
        self.assertEqual(self.state.console_bytes, b"hello<closed>")

    def test_no_secret_is_on_a_command_line_or_in_the_environment(self):
        viewer = self.connect()
        self.read(viewer, 12)
        ticket = self.state.consoles[0]["ticket"].encode()
        for name in ("cmdline", "environ"):
            text = pathlib.Path(f"/proc/{self.program.pid}/{name}").read_bytes()
            self.assertNotIn(ticket, text)
            self.assertNotIn(b"t" * 43, text)
        viewer.close()
        self.ended()

    def test_a_lost_transport_is_resumed_with_the_secret(self):
        viewer = self.connect()
        self.read(viewer, 12)
        viewer.sendall(b"lose me")
        self.assertEqual(viewer.recv(1), b"")
        again = self.viewer()
        self.assertEqual(self.read(again, 12), fake_broker.GREETING)
        self.assertIn("resume", self.state.consoles[1])
        again.close()
        self.assertEqual(self.ended()[0], 0)

    def test_a_takeover_ends_it_with_the_fronts_words(self):
        viewer = self.connect()
        self.read(viewer, 12)
        viewer.sendall(b"take over")
        status, talk = self.ended()
        self.assertEqual(status, 1)
        self.assertIn("Opened at another terminal.", talk)

    def test_sigterm_leaves_nothing_behind(self):
        viewer = self.connect()
        self.read(viewer, 12)
        self.program.send_signal(signal.SIGTERM)
        self.assertEqual(self.ended()[0], 0)

    def test_a_viewer_is_started_and_its_end_ends_it(self):
        script = self.runtime.parent / f"{self.runtime.name}-viewer"
        script.write_text(f"#!/usr/bin/python3\nimport socket, sys\n"
                          f"s = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
                          f"got = b''\nwhile len(got) < 12:\n    got += s.recv(12)\n"
                          f"s.sendall(b'seen')\ns.recv(4)\n")
        script.chmod(0o700)
        done = self.zaguan("my", "connect", "office", "--viewer", script)
        script.unlink()
        self.assertIn("connected to 'Office'", done.stderr)
        self.assertEqual(self.state.console_bytes, b"seen<closed>")
        self.assertEqual(list(self.runtime.iterdir()), [])

    def test_a_host_that_is_away_for_a_moment_is_waited_for(self):
        self.state.unreachable = 2
        done = self.zaguan("my", "connect", "office", "--viewer", "true")
        self.assertEqual(self.state.unreachable, 0)
        self.assertIn("connected to 'Office'", done.stderr)

    def test_a_viewer_that_fails_is_said(self):
        done = self.zaguan("my", "connect", "office", "--viewer", "false", status=1)
        self.assertIn("the viewer ended with an error", done.stderr)
        self.assertEqual(list(self.runtime.iterdir()), [])

    def test_a_viewer_that_is_not_there_is_misuse(self):
        self.zaguan("my", "connect", "office", "--viewer", "no-such-viewer", status=2)

    def test_log_off_finds_the_own_session(self):
        viewer = self.connect()
        self.read(viewer, 12)
        self.zaguan("my", "log-off")
        self.assertEqual(self.state.sessions["5" * 32]["state"], "ended")
        viewer.close()
        self.ended()


if __name__ == "__main__":
    unittest.main(verbosity=2)
