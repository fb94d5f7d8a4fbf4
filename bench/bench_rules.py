#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rule engine on the inputs of RUNE_SHARED/bench/datalog, in parts (--only): `count`, relations whose sizes must come
out exactly, with CPU seconds, peak memory and bytes of the image; `facts`, how fast they are read beside a bare search
for line ends in the same file; `recursion`, recursions of other kinds than those inputs have, beside a reference in
Python; `request`, batches of requests as facts, the whole list of what is allowed by its SHA-256, and a negation that
nothing guards beside its guarded form; `decide`, decisions at a million facts; `probe`, a set that rules derive and a
policy probes, beside a rule that says the same; `serve`, what the same bundle costs two workers of runed; `micro`, a
naive evaluator beside the engine.

One line a measurement, key=value. Exits 1 if a count, a list or a decision is wrong.
"""
import argparse
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import recursion
import rule_programs
from processes import processes_of

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.environ.get("RUNE_SHARED", os.path.join(ROOT, "..", "shared"))
RUNE = os.path.join(ROOT, "build", "release", "bin", "rune")
RUNED = os.path.join(ROOT, "build", "release", "bin", "runed")
MICRO = os.path.join(ROOT, "build", "release", "bench", "micro_rules")

RBAC_FACT = {
    "rbac10k": dict(member=18751, role_all=217, role_can=253, anc=27331, holds=34683, eff=231022, blocked=1919),
    "rbac100k": dict(member=236584, role_all=217, role_can=259, anc=273336, holds=468002, eff=3072394, blocked=13595),
    "rbac1m": dict(member=2841330, role_all=217, role_can=286, anc=2733350, holds=5693560, eff=41614898, blocked=325264),
    "rbac5m": dict(member=14732877, role_all=217, role_can=284, anc=6833357, holds=30179124, eff=214210552,
                   blocked=1361702),
}
RBAC_FLAT = {
    "rbac10k": dict(holds=3209, eff=30521, blocked=5161, can=74322),
    "rbac1m": dict(holds=349224, eff=3550488, blocked=1974098, can=35305346),
    "rbac5m": dict(holds=1798446, eff=14386468, blocked=14990186, can=133199450),
}
# (program, input, {relation: tuples})
CASES = {
    "smoke": [
        ("tc", "chain1m", dict(path=1000405)),
        ("tc_nonlinear", "rnd1m", dict(path=991018)),
        ("tc_right", "tree1m", dict(path=917506)),
        ("rbac_fact", "rbac10k", RBAC_FACT["rbac10k"]),
        ("rbac_flat", "rbac10k", RBAC_FLAT["rbac10k"]),
    ],
    "full": [
        ("tc", "tree9m", dict(path=8912898)),
        ("tc", "chain10m", dict(path=10001628)),
        ("tc", "rnd10m", dict(path=10086915)),
        ("tc", "g5k", dict(path=24661057)),
        ("tc", "g10k", dict(path=100000000)),
        ("tc_right", "rnd10m", dict(path=10086915)),
        ("tc_right", "tree9m", dict(path=8912898)),
        ("tc_nonlinear", "chain1m", dict(path=1000405)),
        ("tc_nonlinear", "rnd1m", dict(path=991018)),
        ("sg", "sg1m", dict(sg=1396054)),
        ("sg", "sg5m", dict(sg=5588310)),
        ("sg", "sg22m", dict(sg=22361430)),
        ("rbac_fact", "rbac100k", RBAC_FACT["rbac100k"]),
        ("rbac_fact", "rbac1m", RBAC_FACT["rbac1m"]),
        ("rbac_fact", "rbac5m", RBAC_FACT["rbac5m"]),
        ("rbac_flat", "rbac1m", RBAC_FLAT["rbac1m"]),
        ("rbac_flat", "rbac5m", RBAC_FLAT["rbac5m"]),
    ],
}
# allow for every line of `request`, sorted, as tab-separated lines
ALLOW_SHA256 = {
    "rbac10k": "1e053fb344fd1bebd5d40d496bd3233f0aac55add87107d2c6ce7e6b4e4eba65",
    "rbac1m": "9c5da017cd79ccae5cd55a5401daf9cf6ed43b034add4eac39107abc717fb78e",
}
# (program, input, file of requests, tuples of allow)
REQUESTS = {
    "smoke": [
        ("rbac_request", "rbac10k", "request1k", 491),
        ("rbac_request", "rbac10k", "request", 11059),
    ],
    "full": [
        ("rbac_request", "rbac10k", "request", 11059),
        ("rbac_request", "rbac100k", "request", 39329),
        ("rbac_request", "rbac1m", "request1", 1),
        ("rbac_qneg_request1", "rbac1m", "request1", 1),
        ("rbac_request", "rbac1m", "request1k", 495),
        ("rbac_request", "rbac1m", "request", 48378),
    ],
}
# Closures stored in the image of rbac_allow: member and anc.
CLOSURE_PAIRS = {name: counts["member"] + counts["anc"] for name, counts in RBAC_FACT.items()}
failed = False


def run(*command):
    """Output, CPU seconds and peak MiB of a child."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench_rules: {' '.join(command)} failed")
    return output, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def generate(name, folder, program):
    subprocess.run([sys.executable, os.path.join(SHARED, "bench", "datalog", "gen.py"), name, folder, program],
                   check=True, stdout=subprocess.DEVNULL)


def materialise(program, name, expected, work):
    global failed
    bundle, image = os.path.join(work, "bundle"), os.path.join(work, "image")
    shutil.rmtree(bundle, ignore_errors=True)
    generate(name, bundle, program)
    _, build_s, build_mib = run(RUNE, "build", bundle, "-o", image)
    for relation, want in expected.items():
        arity = {"holds": 3, "eff": 3, "can": 3}.get(relation, 2)
        pattern = f"{relation}({', '.join('XYZ'[:arity])})"
        output, query_s, query_mib = run(RUNE, "query", image, pattern, "--count")
        got = int(output)
        failed |= got != want
        print(f"rules program={program} input={name} relation={relation} tuples={got} expected={want} "
              f"ok={int(got == want)} build_cpu_s={build_s:.3f} build_mib={build_mib:.0f} count_cpu_s={query_s:.3f} "
              f"count_mib={query_mib:.0f} image_bytes={os.path.getsize(image)}", flush=True)


def decide(name, work, seconds):
    global failed
    bundle, image = os.path.join(work, "bundle"), os.path.join(work, "image")
    shutil.rmtree(bundle, ignore_errors=True)
    generate(name, bundle, "entities")
    _, build_s, build_mib = run(RUNE, "build", bundle, "-o", image)
    output, _, mib = run(RUNE, "benchmark", image, "--requests", bundle + ".requests.jsonl", "--seconds", str(seconds))
    failed |= "mismatches=0" not in output
    print(f"decide input={name} {output.strip()} build_cpu_s={build_s:.3f} build_mib={build_mib:.0f} "
          f"benchmark_mib={mib:.0f} image_bytes={os.path.getsize(image)}", flush=True)


PROBE_TOML = """[relations.member]
columns = ["User", "Group"]
[relations.reads]
columns = ["Group", "Doc"]
"""
PROBED = {"probed": {"p.cedar": 'permit(principal, action == Action::"read", resource)\n'
                                'when { resource.readers.contains(principal) };\n',
                     "r.dl": 'entity.element(D, "readers", U) :- member(U, G), reads(G, D).\n'},
          "guarded": {"r.dl": 'permit(U, A, D) :- principal(U), action(A), resource(D), A = Action::"read", member(U, G), '
                              'reads(G, D).\n'}}


def probe(users, work, seconds):
    """Ten groups a user, 20 documents a group: as sets, 200 elements a user."""
    global failed
    groups, docs = users // 10, users // 2
    rng = random.Random(1)
    member = {user: rng.sample(range(groups), 10) for user in range(users)}
    reads = {group: set(rng.sample(range(docs), 20)) for group in range(groups)}
    requests = os.path.join(work, "requests.jsonl")
    with open(requests, "w", encoding="ascii") as file:
        for _ in range(10000):
            user = rng.randrange(users)
            doc = rng.randrange(docs) if rng.random() < 0.5 else rng.choice(sorted(reads[rng.choice(member[user])]))
            permits = any(doc in reads[group] for group in member[user])
            file.write(json.dumps({"principal": f'User::"{user}"', "action": 'Action::"read"', "resource": f'Doc::"{doc}"',
                                   "decision": "PERMIT" if permits else "DENY"}) + "\n")
    for form, files in PROBED.items():
        bundle, image = os.path.join(work, form), os.path.join(work, form + ".image")
        os.makedirs(os.path.join(bundle, "facts"))
        for path, text in {"rune.toml": PROBE_TOML, **files}.items():
            with open(os.path.join(bundle, path), "w", encoding="ascii") as file:
                file.write(text)
        for path, pairs in (("member", member), ("reads", reads)):
            with open(os.path.join(bundle, "facts", path + ".tsv"), "w", encoding="ascii") as file:
                file.writelines(f"{key}\t{value}\n" for key, values in pairs.items() for value in sorted(values))
        _, build_s, build_mib = run(RUNE, "build", bundle, "-o", image)
        output, _, _ = run(RUNE, "benchmark", image, "--requests", requests, "--seconds", str(seconds))
        failed |= "mismatches=0" not in output
        print(f"probe form={form} users={users} {output.strip()} build_cpu_s={build_s:.3f} build_mib={build_mib:.0f} "
              f"image_bytes={os.path.getsize(image)}", flush=True)


def generate_requests(program, name, requests, folder):
    """The bundle of a program that reads its requests as facts, from the file of that name."""
    generate(name, folder, program)
    facts = os.path.join(folder, "facts")
    relation = "request1" if program.endswith("request1") else "request"
    if requests != relation:
        lines = {"request1": 1, "request1k": 1000}[requests]
        with open(os.path.join(facts, relation + ".tsv"), encoding="ascii") as file:
            first = [next(file) for _ in range(lines)]
        with open(os.path.join(facts, relation + ".tsv"), "w", encoding="ascii") as file:
            file.writelines(first)


def batch(program, name, requests, expected, work):
    """What is allowed of requests that are facts. Returns the CPU seconds of both commands."""
    global failed
    bundle, image = os.path.join(work, "bundle"), os.path.join(work, "image")
    shutil.rmtree(bundle, ignore_errors=True)
    generate_requests(program, name, requests, bundle)
    _, build_s, build_mib = run(RUNE, "build", bundle, "-o", image)
    output, query_s, query_mib = run(RUNE, "query", image, "allow(U, A, X)")
    lines = sorted(output.encode().splitlines(keepends=True))
    right = len(lines) == expected
    if requests == "request" and name in ALLOW_SHA256:
        right = right and hashlib.sha256(b"".join(lines)).hexdigest() == ALLOW_SHA256[name]
    failed |= not right
    print(f"request program={program} input={name} requests={requests} allow={len(lines)} expected={expected} "
          f"ok={int(right)} build_cpu_s={build_s:.3f} build_mib={build_mib:.0f} query_cpu_s={query_s:.3f} "
          f"query_mib={query_mib:.0f}", flush=True)
    return build_s + query_s


def ask(work, cases):
    """Every batch; then, of programs that differ in what guards their negation, how the times compare."""
    seconds = {case: batch(*case, work) for case in cases}
    for case in cases:
        guarded = seconds.get(("rbac_request", *case[1:]))
        if case[0] == "rbac_qneg_request1" and guarded is not None:
            print(f"request unguarded_cpu_s={seconds[case]:.3f} guarded_cpu_s={guarded:.3f} "
                  f"ratio={seconds[case] / guarded:.2f} bar=2", flush=True)


# ---- the service ----


def pss_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return sum(1024 * int(line.split()[1]) for line in file if line.startswith("Pss:"))


def wait_until_ready(process, runtime):
    """The port of the service once it says that it is ready."""
    end = time.monotonic() + 60
    port = None
    while time.monotonic() < end and process.poll() is None:
        try:
            if port is None:
                with open(os.path.join(runtime, "addresses"), encoding="ascii") as file:
                    port = int(dict(line.split() for line in file)["listen"].rsplit(":", 1)[1])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/health/ready")
            status = connection.getresponse().status
            connection.close()
            if status == 200:
                return port
        except (OSError, KeyError, ValueError, http.client.HTTPException):
            pass
        time.sleep(0.001)
    sys.exit("bench_rules: runed did not become ready")


def load(port, requests, count):
    """Decisions over one connection after another, so that all workers answer."""
    with open(requests, encoding="ascii") as file:
        bodies = [next(file).rsplit(', "decision"', 1)[0] + "}" for _ in range(count)]
    for first in range(0, count, 100):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        for body in bodies[first:first + 100]:
            connection.request("POST", "/v1/authorize", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                sys.exit(f"bench_rules: runed answered {answer.status} to {body}")
        connection.close()


def serve_once(image, requests, work):
    """Seconds from the start to ready, and bytes of memory by process, the supervisor's first."""
    runtime = tempfile.mkdtemp(prefix="run", dir=work)
    began = time.monotonic()
    process = subprocess.Popen([RUNED, "--bundle", image, "--listen", "127.0.0.1:0", "--workers", "2", "--runtime-dir",
                                runtime, "--log-level", "error"])
    try:
        port = wait_until_ready(process, runtime)
        ready_s = time.monotonic() - began
        load(port, requests, 4000)
        return ready_s, [pss_bytes(pid) for pid in processes_of(process.pid)]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def serve(name, work, rounds):
    bundle, image = os.path.join(work, "bundle"), os.path.join(work, "image")
    shutil.rmtree(bundle, ignore_errors=True)
    generate(name, bundle, "entities")
    output, _, _ = run(RUNE, "build", bundle, "-o", image)
    facts = int(next(line.split()[1] for line in output.splitlines() if line.startswith("facts")))
    runs = [serve_once(image, bundle + ".requests.jsonl", work) for _ in range(rounds)]
    ready = sorted(ready_s for ready_s, _ in runs)
    memory = max((pss for _, pss in runs), key=sum)
    image_bytes = os.path.getsize(image)
    allowance = 40 * facts + 4.6 * CLOSURE_PAIRS[name]
    print(f"serve input={name} workers=2 facts={facts} closure_pairs={CLOSURE_PAIRS[name]} image_bytes={image_bytes} "
          f"image_allowance={allowance:.0f} bytes_a_fact={(image_bytes - 4.6 * CLOSURE_PAIRS[name]) / facts:.1f} "
          f"pss_mb={sum(memory) / 1e6:.1f} processes={len(memory)} "
          f"pss_own_mb={(sum(memory) - image_bytes) / 1e6:.1f} ready_ms={1000 * ready[len(ready) // 2]:.0f} "
          f"ready_ms_max={1000 * ready[-1]:.0f}", flush=True)


# ---- compiling ----


def build_cpu_ms(files, work):
    """CPU of `rune build`, the least of five."""
    bundle, image = os.path.join(work, "bundle"), os.path.join(work, "image")
    shutil.rmtree(bundle, ignore_errors=True)
    for path, text in files.items():
        path = os.path.join(bundle, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return min(run(RUNE, "build", bundle, "-o", image)[1] for _ in range(5)) * 1e3


def compile_programs(count, work):
    """What rules cost to build, beyond a bundle without any: for `count` of them and for half as many, which says
    whether it is linear."""
    nothing = build_cpu_ms({"rules.dl": ""}, work)
    for kind in rule_programs.KINDS:
        files = kind(count)
        whole, half = build_cpu_ms(files, work) - nothing, build_cpu_ms(kind(count // 2), work) - nothing
        print(f"compile shape={kind.__name__} rules={count} build_cpu_ms={whole:.1f} half_ms={half:.1f} "
              f"bytes={len(files['rules.dl'])}", flush=True)


# ---- recursion ----


def recurse(kind, scale, work):
    """One kind of recursion: tuples, as the reference finds them, and millions of them a second of a whole build."""
    global failed
    bundle, image = os.path.join(work, "bundle"), os.path.join(work, "image")
    shutil.rmtree(bundle, ignore_errors=True)
    began = time.process_time()
    expected = kind(recursion.Bundle(bundle, 5), scale)
    reference_s = time.process_time() - began
    _, build_s, build_mib = run(RUNE, "build", bundle, "-o", image)
    got = {pattern: int(run(RUNE, "query", image, pattern, "--count")[0]) for pattern in expected}
    failed |= got != expected
    tuples = sum(got.values())
    print(f"recursion kind={kind.__name__} tuples={tuples} expected={sum(expected.values())} "
          f"ok={int(got == expected)} build_cpu_s={build_s:.3f} million_a_s={tuples / build_s / 1e6:.1f} "
          f"build_mib={build_mib:.0f} image_bytes={os.path.getsize(image)} reference_cpu_s={reference_s:.1f}",
          flush=True)


# ---- facts ----


def scan_s(path):
    """CPU seconds to find every line's end in a file that is in memory: what reading it cannot be faster than."""
    with open(path, "rb") as file:
        text = file.read()
    began = time.process_time()
    text.count(b"\n")
    return time.process_time() - began


def pairs(left, right, distinct):
    """Lines of two columns that go through `distinct` values each, out of order."""
    return lambda i: f"{left(i * 7919 % distinct)}\t{right(i * 104729 % distinct)}\n"


def read_facts(tuples, work):
    """Tuples of two columns a second, by the build's own measure of reading, the best of three."""
    user, document = "user:{}".format, "document:{}".format
    shapes = (("integers", pairs(str, str, 1000003), 20), ("strings", pairs(user, document, 1000003), 5),
              ("strings-few", pairs(user, document, 1009), 5), ("strings-distinct", pairs(user, document, 20000003), 5),
              ("entities", pairs('User::"{}"'.format, 'Document::"{}"'.format, 1000003), None))
    for shape, line, bar in shapes:
        bundle, image = os.path.join(work, "bundle"), os.path.join(work, "image")
        shutil.rmtree(bundle, ignore_errors=True)
        os.makedirs(os.path.join(bundle, "facts"))
        path = os.path.join(bundle, "facts", "pair.tsv")
        with open(path, "w", encoding="ascii") as file:
            file.writelines(line(i) for i in range(tuples))
        read_s = min(json.loads(run(RUNE, "build", bundle, "-o", image, "--stats", "--format", "json")[0])
                     ["cpuMs"]["read"] / 1e3 for _ in range(3))
        print(f"facts shape={shape} tuples={tuples} bytes={os.path.getsize(path)} read_cpu_s={read_s:.3f} "
              f"million_a_s={tuples / read_s / 1e6:.1f} bar={bar} scan_cpu_s={scan_s(path):.3f}", flush=True)


PARTS = ("micro", "compile", "facts", "count", "recursion", "request", "decide", "probe", "serve")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="small inputs, a moment")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; may be repeated")
    parser.add_argument("--program", help="only this program")
    parser.add_argument("--input", help="only this input")
    options = parser.parse_args()
    parts = options.only or PARTS
    size = "smoke" if options.smoke else "full"
    at_scale = options.input or ("rbac10k" if options.smoke else "rbac1m")
    if not os.path.exists(os.path.join(SHARED, "bench", "datalog", "gen.py")):
        print("bench_rules: skipped, no inputs at RUNE_SHARED")
        return
    if "micro" in parts:
        print(run(MICRO)[0].strip(), flush=True)

    def is_wanted(program, name):
        return options.program in (None, program) and options.input in (None, name)

    with tempfile.TemporaryDirectory(prefix="rune-bench-") as work:
        if "compile" in parts:
            compile_programs(500 if options.smoke else 5000, work)
        if "facts" in parts:
            read_facts(50000 if options.smoke else 2000000, work)
        if "count" in parts:
            for program, name, expected in CASES[size]:
                if is_wanted(program, name):
                    materialise(program, name, expected, work)
        if "recursion" in parts:
            for kind in recursion.KINDS:
                if options.program in (None, kind.__name__) and options.input is None:
                    recurse(kind, 10 if options.smoke else 1, work)
        if "request" in parts:
            ask(work, [case for case in REQUESTS[size] if is_wanted(*case[:2])])
        if "probe" in parts:
            probe(1000 if options.smoke else 100000, work, 1 if options.smoke else 5)
        if options.program in (None, "rbac_allow"):
            if "decide" in parts:
                decide(at_scale, work, 1 if options.smoke else 5)
            if "serve" in parts:
                serve(at_scale, work, 2 if options.smoke else 5)
    sys.exit(failed)


if __name__ == "__main__":
    main()
