#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The README and docs/ keep their word: every command that a page shows behind `$ ` is run, in the order of the page, and
its output is compared with what the page shows. `RUNE_UPDATE=1 tests/e2e/test_docs.py` writes the outputs anew.

A line `...` stands for any lines. What differs from run to run (times, generations, process ids) is masked. Commands run in
a folder that looks like a clone: examples/, build/release/bin; a server answers for the one that the pages start."""
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile

import harness

SOURCE = os.environ.get("RUNE_SOURCE_DIR", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
PAGES = ["README.md", "docs/http-api.md", "docs/language.md", "docs/rules.md", "examples/agents/README.md"]

NOT_RUN = {"tools/dev run": "serves until it is ended: the harness starts the server instead"}

TEAM_SCHEMA = """entity Team; entity User in [Team];
entity Document in [Team] = { labels: Set<String> };
action view, edit appliesTo { principal: User, resource: Document, context: { mfa: Bool } };
"""
TEAM_POLICIES = """@id("shared")
permit (principal in ?principal, action == Action::"view", resource == ?resource);

@id("viewers")
permit (principal, action == Action::"veiw", resource)
when { resource.labels.contains("open") };

@id("editors")
permit (principal, action == Action::"edit", resource)
when { resource.label.contains("open") && context.mfa == "yes" };
"""
BROKEN_RULES = """% Who has spent more than is planned may not read: one budget is too large for a number.
spent("a", 9223372036854775807).
spent("b", 10).
planned("a", 1).
planned("b", 20).

over(U) :- spent(U, S), planned(U, L), S + L > 100.

user(P, U) :- entity.id(P, _, U).

permit(P, A, R) :- principal(P), action(A), resource(R), user(P, U), not over(U).
"""


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def spoil_policies(folder):
    """What the failed reload of docs/http-api.md meets."""
    path = os.path.join(folder, "examples/docshare/policies.cedar")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    broken = text.replace("resource.owner == principal", "resource.owner = principal")
    assert broken != text
    write(folder, "examples/docshare/policies.cedar", broken)


def correct_team(folder):
    """What `rune validate team` found is mended before a link is added."""
    text = TEAM_POLICIES.replace("veiw", "view").replace("label.", "labels.").replace(' == "yes"', "")
    write(folder, "team/policies.cedar", text)


# What a page takes for granted: before its first command, or before the Nth that begins so.
FILES = {
    "docs/language.md": {"team/team.cedarschema": TEAM_SCHEMA, "team/policies.cedar": TEAM_POLICIES,
                         "broken/a.dl": BROKEN_RULES, "context.json": '{"mfa": false}\n'},
}
BEFORE = {("rune link team", 1): correct_team, ("admin -XPOST http://localhost/v1/config/reload", 2): spoil_policies}

MASKS = [re.compile(pattern, re.M) for pattern in (
    r"(?<=generation\":)\d+", r"(?<=generation )\d+", r"(?<=^Date: ).*", r"(?<=x-request-id: )\w+", r"(?<=\"pid\":)\d+",
    r"(?<=edAt\":\")[^\"]*", r"(?<=\"at\":\")20[^\"]*", r"(?<=durationMs\":)[0-9.]+", r"(?<=evaluationTimeMs\":)[0-9.]+",
    r"[0-9.]+(?= ms\b)", r"(?<=^cpu       ).*", r"(?<=^peak      ).*")]


def mask(text):
    for pattern in MASKS:
        text = pattern.sub("_", text)
    return text


class Command:
    """`$ COMMAND` of a page, continued where a quote is open, and the output below it: lines first..last of the page."""

    def __init__(self, lines, at, indent):
        self.text, self.first = lines[at][indent + 2:].split("  # ")[0].rstrip(), at + 1
        while self.text.count("'") % 2 != 0:
            self.text += "\n" + lines[self.first][indent:]
            self.first += 1
        self.last, self.indent = self.first, indent

    def shown(self, lines):
        return [line[self.indent:] for line in lines[self.first:self.last]]


def commands(lines):
    """Of fenced blocks and of those indented by four blanks."""
    found, fenced = [], False
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("```"):
            fenced = not fenced
        indent = 0 if fenced else 4 if line.startswith("    ") else None
        if indent is None or not line[indent:].startswith("$ "):
            at += 1
            continue
        command = Command(lines, at, indent)
        while command.last < len(lines) and belongs(lines, command):
            command.last += 1
        found.append(command)
        at = command.last
    return found


def belongs(lines, command):
    line = lines[command.last]
    if command.indent == 0:
        return not line.startswith(("```", "$ "))
    return line.startswith("    ") and not line.startswith("    $ ")


def matches(shown, got):
    """Whether `got` is what is shown, line by line, a `...` being any lines."""
    if not shown:
        return not got
    if shown[0] == "...":
        return any(matches(shown[1:], got[i:]) for i in range(len(got) + 1))
    return bool(got) and shown[0] == got[0] and matches(shown[1:], got[1:])


class Page:
    def __init__(self, name, folder, server):
        self.name, self.folder, self.server = name, folder, server
        with open(os.path.join(SOURCE, name), encoding="utf-8") as file:
            self.lines = file.read().split("\n")
        self.aliases, self.counts = "", {}
        for path, text in FILES.get(name, {}).items():
            write(folder, path, text)
        if name == "docs/rules.md":  # shows its rules itself
            first = self.lines.index("```")
            rules = self.lines[first + 1:self.lines.index("```", first + 1)]
            write(folder, "access/rules.dl", "\n".join(rules) + "\n")

    def prepare(self, text):
        for (start, number), action in BEFORE.items():
            if text.startswith(start):
                self.counts[start] = self.counts.get(start, 0) + 1
                if self.counts[start] == number:
                    action(self.folder)

    def run(self, text):
        """Output and errors of a command, as a terminal shows them."""
        text = text.replace("localhost:8080", "%s:%d" % self.server.address)
        text = text.replace("/run/rune/admin.sock", os.path.join(self.server.runtime, "admin.sock"))
        text = text.replace("rune reload", "rune reload --runtime-dir run")
        if text.startswith("alias "):
            self.aliases += text + "\n"
            return []
        bins = os.path.join(self.folder, "build/release/bin")
        environment = dict(os.environ, PATH=bins + ":" + os.environ["PATH"])
        done = subprocess.run(["bash", "-c", "shopt -s expand_aliases\n" + self.aliases + text], cwd=self.folder,
                              env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=300, check=False)
        return done.stdout.decode("utf-8", "replace").replace("\r", "").rstrip("\n").split("\n") if done.stdout else []

    def check(self):
        """How many commands gave what the page shows, and how many did not."""
        passed, failed, new = 0, 0, list(self.lines)
        for command in reversed([(c, self.got(c)) for c in commands(self.lines)]):
            command, got = command
            if got is None:
                continue
            shown = command.shown(self.lines)
            if matches(mask("\n".join(shown)).split("\n") if shown else [], mask("\n".join(got)).split("\n") if got else []):
                passed += 1
                continue
            failed += 1
            print("%s:%d: $ %s" % (self.name, command.first, command.text))
            sys.stdout.writelines(difflib.unified_diff([x + "\n" for x in shown], [x + "\n" for x in got], "shown", "got"))
            as_before = {mask(line): line for line in shown}  # a line in which nothing but times changed stays
            new[command.first:command.last] = [" " * command.indent + as_before.get(mask(line), line) for line in got]
        if failed and os.environ.get("RUNE_UPDATE"):
            with open(os.path.join(SOURCE, self.name), "w", encoding="utf-8") as file:
                file.write("\n".join(new))
        return passed, failed

    def got(self, command):
        if command.text in NOT_RUN:
            return None
        self.prepare(command.text)
        return self.run(command.text)


def make_clone(folder):
    shutil.copytree(os.path.join(SOURCE, "examples"), os.path.join(folder, "examples"))
    os.makedirs(os.path.join(folder, "build"))
    os.symlink(os.path.abspath(harness.BUILD), os.path.join(folder, "build/release"))


def check(name):
    """One page, in a clone and with a server of its own."""
    server = harness.Server()
    try:
        make_clone(server.folder)
        shutil.rmtree(server.bundle)
        os.symlink("examples/docshare", server.bundle)
        server.start()
        return Page(name, server.folder, server).check()
    finally:
        server.stop()


def main():
    harness.require_runed()
    if shutil.which("curl") is None:
        print("SKIPPED: the pages' commands need curl")
        return 77
    results = [check(name) for name in PAGES]
    passed, failed = sum(p for p, _ in results), sum(f for _, f in results)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
