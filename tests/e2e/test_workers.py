# SPDX-License-Identifier: Apache-2.0
"""Workers that die: only their own connections break, nobody is refused, a successor is there at once."""
import os
import signal
import subprocess
import sys
import threading
import time

import harness


def ports_of(pid):
    """The clients' ports of the TCP connections a process holds."""
    inodes = set()
    for name in os.listdir("/proc/%d/fd" % pid):
        try:
            link = os.readlink("/proc/%d/fd/%s" % (pid, name))
        except OSError:
            continue
        if link.startswith("socket:["):
            inodes.add(link[8:-1])
    ports = set()
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in list(file)[1:]:
            fields = line.split()
            if fields[9] in inodes and fields[3] == "01":
                ports.add(int(fields[2].split(":")[1], 16))
    return ports


# Kills every child of a process but those it was told of.
REAPER = """
import os, signal, sys
parent, known = sys.argv[1], set(sys.argv[2:])
path = "/proc/%s/task/%s/children" % (parent, parent)
while True:
    try:
        with open(path) as file:
            new = set(file.read().split()) - known
        for pid in new:
            os.kill(int(pid), signal.SIGKILL)
    except ProcessLookupError:
        pass
    except FileNotFoundError:
        break
"""


class Prober(threading.Thread):
    """Asks over a new connection each time."""

    def __init__(self, server):
        super().__init__()
        self.server, self.stop_flag = server, threading.Event()
        self.count, self.refused, self.broken, self.slowest = 0, 0, 0, 0.0

    def run(self):
        while not self.stop_flag.is_set():
            begin = time.monotonic()
            try:
                status, _ = self.server.ask()
                self.count += status == 200
                self.slowest = max(self.slowest, time.monotonic() - begin)
            except ConnectionRefusedError:
                self.refused += 1
            except (OSError, harness.http.client.HTTPException):
                self.broken += 1
            time.sleep(0.005)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop_flag.set()
        self.join()


class Workers(harness.TestCase):
    def wait_for_successor(self, server, index, old):
        def check():
            worker = server.status()["workers"][index]
            return worker["ready"] and worker["pid"] not in (0, old)
        begin = time.monotonic()
        harness.wait_for("a successor of worker %d" % index, check, 60, 0.002)
        return time.monotonic() - begin

    def test_killed_twenty_times_under_load(self):
        server = self.server(workers=2).start()
        times = []
        with harness.Load(server, http1=6, http2=2, may_break=True) as load, Prober(server) as prober:
            for turn in range(20):
                time.sleep(harness.SECONDS / 40)
                index = turn % 2
                pid = server.worker_pids()[index]
                others = ports_of(server.worker_pids()[1 - index])
                del load.broken[:]
                own = ports_of(pid)
                os.kill(pid, signal.SIGKILL)
                times.append(self.wait_for_successor(server, index, pid))
                strangers = [port for port in load.broken if port in others and port not in own]
                self.assertEqual(strangers, [], "connections of the other worker broke")
        self.check(load.answers, 10)
        self.assertEqual(load.refused + prober.refused, 0, "connections were refused")
        self.assertLessEqual(prober.broken, 20)
        self.assertGreaterEqual(server.metric("rune_worker_restarts_total"), 20)
        times.sort()
        print("successor ready after: median %.0f ms, longest %.0f ms; %d answers, %d new connections"
              % (times[10] * 1000, times[-1] * 1000, load.answers.count, prober.count))
        if harness.STRICT_TIMES:
            self.assertLess(times[-1], 0.1, "successors were slow: %r" % times)

    def test_one_that_does_not_come_up_is_stood_in_for(self):
        server = self.server(workers=2).start()
        known = server.children()
        # A process of its own: it must be quicker than a worker that starts.
        reaper = subprocess.Popen([sys.executable, "-c", REAPER, str(server.process.pid)] + [str(pid) for pid in known])
        try:
            os.kill(server.worker_pids()[0], signal.SIGKILL)
            harness.wait_for("an adoption", lambda: "slot_adopted" in server.log())
            with Prober(server) as prober:
                # The kernel gives every second connection to the slot without a worker: 30 in a row are no accident.
                harness.wait_for("30 answers", lambda: prober.count >= 30 or prober.refused)
            # A worker that was ready before the reaper came may take its own connections with it.
            self.assertLessEqual(prober.broken, server.log().count("was=ready"))
            self.assertEqual(prober.refused, 0)
        finally:
            reaper.kill()
            reaper.wait()
        harness.wait_for("all workers", server.is_ready)
        harness.wait_for("the slot to be given back", lambda: "slot_returned" in server.log())
        with Prober(server) as prober:
            harness.wait_for("30 answers", lambda: prober.count >= 30 or prober.refused or prober.broken)
        self.assertEqual(prober.refused + prober.broken, 0)

    def test_one_that_hangs_is_replaced(self):
        server = self.server(workers=2, config="[timeouts]\nheartbeat_ms = 2000").start()
        pid = server.worker_pids()[1]
        os.kill(pid, signal.SIGSTOP)
        self.wait_for_successor(server, 1, pid)
        self.assertIn("no sign of life", server.log())

    def test_one_that_does_not_acknowledge_is_replaced(self):
        server = self.server(workers=2, config="[timeouts]\nacknowledge_ms = 2000").start()
        pid = server.worker_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        server.write_bundle(harness.FORBID)
        status, answer = server.reload()
        self.assertEqual(status, 200, answer)
        self.assertIn("did not acknowledge the image in time", server.log())
        self.assertNotEqual(server.worker_pids()[0], pid)
        for worker in server.status()["workers"]:
            self.assertIn(worker["generation"], (0, answer["generation"]))
        self.assertEqual(server.ask()[1]["decision"], "FORBID")

    def test_all_others_are_replaced_too(self):
        server = self.server(workers=1).start()
        for name in ("rune: admin", "rune: auditor"):
            pid = server.child_named(name)
            os.kill(pid, signal.SIGKILL)
            harness.wait_for("another " + name, lambda: server.child_named(name) not in (None, pid))
        harness.wait_for("the admin listener", server.is_ready)
        self.assertEqual(server.reload()[0], 200)
        self.assertIn("auditor_died", server.log())


if __name__ == "__main__":
    harness.main()
