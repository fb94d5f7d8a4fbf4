#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line against goldens: every case of CASES is run on the example bundle, and its output and exit code are
compared with tests/e2e/cli/NAME.txt. `RUNE_UPDATE=1 tests/e2e/test_goldens.py` writes the goldens anew.

What differs from machine to machine (times, hashes, sizes) is masked."""
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("RUNE_SOURCE_DIR", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILD = os.environ.get("RUNE_BUILD_DIR", os.path.join(SOURCE, "build/release"))
RUNE = os.path.abspath(os.path.join(BUILD, "bin/rune"))
GOLDENS = os.path.join(SOURCE, "tests/e2e/cli")

REQUESTS = """{"principal":"alice","action":"edit","resource":"roadmap","context":{"mfa":false},"decision":"PERMIT","reasons":["owner"]}
{"principal":"gwen","action":"edit","resource":"roadmap","context":{"mfa":false},"decision":"DENY","reasons":[]}
"""
WRONG = REQUESTS.replace('"DENY"', '"FORBID"')
BROKEN = {"a.cedar": "permit(principal, action, resource) when { principal. };\npermit(principal, action);\n",
          "b.dl": "p(X) :- q(X), not p(X).\n"}
UGLY = """// who
permit(principal == User::"a",action,resource) when{ resource.owner==principal
&&context.mfa // both
};"""

# Every user reads every document of its groups: demanded, as a product; a sum over it; a recursion that is stored.
DEMAND = """group(G, G) :- member(_, G).
group(G, H) :- group(G, F), part(F, H).
reads(U, D) :- member(U, G), group(G, H), shelf(H, D).
load(U, N) :- member(U, _), N = count { reads(U, _) }.
permit(P, A, R) :- principal(P), action(A), resource(R), reads(P, R), load(P, N), N < 100000, not banned(P, R).
"""
DEMAND_FACTS = {
    "member": [(f"u{i}", f"g{i % 10}") for i in range(200)],
    "part": [(f"g{i}", "all") for i in range(10)],
    "shelf": [("all", f"d{i}") for i in range(300)],
    "banned": [("u7", "d8")],
}
# A template, two links of it, and what they meet.
TEAM = {"policies.cedar": '@id("can_view")\npermit(principal == ?principal, action == Action::"view", resource in ?resource);\n'
                          '@id("admins")\npermit(principal in Group::"admins", action, resource);\n'
                          '@id("sealed")\nforbid(principal, action, resource == Doc::"seal") unless { context.mfa };\n',
        "team.links.json": '[{"template_id": "can_view", "link_id": "alice_plans",\n  "args": {"?principal": '
                           '"User::\\"alice\\"", "?resource": "Folder::\\"plans\\""}}]\n',
        "app.entities.json": json.dumps([
            {"uid": {"type": "User", "id": "alice"}, "attrs": {}, "parents": [{"type": "Group", "id": "admins"}]},
            {"uid": {"type": "User", "id": "bob"}, "attrs": {}, "parents": []},
            {"uid": {"type": "Doc", "id": "plan"}, "attrs": {}, "parents": [{"type": "Folder", "id": "plans"}]},
            {"uid": {"type": "Doc", "id": "seal"}, "attrs": {}, "parents": [{"type": "Folder", "id": "plans"}]}])}
SCHEMA = """@doc("all of it") namespace App { entity User in [Group]; entity Group;
entity Doc = { owner: User, labels?: Set<String>, "of day"?: datetime } tags Long; external entity Folder in Group;
entity Color enum ["red", "green"]; type Note = { text: String };
action "view", edit in [all] appliesTo { principal: User, resource: [Doc, Folder], context: Note }; action all; }
"""
# A rule whose text is too long to be shown whole.
LONG = 'version = "rune/1.0"\n[rules]\ne("\u00e9", 2).\np(X) :- ' + ", ".join(['e(X, _), X != "\u00e9\u00e9"'] * 50) + ".\n"
TEMPLATES = {"team/" + name: text for name, text in TEAM.items()}
TEMPLATES.update({"app.cedarschema": SCHEMA, "wrong.cedar": "permit(principal, action);\npermit(principal);\n",
                  "named.cedarschema.json": '{"": {"commonTypes": {"T": {"type": "Record", "attributes": {}}},\n'
                  '"entityTypes": {"A": {"shape": {"type": "T"}}}, "actions": {}}}\n',
                  "bare.json": '{"templates": {"t": {"effect": "permit", "principal": {"op": "All"}, "action": {"op": "All"},\n'
                  '"resource": {"op": "All"}, "conditions": []}}, "staticPolicies": {}, "templateLinks": []}\n',
                  "unknown.json": '{"effect": "permit", "principal": {"op": "All"}, "action": {"op": "All"},\n'
                  '"resource": {"op": "All"}, "conditions": [{"kind": "when", "body":\n'
                  '{"Value": {"__extn": {"fn": "foo", "arg": "x"}}}}]}\n',
                  "linked.json": '{"templates": {"t": {"effect": "permit", "principal": {"op": "==", "slot": '
                  '"?principal"}, "action": {"op": "All"}, "resource": {"op": "All"}, "conditions": []}},\n'
                  '"staticPolicies": {}, "templateLinks": [{"templateId": "t", "newId": "l", "values": '
                  '{"?principal": {"__entity": {"type": "User", "id": "a"}}}}]}\n'})

CASES = [
    ("help", ["help"]),
    ("help-eval", ["eval", "--help"]),
    ("no-command", []),
    ("unknown-command", ["bild"]),
    ("unknown-option", ["eval", "docshare", "--princpal", "alice"]),
    ("missing-value", ["eval", "docshare", "--principal"]),
    ("missing-operand", ["build"]),
    ("no-output", ["build", "docshare"]),
    ("bad-format", ["validate", "docshare", "--format", "xml"]),
    ("version", ["version"]),
    ("validate", ["validate", "docshare"]),
    ("validate-json", ["validate", "docshare", "--format", "json"]),
    ("validate-broken", ["validate", "broken"]),
    ("validate-broken-json", ["validate", "broken", "--format", "json"]),
    ("validate-missing", ["validate", "nowhere"]),
    ("fmt", ["fmt", "ugly.cedar"]),
    ("fmt-check", ["fmt", "--check", "ugly.cedar", "broken", "nowhere.cedar"]),
    ("fmt-both", ["fmt", "--check", "--write", "ugly.cedar"]),
    ("fmt-write", ["fmt", "--write", "ugly.cedar"]),
    ("fmt-stdin", ["fmt", "-"], UGLY),
    ("fmt-stdin-write", ["fmt", "--write", "-"], UGLY),
    ("fmt-written", ["fmt", "--check", "ugly.cedar"]),
    ("check", ["check", "docshare"]),
    ("check-file", ["check", "team/policies.cedar"]),
    ("check-external", ["check", "team/policies.cedar", "app.cedarschema"]),
    ("check-broken", ["check", "broken", "wrong.cedar"]),
    ("check-json", ["check", "wrong.cedar", "--format", "json"]),
    ("check-unknown", ["check", "mfa.json"]),
    ("check-missing", ["check", "nowhere"]),
    ("help-check", ["check", "--help"]),
    ("translate-policies", ["translate", "team/policies.cedar"]),
    ("translate-back", ["translate", "linked.json", "--kind", "policies"]),
    ("translate-schema", ["translate", "app.cedarschema"]),
    ("translate-schema-text", ["translate", "app.cedarschema", "--to", "text"]),
    ("translate-schema-named", ["translate", "named.cedarschema.json"]),
    ("translate-bare", ["translate", "bare.json"]),
    ("translate-unknown", ["translate", "unknown.json"]),
    ("translate-wrong", ["translate", "wrong.cedar"]),
    ("translate-nothing", ["translate"]),
    ("translate-kind", ["translate", "linked.json", "--kind", "policy"]),
    ("help-translate", ["help", "translate"]),
    ("link", ["link", "team", "can_view", "bob_plans", "-p", 'User::"bob"', "-r", 'Folder::"plans"']),
    ("link-write", ["link", "team", "can_view", "bob_plans", "-p", 'User::"bob"', "-r", 'Folder::"plans"',
                    "--write", "team/team.links.json"]),
    ("link-name", ["link", "team", "can_view", "eve_plans", "-p", 'User::"eve"', "-r", 'Folder::"plans"', "--write",
                   "team/links.json"]),
    ("link-taken", ["link", "team", "can_view", "bob_plans", "-p", 'User::"bob"', "-r", 'Folder::"plans"']),
    ("link-slot", ["link", "team", "can_view", "eve_plans", "-p", 'User::"eve"']),
    ("link-template", ["link", "team", "can_vew", "eve_plans", "-p", 'User::"eve"']),
    ("help-link", ["link", "--help"]),
    ("eval-linked", ["eval", "team", "-p", 'User::"bob"', "-a", 'Action::"view"', "-r", 'Doc::"plan"', "--format", "json"]),
    ("eval-linked-static", ["eval", "team", "-p", 'User::"alice"', "-a", 'Action::"view"', "-r", 'Doc::"plan"']),
    ("eval-linked-other", ["eval", "team", "-p", 'User::"bob"', "-a", 'Action::"edit"', "-r", 'Doc::"plan"']),
    ("eval-linked-forbid", ["eval", "team", "-p", 'User::"bob"', "-a", 'Action::"view"', "-r", 'Doc::"seal"', "-c",
                            "mfa.json"]),
    ("build", ["build", "docshare", "-o", "docshare.image"]),
    ("build-demand", ["build", "demand", "-o", "demand.image"]),
    ("build-json", ["build", "docshare", "-o", "docshare.image", "--format", "json"]),
    ("build-broken", ["build", "broken", "-o", "broken.image"]),
    ("inspect", ["inspect", "docshare.image", "--policies"]),
    ("inspect-damaged", ["inspect", "damaged.image"]),
    ("eval-permit", ["eval", "docshare", "-p", "alice", "-a", "edit", "-r", "roadmap", "--context", "mfa.json", "--debug"]),
    ("eval-deny", ["eval", "docshare.image", "-p", "gwen", "-a", "edit", "-r", "roadmap", "--context=mfa.json"]),
    ("eval-json", ["eval", "docshare.image", "-p", "bob", "-a", "edit", "-r", "roadmap", "-c", "mfa.json", "--format", "json"]),
    ("eval-refused", ["eval", "docshare.image", "-p", "User::bob", "-a", "edit", "-r", "roadmap", "-c", "mfa.json"]),
    ("eval-schema", ["eval", "docshare.image", "-p", "bob", "-a", "edit", "-r", "roadmap"]),
    ("eval-incomplete", ["eval", "docshare.image", "-p", "bob"]),
    ("query", ["query", "docshare.image", "in_team(U, T)"]),
    ("query-bound", ["query", "docshare.image", 'in_team(User::"bob", T)', "--format", "json"]),
    ("query-count", ["query", "docshare", "in_team(U, _)", "--count"]),
    ("query-count-steps", ["query", "demand.image", "reads(U, S)", "--count", "--max-steps", "20000"]),
    ("query-limit", ["query", "docshare.image", "in_team(U, T)", "--limit", "2"]),
    ("query-limit-none", ["query", "docshare.image", "in_team(U, T)", "--limit", "0"]),
    ("query-limit-count", ["query", "docshare.image", "in_team(U, T)", "--count", "--limit", "2"]),
    ("query-limit-more", ["query", "docshare.image", "in_team(U, T)", "--count", "--limit", "2000"]),
    ("query-unknown", ["query", "docshare.image", "in_teem(U, T)"]),
    ("query-decision", ["query", "docshare.image", "permit(P, A, R)"]),
    ("query-arity", ["query", "docshare.image", "in_team(U)"]),
    ("query-syntax", ["query", "docshare.image", "in_team(U,"]),
    ("plan", ["plan", "docshare"]),
    ("plan-demand", ["plan", "demand", "--count"]),
    ("plan-rule", ["plan", "docshare.image", "legal-hold"]),
    ("plan-long", ["plan", "long.rune"]),
    ("plan-unknown", ["plan", "docshare.image", "illegal-hold"]),
    ("test", ["test", "docshare", "--verbose"]),
    ("test-agents", ["test", os.path.join(os.path.abspath(SOURCE), "examples/agents")]),
    ("test-image", ["test", "docshare.image"]),
    ("benchmark", ["benchmark", "docshare.image", "--requests", "requests.jsonl", "--seconds", "1"]),
    ("benchmark-wrong", ["benchmark", "docshare", "--requests", "wrong.jsonl", "--seconds", "1"]),
    ("benchmark-threads", ["benchmark", "docshare", "--requests", "requests.jsonl", "--seconds", "1", "--threads", "2",
                           "--format", "json"]),
    ("benchmark-no-requests", ["benchmark", "docshare"]),
    ("status-none", ["status", "--runtime-dir", "nowhere"]),
    ("reload-none", ["reload", "--runtime-dir", "nowhere"]),
    ("serve-nothing", ["serve"]),
]

MASKS = [
    (re.compile(r"\b[0-9a-f]{64}\b"), "SHA256"),
    (re.compile(r"(decisions_per_s|median_ns|p99_ns|p999_ns|decode_ns)(\"?[=:])[0-9]+"), r"\1\2N"),
    (re.compile(r"\"cpuMs\":\{[^}]*\},\"peakKib\":[0-9]+"), '"cpuMs":{..},"peakKib":N'),
    (re.compile(r"(size +|\"bytes\":)[0-9]+"), r"\1N"),
    (re.compile(r"\"evaluationTimeMs\":[0-9.]+"), '"evaluationTimeMs":N'),
    # Sections follow the layout, which has tests of its own; their order and sizes are not the command line's.
    (re.compile(r"^([A-Z_]+) +[0-9]+ +[0-9]+  ", re.M), r"\1 N N  "),
    (re.compile(r"^rune [0-9.]+$", re.M), "rune VERSION"),
]


def mask(text):
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return text


def prepare(folder):
    os.symlink(os.path.join(os.path.abspath(SOURCE), "examples/docshare"), os.path.join(folder, "docshare"))
    os.mkdir(os.path.join(folder, "broken"))
    files = {"requests.jsonl": REQUESTS, "wrong.jsonl": WRONG, "mfa.json": json.dumps({"mfa": False}),
             "ugly.cedar": UGLY, "long.rune": LONG}
    files.update({os.path.join("broken", name): text for name, text in BROKEN.items()})
    os.mkdir(os.path.join(folder, "team"))
    files.update(TEMPLATES)
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    os.makedirs(os.path.join(folder, "demand", "facts"))
    with open(os.path.join(folder, "demand", "rules.dl"), "w", encoding="utf-8") as file:
        file.write(DEMAND)
    for name, rows in DEMAND_FACTS.items():
        with open(os.path.join(folder, "demand", "facts", name + ".tsv"), "w", encoding="utf-8") as file:
            file.writelines("\t".join(row) + "\n" for row in rows)


def damage(folder):
    with open(os.path.join(folder, "docshare.image"), "rb") as file:
        image = bytearray(file.read())
    image[len(image) // 2] ^= 0xFF
    with open(os.path.join(folder, "damaged.image"), "wb") as file:
        file.write(image)


def run(folder, arguments, text=""):
    done = subprocess.run([RUNE] + arguments, cwd=folder, input=text.encode(), capture_output=True, timeout=120,
                          check=False)
    out = done.stdout.decode("utf-8", "replace")
    err = done.stderr.decode("utf-8", "replace")
    return mask(f"exit {done.returncode}\n--- out\n{out}--- err\n{err}")


def compare(name, got):
    path = os.path.join(GOLDENS, name + ".txt")
    if os.environ.get("RUNE_UPDATE"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(got)
        return True
    with open(path, encoding="utf-8") as file:
        want = file.read()
    if got != want:
        sys.stdout.writelines(difflib.unified_diff(want.splitlines(True), got.splitlines(True), name + " wanted", "got"))
    return got == want


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder)
        for name, *call in CASES:
            failed += not compare(name, run(folder, *call))
            if name == "build-json":
                damage(folder)
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
