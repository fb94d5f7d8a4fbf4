#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CPU time of a decision over HTTP, beside a bare libh2o handler that answers the same bytes as a constant.

usage: bench/bench_http.py [--build DIR] [--bundle BUNDLE --request FILE] [--seconds S] [--rounds N] [--smoke]

Starts runed with one worker and http_reference; loads both at once, over HTTP/1.1 (wrk, 16 connections) and over h2c
(h2load, 4 connections x 16 streams). Counted: user and system time of all processes of each server, per completed
request. Windows in which the host took CPU time away (stolen time) are dropped. Prints key=value lines: medians, and
the ratio reference / runed (1 is as cheap as the bare handler; the bars: 0.95 over HTTP/1.1, 0.70 over h2c), for a small
bundle of policies; as docshare_*, for the example bundle, whose decision asks rules as well; and as github_*, for the
github application of RUNE_SHARED/bench/oopsla, where it is.
"""
import argparse
import http.client
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from processes import processes_of

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.environ.get("RUNE_SHARED", os.path.join(ROOT, "..", "shared"))
TICKS = os.sysconf("SC_CLK_TCK")
STOLEN_MAX = 0.005  # of a window's CPU time
PATH = "/v1/authorize"


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except FileNotFoundError:
            pass
    return total / TICKS


def stolen_seconds():
    with open("/proc/stat", encoding="ascii") as file:
        return int(file.readline().split()[8]) / TICKS


class Runed:
    name = "runed"

    def __init__(self, build, bundle):
        self.folder = tempfile.mkdtemp(prefix="rune-bench-")
        self.log = os.path.join(self.folder, "log")
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [os.path.join(build, "bin", "runed"), "--bundle", bundle, "--listen", "127.0.0.1:0", "--workers", "1",
                 "--runtime-dir", os.path.join(self.folder, "run")], stdout=log, stderr=log)
        self.port = self.wait_for_port()

    def wait_for_port(self):
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with open(os.path.join(self.folder, "run", "addresses"), encoding="ascii") as file:
                    lines = dict(line.split() for line in file)
                port = int(lines["listen"].rsplit(":", 1)[1])
                if is_ready(port):
                    return port
            except (OSError, KeyError, ValueError):
                pass
            time.sleep(0.05)
        with open(self.log, encoding="utf-8", errors="replace") as log:
            text = log.read()
        self.stop()
        sys.exit(f"bench/bench_http.py: runed did not become ready:\n{text}")

    def pids(self):
        return processes_of(self.process.pid)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Reference:
    name = "reference"

    def __init__(self, build, headers, body):
        self.folder = tempfile.mkdtemp(prefix="rune-bench-")
        path = os.path.join(self.folder, "body")
        with open(path, "wb") as file:
            file.write(body)
        self.process = subprocess.Popen(
            [os.path.join(build, "bench", "http_reference"), path, *(f"{k}={v}" for k, v in headers)],
            stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def pids(self):
        return [self.process.pid]

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def is_ready(port):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False


def ask(port, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("POST", PATH, body, {"content-type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        sys.exit(f"bench/bench_http.py: {response.status} {answer.decode(errors='replace')}")
    own = ("date", "connection", "content-length")
    return [(k.lower(), v) for k, v in response.getheaders() if k.lower() not in own], answer


def load_command(protocol, port, seconds, request, folder):
    url = f"http://127.0.0.1:{port}{PATH}"
    if protocol == "http1":
        script = os.path.join(folder, f"post-{port}.lua")
        with open(request, encoding="utf-8") as file:
            body = file.read()
        with open(script, "w", encoding="utf-8") as file:
            file.write('wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\n'
                       f"wrk.body = [==[{body}]==]\n")
        return ["wrk", "-t1", "-c16", f"-d{seconds}s", "-s", script, url]
    return ["h2load", "-t1", "-c4", "-m16", "-D", str(seconds), "-d", request, "-H", "content-type: application/json", url]


def completed(protocol, output):
    if protocol == "http1":
        if re.search(r"Non-2xx", output):
            sys.exit("bench/bench_http.py: answers other than 200:\n" + output)
        return int(re.search(r"(\d+) requests in", output).group(1))
    found = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", output)
    if int(found.group(3)) or int(found.group(4)):
        sys.exit("bench/bench_http.py: answers other than 200:\n" + output)
    return int(found.group(1))


def window(protocol, servers, seconds, request, folder):
    """Microseconds a request of each server, or None if the window is not fit to be counted."""
    pids = [server.pids() for server in servers]
    stolen, before = stolen_seconds(), [cpu_seconds(p) for p in pids]
    loads = [subprocess.Popen(load_command(protocol, server.port, seconds, request, folder),
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for server in servers]
    outputs = [load.communicate()[0] for load in loads]
    spent = [cpu_seconds(p) - b for p, b in zip(pids, before)]
    if stolen_seconds() - stolen > STOLEN_MAX * seconds * os.cpu_count():
        return None
    return [s / completed(protocol, o) * 1e6 for s, o in zip(spent, outputs)]


def measure(prefix, protocol, servers, arguments, request, folder):
    kept, dropped = [], 0
    while len(kept) < arguments.rounds and dropped < 3 * arguments.rounds:
        one = window(protocol, servers, arguments.seconds, request, folder)
        if one is None:
            dropped += 1
        else:
            kept.append(one)
    name = prefix + protocol
    if kept:
        ours, theirs = (statistics.median(column) for column in zip(*kept))
        ratio = statistics.median(reference / mine for mine, reference in kept)
        print(f"{name}_us={ours:.3f}\n{name}_reference_us={theirs:.3f}\n{name}_ratio={ratio:.3f}")
    print(f"{name}_windows={len(kept)} {name}_dropped={dropped}", flush=True)


def compare(prefix, bundle, request, arguments):
    with open(request, "rb") as file:
        body = file.read()
    servers = [Runed(arguments.build, bundle)]
    try:
        headers, answer = ask(servers[0].port, body)
        servers.append(Reference(arguments.build, headers, answer))
        print(f"{prefix}request_bytes={len(body)}\n{prefix}answer_bytes={len(answer)}", flush=True)
        for protocol in ("http1", "h2c"):
            measure(prefix, protocol, servers, arguments, request, servers[0].folder)
    finally:
        for server in servers:
            server.stop()


def compare_github(arguments):
    """Its first request, without the decision that is expected."""
    bundle = os.path.join(SHARED, "bench", "oopsla", "github-n50-s01")
    if not os.path.isdir(bundle):
        print("github_skipped=no inputs at RUNE_SHARED", flush=True)
        return
    with open(os.path.join(bundle, "requests.jsonl"), encoding="utf-8") as file:
        line = json.loads(file.readline())
    with tempfile.NamedTemporaryFile("w", prefix="rune-bench-", suffix=".json", encoding="utf-8") as file:
        json.dump({key: line[key] for key in ("principal", "action", "resource")}, file)
        file.flush()
        compare("github_", bundle, file.name, arguments)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "release"))
    parser.add_argument("--bundle", help="instead of both: this one, with --request")
    parser.add_argument("--request", help="a file with the body of POST /v1/authorize")
    parser.add_argument("--seconds", type=int, default=4, help="of a window")
    parser.add_argument("--rounds", type=int, default=5, help="windows that count")
    parser.add_argument("--smoke", action="store_true", help="one window of a second each: does it run at all")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.seconds, arguments.rounds = 1, 1
    for tool in ("wrk", "h2load"):
        if shutil.which(tool) is None:
            sys.exit(f"bench/bench_http.py: {tool} is missing (tools/dev setup)")
    if arguments.bundle is not None:
        if arguments.request is None:
            parser.error("--bundle needs --request")
        compare("", arguments.bundle, arguments.request, arguments)
        return
    bundles = os.path.join(ROOT, "bench", "bundles")
    compare("", os.path.join(bundles, "documents"), os.path.join(bundles, "documents.request.json"), arguments)
    example = os.path.join(ROOT, "examples", "docshare")
    compare("docshare_", example, os.path.join(example, "requests", "bob-edits-roadmap.json"), arguments)
    compare_github(arguments)


if __name__ == "__main__":
    main()
