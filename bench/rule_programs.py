# SPDX-License-Identifier: Apache-2.0
"""Programs of many rules, of the kinds that could cost more to compile than their length: each a bundle, as texts by
path. Used by bench_rules.py."""
import random

EDGE = "edge(1, 2).\nnode(1).\n"
TYPED = """[relations.member]
columns = ["User", "Group"]
[relations.grants]
columns = ["Group", "Doc", "string"]
"""
SCHEMA = """entity Group;
entity User in [Group];
entity Doc { owner: User, level: Long };
action read, write appliesTo { principal: User, resource: Doc };
"""


def rules(count, line, before=EDGE):
    return {"rules.dl": before + "".join(line(i) for i in range(count))}


def atoms5(count):
    return rules(count, lambda i: f"r{i}(X, Y) :- edge(X, Z), edge(Z, Y), node(X), not node(Y), X < {i}.\n")


def chain(count):
    return rules(count, lambda i: f"r{i}(X, Y) :- {f'r{i - 1}' if i else 'edge'}(X, Z), edge(Z, Y).\n")


def one_head(count):
    return rules(count, lambda i: f"r(X, Y) :- edge(X, Z), edge(Z, Y), X < {i}.\n")


def fan_in(count):
    bundle = rules(count, lambda i: f"r{i}(X) :- edge(X, _).\n")
    bundle["rules.dl"] += "all(X) :- " + ", ".join(f"r{i}(X)" for i in range(count)) + ".\n"
    return bundle


def closures(count):
    return rules(count // 2, lambda i: f"t{i}(X, Y) :- e{i % 10}(X, Y).\nt{i}(X, Z) :- t{i}(X, Y), e{i % 10}(Y, Z).\n",
                 "".join(f"e{i}({i}, 1).\ne{i}(1, 2).\n" for i in range(10)))


def groups(count):
    """Mutual recursion of ten relations each."""
    def line(i):
        first = i - i % 10
        other = i + 1 if i + 1 < min(first + 10, count) else first
        begin = f"p{i}(X, Y) :- edge(X, Y).\n" if i == first else ""
        return f"{begin}p{i}(X, Y) :- edge(X, Z), p{other}(Z, Y).\n"
    return rules(count, line)


def joins(count):
    """Two to four atoms over 200 relations."""
    rng = random.Random(7)

    def line(i):
        atoms = rng.randrange(2, 5)
        body = ", ".join(f"b{rng.randrange(200)}(V{k}, V{k + 1})" for k in range(atoms))
        return f"j{i % 1000}(V0, V{atoms}) :- {body}.\n"
    return rules(count, line, "".join(f"b{i}({i % 7}, {i % 5}).\nb{i}({i % 5}, {i % 7}).\n" for i in range(200)))


def negations(count):
    return rules(count, lambda i: f"n{i}(X) :- node(X), not edge(X, {i}), not n{i - 1}(X).\n" if i else "n0(9).\n")


def arithmetic(count):
    return rules(count, lambda i: f"a{i}(X, Z) :- edge(X, Y), Z = X * {i} + Y - 1, Z mod 3 != {i % 3}, Z >= X.\n")


def strings(count):
    return rules(count, lambda i: f's{i}(X) :- name(X, S), S.starts_with("p{i}"), not S.contains("q"), S != "user{i}".\n',
                 'name(1, "p1").\nname(2, "user2").\n')


def constants(count):
    return rules(count, lambda i: f'c{i % 50}(X, "label{i}") :- alias(X, "user{i}", {i}).\n',
                 'alias(1, "user1", 1).\nalias(2, "user2", 2).\n')


def alternatives(count):
    return rules(count // 2, lambda i: f"d{i}(X) :- node(X), (edge(X, {i}) ; edge({i}, X), X > {i}).\n")


def aggregates(count):
    return rules(count, lambda i: f"r{i}(X, N) :- edge(X, _), N = count {{ edge(X, Y), Y > {i} }}.\n")


def sums(count):
    return rules(count, lambda i: f"m{i}(X, S) :- node(X), S = {('sum', 'min', 'max')[i % 3]} {{ Y : edge(X, Y) }}, "
                 f"S > {i}.\n")


def mixed(count):
    kinds = (chain, closures, groups, negations, sums, alternatives, arithmetic, strings, constants, joins)
    lines = [kind(count // len(kinds))["rules.dl"].splitlines(keepends=True) for kind in kinds]
    return {"rules.dl": "".join(line for part in lines for line in part)}


def permits(count):
    """Rules that end in a decision, each about relations of its own."""
    return rules(count, lambda i: f"permit(P, A, R) :- principal(P), action(A), resource(R), p{i}(P), q{i}(R).\n"
                 f'p{i}(User::"u{i}").\nq{i}(Doc::"d{i}").\n', "")


def decisions(count):
    """Rules that end in a decision, over the same few relations."""
    return rules(count, lambda i: f'{"permit" if i % 5 else "forbid"}(P, A, R) :- principal(P), action(A), resource(R), '
                 f'A = Action::"a{i % 20}", member(P, Group::"g{i}"), owns(Group::"g{i}", R).\n',
                 'member(User::"u1", Group::"g1").\nowns(Group::"g1", Doc::"d1").\n')


def typed(count):
    """A bundle with a schema, entities, declared relations and rules that read all of them."""
    bundle = rules(count, lambda i: (
        f'may{i}(U, D) :- member(U, Group::"g{i}"), grants(Group::"g{i}", D, "read").\n',
        f'permit(P, A, R) :- principal(P), action(A), resource(R), A = Action::"read", may{i - 1}(P, R).\n',
        f'permit(P, A, R) :- principal(P), action(A), resource(R), P in Group::"g{i}", entity.attr(R, "owner", P).\n',
        f'forbid(P, A, R) :- principal(P), action(A), resource(R), entity.attr(R, "level", L), L > {i}, '
        f'not member(P, Group::"g{i}").\n')[i % 4], "")
    bundle.update({"rune.toml": TYPED, "s.cedarschema": SCHEMA,
                   "facts/member.tsv": "".join(f"u{i}\tg{i}\n" for i in range(100)),
                   "facts/grants.tsv": "".join(f"g{i}\td{i}\tread\n" for i in range(100))})
    return bundle


def wide(count):
    """Four atoms of eight columns, five comparisons, sixteen variables."""
    def line(i):
        atoms = ", ".join("w(" + ", ".join(f"V{(k * 4 + j) % 16}" for j in range(8)) + ")" for k in range(4))
        return f"x{i}(V0, V5) :- {atoms}, V0 < V1, V2 < V3, V4 != V5, V6 >= V7, V8 < {i}.\n"
    return rules(count, line, "w(1, 2, 3, 4, 5, 6, 7, 8).\n")


def facts(count):
    """Ten times as many facts."""
    return rules(10 * count, lambda i: f'f("user{i}", {i}).\n', "")


KINDS = (chain, one_head, fan_in, closures, groups, joins, negations, arithmetic, strings, constants, alternatives, atoms5,
         aggregates, sums, mixed, permits, decisions, typed, wide, facts)
