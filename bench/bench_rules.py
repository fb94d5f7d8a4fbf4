#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rule engine on the inputs of RUNE_SHARED/bench/datalog: counts that must come out exactly, CPU seconds, peak
memory, bytes of the image; decisions at a million facts; and a naive evaluator beside the engine.

One line a measurement, key=value. Exits 1 if a count or a decision is wrong.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.environ.get("RUNE_SHARED", os.path.join(ROOT, "..", "shared"))
RUNE = os.path.join(ROOT, "build", "release", "bin", "rune")
MICRO = os.path.join(ROOT, "build", "release", "bench", "micro_rules")

RBAC_FACT = {
    "rbac10k": dict(member=18751, role_all=217, role_can=253, anc=27331, holds=34683, eff=231022, blocked=1919),
    "rbac100k": dict(member=236584, role_all=217, role_can=259, anc=273336, holds=468002, eff=3072394, blocked=13595),
    "rbac1m": dict(member=2841330, role_all=217, role_can=286, anc=2733350, holds=5693560, eff=41614898, blocked=325264),
}
# (program, input, {relation: tuples})
CASES = {
    "smoke": [
        ("tc", "chain1m", dict(path=1000405)),
        ("tc_nonlinear", "rnd1m", dict(path=991018)),
        ("tc_right", "tree1m", dict(path=917506)),
        ("rbac_fact", "rbac10k", RBAC_FACT["rbac10k"]),
    ],
    "full": [
        ("tc", "tree9m", dict(path=8912898)),
        ("tc", "chain10m", dict(path=10001628)),
        ("tc", "rnd10m", dict(path=10086915)),
        ("tc", "g5k", dict(path=24661057)),
        ("tc_right", "rnd10m", dict(path=10086915)),
        ("tc_right", "tree9m", dict(path=8912898)),
        ("tc_nonlinear", "chain1m", dict(path=1000405)),
        ("tc_nonlinear", "rnd1m", dict(path=991018)),
        ("sg", "sg1m", dict(sg=1396054)),
        ("sg", "sg5m", dict(sg=5588310)),
        ("rbac_fact", "rbac100k", RBAC_FACT["rbac100k"]),
        ("rbac_fact", "rbac1m", RBAC_FACT["rbac1m"]),
    ],
}
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
        arity = {"holds": 3, "eff": 3}.get(relation, 2)
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="small inputs, a moment")
    parser.add_argument("--program", help="only this program")
    parser.add_argument("--input", help="only this input")
    options = parser.parse_args()
    if not os.path.exists(os.path.join(SHARED, "bench", "datalog", "gen.py")):
        print("bench_rules: skipped, no inputs at RUNE_SHARED")
        return
    print(run(MICRO)[0].strip(), flush=True)
    with tempfile.TemporaryDirectory(prefix="rune-bench-") as work:
        for program, name, expected in CASES["smoke" if options.smoke else "full"]:
            if options.program in (None, program) and options.input in (None, name):
                materialise(program, name, expected, work)
        if options.program in (None, "rbac_allow"):
            decide("rbac10k" if options.smoke else "rbac1m", work, 1 if options.smoke else 5)
    sys.exit(failed)


main()
