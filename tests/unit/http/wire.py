#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The wire over real sockets: HTTP/1.1 and HTTP/2, well-formed and not, limits, drain. usage: wire.py WIRE_SERVER"""
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

SERVER = None
TIMEOUT = 20


class Server:
    def __init__(self, *limits):
        self.process = subprocess.Popen([SERVER, *limits], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.other_port = int(self.process.stdout.readline())

    def connect(self, port=None):
        sock = socket.create_connection(("127.0.0.1", port or self.port), timeout=TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def kill(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM):
        """Stops it and returns (exit code, last line)."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        out, self.log = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, out.strip()


class Http1:
    """One connection; answers are read in the order of the requests."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def send(self, data):
        self.sock.sendall(data)

    def more(self):
        data = self.sock.recv(65536)
        self.buffer += data
        return data

    def answer(self, head=False):
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                raise EOFError(self.buffer)
        top, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = top.decode().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
        length = 0 if head else int(headers["content-length"])
        while len(self.buffer) < length:
            if not self.more():
                raise EOFError(self.buffer)
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return int(lines[0].split()[1]), headers, body

    def ask(self, *args, **kwargs):
        self.send(post(*args, **kwargs))
        return self.answer()

    def is_closed(self):
        try:
            return self.more() == b""
        except ConnectionError:
            return True


def post(body, path="/v1/authorize", version="1.1", headers=()):
    if isinstance(body, str):
        body = body.encode()
    lines = [f"POST {path} HTTP/{version}", "host: x", "content-type: application/json",
             f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


# ---- HTTP/2, as much as it takes ----

DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
REFUSED_STREAM = 7


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def request_block(path="/v1/authorize", method="POST", headers=()):
    block = literal(":method", method) + literal(":scheme", "http") + literal(":path", path)
    block += literal(":authority", "x") + literal("content-type", "application/json")
    return block + b"".join(literal(k, v) for k, v in headers)


STATIC = {8: ":status", 28: "content-length", 31: "content-type", 33: "date", 22: "allow"}
STATUS = {0x88: "200", 0x8C: "400", 0x8D: "404", 0x8E: "500"}


def decode_block(block):
    """Our own answers: indexed status, and literals without indexing whose strings are not Huffman-coded."""
    headers, at = {}, 0

    def integer(bits):
        nonlocal at
        limit = (1 << bits) - 1
        value = block[at] & limit
        at += 1
        shift = 0
        while value >= limit:
            byte = block[at]
            at += 1
            value += (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        return value

    def string():
        nonlocal at
        assert block[at] < 128, "Huffman-coded: the library's own header block"
        length = integer(7)
        at += length
        return block[at - length:at].decode()

    while at < len(block):
        if block[at] >= 128:
            headers[":status"] = STATUS[block[at]]
            at += 1
            continue
        assert block[at] < 16, "not a literal without indexing"
        index = integer(4)
        name = STATIC[index] if index else string()
        headers[name] = string()
    return headers


class Http2:
    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""
        self.next_stream = 1
        self.headers, self.bodies, self.ended, self.resets = {}, {}, set(), {}
        self.goaways = []
        self.window = 65535
        self.sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))

    def open(self, body=None, end=True, **kwargs):
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        flags = END_HEADERS | (END_STREAM if body is None else 0)
        out = frame(HEADERS, flags, stream, request_block(**kwargs))
        if body is not None:
            out += self.data(stream, body, end)
        self.sock.sendall(out)
        return stream

    @staticmethod
    def data(stream, body, end):
        out, body = b"", body.encode() if isinstance(body, str) else body
        while True:
            part, body = body[:16384], body[16384:]
            out += frame(DATA, END_STREAM if end and not body else 0, stream, part)
            if not body:
                return out

    def take(self):
        """One frame. False at the end of the connection."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            try:
                data = self.sock.recv(65536)
            except ConnectionError:
                return False
            if not data:
                return False
            self.buffer += data
        length = int.from_bytes(self.buffer[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
        payload, self.buffer = self.buffer[9:9 + length], self.buffer[9 + length:]
        if kind == HEADERS:
            self.headers[stream] = decode_block(payload)
        elif kind == DATA:
            self.bodies[stream] = self.bodies.get(stream, b"") + payload
        elif kind == RST:
            self.resets[stream] = struct.unpack(">I", payload)[0]
            self.ended.add(stream)
        elif kind == SETTINGS and not flags & ACK:
            self.sock.sendall(frame(SETTINGS, ACK, 0))
        elif kind == GOAWAY:
            self.goaways.append(struct.unpack(">II", payload[:8]))
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.ended.add(stream)
        return True

    def answer(self, stream):
        while stream not in self.ended:
            if not self.take():
                raise EOFError
        return int(self.headers[stream][":status"]), self.headers[stream], self.bodies.get(stream, b"")

    def ask(self, body, **kwargs):
        return self.answer(self.open(body, **kwargs))


class WireTest(unittest.TestCase):
    limits = ()

    def setUp(self):
        self.server = Server(*self.limits)

    def tearDown(self):
        if self.server.process.poll() is None:
            code, last = self.server.end(signal.SIGQUIT)
            self.assertEqual((code, last), (0, "connections=0 result=0"))
        self.server.process.stdout.close()
        self.server.process.stderr.close()

    def http1(self):
        connection = Http1(self.server.connect())
        self.addCleanup(connection.sock.close)
        return connection

    def http2(self):
        connection = Http2(self.server.connect())
        self.addCleanup(connection.sock.close)
        return connection

    def assert_error(self, answer, status, code):
        self.assertEqual(answer[0], status, answer)
        self.assertEqual(answer[1]["content-type"], "application/json")
        self.assertEqual(json.loads(answer[2])["error"]["code"], code)


class Http1Test(WireTest):
    def test_keep_alive(self):
        http = self.http1()
        for body, want in (("P", "PERMIT"), ("D", "DENY"), ("F", "FORBID")):
            status, headers, answer = http.ask(body)
            self.assertEqual((status, json.loads(answer)["decision"]), (200, want))
            self.assertEqual(headers["rune-image"], "0123456789abcdef")
            self.assertEqual(headers["connection"], "keep-alive")

    def test_pipelining(self):
        http = self.http1()
        bodies = "PDFPPDDFEP" * 50
        http.send(b"".join(post(b, headers=[f"x-request-id: {i}"]) for i, b in enumerate(bodies)))
        names = {"P": "PERMIT", "D": "DENY", "F": "FORBID", "E": "DENY"}
        for i, body in enumerate(bodies):
            status, headers, answer = http.answer()
            self.assertEqual((status, headers["x-request-id"]), (200, str(i)))
            self.assertEqual(json.loads(answer)["decision"], names[body])

    def test_a_byte_at_a_time(self):
        http = self.http1()
        for byte in post("P"):
            http.send(bytes([byte]))
            time.sleep(0.001)
        self.assertEqual(http.answer()[0], 200)

    def test_chunked_body(self):
        http = self.http1()
        http.send(b"POST /v1/authorize HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
                  b"1\r\nP\r\n5;x=y\r\nhello\r\n0\r\ntrailer: 1\r\n\r\n")
        self.assertEqual(http.answer()[0], 200)
        self.assertEqual(http.ask("D")[0], 200)

    def test_head_and_close(self):
        http = self.http1()
        http.send(b"HEAD /health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        status, headers, _ = http.answer(head=True)
        self.assertEqual((status, headers["content-length"]), (200, "18"))
        status, headers, _ = http.ask("P", headers=["connection: close"])
        self.assertEqual((status, headers["connection"]), (200, "close"))
        self.assertTrue(http.is_closed())

    def test_version_1_0(self):
        http = self.http1()
        status, headers, _ = http.ask("P", version="1.0")
        self.assertEqual((status, headers["connection"]), (200, "close"))
        self.assertTrue(http.is_closed())

    def test_expect_continue(self):
        http = self.http1()
        head, body = post("P", headers=["expect: 100-continue"]).split(b"\r\n\r\n")
        http.send(head + b"\r\n\r\n")
        self.assertIn(b"100 Continue", http.sock.recv(100))
        http.send(body)
        self.assertEqual(http.answer()[0], 200)

    def test_not_http(self):
        for text in (b"hello\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x00\xa5\x01\x00\x00", b"GET / HTTP/1.1\r\nbad\r\n\r\n",
                     b"GET /\0 HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"\r\n" * 100):
            http = self.http1()
            http.send(text)
            http.sock.shutdown(socket.SHUT_WR)
            data = b""
            try:
                while http.more():
                    data = http.buffer
            except ConnectionError:
                pass
            self.assertTrue(data == b"" or data.startswith((b"HTTP/1.1 400", b"\0")), data)
        self.assertEqual(self.http1().ask("P")[0], 200)

    def test_broken_requests_get_json(self):
        base = b"POST /v1/authorize HTTP/1.1\r\nhost: x\r\n"
        for rest, status, code in (
                (b"content-length: x\r\n\r\n", 400, "bad_request"),
                (b"content-length: -1\r\n\r\n", 400, "bad_request"),
                (b"transfer-encoding: gzip\r\n\r\n", 400, "bad_request"),
                (b"transfer-encoding: chunked\r\n\r\nzz\r\n", 400, "bad_request"),
                (b"expect: wonders\r\ncontent-length: 1\r\n\r\nP", 417, "expectation_failed"),
                (b"content-length: 99999999999\r\n\r\n", 413, "too_large")):
            http = self.http1()
            http.send(base + rest)
            self.assert_error(http.answer(), status, code)
            self.assertTrue(http.is_closed())

    def test_huge_head(self):
        http = self.http1()
        try:
            http.send(b"GET / HTTP/1.1\r\n" + b"a: " + b"x" * 2000000)
            data = http.more()
            self.assertTrue(data == b"" or data.startswith(b"HTTP/1.1 400"))
        except ConnectionError:
            pass

    def test_body_limit(self):
        http = self.http1()
        limit = 1 << 20
        self.assertEqual(http.ask(b"P" * limit)[0], 200)
        self.assert_error(http.ask(b"P" * (limit + 1)), 413, "too_large")
        self.assertEqual(http.ask("P")[0], 200)  # and goes on

    def test_large_answer(self):
        self.assertEqual(len(self.http1().ask("L")[2]), 1 << 20)

    def test_client_leaves_in_the_middle(self):
        for part in (b"", b"POST", post("P")[:-1], post("L")):
            sock = self.server.connect()
            sock.sendall(part)
            sock.close()
        self.assertEqual(self.http1().ask("P")[0], 200)


class Http2Test(WireTest):
    def test_ask(self):
        http = self.http2()
        status, headers, body = http.ask("P", headers=[("x-request-id", "me")])
        self.assertEqual((status, json.loads(body)["decision"]), (200, "PERMIT"))
        self.assertEqual(headers["x-request-id"], "me")
        self.assertEqual(headers["content-length"], str(len(body)))
        self.assertEqual(headers["rune-image"], "0123456789abcdef")

    def test_errors(self):
        http = self.http2()
        self.assert_error(http.ask("S"), 422, "schema")
        self.assert_error(http.ask("?"), 400, "invalid_json")
        self.assert_error(http.ask("P", path="/nothing"), 404, "not_found")
        answer = http.ask(None, method="GET")
        self.assert_error(answer, 405, "method_not_allowed")
        self.assertEqual(answer[1]["allow"], "POST")

    def test_a_hundred_streams(self):
        http = self.http2()
        streams = [http.open("P", end=False) for _ in range(100)]
        for stream in reversed(streams):
            http.sock.sendall(frame(DATA, END_STREAM, stream))
        for stream in streams:
            self.assertEqual(http.answer(stream)[0], 200)

    def test_streams_beyond_the_limit_are_refused(self):
        http = self.http2()
        streams = [http.open("P", end=False) for _ in range(101)]
        with self.assertRaises((EOFError, KeyError)):
            http.answer(streams[100])
        self.assertEqual(http.resets.get(streams[100], REFUSED_STREAM), REFUSED_STREAM)

    def test_body_limit(self):
        http = self.http2()
        self.assert_error(http.ask(b"P" * ((1 << 20) + 1)), 413, "too_large")
        self.assertEqual(http.ask("P")[0], 200)

    def test_body_far_beyond_the_limit_is_reset(self):
        http = self.http2()
        stream = http.open(b"P" * (9 << 20))
        with self.assertRaises(KeyError):
            http.answer(stream)
        self.assertEqual(http.resets[stream], REFUSED_STREAM)
        self.assertEqual(http.ask("P")[0], 200)

    def test_rapid_reset(self):
        """CVE-2023-44487: a reset request costs what an answered one costs, and nothing is kept."""
        http = self.http2()
        reader = threading.Thread(target=lambda: [None for _ in iter(http.take, False)])
        reader.start()
        began = time.monotonic()
        for _ in range(100):
            out = b""
            for _ in range(100):
                stream, http.next_stream = http.next_stream, http.next_stream + 2
                out += frame(HEADERS, END_HEADERS | END_STREAM, stream, request_block(method="GET"))
                out += frame(RST, 0, stream, struct.pack(">I", 8))
            http.sock.sendall(out)
        self.assertEqual(self.http1().ask("P")[0], 200)
        self.assertLess(time.monotonic() - began, 10)
        http.sock.shutdown(socket.SHUT_RDWR)
        reader.join()

    def test_broken_frames(self):
        for data in (frame(DATA, 0, 1, b"x"), frame(HEADERS, END_HEADERS, 2, b""), frame(HEADERS, END_HEADERS, 1, b"\xff" * 9),
                     frame(WINDOW, 0, 0, b"\0\0\0\0"), frame(SETTINGS, 0, 0, b"x"), frame(9, 4, 1, b""),
                     frame(PING, 0, 0, b"x"), b"\xff" * 100):
            http = self.http2()
            http.sock.sendall(data)
            while http.take():
                pass
            self.assertTrue(http.goaways, data)
        self.assertEqual(self.http2().ask("P")[0], 200)

    def test_upgrade_by_header(self):
        sock = self.server.connect()
        self.addCleanup(sock.close)
        sock.sendall(b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n"
                     b"http2-settings: AAMAAABkAAQAAP__\r\n\r\n")
        self.assertIn(b"101 Switching Protocols", sock.recv(200))


class DrainTest(WireTest):
    limits = ("drain_timeout_ms=3000",)

    def test_nothing_open(self):
        began = time.monotonic()
        self.assertEqual(self.server.end(), (0, "connections=0 result=0"))
        self.assertLess(time.monotonic() - began, 1)

    def test_idle_connections_are_closed(self):
        http = self.http1()
        http.ask("P")
        began = time.monotonic()
        self.server.kill(signal.SIGTERM)
        self.assertTrue(http.is_closed())
        self.assertLess(time.monotonic() - began, 1.5)
        self.assertEqual(self.server.end(), (0, "connections=0 result=0"))

    def test_a_request_on_its_way_is_answered(self):
        http = self.http1()
        data = post("P")
        http.send(data[:-1])
        time.sleep(0.2)
        self.server.kill(signal.SIGTERM)
        time.sleep(0.6)
        http.send(data[-1:])
        status, headers, _ = http.answer()
        self.assertEqual((status, headers["connection"]), (200, "close"))
        self.assertTrue(http.is_closed())
        self.assertEqual(self.server.end(), (0, "connections=0 result=0"))

    def test_queued_connections_are_served(self):
        self.server.kill(signal.SIGSTOP)
        waiting = [self.http1() for _ in range(20)]
        for http in waiting:
            http.send(post("P"))
        self.server.kill(signal.SIGTERM)
        self.server.kill(signal.SIGCONT)
        for http in waiting:
            self.assertEqual(http.answer()[0], 200)
        self.assertEqual(self.server.end(), (0, "connections=0 result=0"))

    def test_not_ready_while_draining(self):
        busy, asking = self.http1(), self.http1()
        asking.ask("P")
        busy.send(post("P")[:-1])
        time.sleep(0.1)
        self.server.kill(signal.SIGTERM)
        time.sleep(0.1)
        asking.send(b"GET /health/ready HTTP/1.1\r\nhost: x\r\n\r\n")
        self.assert_error(asking.answer(), 503, "draining")

    def test_http2_gets_goaway(self):
        http = self.http2()
        http.ask("P")
        self.server.kill(signal.SIGTERM)
        self.assertEqual(http.ask("P")[0], 200)
        while http.take():
            pass
        self.assertEqual([last for last, _ in http.goaways], [0x7FFFFFFF, 3])
        self.assertEqual(self.server.end(), (0, "connections=0 result=0"))

    def test_deadline(self):
        http = self.http1()
        http.send(post("P")[:-1])
        time.sleep(0.1)
        began = time.monotonic()
        self.assertEqual(self.server.end(), (0, "connections=0 result=0"))
        self.assertGreater(time.monotonic() - began, 2.5)
        self.assertLess(time.monotonic() - began, 5)

    def test_quit(self):
        http, began = self.http1(), time.monotonic()
        http.send(post("P")[:-1])
        self.assertEqual(self.server.end(signal.SIGQUIT), (0, "connections=0 result=0"))
        self.assertLess(time.monotonic() - began, 1)


class ConnectionLimitTest(WireTest):
    limits = ("max_connections=3",)

    def test_further_connections_wait(self):
        first = [self.http1() for _ in range(3)]
        for http in first:
            http.ask("P")
        fourth = self.http1()
        fourth.send(post("P"))
        fourth.sock.settimeout(0.8)
        with self.assertRaises(socket.timeout):
            fourth.answer()
        first[0].sock.close()
        fourth.sock.settimeout(TIMEOUT)
        self.assertEqual(fourth.answer()[0], 200)


class IdleTest(WireTest):
    limits = ("idle_timeout_ms=500",)

    def test_idle_connections_end(self):
        http, half, two = self.http1(), self.http1(), self.http2()
        http.ask("P")
        two.ask("P")
        half.send(b"POST /v1/auth")
        began = time.monotonic()
        self.assertTrue(http.is_closed())
        self.assertTrue(half.is_closed())
        while two.take():
            pass
        self.assertLess(time.monotonic() - began, 3)


class BufferLimitTest(WireTest):
    limits = ("max_buffered_bytes=8388608",)

    def test_the_greediest_connection_is_cut(self):
        with open(SERVER, "rb") as file:
            if b"__asan_init" in file.read():
                self.skipTest("AddressSanitizer's heap does not tell its size")
        modest, greedy = self.http2(), self.http2()
        kept = modest.open(b"P" * 1000, end=False)
        part = b"x" * 500000
        with self.assertRaises((ConnectionError, EOFError, socket.timeout)):
            for _ in range(100):
                greedy.open(part, end=False)
            while True:
                if not greedy.take():
                    raise EOFError
        modest.sock.sendall(frame(DATA, END_STREAM, kept))
        self.assertEqual(modest.answer(kept)[0], 200)
        self.server.end(signal.SIGQUIT)
        self.assertIn("connection_cut", self.server.log)


class AdoptTest(WireTest):
    def test_another_slots_listener(self):
        orphan = Http1(self.server.connect(self.server.other_port))
        self.addCleanup(orphan.sock.close)
        orphan.send(post("P"))
        self.server.kill(signal.SIGUSR1)
        self.assertEqual(orphan.answer()[0], 200)
        self.server.kill(signal.SIGUSR2)
        time.sleep(0.1)
        self.assertEqual(orphan.ask("P")[0], 200)
        late = Http1(self.server.connect(self.server.other_port))
        self.addCleanup(late.sock.close)
        late.send(post("P"))
        late.sock.settimeout(0.3)
        with self.assertRaises(socket.timeout):
            late.answer()


if __name__ == "__main__":
    SERVER = sys.argv.pop(1)
    unittest.main()
