# SPDX-License-Identifier: Apache-2.0
"""Beginning and end: configuration, ports, signals, generations over restarts."""
import json
import os
import signal
import socket
import subprocess
import time

import harness


def run(*args):
    return subprocess.run([harness.RUNED] + list(args), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def half_a_request(server):
    """A connection on which a request has begun and is not complete."""
    connection = socket.create_connection(server.address, timeout=20)
    head = "POST /v1/authorize HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    connection.sendall(head.encode() % len(harness.REQUEST) + harness.REQUEST[:10])
    harness.wait_for("the connection to be accepted",
                     lambda: (server.metric("rune_active_connections") or 0) >= 1)
    return connection


class Configuration(harness.TestCase):
    def check_refused(self, text, *wanted):
        server = self.server(config=text)
        for flags in ((), ("--check-config",)):  # a server that should not start must not
            result = run("--config", server.config_path, *flags)
            self.assertEqual(result.returncode, 2, result.stderr)
            for want in wanted:
                self.assertIn(want, result.stderr)

    def test_good_is_told(self):
        server = self.server()
        result = run("--config", server.config_path, "--check-config")
        self.assertEqual((result.returncode, result.stdout.strip()), (0, "configuration ok"), result.stderr)

    def test_unknown_keys_are_errors_with_a_suggestion(self):
        self.check_refused("[limits]\nmax_bodi_bytes = 5", "runed.toml:6:1", "max_body_bytes")
        self.check_refused("[limit]\n", "limits")
        self.check_refused("listen = 5", "listen")

    def test_wrong_values_are_errors(self):
        self.check_refused("[limits]\nmax_body_bytes = \"much\"", "runed.toml:6:")
        self.check_refused("[limits]\nmax_connections = -1", "runed.toml:6:")
        self.check_refused("[logging]\nlevel = \"loud\"", "debug")
        self.check_refused("admin = \"0.0.0.0:9\"", "loopback")
        self.check_refused("user = \"nobody-has-this-name\"", "nobody-has-this-name")
        self.check_refused("this is no TOML", "runed.toml:5:")

    def test_unknown_flags_are_errors_with_a_suggestion(self):
        result = run("--lisen", "127.0.0.1:0", "x")
        self.assertEqual(result.returncode, 2)
        self.assertIn("--listen", result.stderr)


class Lifecycle(harness.TestCase):
    def test_second_server_on_the_port_is_refused(self):
        server = self.server().start()
        other = self.server()
        result = run("--config", other.config_path, "--listen", "127.0.0.1:%d" % server.address[1])
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("in use", result.stderr)
        result = run("--config", server.config_path)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("another runed", result.stderr)
        self.assertEqual(server.ask()[0], 200)

    def test_generation_grows_over_restarts(self):
        server = self.server().start()
        server.reload()
        before = server.status()["generation"]
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)
        server.start()
        self.assertGreater(server.status()["generation"], before)

    def test_restart_on_the_same_port(self):
        server = self.server().start()
        kept = [half_a_request(server) for _ in range(8)]
        server.flags = ["--listen", "127.0.0.1:%d" % server.address[1]]
        server.signal(signal.SIGQUIT)
        self.assertEqual(server.wait(), 0)
        server.start()
        self.assertEqual(server.ask()[0], 200)
        for connection in kept:
            connection.close()

    def test_drain_answers_what_has_begun(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.server().start()
            connection = half_a_request(server)
            time.sleep(0.2)
            server.signal(number)
            time.sleep(0.2)
            connection.sendall(harness.REQUEST[10:])
            answer = connection.recv(65536)
            self.assertIn(b" 200 ", answer.split(b"\r\n")[0])
            self.assertEqual(server.wait(), 0)
            connection.close()
            self.assertFalse(os.path.exists(server.runtime), "the runtime directory is left")

    def test_drain_ends_in_time(self):
        server = self.server(config="[timeouts]\ndrain_ms = 300").start()
        connection = half_a_request(server)
        time.sleep(0.2)
        begin = time.monotonic()
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)
        self.assertLess(time.monotonic() - begin, 9, "the default would have been 10 s")
        connection.close()

    def test_quit_leaves_at_once(self):
        server = self.server().start()
        connection = half_a_request(server)
        begin = time.monotonic()
        server.signal(signal.SIGQUIT)
        self.assertEqual(server.wait(), 0)
        self.assertLess(time.monotonic() - begin, 9, "a drain would have waited 10 s")
        connection.close()

    def test_children_die_with_the_supervisor(self):
        server = self.server().start()
        children = server.children()
        server.signal(signal.SIGKILL)
        server.wait()

        def is_alive(pid):
            try:
                return read("/proc/%d/stat" % pid).split(")")[1].split()[0] != "Z"
            except OSError:
                return False

        def gone():
            return not any(is_alive(pid) for pid in children)
        harness.wait_for("the children to die", gone)
        server.start()  # the folder of a dead server is taken over
        self.assertEqual(server.ask()[0], 200)

    def test_hup_changes_limits(self):
        server = self.server().start()
        self.assertEqual(server.ask()[0], 200)
        server.write_config("[limits]\nmax_body_bytes = 1024")
        before = server.status()["generation"]
        server.signal(signal.SIGHUP)
        harness.wait_for("the reload", lambda: server.status()["generation"] > before)

        def refused():
            connection = harness.http.client.HTTPConnection(*server.address, timeout=10)
            connection.request("POST", "/v1/authorize", b" " * 2000, {"content-type": "application/json"})
            status = connection.getresponse().status
            connection.close()
            return status == 413
        harness.wait_for("the smaller limit", refused)

    def test_hup_with_a_broken_configuration_changes_nothing(self):
        server = self.server().start()
        before = server.status()["generation"]
        server.write_config("[limits]\nmax_bodi_bytes = 5")
        status, answer = server.reload()
        self.assertGreaterEqual(status, 400, answer)
        self.assertIn("max_body_bytes", str(answer["diagnostics"]))
        self.assertEqual(server.status()["generation"], before)
        self.assertEqual(server.ask()[0], 200)

    def test_garbage_on_the_control_socket(self):
        server = self.server().start()
        path = os.path.join(server.runtime, "control.sock")

        def connect():
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            connection.settimeout(5)
            connection.connect(path)
            return connection
        for size in (1, 15, 17, 256, 4096):
            connection = connect()
            connection.send(b"\xff" * size)
            self.assertEqual(connection.recv(1000), b"", "the connection should be closed")
            connection.close()
        wrong = connect()  # the right size, an unknown version, then an unknown call
        for version, kind in ((7, 1), (1, 99)):
            wrong.send(harness.struct.pack("<IIQ", version, kind, 5))
            answer = wrong.recv(1000)
            self.assertEqual(len(answer), 256)
            self.assertNotEqual(harness.struct.unpack_from("<I", answer, 16)[0], 0)
        many = []
        for _ in range(100):  # more than are kept
            many.append(connect())
        for connection in many + [wrong]:
            connection.close()
        self.assertEqual(server.reload()[0], 200)
        rune = os.path.join(os.path.dirname(harness.RUNED), "rune")
        if os.access(rune, os.X_OK):
            result = subprocess.run([rune, "status", "--runtime-dir", server.runtime], capture_output=True)
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_usr1_opens_the_log_again(self):
        server = self.server(config="[logging]\nfile = \"runed.log\"").start()
        path = os.path.join(server.folder, "runed.log")
        harness.wait_for("the log", lambda: "worker_ready" in read(path))
        os.rename(path, path + ".1")
        server.signal(signal.SIGUSR1)
        harness.wait_for("a new log", lambda: os.path.exists(path))
        server.reload()
        harness.wait_for("a line in it", lambda: "reload_done" in read(path))

    def test_an_image_file_is_served(self):
        rune = os.path.join(os.path.dirname(harness.RUNED), "rune")
        if not os.access(rune, os.X_OK):
            self.skipTest("there is no " + rune)
        server = self.server()
        image = os.path.join(server.folder, "bundle.img")
        subprocess.run([rune, "build", server.bundle, "-o", image], check=True, capture_output=True)
        server.flags = ["--bundle", image]
        server.start()
        self.assertEqual(server.ask()[1]["decision"], "PERMIT")
        with open(image, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"?")
        status, answer = server.reload()
        self.assertGreaterEqual(status, 400, answer)
        self.assertEqual(server.ask()[1]["decision"], "PERMIT")

    @harness.unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_all_but_the_supervisor_become_the_user(self):
        server = self.server(config="[timeouts]\ndrain_ms = 100")
        os.chmod(server.folder, 0o755)
        server.flags = ["--user", "nobody"]
        server.start()
        self.assertNotIn("running_as_root", server.log())

        def ids(pid):
            lines = dict(line.split(":", 1) for line in read("/proc/%d/status" % pid).splitlines())
            return set(lines["Uid"].split()), set(lines["Gid"].split()), lines["CapEff"].strip(), lines["NoNewPrivs"]
        for pid in server.children():
            uids, gids, capabilities, _ = ids(pid)
            self.assertEqual(len(uids), 1)
            self.assertNotIn("0", uids | gids)
            self.assertEqual(int(capabilities, 16), 0)
        self.assertEqual(server.reload()[0], 200)
        os.kill(server.worker_pids()[0], signal.SIGKILL)
        harness.wait_for("the successor", server.is_ready)
        self.assertEqual(server.ask()[0], 200)

    def test_answers_name_the_image(self):
        server = self.server().start()
        connection = harness.http.client.HTTPConnection(*server.address, timeout=10)
        connection.request("POST", "/v1/authorize", harness.REQUEST, {"content-type": "application/json"})
        answer = connection.getresponse()
        body = json.loads(answer.read())
        status = server.status()
        self.assertEqual(answer.getheader("rune-image"), status["image"][:16])
        self.assertEqual(body["generation"], status["generation"])
        connection.close()


if __name__ == "__main__":
    harness.main()
