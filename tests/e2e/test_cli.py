# SPDX-License-Identifier: Apache-2.0
"""The command line beside a running server: serve, status, reload."""
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile

import harness

RUNE = os.path.join(os.path.dirname(harness.RUNED), "rune")


def rune(*args):
    return subprocess.run([RUNE] + list(args), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


class CommandLine(harness.TestCase):
    def reload(self, server, *flags):
        return rune("reload", "--runtime-dir", server.runtime, *flags)

    def status(self, server):
        result = rune("status", "--runtime-dir", server.runtime, "--format", "json")
        return result.returncode, json.loads(result.stdout)

    def test_status_and_reload(self):
        server = self.server().start()
        code, status = self.status(server)
        self.assertEqual((code, status["ready"], status["pid"]), (0, True, server.process.pid))
        server.write_bundle(harness.FORBID)
        result = self.reload(server)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.status(server)[1]["generation"], status["generation"] + 1)
        self.assertEqual(server.ask()[1]["decision"], "FORBID")
        text = rune("status", "--runtime-dir", server.runtime)
        self.assertIn("last reload ok", text.stdout)

    def test_broken_bundle_is_told_with_its_place(self):
        server = self.server().start()
        before = self.status(server)[1]["generation"]
        server.write_bundle(harness.BROKEN)
        for flags in ((), ("--check",)):
            result = self.reload(server, *flags)
            self.assertEqual(result.returncode, 3, result.stdout)
            self.assertIn("policies.cedar:3:", result.stderr)
        answer = json.loads(self.reload(server, "--format", "json").stdout)
        self.assertEqual(answer["diagnostics"][0]["file"], "policies.cedar")
        code, status = self.status(server)
        self.assertEqual((code, status["generation"]), (0, before))
        self.assertEqual(status["lastReload"]["result"], "failed")
        self.assertIn("policies.cedar:3:", status["lastReload"]["message"])

    def test_serve_becomes_the_server(self):
        server = self.server()
        with open(server.log_path, "w", encoding="utf-8") as log:
            server.process = subprocess.Popen(
                [RUNE, "serve", server.bundle, "--listen", "127.0.0.1:0", "--workers", "1", "--runtime-dir",
                 server.runtime], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        harness.wait_for("the server", server.is_ready)
        self.assertEqual(self.status(server)[1]["pid"], server.process.pid)
        server.signal(signal.SIGINT)
        self.assertEqual(server.wait(), 0)

    def test_no_server_is_told(self):
        server = self.server()
        for command in ("status", "reload"):
            result = rune(command, "--runtime-dir", server.runtime)
            self.assertEqual(result.returncode, 4)
            self.assertIn(server.runtime, result.stderr)

    def test_no_image_takes_the_place_of_a_stream(self):
        with tempfile.TemporaryDirectory() as folder:
            pipe, link, file = (os.path.join(folder, name) for name in ("pipe", "link", "file"))
            bundle = os.path.join(folder, "bundle.rune")
            with open(bundle, "w", encoding="utf-8") as out:
                out.write('version = "rune/1.0"\n[rules]\np(1). p(2).\n')
            os.mkfifo(pipe)
            os.symlink("file", link)
            with subprocess.Popen([RUNE, "build", bundle, "-o", pipe], stderr=subprocess.PIPE) as build:
                with open(pipe, "rb") as stream:
                    image = stream.read()
                self.assertIn(b"image     ", build.stderr.read())
            self.assertEqual(build.returncode, 0)
            self.assertTrue(stat.S_ISFIFO(os.stat(pipe).st_mode))
            with open(file, "wb"):
                pass
            self.assertEqual(rune("build", bundle, "-o", link).returncode, 0)
            self.assertTrue(os.path.islink(link))
            with open(file, "rb") as written:
                self.assertEqual(written.read(), image)

    def test_what_a_query_prints_is_read_back(self):
        rows = ['User::"x\\\\"y"\ta', 'User::"back\\\\\\\\slash"\ttab\\tand\\\\slash', 'User::"new\\\\nline"\t7']
        with tempfile.TemporaryDirectory() as bundle:
            os.mkdir(os.path.join(bundle, "facts"))
            path = os.path.join(bundle, "facts", "f.tsv")
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(row + "\n" for row in rows))
            first = rune("query", bundle, "f(X, Y)")
            self.assertEqual(sorted(first.stdout.splitlines()), sorted(rows), first.stderr)
            with open(path, "w", encoding="utf-8") as file:
                file.write(first.stdout)
            self.assertEqual(rune("query", bundle, "f(X, Y)").stdout, first.stdout)


if __name__ == "__main__":
    if not os.access(RUNE, os.X_OK):
        print("SKIPPED: there is no", RUNE)
        sys.exit(77)
    harness.main()
