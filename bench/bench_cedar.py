#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cedar at scale: decisions of the three OOPSLA'24 applications (RUNE_SHARED/bench/oopsla, where
it is), decisions among 10 to 100,000 policies, building 10,000 and 100,000 policies with a schema,
building 1,000,000 entities, and a hierarchy test among them.

One line a measurement, key=value. CPU is user and system time of a child, whose sum the kernel
knows exactly. Exits 1 if a decision is wrong. Inputs are generated, the same ones each time.
"""
import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.environ.get("RUNE_SHARED", os.path.join(ROOT, "..", "shared"))
BUILD = os.path.join(ROOT, "build", "release")
PARTS = ("oopsla", "decide", "build", "entities")
failed = False


def run(*command, may_fail=False):
    """Output, CPU seconds and peak KiB (this interpreter's at least) of a child."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 and not may_fail:
        sys.exit(f"bench_cedar: {' '.join(command)} failed")
    return output, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def rune(*arguments, may_fail=False):
    return run(os.path.join(BUILD, "bin", "rune"), *arguments, may_fail=may_fail)


def report(part, **values):
    print(part, *(f"{key}={value}" for key, value in values.items()), flush=True)


def write(folder, name, text):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        if isinstance(text, str):
            file.write(text)
        else:
            file.writelines(text)
    return path


def decisions(image, requests, seconds):
    """The fields that `rune benchmark` prints."""
    global failed
    output, _, _ = rune("benchmark", image, "--requests", requests, "--seconds", str(seconds),
                        may_fail=True)
    fields = dict(re.findall(r"(\w+)=(\S+)", output))
    failed |= fields.get("mismatches") != "0"
    return fields


def request(user, action, document, **more):
    return json.dumps({"principal": uid("User", user), "action": uid("Action", action),
                       "resource": uid("Document", document), **more}) + "\n"


# ---- the applications ----

def measure_oopsla(options, work):
    folder = os.path.join(SHARED, "bench", "oopsla")
    if not os.path.isdir(folder):
        print("oopsla skipped, no inputs at RUNE_SHARED", flush=True)
        return
    names = [name for name in sorted(os.listdir(folder)) if "-n50-" in name]
    image = os.path.join(work, "image")
    for name in names[:1] if options.smoke else names:
        bundle = os.path.join(folder, name)
        rune("build", bundle, "-o", image)
        fields = decisions(image, os.path.join(bundle, "requests.jsonl"), options.seconds)
        report("oopsla", input=name, **fields)


# ---- policies ----

SCHEMA = """entity Team in [Team];
entity User in [Team] { department: String, level: Long };
entity Folder in [Folder];
entity Document in [Folder] { owner: User, level: Long, public: Bool };
action read, write, share, remove
    appliesTo { principal: User, resource: Document, context: { mfa: Bool } };
"""
ACTIONS = ("read", "write", "share", "remove")


def policy(n, draw):
    """Policy n of mixed scopes: about 120 bytes, and about it alone."""
    action = ACTIONS[draw.randrange(4)]
    effect = "forbid" if n % 16 == 15 else "permit"
    user, team = f'User::"user-{n}"', f'Team::"team-{n}"'
    document, folder = f'Document::"doc-{n}"', f'Folder::"folder-{n}"'
    own = f'action == Action::"{action}"'
    head, when = (
        (f"principal == {user}, {own}, resource == {document}", ""),
        (f"principal in {team}, {own}, resource is Document", " when { principal.level > 2 }"),
        (f'principal == {user}, action in [Action::"read", Action::"{action}"], resource',
         " when { resource.public }"),
        (f"principal is User, {own}, resource == {document}",
         ' when { principal.department == "sales" }'),
        (f"principal is User in {team}, action, resource in {folder}",
         " unless { resource.level > 3 }"),
        (f"principal, {own}, resource in {folder}", " when { resource.owner == principal }"),
        (f'principal in {team}, action in [Action::"write", Action::"share"], resource is Document',
         " when { context.mfa }"),
        (f"principal, action, resource is Document in {folder}",
         " when { principal.level >= 5 }"),
    )[n % 8]
    return f"{effect}({head}){when};\n"


def policies(count):
    draw = random.Random(4)
    return (policy(n, draw) for n in range(count))


def uid(kind, name):
    return {"type": kind, "id": name}


def subjects(spread):
    """Names of 64 users and their documents, every other one the business of a policy (its number
    beside the name), the others of none."""
    for i in range(64):
        n = spread[i // 2 % len(spread)] if i % 2 == 0 else None
        yield (str(n), n) if n is not None else (f"none-{i}", None)


def entities(spread):
    for name, n in sorted(set(subjects(spread))):
        yield {"uid": uid("User", f"user-{name}"), "attrs": {"department": "sales", "level": 9},
               "parents": [uid("Team", f"team-{n}")] if n is not None else []}
        yield {"uid": uid("Document", f"doc-{name}"),
                "attrs": {"owner": {"__entity": uid("User", f"user-{name}")}, "level": 1,
                          "public": True},
               "parents": [uid("Folder", f"folder-{n}")] if n is not None else []}


def decision_of(n, action, own):
    """What policy n says of its user, document, team and folder where mfa is true."""
    fits = {2: action in ("read", own), 4: True, 6: action in ("write", "share"), 7: True}
    if not fits.get(n % 8, action == own):
        return "DENY"
    return "FORBID" if n % 16 == 15 else "PERMIT"


def requests_of(count, spread):
    draw = random.Random(4)
    own = [ACTIONS[draw.randrange(4)] for _ in range(count)]
    for name, n in subjects(spread):
        for action in ACTIONS:
            decision = decision_of(n, action, own[n]) if n is not None else "DENY"
            yield request(f"user-{name}", action, f"doc-{name}", context={"mfa": True},
                          decision=decision)


def write_mixed(bundle, count):
    """Each policy about its own entities. Returns the requests."""
    spread = [n * count // 32 for n in range(32)] if count >= 32 else list(range(count))
    write(bundle, "policies.cedar", policies(count))
    write(bundle, "a.entities.json", json.dumps(list(entities(spread))))
    return requests_of(count, spread)


def side_of(count):
    """As many principals and as many resources make about so many policies."""
    return {10: 3, 1000: 32, 10000: 100, 100000: 316}[count]


def crossed_effect(i, k, action):
    """What the policy about principal i and resource k says."""
    if ACTIONS[(i * 7 + k) % 4] != action:
        return None
    return "forbid" if (i + k) % 16 == 15 else "permit"


def crossed_policies(side, head):
    for i in range(side):
        for k in range(side):
            action = ACTIONS[(i * 7 + k) % 4]
            yield f"{crossed_effect(i, k, action)}({head.format(i=i, k=k, action=action)});\n"


def crossed_decision(principals, resources, action):
    effects = {crossed_effect(i, k, action) for i in principals for k in resources}
    return "FORBID" if "forbid" in effects else "PERMIT" if "permit" in effects else "DENY"


def write_pairs(bundle, count):
    """A policy for each user and document."""
    side, draw = side_of(count), random.Random(6)
    head = ('principal == User::"user-{i}", action == Action::"{action}", '
            'resource == Document::"doc-{k}"')
    write(bundle, "policies.cedar", crossed_policies(side, head))
    for _ in range(256):
        i, k, action = draw.randrange(side), draw.randrange(side), draw.choice(ACTIONS)
        yield request(f"user-{i}", action, f"doc-{k}", context={"mfa": True},
                      decision=crossed_decision([i], [k], action))


def write_groups(bundle, count):
    """A policy for each team and folder; users in two teams, documents in a folder below another."""
    side, draw = side_of(count), random.Random(8)
    head = ('principal in Team::"team-{i}", action == Action::"{action}", '
            'resource in Folder::"folder-{k}"')
    write(bundle, "policies.cedar", crossed_policies(side, head))
    teams = [draw.sample(range(side), 2) for _ in range(64)]
    folders = [draw.sample(range(side), 2) for _ in range(64)]
    data = []
    for n in range(64):
        below = f"below-{n}"
        data += [{"uid": uid("User", f"user-{n}"), "attrs": {"department": "sales", "level": 9},
                  "parents": [uid("Team", f"team-{t}") for t in teams[n]]},
                 {"uid": uid("Folder", below), "attrs": {},
                  "parents": [uid("Folder", f"folder-{f}") for f in folders[n]]},
                 {"uid": uid("Document", f"doc-{n}"), "parents": [uid("Folder", below)],
                  "attrs": {"owner": {"__entity": uid("User", "user-0")}, "level": 1,
                            "public": True}}]
    write(bundle, "a.entities.json", json.dumps(data))
    for _ in range(256):
        i, k, action = draw.randrange(64), draw.randrange(64), draw.choice(ACTIONS)
        yield request(f"user-{i}", action, f"doc-{k}", context={"mfa": True},
                      decision=crossed_decision(teams[i], folders[k], action))


def measure_decide(options, work):
    """Policies about entities of their own: half of the requests meet the one policy that is about
    them, half meet none. Then policies that share principals and, crosswise, resources."""
    image = os.path.join(work, "image")
    for mix, write_mix in (("own", write_mixed), ("pairs", write_pairs), ("groups", write_groups)):
        first = None
        for count in (10, 1000) if options.smoke else (10, 1000, 10000, 100000):
            bundle = os.path.join(work, f"decide-{mix}-{count}")
            write(bundle, "a.cedarschema", SCHEMA)
            requests = write(work, "requests.jsonl", list(write_mix(bundle, count)))
            rune("build", bundle, "-o", image)
            fields = decisions(image, requests, options.seconds)
            median = int(float(fields["median_ns"]))
            first = first or median
            report("decide", mix=mix, policies=count, **fields,
                   ratio_to_10=f"{median / first:.2f}")


# A schema of the size that applications have: 20 actions in groups, four types of principals, five
# of resources, optional attributes, tags, contexts.
WIDE_ACTIONS = [(f"{verb}{what}", what) for what in ("Document", "Folder", "Project", "Bucket")
                for verb in ("view", "edit", "share", "delete", "own")]
WIDE_TYPES = """
entity Org;
entity Team in [Team, Org] { lead?: User };
entity User in [Team, Org] { department: String, level: Long, email?: String, home: Folder,
                             quota?: { soft: Long, hard: Long } } tags String;
entity Service in [Team] { level: Long, scopes: Set<String>, expires?: datetime };
entity Guest { invited: User, level: Long };
entity Project in [Org] { owner: User, level: Long, public: Bool, label?: String };
entity Folder in [Folder, Project] { owner: User, level: Long, public: Bool, label?: String };
entity Document in [Folder] { owner: User, level: Long, public: Bool, label?: String,
                              editors: Set<User>, reviewed?: datetime };
entity Bucket in [Project] { owner: User, level: Long, public: Bool, region: String };
entity Link in [Folder] { owner: User, level: Long, public: Bool, target: Document };
type Context = { mfa: Bool, ip: ipaddr, now?: datetime, device?: { id: String, trusted: Bool } };
action all;
action viewing, changing in [all];
"""


def wide_schema():
    yield WIDE_TYPES
    for n, (action, what) in enumerate(WIDE_ACTIONS):
        group = "viewing" if action.startswith("view") else "changing"
        principals = ("[User, Service, Guest]", "[User, Service]", "[User, Team, Service]")[n % 3]
        resources = f"[{what}, Link]" if what in ("Document", "Folder") else f"[{what}, Folder]"
        yield (f"action {action} in [{group}] appliesTo {{ principal: {principals}, "
               f"resource: {resources}, context: Context }};\n")


def wide_policy(n, draw):
    """Policy n: half of them name no action or a group of them, and are typed in each environment
    that is left."""
    action, what = WIDE_ACTIONS[draw.randrange(len(WIDE_ACTIONS))]
    own, user, folder = f'action == Action::"{action}"', f'User::"user-{n}"', f'Folder::"folder-{n}"'
    effect = "forbid" if n % 16 == 15 else "permit"
    head, when = (
        (f"principal == {user}, {own}, resource", "when { resource.public }"),
        (f'principal in Team::"team-{n}", action in Action::"viewing", resource',
         "when { resource.level < 3 && context.mfa }"),
        ("principal is User, action, resource",
         f'when {{ principal has email && principal.email like "*@team-{n}.example" }}'),
        (f'principal, action in [Action::"{action}", Action::"changing"], resource in {folder}',
         "when { resource.owner == principal } unless { context has device && "
         "!context.device.trusted }"),
        ("principal, action, resource",
         f"when {{ principal is Service && principal.level > {n % 9} && "
         f'principal.scopes.contains("scope-{n}") }}'),
        (f"principal is User, {own}, resource is {what}",
         "when { principal.level >= resource.level && context.ip.isInRange("
         f'ip("10.{n // 250 % 250}.{n % 250}.0/24")) }}'),
        (f'principal is User in Org::"org-{n}", action in Action::"all", resource is Document',
         "when { resource has label && resource.label == principal.department || "
         "resource.editors.contains(principal) }"),
        (f"principal == {user}, action, resource in {folder}",
         'unless { principal.hasTag("suspended") && principal.getTag("suspended") == "yes" }'),
    )[n % 8]
    return f"{effect}({head})\n{when};\n"


def wide_policies(count):
    """Every 50th a template, with as many links as policies between them."""
    draw = random.Random(5)
    for n in range(count):
        if n % 50 == 49:
            yield (f'@id("template-{n}")\npermit(principal == ?principal, '
                   f'action in Action::"viewing", resource in ?resource)\n'
                   "when { context.mfa };\n")
        else:
            yield wide_policy(n, draw)


def wide_links(count):
    return json.dumps([{"template_id": f"template-{n // 50 * 50 + 49}", "link_id": f"link-{n}",
                        "args": {"?principal": f'User::"user-{n}"',
                                 "?resource": f'Folder::"folder-{n}"'}}
                       for n in range(0, count, 10)])


def write_build(bundle, count, shape, validation):
    """The policies to build; returns the bytes of their source."""
    write(bundle, "rune.toml", f'[bundle]\nvalidation = "{validation}"\n')
    write(bundle, "a.cedarschema", SCHEMA if shape == "plain" else wide_schema())
    if shape == "wide":
        write(bundle, "a.links.json", wide_links(count))
    return os.path.getsize(write(bundle, "policies.cedar", policies(count) if shape == "plain" else
                                 wide_policies(count)))


def measure_build(options, work):
    empty, image = os.path.join(work, "empty"), os.path.join(work, "image")
    write(empty, "a.cedarschema", SCHEMA)
    _, base_s, base_kib = rune("build", empty, "-o", image)
    report("build", policies=0, cpu_ms=f"{base_s * 1000:.1f}", peak_kib=base_kib)
    for count in (1000,) if options.smoke else (10000, 100000):
        for shape, validation in (("plain", "strict"), ("plain", "off"), ("wide", "strict"),
                                  ("wide", "off")):
            bundle = os.path.join(work, f"build-{count}-{shape}-{validation}")
            size = write_build(bundle, count, shape, validation)
            runs = [rune("build", bundle, "-o", image)[1:] for _ in range(5)]
            cpu_s, kib = min(runs)
            report("build", policies=count, schema=shape, source_bytes=size, validation=validation,
                   cpu_ms=f"{cpu_s * 1000:.1f}", peak_kib=kib,
                   peak_bytes_a_policy=kib * 1024 // count,
                   image_bytes_a_policy=os.path.getsize(image) // count)


# ---- entities ----

def write_entities(folder, groups, users):
    """Groups nested four deep (each but the top ones in one of the level above), users in two to
    five of them. Returns how many bytes of image the strings and attributes alone need: texts and
    their offsets, attribute runs."""
    draw = random.Random(7)
    level = groups // 4
    own = 0
    with open(os.path.join(folder, "a.entities.json"), "w", encoding="utf-8") as file:
        file.write("[")
        for g in range(groups):
            above = (g // level - 1) * level + draw.randrange(level)
            parents = "" if g < level else f'{{"type":"Group","id":"g{above}"}}'
            file.write(f'{{"uid":{{"type":"Group","id":"g{g}"}},"attrs":{{}},'
                       f'"parents":[{parents}]}},\n')
            own += len(f"g{g}") + 4
        for u in range(users):
            chosen = draw.sample(range(groups), draw.randrange(2, 6))
            parents = ",".join(f'{{"type":"Group","id":"g{g}"}}' for g in chosen)
            file.write(f'{{"uid":{{"type":"User","id":"u{u}"}},"attrs":{{"level":{u % 10}}},'
                       f'"parents":[{parents}]}}{"," if u + 1 < users else "]"}\n')
            own += len(f"u{u}") + 4 + 8
    return own


def measure_entities(options, work):
    groups, users = (1000, 9000) if options.smoke else (100000, 900000)
    bundle, image = os.path.join(work, "many"), os.path.join(work, "image")
    tests = 32
    chain = " || ".join(f'principal in Group::"g{groups - 1 - 3 * i}"' for i in range(tests))
    far = " || ".join(f'principal == Group::"g{groups - 1 - 3 * i}"' for i in range(tests))
    write(bundle, "policies.cedar",
          f'permit(principal, action == Action::"in", resource) when {{ {chain} }};\n'
          f'permit(principal, action == Action::"equal", resource) when {{ {far} }};\n')
    own = write_entities(bundle, groups, users)
    source = os.path.getsize(os.path.join(bundle, "a.entities.json"))
    _, cpu_s, kib = rune("build", bundle, "-o", image)
    count = groups + users
    size = os.path.getsize(image)
    report("entities", count=count, source_bytes=source, cpu_s=f"{cpu_s:.3f}",
           peak_mib=kib // 1024, image_bytes=size, image_bytes_an_entity=f"{size / count:.1f}",
           besides_strings_and_attributes=f"{(size - own) / count:.1f}")
    draw, medians = random.Random(9), {}
    names = [f"u{draw.randrange(users)}" for _ in range(64)]
    for action in ("in", "equal"):
        requests = write(work, "requests.jsonl", [request(name, action, name) for name in names])
        medians[action] = float(decisions(image, requests, options.seconds)["median_ns"])
    report("hierarchy", tests_a_decision=tests, in_median_ns=medians["in"],
           equal_median_ns=medians["equal"], ns_an_in=f"{medians['in'] / tests:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="small inputs, a moment")
    parser.add_argument("--only", choices=PARTS, help="only this part")
    parser.add_argument("--seconds", type=int, default=2,
                        help="how long to measure decisions of one kind")
    parser.add_argument("--keep", help="write the inputs into this folder and leave them there")
    options = parser.parse_args()
    if options.smoke:
        options.seconds = 1
    with tempfile.TemporaryDirectory(prefix="rune-bench-") as work:
        for part in PARTS:
            if options.only in (None, part):
                globals()[f"measure_{part}"](options, options.keep or work)
    sys.exit(failed)


if __name__ == "__main__":
    main()
