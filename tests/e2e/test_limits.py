# SPDX-License-Identifier: Apache-2.0
"""Derivations that explode, in requests and in builds, beside requests that do not: each ends closed with the limit
named, in bounded time and memory, and all others are answered."""
import http.client
import json
import os
import signal
import threading
import time

import harness

RULE = '@id("%s")\npermit(P, A, R) :- principal(P), action(A), resource(R), A = Action::"%s", %s.\n'
SIZE = 20000

# What explodes, and the limit that ends it.
EXPLOSIONS = {
    "product": ("a(X), b(Y), c(Z), X + Y + Z < 0", "steps"),
    "negation": ("a(X), b(Y), not pair(X, Y), X + Y < 0", "steps"),
    "aggregate": ("N = count { a(X), b(Y), X != Y }, N < 0", "steps"),
    "aggregate_of_recursion": ("N = sum { X : pairs(X, Y), Y > 0 }, N < 0", "memory"),
    "recursion": ("pairs(X, Y), X + Y < 0", "memory"),
    "numbers": ("number(P, X), X < 0", "memory"),
    "texts": ("text(P, X), X = \"\"", "memory"),
    "set": ("context(\"s\", S), S.contains(X), S.contains(Y), S.contains(Z), X + Y + Z < 0", "steps"),
    "absence": ("not many(P)", "steps"),
}
MORE = """
@id("good")
permit(P, A, R) :- principal(P), action(A), resource(R), A = Action::"read", start(P, N), a(N).
start(User::"alice", 1).
pairs(X, Y) :- principal(P), start(P, X), edge(X, Y).
pairs(X, Y) :- pairs(X, Z), edge(Z, Y).
pairs(X, Y) :- pairs(Y, X).
number(P, N) :- principal(P), start(P, N).
number(P, M) :- number(P, N), M = N + 1, M < 1000000000.
text(P, X) :- principal(P), X = "ab".
text(P, Y) :- text(P, X), Y = concat(X, X), N = length(Y), N < 1000000.
many(P) :- principal(P), N = count { a(X), b(Y), X != Y }, N > 3.
@id("overridden")
permit(P, A, R) :- principal(P), action(A), resource(R), A = Action::"forbidden".
@id("forbidden")
forbid(P, A, R) :- principal(P), action(A), resource(R), A = Action::"forbidden", a(X), b(Y), X + Y < 0.
context("k", V) :- action(A), A = Action::"context", a(X), b(Y), V = X + Y, V < 0.
"""
# Explode in the build: what is added, and what the message says.
BUILDS = [
    ("all(X, Y, Z) :- a(X), b(Y), c(Z).\nall(X, Y, Z) :- all(Y, X, Z).\n", "RUNE-R0403", "this product of relations"),
    ("n(0).\nn(Y) :- n(X), Y = X + 1.\n", "RUNE-R0402", "nothing bounds them"),
    ("path(X, Y) :- edge(X, Y).\npath(X, Y) :- path(Y, X).\npath(X, Y) :- path(X, Z), path(Z, Y).\n", "RUNE-R0401",
     "memory"),
]
BUILD_LIMITS = "[limits]\nmax_build_bytes = \"64MiB\"\n"


def facts():
    files = {"facts/%s.tsv" % name: "".join("%d\n" % (i * step) for i in range(SIZE))
             for name, step in (("a", 1), ("b", 3), ("c", 7))}
    files["facts/pair.tsv"] = "".join("%d\t%d\n" % (i % 100, i) for i in range(SIZE))
    files["facts/edge.tsv"] = "".join("%d\t%d\n" % (i, (i + 1) % SIZE) for i in range(SIZE))
    return files


def bundle(extra=""):
    files = facts()
    files["rules.dl"] = "".join(RULE % (name, name, body) for name, (body, _) in EXPLOSIONS.items()) + MORE + extra
    return files


def body_of(action):
    context = {"s": list(range(500))} if action == "set" else {}
    return json.dumps({"principal": 'User::"alice"', "action": 'Action::"%s"' % action,
                       "resource": 'Document::"plan"', "context": context}).encode()


class Exploder(threading.Thread):
    """Asks for one explosion after the other over a connection of its own each time."""

    def __init__(self, server):
        super().__init__()
        self.server, self.stop_flag = server, threading.Event()
        self.wrong, self.slowest, self.count = [], 0.0, 0

    def ask(self, action):
        connection = http.client.HTTPConnection(*self.server.address, timeout=60)
        try:
            begin = time.monotonic()
            connection.request("POST", "/v1/authorize", body_of(action), {"content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            self.slowest = max(self.slowest, time.monotonic() - begin)
            return answer.status, json.loads(text)
        finally:
            connection.close()

    def check(self, action, limit):
        status, answer = self.ask(action)
        errors = answer.get("errors", [])
        self.count += 1
        if status != 200 or answer["decision"] != "DENY" or answer["reasons"] != [] or len(errors) != 1 or \
                errors[0]["code"] != "limit" or limit not in errors[0]["message"]:
            self.wrong.append("%s: %d %r" % (action, status, answer))

    def run(self):
        while not self.stop_flag.is_set():
            for action, (_, limit) in EXPLOSIONS.items():
                self.check(action, limit)
            self.check("forbidden", "steps")
            self.check("context", "steps")


class Limits(harness.TestCase):
    def test_explosions_beside_requests_that_are_none(self):
        server = self.server(bundle(), workers=2).start()
        exploder = Exploder(server)
        with harness.Load(server, http1=2, http2=2) as load:
            memory = {pid: server.memory_kb(pid) for pid in server.worker_pids()}
            exploder.start()
            time.sleep(harness.SECONDS / 2)
            exploder.stop_flag.set()
            exploder.join()
        self.assertEqual(exploder.wrong, [])
        self.assertGreater(exploder.count, len(EXPLOSIONS))
        self.check(load.answers, 10)
        self.assertEqual(load.broken, [])
        self.assertEqual({decision for _, decision in load.answers.seen}, {"PERMIT"})
        self.assertEqual(sorted(server.worker_pids()), sorted(memory), "a worker was replaced")
        for pid, was in memory.items():
            self.assertLess(server.memory_kb(pid) - was, 16384 if not harness.sanitized() else 131072)
        print("%d explosions, the slowest answered after %.0f ms; %d other answers"
              % (exploder.count, exploder.slowest * 1000, load.answers.count))
        if harness.STRICT_TIMES:
            self.assertLess(exploder.slowest, 1.0)

    def test_builds_that_explode(self):
        server = self.server(bundle(), workers=1, config=BUILD_LIMITS).start()
        before = server.status()
        with harness.Load(server, http1=1, http2=0) as load:
            for rule, code, text in BUILDS:
                server.write_bundle(bundle(rule))
                status, answer = server.reload()
                self.assertIn(status, (422, 503), answer)
                errors = [d for d in answer["diagnostics"] if d["severity"] == "error"]
                self.assertEqual([(d["file"], d["code"]) for d in errors], [("rules.dl", code)])
                self.assertIn(text, errors[0]["message"])
            server.write_bundle(bundle(BUILDS[0][0]))
            server.signal(signal.SIGHUP)
            harness.wait_for("the reload by signal", lambda: server.metric(
                'rune_reload_events_total{result="failed"}') == len(BUILDS) + 1)
            self.assertEqual(server.status()["lastReload"]["result"], "failed")
            self.assertEqual(server.status()["image"], before["image"])
        self.check(load.answers)
        self.assertEqual(load.broken, [])
        self.assertEqual({decision for _, decision in load.answers.seen}, {"PERMIT"})

    def test_a_build_that_takes_too_long_says_so(self):
        server = self.server(workers=1, config="[timeouts]\nbuild_ms = 300\n").start()
        slow = {"facts/name.tsv": "".join("the name with the number %d\n" % i for i in range(200000))}
        server.write_bundle({**harness.PERMIT, **slow})
        answers = []
        for _ in range(5):  # a builder may be done before it is stopped
            caller = threading.Thread(target=lambda: answers.append(server.reload()))
            caller.start()
            end = time.monotonic() + 5
            while time.monotonic() < end and caller.is_alive():
                pid = server.child_named("rune: builder")
                if pid is not None:
                    try:
                        os.kill(pid, signal.SIGSTOP)
                    except ProcessLookupError:
                        pass
                    break
            caller.join()
            if answers[-1][0] != 200:
                break
        status, answer = answers[-1]
        self.assertEqual(status, 504, answer)
        self.assertEqual(answer["error"]["code"], "timeout")
        self.assertIn("took longer than build_ms, 300 ms", answer["error"]["message"])
        self.assertEqual(server.ask()[1]["decision"], "PERMIT")


if __name__ == "__main__":
    harness.main()
