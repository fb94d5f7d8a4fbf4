# SPDX-License-Identifier: Apache-2.0
"""Starts runed on ports of the kernel's choice with a bundle in a temporary folder, and asks it things.

Python's standard library only. Everything a test starts it ends by pid. A test that fails prints the server's log.
Environment: RUNE_BUILD_DIR (bin/runed is looked for there), RUNE_TORTURE_SECONDS (how long load runs; default 6),
RUNE_STRICT_TIMES (set: times are held to their bars, which a busy machine cannot promise; else they are printed).
"""
import http.client
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BUILD = os.environ.get("RUNE_BUILD_DIR", os.path.join(os.path.dirname(__file__), "..", "..", "build", "release"))
RUNED = os.environ.get("RUNED", os.path.join(BUILD, "bin", "runed"))
STRICT_TIMES = bool(os.environ.get("RUNE_STRICT_TIMES"))
SECONDS = float(os.environ.get("RUNE_TORTURE_SECONDS", "6"))

PERMIT = {"policies.cedar": '@id("yes")\npermit(principal, action, resource);\n'}
FORBID = {"policies.cedar": '@id("no")\nforbid(principal, action, resource);\n'}
BROKEN = {"policies.cedar": '@id("yes")\npermit(principal, action, resource);\nnonsense here;\n'}
REQUEST = json.dumps({"principal": 'User::"alice"', "action": 'Action::"read"', "resource": 'Document::"plan"'}).encode()


def require_runed():
    if not os.access(RUNED, os.X_OK):
        print("SKIPPED: there is no", RUNED)
        sys.exit(77)


def sanitized():
    """Whether this build has a sanitizer: slower, larger."""
    with open(RUNED, "rb") as file:
        text = file.read()
    return b"__asan_init" in text or b"__tsan_init" in text


class Unix(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def wait_for(what, check, seconds=60.0, pause=0.01):
    """The first true value of check(), or an error that says what did not come."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        time.sleep(pause)
    raise AssertionError("waited %.0f s in vain for %s" % (seconds, what))


class Server:
    def __init__(self, bundle=None, workers=2, config="", flags=()):
        self.folder = tempfile.mkdtemp(prefix="rune-e2e-")
        self.bundle = os.path.join(self.folder, "bundle")
        self.runtime = os.path.join(self.folder, "run")
        self.config_path = os.path.join(self.folder, "runed.toml")
        self.log_path = os.path.join(self.folder, "stderr.log")
        self.workers = workers
        self.flags = list(flags)
        self.listen = "127.0.0.1:0"
        self.process = None
        self.write_bundle(bundle or PERMIT)
        self.write_config(config)

    # ---- files ----

    def write_bundle(self, files):
        new = self.bundle + ".new"
        os.makedirs(new)
        for name, text in files.items():
            path = os.path.join(new, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        if os.path.isdir(self.bundle):
            shutil.rmtree(self.bundle)
        os.rename(new, self.bundle)

    def write_config(self, text):
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write('bundle = "bundle"\nruntime_dir = "run"\nlisten = "%s"\nworkers = %d\n%s\n'
                       % (self.listen, self.workers, text))

    def log(self):
        with open(self.log_path, "r", encoding="utf-8", errors="replace") as file:
            return file.read()

    # ---- life ----

    def launch(self):
        """Starts the process and does not wait."""
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([RUNED, "--config", self.config_path] + self.flags,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def start(self):
        self.launch()
        wait_for("the server to be ready", self.is_ready, 60)
        self.is_ready()  # before, the addresses of a server that died here may have been read
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError("runed ended with status %d:\n%s" % (self.process.returncode, self.log()))
        try:
            with open(os.path.join(self.runtime, "addresses"), encoding="utf-8") as file:
                lines = dict(line.split() for line in file)
            host, port = lines["listen"].rsplit(":", 1)
            self.address = (host, int(port))
            return all(worker["ready"] for worker in self.status()["workers"]) and len(self.status()["workers"]) > 0
        except (OSError, KeyError, ValueError, http.client.HTTPException):
            return False

    def wait(self, seconds=60):
        return self.process.wait(seconds)

    def signal(self, number):
        os.kill(self.process.pid, number)

    def stop(self):
        """TERM, and KILL if that does not help; then removes the folder."""
        try:
            if self.process is not None and self.process.poll() is None:
                self.signal(signal.SIGTERM)
                try:
                    self.wait(60)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.wait()
                    raise AssertionError("the server did not leave after TERM:\n" + self.log())
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def children(self):
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid), encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def child_named(self, name):
        for pid in self.children():
            try:
                with open("/proc/%d/comm" % pid, encoding="utf-8") as file:
                    if file.read().strip() == name:
                        return pid
            except OSError:
                pass
        return None

    # ---- questions ----

    def admin(self, method, path, timeout=60):
        connection = Unix(os.path.join(self.runtime, "admin.sock"), timeout)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def status(self):
        status, body = self.admin("GET", "/v1/config")
        if status != 200:
            raise ValueError("GET /v1/config: %d %r" % (status, body))
        return json.loads(body)

    def reload(self):
        status, body = self.admin("POST", "/v1/config/reload", 120)
        return status, json.loads(body)

    def metric(self, series):
        """The value of a series, spelt as in the text form."""
        for line in self.admin("GET", "/metrics")[1].decode().splitlines():
            if line.startswith(series + " "):
                return float(line.rsplit(" ", 1)[1])
        return None

    def ask(self, timeout=20):
        """One decision over a connection of its own: status, answer."""
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        try:
            connection.request("POST", "/v1/authorize", REQUEST, {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def worker_pids(self):
        return [worker["pid"] for worker in self.status()["workers"]]

    def memory_kb(self, pid):
        """Private memory of a process."""
        with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith(("Private_Dirty:", "Private_Clean:")))


# ---- load ----

class Answers:
    """What came back, for checks at the end; and the oldest generation that may still come."""

    def __init__(self):
        self.lock = threading.Lock()
        self.floor = 0          # generation of the last reload that was done
        self.seen = {}          # (generation, decision) -> count
        self.failures = []
        self.count = 0

    def take(self, floor, body):
        answer = json.loads(body)
        generation = answer["generation"]
        with self.lock:
            self.count += 1
            key = (generation, answer["decision"])
            self.seen[key] = self.seen.get(key, 0) + 1
            if generation < floor:
                self.failures.append("generation %d was answered after the reload to %d was done" % (generation, floor))

    def fail(self, text):
        with self.lock:
            self.failures.append(text)


class Load:
    """Threads that ask over connections they keep: HTTP/1.1, and HTTP/2 with prior knowledge."""

    def __init__(self, server, http1=4, http2=2, may_break=False):
        self.server = server
        self.answers = Answers()
        self.may_break = may_break
        self.broken = []        # local ports of connections that broke, with the time
        self.refused = 0
        self.stop_flag = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(Http1,)) for _ in range(http1)]
        self.threads += [threading.Thread(target=self.run, args=(Http2,)) for _ in range(http2)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop_flag.set()
        for thread in self.threads:
            thread.join()

    def run(self, kind):
        client = None
        while not self.stop_flag.is_set():
            try:
                if client is None:
                    client = kind(self.server.address)
                floor = self.answers.floor
                self.answers.take(floor, client.ask())
            except ConnectionRefusedError:
                self.refused += 1
                self.answers.fail("a connection was refused")
            except (OSError, http.client.HTTPException, Broken) as error:
                if self.stop_flag.is_set():
                    break
                self.broken.append(client.port if client is not None else 0)
                if not self.may_break:
                    self.answers.fail("%s: %s: %s" % (kind.__name__, type(error).__name__, error))
                if client is not None:
                    client.close()
                client = None
        if client is not None:
            client.close()


class Broken(Exception):
    pass


class Http1:
    def __init__(self, address):
        self.connection = http.client.HTTPConnection(*address, timeout=60)
        self.connection.connect()
        self.connection.auto_open = 0  # a closed connection is an error, not a reason to open another
        self.port = self.connection.sock.getsockname()[1]

    def ask(self):
        self.connection.request("POST", "/v1/authorize", REQUEST, {"content-type": "application/json"})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise Broken("status %d: %r" % (answer.status, body))
        if answer.will_close:
            raise Broken("the server closes the connection")
        return body

    def close(self):
        self.connection.close()


class Http2:
    """As much of RFC 9113 as asking needs: literal headers out, frames in; 0x88 is `:status: 200`."""

    DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8

    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self.socket.getsockname()[1]
        self.stream = 1
        self.buffer = b""
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(self.SETTINGS, 0, 0, b""))

    @staticmethod
    def frame(kind, flags, stream, payload):
        return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload

    @staticmethod
    def literal(name, value):
        return b"\x00" + bytes((len(name),)) + name + bytes((len(value),)) + value

    def read_frame(self):
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            more = self.socket.recv(65536)
            if not more:
                raise Broken("the connection was closed")
            self.buffer += more
        length = int.from_bytes(self.buffer[:3], "big")
        head, payload = self.buffer[:9], self.buffer[9:9 + length]
        self.buffer = self.buffer[9 + length:]
        return head[3], head[4], int.from_bytes(head[5:9], "big") & 0x7FFFFFFF, payload

    def ask(self):
        stream, self.stream = self.stream, self.stream + 2
        headers = b"\x83\x86" + self.literal(b":path", b"/v1/authorize") + self.literal(b":authority", b"x")
        headers += self.literal(b"content-type", b"application/json")
        self.socket.sendall(self.frame(self.HEADERS, 4, stream, headers) + self.frame(self.DATA, 1, stream, REQUEST))
        body, status = b"", None
        while True:
            kind, flags, on, payload = self.read_frame()
            if kind == self.SETTINGS and not flags & 1:
                self.socket.sendall(self.frame(self.SETTINGS, 1, 0, b""))
            elif kind == self.PING and not flags & 1:
                self.socket.sendall(self.frame(self.PING, 1, 0, payload))
            elif kind == self.GOAWAY:
                raise Broken("GOAWAY")
            elif on == stream and kind == self.RST_STREAM:
                raise Broken("RST_STREAM %d" % int.from_bytes(payload, "big"))
            elif on == stream and kind == self.HEADERS:
                status = payload[0]
            elif on == stream and kind == self.DATA:
                body += payload
                if payload:
                    grow = struct.pack(">I", len(payload))
                    self.socket.sendall(self.frame(self.WINDOW_UPDATE, 0, 0, grow))
            if on == stream and kind in (self.HEADERS, self.DATA) and flags & 1:
                if status != 0x88:
                    raise Broken("status byte %r: %r" % (status, body))
                return body

    def close(self):
        self.socket.close()


class TestCase(unittest.TestCase):
    """A test with servers of its own; the logs are shown if it fails."""

    def setUp(self):
        self.servers = []

    def server(self, *args, **named):
        server = Server(*args, **named)
        self.servers.append(server)
        return server

    def tearDown(self):
        outcome = getattr(self, "_outcome", None)
        failed = outcome is not None and any(error for _, error in getattr(outcome, "errors", [])) or \
            outcome is not None and getattr(outcome, "success", True) is False
        for server in self.servers:
            reports = [line for line in server.log().splitlines() if "Sanitizer" in line or "runtime error" in line] \
                if os.path.exists(server.log_path) else []
            failed = failed or reports != []
            if failed and os.path.exists(server.log_path):
                sys.stderr.write("---- log of runed (last lines) ----\n%s\n----\n"
                                 % "\n".join(server.log().splitlines()[-40:]))
            server.stop()
            self.assertEqual(reports, [], "a sanitizer has something to say")

    def check(self, answers, at_least=1):
        """No failure, and enough answers for that to mean something."""
        if answers.failures:
            shown = "\n  ".join(answers.failures[:10])
            self.fail("%d of %d answers were wrong, the first:\n  %s" % (len(answers.failures), answers.count, shown))
        self.assertGreaterEqual(answers.count, at_least, "too few answers to prove anything")


def main():
    require_runed()
    unittest.main(verbosity=2)
