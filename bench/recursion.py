# SPDX-License-Identifier: Apache-2.0
"""Recursions of the kinds that people write beside plain closures, over random graphs, and how many tuples each must
have, found with sets and bits of Python. Used by bench_rules.py."""
import os
import random


class Bundle:
    """A bundle in the making: rules, and facts of integers."""

    def __init__(self, folder, seed):
        self.folder = folder
        self.random = random.Random(seed)
        os.makedirs(os.path.join(folder, "facts"), exist_ok=True)

    def rules(self, text):
        with open(os.path.join(self.folder, "rules.dl"), "w", encoding="ascii") as file:
            file.write(text)

    def facts(self, relation, rows):
        rows = sorted(rows)
        with open(os.path.join(self.folder, "facts", relation + ".tsv"), "w", encoding="ascii") as file:
            file.writelines("\t".join(map(str, row)) + "\n" for row in rows)
        return rows

    def graph(self, nodes, edges):
        return {(self.random.randrange(nodes), self.random.randrange(nodes)) for _ in range(edges)}


def successors(edges):
    after = {}
    for a, b in edges:
        after.setdefault(a, []).append(b)
    return after


def reach(begin, after):
    """What is reached from some nodes, they included."""
    seen, todo = set(begin), list(begin)
    while todo:
        for node in after.get(todo.pop(), ()):
            if node not in seen:
                seen.add(node)
                todo.append(node)
    return seen


def closure_size(edges):
    after = successors(edges)
    return sum(len(reach(begin, after)) for begin in after.values())


def members(bits):
    while bits:
        least = bits & -bits
        yield least.bit_length() - 1
        bits ^= least


def size_of(rows):
    return sum(bin(row).count("1") for row in rows)


# ---- one function a kind: makes the bundle, returns {relation: tuples} ----


def counting(bundle, scale):
    count = 4000000 // scale
    bundle.rules(f"num(0).\nnum(Y) :- num(X), X < {count}, Y = X + 1.\n")
    return {"num(X)": count + 1}


def lengths(bundle, scale):
    rounds = 700 // scale
    after = successors(bundle.facts("edge", bundle.graph(10000, 20000)))
    bundle.rules(f"dist(0, 0).\ndist(X, E) :- dist(Y, D), edge(Y, X), D < {rounds}, E = D + 1.\n")
    level, total = {0}, 1
    for _ in range(rounds):
        level = {node for before in level for node in after.get(before, ())}
        total += len(level)
    return {"dist(X, D)": total}


def labelled(bundle, scale):
    graphs = [bundle.graph(2000 // scale, 2600 // scale) for _ in range(10)]
    bundle.facts("edge", [(label, a, b) for label, edges in enumerate(graphs) for a, b in edges])
    bundle.rules("path(L, X, Y) :- edge(L, X, Y).\npath(L, X, Z) :- path(L, X, Y), edge(L, Y, Z).\n")
    return {"path(L, X, Y)": sum(map(closure_size, graphs))}


def four_columns(bundle, scale):
    graphs = {(i, j): bundle.graph(600 // scale, 800 // scale) for i in range(8) for j in range(8)}
    bundle.facts("edge", [labels + edge for labels, edges in graphs.items() for edge in edges])
    bundle.rules("path(A, B, X, Y) :- edge(A, B, X, Y).\npath(A, B, X, Z) :- path(A, B, X, Y), edge(A, B, Y, Z).\n")
    return {"path(A, B, X, Y)": sum(map(closure_size, graphs.values()))}


def filtered(bundle, scale):
    nodes = 3000 // scale
    after = successors(bundle.facts("edge", bundle.graph(nodes, 2 * nodes)))
    passable = {node for (node,) in bundle.facts("ok", [(node,) for node in range(nodes) if node % 10])}
    bundle.rules("t(X, Y) :- edge(X, Y).\nt(X, Z) :- t(X, Y), ok(Y), t(Y, Z).\n")
    through = {node: to for node, to in after.items() if node in passable}
    return {"t(X, Y)": sum(len(reach(begin, through)) for begin in after.values())}


def symmetric(bundle, scale):
    chains, length = 2000 // scale, 100
    bundle.facts("edge", [(c * length + i + 1, c * length + i) for c in range(chains) for i in range(length - 1)])
    bundle.rules("t(X, Y) :- edge(X, Y).\nt(X, Y) :- t(Y, X).\nt(X, Z) :- t(X, Y), t(Y, Z).\n")
    return {"t(X, Y)": chains * length * length}


def even_and_odd(bundle, scale):
    nodes = 2000 // scale
    edges = bundle.facts("edge", bundle.graph(nodes, 3 * nodes))
    bundle.rules("odd(X, Y) :- edge(X, Y).\neven(X, Z) :- odd(X, Y), edge(Y, Z).\n"
                 "odd(X, Z) :- even(X, Y), edge(Y, Z).\n")
    after = successors([((a, odd), (b, not odd)) for a, b in edges for odd in (False, True)])
    sizes = {False: 0, True: 0}
    for begin in {a for a, _ in edges}:
        for _, is_odd in reach(after[begin, False], after):
            sizes[is_odd] += 1
    return {"odd(X, Y)": sizes[True], "even(X, Y)": sizes[False]}


def left_and_right(bundle, scale):
    nodes = 3000 // scale
    edges, behind, before = (bundle.facts(name, bundle.graph(nodes, count)) for name, count in
                             (("edge", nodes), ("behind", 6 * nodes // 5), ("before", 6 * nodes // 5)))
    bundle.rules("p(X, Y) :- edge(X, Y).\np(X, Z) :- p(X, Y), behind(Y, Z).\np(X, Z) :- before(X, Y), p(Y, Z).\n")
    after = successors([((a, 0), (b, 0)) for a, b in before] + [((a, 0), (b, 1)) for a, b in edges] +
                       [((a, 1), (b, 1)) for a, b in behind])
    return {"p(X, Y)": sum(side for begin in range(nodes) for _, side in reach({(begin, 0)}, after))}


def spread(points, after):
    """What a variable points to, all that are assigned from it do."""
    todo = [variable for variable, things in enumerate(points) if things]
    while todo:
        variable = todo.pop()
        for target in after.get(variable, ()):
            if points[variable] & ~points[target]:
                points[target] |= points[variable]
                todo.append(target)


def points_to(bundle, scale):
    variables, objects, accesses = 50000 // scale, 5000 // scale, 1500 // scale
    new = bundle.facts("new", {(bundle.random.randrange(variables), variables + bundle.random.randrange(objects))
                               for _ in range(objects)})
    assign = bundle.facts("assign", bundle.graph(variables, variables))
    load = bundle.facts("load", bundle.graph(variables, accesses))
    store = bundle.facts("store", bundle.graph(variables, accesses))
    bundle.rules("pt(V, H) :- new(V, H).\npt(V, H) :- assign(V, W), pt(W, H).\n"
                 "heap(O, H) :- store(P, V), pt(P, O), pt(V, H).\n"
                 "pt(V, H) :- load(V, P), pt(P, O), heap(O, H).\n")
    points, heap = [0] * variables, [0] * objects
    after = successors([(source, target) for target, source in assign])
    for variable, thing in new:
        points[variable] |= 1 << thing - variables
    before = None
    while before != (points, heap):
        before = list(points), list(heap)
        spread(points, after)
        for pointer, variable in store:
            for thing in members(points[pointer]):
                heap[thing] |= points[variable]
        for variable, pointer in load:
            for thing in members(points[pointer]):
                points[variable] |= heap[thing]
    return {"pt(V, H)": size_of(points), "heap(O, H)": size_of(heap)}


def points_to_fields(bundle, scale):
    variables, objects, accesses, fields = 20000 // scale, 2000 // scale, 1000 // scale, 8
    new = bundle.facts("new", {(bundle.random.randrange(variables), variables + bundle.random.randrange(objects))
                               for _ in range(objects)})
    assign = bundle.facts("assign", bundle.graph(variables, variables))
    load, store = (bundle.facts(name, [(bundle.random.randrange(fields),) + pair
                                       for pair in bundle.graph(variables, accesses)]) for name in ("load", "store"))
    bundle.rules("pt(V, H) :- new(V, H).\npt(V, H) :- assign(V, W), pt(W, H).\n"
                 "heap(O, F, H) :- store(F, P, V), pt(P, O), pt(V, H).\n"
                 "pt(V, H) :- load(F, V, P), pt(P, O), heap(O, F, H).\n")
    points, heap = [0] * variables, [[0] * objects for _ in range(fields)]
    after = successors([(source, target) for target, source in assign])
    for variable, thing in new:
        points[variable] |= 1 << thing - variables
    before = None
    while before != points:
        before = list(points)
        spread(points, after)
        for field, pointer, variable in store:
            for thing in members(points[pointer]):
                heap[field][thing] |= points[variable]
        for field, variable, pointer in load:
            for thing in members(points[pointer]):
                points[variable] |= heap[field][thing]
    return {"pt(V, H)": size_of(points), "heap(O, F, H)": sum(map(size_of, heap))}


def brackets(bundle, scale):
    nodes = 2000 // scale
    opening, closing = ({(bundle.random.randrange(8),) + edge for edge in bundle.graph(nodes, 3 * nodes // 2)}
                        for _ in range(2))
    bundle.facts("open", opening)
    bundle.facts("close", closing)
    bundle.rules("s(X, Y) :- open(L, X, A), close(L, A, Y).\ns(X, Y) :- open(L, X, A), s(A, B), close(L, B, Y).\n"
                 "s(X, Z) :- s(X, Y), s(Y, Z).\n")
    ends = [[0] * nodes for _ in range(8)]
    for label, node, end in closing:
        ends[label][node] |= 1 << end
    rows, before = [0] * nodes, None
    while before != rows:
        before = list(rows)
        for label, node, inner in sorted(opening):
            for middle in members(rows[inner] | 1 << inner):
                rows[node] |= ends[label][middle]
        for node in range(nodes):
            done = 0
            while rows[node] & ~done:
                middle = next(members(rows[node] & ~done))
                done |= 1 << middle
                rows[node] |= rows[middle]
    return {"s(X, Y)": size_of(rows)}


def pass_through(rows, steps):
    """Rows of bits that grow until each step, from a node to others, hands on what its node has."""
    todo = [node for node in steps if rows[node]]
    while todo:
        node = todo.pop()
        for target in steps.get(node, ()):
            if rows[node] & ~rows[target]:
                rows[target] |= rows[node]
                todo.append(target)


def points_to_contexts(bundle, scale):
    variables, objects, accesses, contexts, calls = 8000 // scale, 800 // scale, 400 // scale, 16, 4000 // scale
    draw = bundle.random.randrange
    new = bundle.facts("new", {(draw(variables), variables + draw(objects)) for _ in range(objects)})
    assign = bundle.facts("assign", bundle.graph(variables, variables * 3 // 4))
    argument = bundle.facts("pass", {(draw(calls), draw(variables), draw(variables)) for _ in range(calls)})
    call = bundle.facts("call", {(context, site, draw(contexts)) for context in range(contexts)
                                 for site in range(calls) if draw(3) == 0})
    load, store = (bundle.facts(name, bundle.graph(variables, accesses)) for name in ("load", "store"))
    bundle.facts("within", [(context,) for context in range(contexts)])
    bundle.rules("pt(C, V, H) :- new(V, H), within(C).\npt(C, V, H) :- assign(V, W), pt(C, W, H).\n"
                 "pt(D, V, H) :- pass(I, W, V), call(C, I, D), pt(C, W, H).\n"
                 "heap(O, H) :- store(P, V), pt(C, P, O), pt(C, V, H).\n"
                 "pt(C, V, H) :- load(V, P), pt(C, P, O), heap(O, H).\n")
    points, heap = [0] * (variables * contexts), [0] * objects
    for variable, thing in new:
        for context in range(contexts):
            points[variable * contexts + context] |= 1 << thing - variables
    called = successors([(site, (context, other)) for context, site, other in call])
    steps = successors([(source * contexts + context, target * contexts + context)
                        for target, source in assign for context in range(contexts)] +
                       [(source * contexts + context, target * contexts + other)
                        for site, source, target in argument for context, other in called.get(site, ())])
    before = None
    while before != points:
        before = list(points)
        pass_through(points, steps)
        for context in range(contexts):
            for pointer, variable in store:
                for thing in members(points[pointer * contexts + context]):
                    heap[thing] |= points[variable * contexts + context]
            for variable, pointer in load:
                for thing in members(points[pointer * contexts + context]):
                    points[variable * contexts + context] |= heap[thing]
    return {"pt(C, V, H)": size_of(points), "heap(O, H)": size_of(heap)}


def allowed(bundle, scale):
    nodes, kinds, roles = 1600 // scale, 12, 8
    draw = bundle.random.randrange
    edges = bundle.facts("edge", bundle.graph(nodes, 5 * nodes // 2))
    kind = dict(bundle.facts("kind", [(node, draw(kinds)) for node in range(nodes)]))
    may = bundle.facts("may", {(role, draw(kinds)) for role in range(roles) for _ in range(kinds)})
    bundle.rules("reach(R, X, Y) :- edge(X, Y), kind(Y, K), may(R, K).\n"
                 "reach(R, X, Z) :- reach(R, X, Y), edge(Y, Z), kind(Z, K), may(R, K).\n")
    return {"reach(R, X, Y)": sum(closure_size([(a, b) for a, b in edges if (role, kind[b]) in may])
                                  for role in range(roles))}


def grammar_size(rows, productions, without=lambda node: 0):
    """Bits of each name, after `name -> left right` for all productions, but for what a node must not have."""
    before = None
    while before != rows:
        before = {name: list(of) for name, of in rows.items()}
        for name, left, right in productions:
            for node, row in enumerate(rows[left]):
                found = rows[name][node]
                for middle in members(row):
                    found |= rows[right][middle]
                rows[name][node] = found & ~without(node)
    return {name: size_of(of) for name, of in rows.items()}


def rows_of(edges, nodes):
    rows = [0] * nodes
    for a, b in edges:
        rows[a] |= 1 << b
    return rows


def mutual(bundle, scale):
    nodes = 1600 // scale
    rows = {name: rows_of(bundle.facts(relation, bundle.graph(nodes, nodes * 11 // 10)), nodes)
            for name, relation in (("a(X, Y)", "left"), ("b(X, Y)", "right"))}
    bundle.rules("a(X, Y) :- left(X, Y).\nb(X, Y) :- right(X, Y).\na(X, Z) :- b(X, Y), b(Y, Z).\n"
                 "b(X, Z) :- a(X, Y), b(Y, Z).\n")
    return grammar_size(rows, (("a(X, Y)",) + ("b(X, Y)",) * 2, ("b(X, Y)", "a(X, Y)", "b(X, Y)")))


def separated(bundle, scale):
    groups, size = 80 // scale, 150
    edges, apart = ({(group * size + a, group * size + b) for group in range(groups)
                     for a, b in bundle.graph(size, count)} for count in (size * 3 // 2, size * 2))
    given = rows_of(bundle.facts("edge", edges), groups * size)
    dropped = rows_of(bundle.facts("apart", apart), groups * size)
    bundle.rules("t(X, Y) :- edge(X, Y).\nt(X, Z) :- t(X, Y), t(Y, Z), X != Z, not apart(X, Z).\n")
    return grammar_size({"t(X, Y)": list(given)}, (("t(X, Y)",) * 3,),
                        lambda node: (dropped[node] | 1 << node) & ~given[node])


def transposed(rows):
    turned = [0] * len(rows)
    for node, row in enumerate(rows):
        for other in members(row):
            turned[other] |= 1 << node
    return turned


def followed(rows, by):
    """What each row gets to by one more relation: found once for rows alike."""
    found = dict.fromkeys(rows, 0)
    for row in found:
        for node in members(row):
            found[row] |= by[node]
    return [found[row] for row in rows]


def aliases(bundle, scale):
    """The context-insensitive pointer analysis of Zheng and Rugina: value flow, memory alias, value alias."""
    nodes = 1500 // scale
    assign = rows_of(bundle.facts("assign", bundle.graph(nodes, nodes)), nodes)
    deref = rows_of(bundle.facts("deref", bundle.graph(nodes, nodes)), nodes)
    bundle.rules("vf(Y, X) :- assign(Y, X).\nvf(X, X) :- assign(X, _).\nvf(X, X) :- assign(_, X).\n"
                 "ma(X, X) :- assign(X, _).\nma(X, X) :- assign(_, X).\n"
                 "vf(X, Y) :- vf(X, Z), vf(Z, Y).\nvf(X, Y) :- assign(X, Z), ma(Z, Y).\n"
                 "ma(X, W) :- deref(Y, X), va(Y, Z), deref(Z, W).\n"
                 "va(X, Y) :- vf(Z, X), vf(Z, Y).\nva(X, Y) :- vf(Z, X), ma(Z, W), vf(W, Y).\n")
    same = [1 << node if assign[node] or any(row >> node & 1 for row in assign) else 0 for node in range(nodes)]
    flow, memory, value, before = [a | b for a, b in zip(assign, same)], list(same), [0] * nodes, None
    while before != (flow, memory, value):
        before = flow, memory, value
        flow = [a | b for a, b in zip(flow, followed(assign, memory))]
        for node in range(nodes):
            flow = [row | flow[node] if row >> node & 1 else row for row in flow]
        turned = transposed(flow)
        value = [a | b for a, b in zip(followed(turned, flow), followed(followed(turned, memory), flow))]
        memory = [a | b for a, b in zip(memory, followed(followed(transposed(deref), value), deref))]
    return {"vf(X, Y)": size_of(flow), "ma(X, Y)": size_of(memory), "va(X, Y)": size_of(value)}


KINDS = (counting, lengths, labelled, four_columns, filtered, symmetric, even_and_odd, left_and_right, points_to,
         points_to_fields, brackets, points_to_contexts, allowed, mutual, separated, aliases)
