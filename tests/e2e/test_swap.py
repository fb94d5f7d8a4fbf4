# SPDX-License-Identifier: Apache-2.0
"""Images replaced under load: no request fails, no connection closes, every answer is right for its generation."""
import time

import harness


class Swap(harness.TestCase):
    def test_two_bundles_that_disagree(self):
        server = self.server(harness.PERMIT).start()
        expected = {server.status()["generation"]: "PERMIT"}
        swaps, slowest = 0, 0.0
        with harness.Load(server) as load:
            time.sleep(0.5)
            memory = {pid: server.memory_kb(pid) for pid in server.worker_pids()}
            end = time.monotonic() + harness.SECONDS
            while time.monotonic() < end:
                bundle, decision = ((harness.FORBID, "FORBID"), (harness.PERMIT, "PERMIT"))[swaps % 2]
                server.write_bundle(bundle)
                begin = time.monotonic()
                status, answer = server.reload()
                slowest = max(slowest, time.monotonic() - begin)
                self.assertEqual(status, 200, answer)
                load.answers.floor = answer["generation"]
                expected[answer["generation"]] = decision
                swaps += 1
                time.sleep(max(0.0, 0.28 - (time.monotonic() - begin)))
        self.check(load.answers, 10)
        self.assertEqual(load.broken, [])
        generations = sorted(expected)
        self.assertEqual(generations, list(range(generations[0], generations[0] + swaps + 1)),
                         "generations grow by one at every publish")
        for (generation, decision), count in load.answers.seen.items():
            self.assertEqual(expected.get(generation), decision,
                             "%d answers of generation %d" % (count, generation))
        for pid, before in memory.items():
            after = server.memory_kb(pid)
            self.assertLess(after - before, 8192 if not harness.sanitized() else 65536,
                            "worker %d grew from %d to %d kB over %d swaps" % (pid, before, after, swaps))
        self.assertEqual(server.metric('rune_reload_events_total{result="ok"}'), swaps + 1)
        print("%d swaps, slowest reload %.0f ms, %d answers" % (swaps, slowest * 1000, load.answers.count))

    def test_callers_share_builds_that_began_after_they_asked(self):
        server = self.server(harness.PERMIT).start()
        first = server.status()["generation"]
        slow = dict(harness.FORBID)
        slow["facts/pair.tsv"] = "".join("user%d\tteam%d\n" % (i, i % 977) for i in range(100000))
        server.write_bundle(slow)
        callers = [harness.Unix(server.runtime + "/admin.sock") for _ in range(12)]
        for caller in callers:  # all ask before the first build can be done
            caller.request("POST", "/v1/config/reload")
        for caller in callers:
            answer = caller.getresponse()
            self.assertEqual(answer.status, 200, answer.read())
            answer.read()
            caller.close()
        published = server.status()["generation"] - first
        self.assertLess(published, 12, "builds were not shared")
        self.assertGreaterEqual(published, 1)
        self.assertEqual(server.ask()[1]["decision"], "FORBID")

    def test_validate_does_not_publish(self):
        server = self.server(harness.PERMIT).start()
        before = server.status()["generation"]
        server.write_bundle(harness.FORBID)
        status, body = server.admin("GET", "/v1/config/validate")
        self.assertEqual(status, 200, body)
        self.assertEqual(server.status()["generation"], before)
        self.assertEqual(server.ask()[1]["decision"], "PERMIT")


if __name__ == "__main__":
    harness.main()
