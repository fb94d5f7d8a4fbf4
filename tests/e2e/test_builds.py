# SPDX-License-Identifier: Apache-2.0
"""Builds that fail: clients notice nothing; the call, the log, the status and the metrics all say so."""
import os
import signal
import threading
import time

import harness

TURNS = 20


class Builds(harness.TestCase):
    def check_failed(self, server, before, turns):
        now = server.status()
        self.assertEqual(now["generation"], before["generation"])
        self.assertEqual(now["image"], before["image"])
        self.assertEqual(now["lastReload"]["result"], "failed")
        self.assertEqual(server.metric('rune_reload_events_total{result="failed"}'), turns)
        self.assertIn(" error reload_failed", server.log())

    def test_bundle_with_errors(self):
        server = self.server().start()
        before = server.status()
        with harness.Load(server) as load:
            server.write_bundle(harness.BROKEN)
            for _ in range(TURNS):
                status, answer = server.reload()
                self.assertEqual(status, 422, answer)
                places = [(d["file"], d["line"]) for d in answer["diagnostics"] if d["severity"] == "error"]
                self.assertIn(("policies.cedar", 3), places, answer)
            self.check_failed(server, before, TURNS)
            self.assertIn("policies.cedar:3:", server.log())
            self.assertIn("policies.cedar", str(server.status()["lastReload"]))
            status, answer = server.admin("GET", "/v1/config/validate")
            self.assertEqual(status, 422, answer)
            server.write_bundle(harness.FORBID)
            self.assertEqual(server.reload()[0], 200)
        self.check(load.answers)
        self.assertEqual(load.broken, [])

    def kill_children(self, name, turns):
        """Kills each child of that name as soon as it is seen, until `turns` reloads have failed of it, or, where the
        child is often quicker, for a while."""
        server = self.server().start()
        before = server.status()
        big = dict(harness.PERMIT)
        big["facts/pair.tsv"] = "".join("user%d\tteam%d\n" % (i, i % 977) for i in range(200000))
        server.write_bundle(big)
        stop, killed = threading.Event(), set()

        def killer():
            while not stop.is_set():
                pid = server.child_named("rune: " + name)
                if pid is not None and pid not in killed:
                    try:
                        os.kill(pid, signal.SIGKILL)
                        killed.add(pid)
                    except ProcessLookupError:
                        pass

        thread = threading.Thread(target=killer)
        failed = tries = 0
        with harness.Load(server, http1=2, http2=1) as load:
            thread.start()
            try:
                end = time.monotonic() + 60
                while failed < turns and time.monotonic() < end:
                    tries += 1
                    status, answer = server.reload()
                    if status == 200:
                        continue  # it was quicker
                    failed += 1
                    self.assertGreaterEqual(status, 500, answer)
                    self.assertIn("the %s was killed by signal 9" % name, str(answer))
            finally:
                stop.set()
                thread.join()
            self.assertGreaterEqual(failed, 1, "the %s was never caught" % name)
            if tries == failed:
                self.check_failed(server, before, failed)
            self.assertEqual(server.metric('rune_reload_events_total{result="failed"}'), failed)
        self.check(load.answers)
        self.assertEqual(load.broken, [])

    def test_builder_killed(self):
        self.kill_children("builder", TURNS)

    def test_verifier_killed(self):
        self.kill_children("verifier", 5)

    def test_facts_that_change_while_they_are_read(self):
        """Files are cut, rewritten, removed and added under SIGHUP and load: reloads succeed or name a file and say
        what to do, and the service never notices."""
        rows = "".join("user%d\tteam%d\n" % (i, i % 977) for i in range(60000))
        bundle = dict(harness.PERMIT)
        bundle.update({"facts/pair.tsv": rows, "facts/other.csv": rows.replace("\t", ","), "facts/last.tsv": rows,
                       "rules.dl": "both(X) :- pair(X, T), other(X, T).\n"})
        server = self.server(bundle).start()
        facts, stop = os.path.join(server.bundle, "facts"), threading.Event()

        def meddler():
            turn = 0
            while not stop.is_set():
                path = os.path.join(facts, ("pair.tsv", "last.tsv", "other.csv")[turn % 3])
                if turn % 4 == 0:
                    os.truncate(path, 12345)
                elif turn % 4 == 1:
                    os.unlink(path)
                elif turn % 4 == 2:
                    with open(os.path.join(facts, "new%d.tsv" % (turn % 8)), "w", encoding="utf-8") as file:
                        file.write("a\tb\nc")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(rows.replace("\t", ",") if path.endswith("csv") else rows)
                turn += 1
                time.sleep(0.03)

        thread = threading.Thread(target=meddler)
        done = failed = 0
        with harness.Load(server, http1=2, http2=1) as load:
            thread.start()
            try:
                end = time.monotonic() + harness.SECONDS
                while time.monotonic() < end:
                    server.signal(signal.SIGHUP)
                    status, answer = server.reload()
                    done += status == 200
                    failed += status != 200
                    if status != 200:
                        error = [d for d in answer["diagnostics"] if d["severity"] == "error"][0]
                        self.assertTrue(error["file"].startswith("facts/") or error["code"] == "RUNE-D0301", answer)
                        self.assertTrue(error["help"] or error["code"] == "RUNE-D0301", answer)
            finally:
                stop.set()
                thread.join()
            for name in os.listdir(facts):
                if name.startswith("new"):
                    os.unlink(os.path.join(facts, name))
            status, answer = server.reload()
            self.assertEqual(status, 200, answer)
            self.assertEqual(answer["facts"], 180000)
        self.check(load.answers)
        self.assertEqual(load.broken, [])
        self.assertEqual(len(server.worker_pids()), 2)
        self.assertNotIn("was killed by signal", server.log())
        print("%d reloads done, %d failed" % (done, failed))

    def reload_while_renamed(self, bundle):
        """Reloads while one of the facts files is replaced every 30 ms."""
        server = self.server(bundle).start()
        path, stop = os.path.join(server.bundle, "facts", "member.tsv"), threading.Event()

        def meddler():
            turn = 0
            while not stop.is_set():
                with open(path + ".new", "w", encoding="utf-8") as file:
                    file.write("ann\tweb\nuser%d\tteam\n" % turn)
                os.rename(path + ".new", path)
                turn += 1
                time.sleep(0.03)

        thread = threading.Thread(target=meddler)
        thread.start()
        try:
            for _ in range(3):
                status, answer = server.reload()
                self.assertEqual(status, 200, answer)
        finally:
            stop.set()
            thread.join()

    def test_facts_that_change_while_rules_are_evaluated(self):
        """What was read is a bundle of one moment, however long its rules take after that."""
        chain = "".join("%d\t%d\n" % (i, i + 1) for i in range(2500))
        bundle = dict(harness.PERMIT)
        bundle.update({"facts/edge.tsv": chain, "facts/member.tsv": "ann\tweb\n",
                       "rules.dl": "path(X, Y) :- edge(X, Y).\npath(X, Z) :- path(X, Y), edge(Y, Z).\n"
                                   "far(X, Z) :- path(X, Y), path(Y, Z), Z - X = 2499.\n"})
        self.reload_while_renamed(bundle)

    def test_facts_that_change_while_many_are_parsed(self):
        """Parsing takes longer than the pauses between changes; reading alone does not."""
        rows = "".join("user%d\tteam%d\n" % (i, i % 977) for i in range(400000))
        bundle = dict(harness.PERMIT)
        bundle.update({"facts/large.tsv": rows, "facts/member.tsv": "ann\tweb\n",
                       "rules.dl": "both(X) :- large(X, T), member(X, T).\n"})
        self.reload_while_renamed(bundle)

    def test_builder_out_of_memory(self):
        server = self.server(config="[limits]\nmax_build_bytes = \"48MiB\"").start()
        before = server.status()
        big = dict(harness.FORBID)
        big["facts/pair.tsv"] = "".join("a rather long name of user number %d\tsome team or other %d\n" % (i, i)
                                        for i in range(400000))
        server.write_bundle(big)
        with harness.Load(server, http1=2, http2=1) as load:
            for _ in range(3):
                status, answer = server.reload()
                self.assertGreaterEqual(status, 400, answer)
            self.check_failed(server, before, 3)
        self.check(load.answers)
        self.assertEqual(load.broken, [])

    def test_image_too_large(self):
        server = self.server(config="[limits]\nmax_image_bytes = \"64KiB\"").start()
        before = server.status()
        big = dict(harness.PERMIT)
        big["facts/name.tsv"] = "".join("user number %d\n" % i for i in range(20000))
        server.write_bundle(big)
        status, answer = server.reload()
        self.assertGreaterEqual(status, 400, answer)
        self.check_failed(server, before, 1)

    def test_no_bundle_no_service(self):
        server = self.server(harness.BROKEN).launch()
        self.assertEqual(server.wait(), 3)
        self.assertIn("policies.cedar:3:", server.log())
        self.assertFalse(os.path.exists(os.path.join(server.runtime, "control.sock")))

    def test_signal_with_a_broken_bundle_keeps_the_image(self):
        server = self.server().start()
        before = server.status()
        server.write_bundle(harness.BROKEN)
        server.signal(signal.SIGHUP)
        harness.wait_for("the reload to fail", lambda: server.status()["lastReload"]["result"] == "failed")
        self.check_failed(server, before, 1)
        self.assertEqual(server.ask()[1]["decision"], "PERMIT")


if __name__ == "__main__":
    harness.main()
