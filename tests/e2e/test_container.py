# SPDX-License-Identifier: Apache-2.0
"""As in a container: process 1 of its own namespace, no capabilities, everything but the runtime directory read-only, and a
bundle that is mounted as Kubernetes mounts a ConfigMap. Skipped aloud where there are no namespaces to be had."""
import os
import signal
import subprocess
import sys

import harness

ENTER = """set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,bind,ro /
mount -t proc proc /proc
shift
exec setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all --no-new-privs "$@"
"""


class Container(harness.Server):
    def write_bundle(self, files):
        """Files are links into a hidden folder, and the link to that folder is what changes."""
        os.makedirs(self.bundle, exist_ok=True)
        version = "..%d" % len(os.listdir(self.bundle))
        os.mkdir(os.path.join(self.bundle, version))
        for name, text in files.items():
            with open(os.path.join(self.bundle, version, name), "w", encoding="utf-8") as file:
                file.write(text)
            if not os.path.lexists(os.path.join(self.bundle, name)):
                os.symlink(os.path.join("..data", name), os.path.join(self.bundle, name))
        os.symlink(version, os.path.join(self.bundle, "..new"))
        os.rename(os.path.join(self.bundle, "..new"), os.path.join(self.bundle, "..data"))

    def launch(self):
        os.makedirs(self.runtime, exist_ok=True)
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", ENTER, "enter", self.runtime,
                 harness.RUNED, "--config", self.config_path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def signal(self, number):
        os.kill(self.children()[0], number)


class InAContainer(harness.TestCase):
    def test_serves_reloads_and_drains(self):
        server = Container(harness.PERMIT)
        self.servers.append(server)
        server.start()
        with open("/proc/%d/status" % server.children()[0], encoding="ascii") as file:
            status = dict(line.split(":", 1) for line in file)
        self.assertEqual(status["NSpid"].split()[-1], "1")
        self.assertEqual(int(status["CapEff"], 16), 0)
        self.assertEqual(server.ask()[1]["decision"], "PERMIT")
        server.write_bundle(harness.FORBID)
        server.signal(signal.SIGHUP)
        harness.wait_for("the new decision", lambda: server.ask()[1]["decision"] == "FORBID")
        server.write_bundle(harness.BROKEN)
        self.assertEqual(server.reload()[0], 422)
        self.assertEqual(server.ask()[1]["decision"], "FORBID")
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0, server.log())


def can_enter():
    return subprocess.run(["unshare", "--mount", "--pid", "--fork", "bash", "-c", ENTER, "enter", "/tmp", "true"],
                          capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    if not can_enter():
        print("SKIPPED: this user may make no namespaces")
        sys.exit(77)
    harness.main()
