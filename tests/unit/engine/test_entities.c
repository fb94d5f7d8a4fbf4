/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/entities.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "reference/oom.h"
#include "unit/cmocka.h"
#include "unit/engine/entity_world.h"

static void test_entities__forms(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        uint32_t count;
    } cases[] = {
        {"[]", true, 0},
        {"{}", false, 0},
        {"[1]", false, 0},
        {"[", false, 0},
        {"[] x", false, 0},
        {"[" ENTITY("A", "a", "", "") "]", true, 1},
        {"[" ENTITY("A", "a", "", "") "," ENTITY("A", "a", "", "") "]", true, 1},
        {"[" ENTITY("A", "a", "\"x\":1", "") "," ENTITY("A", "a", "\"x\":2", "") "]", false, 0},
        {"[" ENTITY("A", "a", "", UID("B", "b")) "," ENTITY("A", "a", "", UID("B", "c")) "]", false,
         0},
        {"[" ENTITY("A", "a", "", UID("B", "b") "," UID("B", "c")) "," ENTITY(
             "A", "a", "", UID("B", "c") "," UID("B", "b")) "]",
         true, 1},
        {"[" ENTITY("A::B", "a", "", "") "]", true, 1},
        {"[" ENTITY("A :: B", "a", "", "") "]", false, 0},
        {"[" ENTITY("if", "a", "", "") "]", false, 0},
        {"[" ENTITY("A", "a", "\"x\":null", "") "]", false, 0},
        {"[" ENTITY("A", "a", "\"x\":1.0", "") "]", false, 0},
        {"[" ENTITY("A", "a", "\"x\":0", "") "]", true, 1},
        {"[" ENTITY("A", "a", "\"x\":-0", "") "]", false, 0},
        {"[" ENTITY("A", "a", "\"x\":{\"__entity\":{\"type\":\"A\",\"id\":\"b\",\"c\":-0}}",
                    "") "]",
         false, 0},
        {"[" ENTITY("A", "a", "\"x\":9223372036854775808", "") "]", false, 0},
        {"[" ENTITY("A", "a", "\"x\":1,\"x\":1", "") "]", false, 0},
        {"[" ENTITY("A", "a", "\"x\":{\"y\":1,\"y\":1}", "") "]", false, 0},
        {"[" ENTITY("A", "a", "\"x\":{\"__expr\":\"1\"}", "") "]", false, 0},
        {"[" ENTITY("A", "a", "\"x\":{\"__entity\":{\"type\":\"A\",\"id\":\"b\",\"c\":null}}",
                    "") "]",
         true, 1},
        {"[" ENTITY("A", "a", "\"x\":{\"__entity\":1}", "") "]", true, 1}, /* a record */
        {"[" ENTITY("A", "a", "\"x\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"1.1.1.1\"}}", "") "]",
         true, 1},
        {"[" ENTITY("A", "a", "\"x\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"x\"}}", "") "]", false,
         0},
        {"[" ENTITY("A", "a", "\"x\":{\"__extn\":{\"fn\":\"no\",\"arg\":\"x\"}}", "") "]", false,
         0},
        {"[" ENTITY("A", "a",
                    "\"x\":{\"__extn\":{\"fn\":\"offset\",\"args\":[{\"__extn\":{\"fn\":"
                    "\"datetime\",\"arg\":\"2024-01-01\"}},"
                    "{\"__extn\":{\"fn\":\"duration\",\"arg\":\"1d\"}}]}}",
                    "") "]",
         true, 1},
        {"[" ENTITY("Action", "a", "", UID("A", "b")) "]", false, 0},
        {"[" ENTITY("N::Action", "a", "", UID("Action", "b")) "]", true, 1},
        {"[{\"uid\":{\"__entity\":" UID("A",
                                        "a") ",\"x\":1},\"attrs\":{},\"parents\":[],\"z\":null}]",
         true, 1},
        {"[{\"uid\":\"A::\\\"a\\\"\",\"attrs\":{},\"parents\":[]}]", false, 0},
        {"[{\"uid\":" UID("A", "a") ",\"attrs\":{}}]", false, 0},
        {"[{\"attrs\":{\"x\":1},\"parents\":[],\"tags\":{\"t\":[1,1]},\"uid\":" UID("A", "a") "}]",
         true, 1},
        {"[" ENTITY("A", "a", "", UID("A", "a")) "]", false, 0},
        {"[" ENTITY("A", "a", "", UID("A", "b")) "," ENTITY("A", "b", "", UID("A", "a")) "]", false,
         0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct entity_world world;
        assert_int_equal(entity_world_init(&world, NULL), RUNE_OK);
        enum rune_err err = entity_world_close(&world, cases[i].text);
        if ((err == RUNE_OK) != cases[i].ok ||
            (err == RUNE_OK && world.table.entity_count != cases[i].count)) {
            fail_msg("%s: %d, %u entities: %s", cases[i].text, err, world.table.entity_count,
                     rune_diag_text(world.diag));
        }
        if (err != RUNE_OK) {
            assert_true(rune_diag_count(world.diag, RUNE_ERROR) > 0);
        }
        entity_world_fini(&world);
    }
}

static const char schema_text[] =
    "entity Group; entity User in Group { name: String, ip?: ipaddr, boss?: User } tags Long;"
    "entity Color enum [\"red\"]; external entity Guest; action all; action view in all;";

static void test_entities__follow_the_schema(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        uint32_t count; /* the two actions included */
    } cases[] = {
        {"[]", true, 2},
        {"[" ENTITY("User", "a", "\"name\":\"x\"", UID("Group", "g")) "]", true, 3},
        {"[" ENTITY("User", "a", "\"name\":\"x\",\"ip\":\"1.1.1.1\",\"boss\":" UID("User", "b"),
                    "") "]",
         true, 3},
        {"[" ENTITY("User", "a", "\"name\":\"x\",\"ip\":\"bad\"", "") "]", false, 0},
        {"[" ENTITY("User", "a", "\"name\":\"x\",\"boss\":" UID("Group", "b"), "") "]", false, 0},
        {"[" ENTITY("User", "a", "", "") "]", false, 0},
        {"[" ENTITY("User", "a", "\"name\":1", "") "]", false, 0},
        {"[" ENTITY("User", "a", "\"name\":\"x\",\"zip\":1", "") "]", false, 0},
        {"[" ENTITY("User", "a", "\"name\":\"x\"", UID("Color", "red")) "]", false, 0},
        {"[" ENTITY("Other", "a", "", "") "]", false, 0},
        {"[" ENTITY("User", "a",
                    "\"name\":\"x\",\"ip\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"},\"__extn\":{"
                    "\"fn\":\"ip\",\"arg\":\"::1\"}}",
                    "") "]",
         false, 0},
        {"[" ENTITY(
             "User", "a",
             "\"name\":\"x\",\"ip\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"},\"__expr\":\"x\"}",
             "") "]",
         false, 0},
        {"[" ENTITY(
             "User", "a",
             "\"name\":\"x\",\"ip\":{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"},\"__expr\":1}",
             "") "]",
         true, 3},
        {"[" ENTITY("User", "a", "\"name\":\"x\",\"ip\":{\"fn\":\"ip\",\"arg\":\"::1\",\"x\":1.5}",
                    "") "]",
         true, 3},
        {"[" ENTITY("User", "a",
                    "\"name\":\"x\",\"ip\":{\"fn\":\"ip\",\"arg\":\"::1\",\"x\":{\"y\":1,\"y\":1}}",
                    "") "]",
         false, 0},
        {"[" ENTITY("User", "a",
                    "\"name\":\"x\",\"boss\":{\"type\":\"User\",\"id\":\"b\",\"x\":1.5}", "") "]",
         true, 3},
        {"[" ENTITY(
             "User", "a",
             "\"name\":\"x\",\"boss\":{\"type\":\"User\",\"id\":\"b\",\"x\":[{\"y\":1,\"y\":1}]}",
             "") "]",
         false, 0},
        {"[" ENTITY("User", "a",
                    "\"name\":\"x\",\"boss\":{\"type\":\"User\",\"id\":\"b\",\"x\":1,\"x\":1}",
                    "") "]",
         false, 0},
        {"[" ENTITY("User", "a",
                    "\"name\":\"x\",\"boss\":{\"type\":\"User\",\"id\":\"b\",\"__expr\":1}",
                    "") "]",
         true, 3},
        {"[" ENTITY("User", "a",
                    "\"name\":\"x\",\"boss\":{\"type\":\"User\",\"id\":\"b\",\"__expr\":\"x\"}",
                    "") "]",
         false, 0},
        {"[" ENTITY("Guest", "a", "", "") "]", false, 0},
        {"[" ENTITY("Color", "red", "", "") "]", true, 3},
        {"[" ENTITY("Color", "blue", "", "") "]", false, 0},
        {"[" ENTITY("Action", "view", "", UID("Action", "all")) "]", true, 2},
        {"[" ENTITY("Action", "view", "", "") "]", false, 0},
        {"[" ENTITY("Action", "edit", "", "") "]", false, 0},
        {"[{\"tags\":{\"t\":1},\"parents\":[],\"attrs\":{\"name\":\"x\"},\"uid\":" UID("User",
                                                                                       "a") "}]",
         true, 3},
        {"[{\"tags\":{\"t\":\"x\"},\"parents\":[],\"attrs\":{\"name\":\"x\"},\"uid\":" UID(
             "User", "a") "}]",
         false, 0},
        {"[{\"tags\":{\"t\":1},\"parents\":[],\"attrs\":{},\"uid\":" UID("Group", "a") "}]", false,
         0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct entity_world world;
        assert_int_equal(entity_world_init(&world, schema_text), RUNE_OK);
        enum rune_err err = entity_world_close(&world, cases[i].text);
        if ((err == RUNE_OK) != cases[i].ok ||
            (err == RUNE_OK && world.table.entity_count != cases[i].count)) {
            fail_msg("%s: %d, %u entities: %s", cases[i].text, err, world.table.entity_count,
                     rune_diag_text(world.diag));
        }
        entity_world_fini(&world);
    }
}

static void test_entities__report_each_mistake_with_its_place(void **state)
{
    struct entity_world world;
    struct rune_diag_message message;
    (void)state;
    assert_int_equal(entity_world_init(&world, NULL), RUNE_OK);
    assert_int_equal(
        entity_world_read(
            &world, "[" ENTITY("A", "a", "\"x\":{\"y\":[1,null]}", "") ",\n" ENTITY(
                        "A", "b", "", "") ",\n" ENTITY("A", "c", "", "{\"id\":\"x\"}") ",\n{}]"),
        RUNE_E_BUNDLE);
    assert_int_equal(rune_diag_count(world.diag, RUNE_ERROR), 3);
    rune_diag_get(world.diag, 0, &message);
    assert_string_equal(message.text,
                        "attrs.x.y[1]: Cedar has no null; leave the attribute out instead");
    assert_int_equal(message.line, 1);
    rune_diag_get(world.diag, 1, &message);
    assert_string_equal(message.text,
                        "parents[0]: an entity is written {\"type\": \"User\", \"id\": \"alice\"}");
    assert_int_equal(message.line, 3);
    rune_diag_get(world.diag, 2, &message);
    assert_int_equal(message.line, 4);
    entity_world_fini(&world);
}

/* ---- against one at a time ---- */

static uint32_t draw(uint64_t *random, uint32_t below)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*random >> 33) % below);
}

/* One entity in one of several spellings; its parents have smaller numbers, so nothing is a cycle.
 */
static void append_uid(struct rune_buf *out, uint64_t *random, uint32_t number)
{
    uint32_t type = number % 3;
    switch (draw(random, 12)) {
    case 0:
        rune_buf_printf(out, "{ \"id\" : \"e%u\" , \"type\":\"T%u\"}", number, type);
        break;
    case 1:
        rune_buf_printf(out, "{\"type\":\"T%u\",\"id\":\"\\u0065%u\"}", type, number);
        break;
    case 2:
        rune_buf_printf(out, "[\"T%u\",\"e%u\"]", type, number);
        break;
    case 3:
        rune_buf_printf(out, "{\"__entity\":{\"type\":\"T%u\",\"id\":\"e%u\"},\"z\":[]}", type,
                        number);
        break;
    case 4:
        rune_buf_printf(out, "{\"type\":\"T%u\",\"id\":\"e%u\",\"more\":{\"id\":\"x\"}}", type,
                        number);
        break;
    default:
        rune_buf_printf(out, "{\"type\":\"T%u\",\"id\":\"e%u\"}", type, number);
    }
}

static void append_entity(struct rune_buf *out, uint64_t *random, uint32_t number, uint32_t most)
{
    uint32_t degree = number == 0 ? 0 : draw(random, most);
    bool is_late = draw(random, 4) == 0;
    rune_buf_append_cstr(out, "{");
    if (!is_late) {
        rune_buf_append_cstr(out, "\"uid\":");
        append_uid(out, random, number);
        rune_buf_append_cstr(out, ",");
    }
    rune_buf_printf(out, "\"attrs\":{\"n\":%u,\"s\":\"e%u\"},\"parents\":[", number % 7,
                    draw(random, 50));
    for (uint32_t i = 0; i < degree; i++) {
        rune_buf_append_cstr(out, i > 0 ? ", " : "");
        append_uid(out, random, draw(random, number));
    }
    rune_buf_append_cstr(out, "]");
    if (is_late) {
        rune_buf_append_cstr(out, ",\"uid\": ");
        append_uid(out, random, number);
    }
    rune_buf_append_cstr(out, "}");
}

enum { MANY = 400 };

static rune_term numbered(struct entity_world *world, uint32_t number)
{
    char type[16], id[16];
    snprintf(type, sizeof type, "T%u", number % 3);
    snprintf(id, sizeof id, "e%u", number);
    return entity_world_find(world, type, id);
}

/* Who is above whom, the obvious way: [child][parent]. */
static void naive_close(const struct entity_world *world, bool (*above)[MANY],
                        const rune_term *terms)
{
    const struct rune_vec_edge *parents = &world->table.parents;
    memset(above, 0, MANY * sizeof *above);
    for (uint32_t child = 0; child < MANY; child++) { /* parents have smaller numbers */
        for (size_t i = 0; i < parents->count; i++) {
            for (uint32_t parent = 0; parents->items[i].child == terms[child] && parent < child;
                 parent++) {
                if (parents->items[i].parent == terms[parent]) {
                    above[child][parent] = true;
                    for (uint32_t k = 0; k < parent; k++) {
                        above[child][k] |= above[parent][k];
                    }
                }
            }
        }
    }
}

static void check_equal(struct entity_world *many, struct entity_world *one)
{
    static bool above[MANY][MANY];
    static rune_term terms[MANY];
    for (uint32_t i = 0; i < MANY; i++) {
        terms[i] = numbered(many, i);
        uint32_t at = rune_term_index(terms[i]);
        uint32_t slow = rune_term_index(numbered(one, i));
        assert_int_equal(many->table.parent_count.items[at], one->table.parent_count.items[slow]);
        const uint32_t *attrs = rune_dict_terms(many->dict)->heap + many->table.attrs.items[at];
        const uint32_t *slow_attrs =
            rune_dict_terms(one->dict)->heap + one->table.attrs.items[slow];
        for (uint32_t k = 1; k <= 2; k++) { /* n, an integer; s, a string */
            if (rune_term_is_inline(attrs[k])) {
                assert_int_equal(attrs[k], slow_attrs[k]);
            } else {
                assert_true(
                    rune_str_equal(rune_terms_string(rune_dict_terms(many->dict), attrs[k]),
                                   rune_terms_string(rune_dict_terms(one->dict), slow_attrs[k])));
            }
        }
    }
    naive_close(many, above, terms);
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t count = 0;
        for (uint32_t k = 0; k < MANY; k++) {
            assert_int_equal(above[i][k], entity_world_has_ancestor(many, terms[i], terms[k]));
            assert_int_equal(above[i][k],
                             entity_world_has_ancestor(one, numbered(one, i), numbered(one, k)));
            count += above[i][k];
        }
        const uint32_t *run = rune_dict_terms(many->dict)->heap +
                              many->table.ancestors.items[rune_term_index(terms[i])];
        assert_int_equal(run[0], count);
        for (uint32_t k = 2; k <= count; k++) {
            assert_true(run[k - 1] < run[k]);
        }
    }
}

/* All in one document, some of them again later on, and each in one of its own: the same. */
static void read_both_ways(uint64_t random, uint32_t most)
{
    static const char *const names[] = {"n", "s"};
    struct entity_world many, one;
    struct rune_buf all = RUNE_BUF_INIT;
    struct rune_buf single = RUNE_BUF_INIT;
    rune_term term;
    assert_int_equal(entity_world_init(&many, NULL), RUNE_OK);
    assert_int_equal(entity_world_init(&one, NULL), RUNE_OK);
    for (size_t i = 0; i < 2; i++) { /* so that records have one order */
        assert_int_equal(rune_dict_string(many.dict, rune_str_from(names[i]), &term), RUNE_OK);
        assert_int_equal(rune_dict_string(one.dict, rune_str_from(names[i]), &term), RUNE_OK);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        rune_buf_reset(&single);
        append_entity(&single, &random, i, most);
        for (uint32_t again = draw(&random, 8) == 0; again <= 1; again++) {
            rune_buf_append_cstr(&all, all.length == 0 ? "[" : ",\n");
            rune_buf_append_str(&all, (struct rune_str){single.data, single.length});
        }
        char *text = strndup(single.data, single.length);
        rune_buf_reset(&single);
        rune_buf_printf(&single, "[%s]", text);
        free(text);
        /* the table keeps the source for messages, which this test does not look at */
        assert_int_equal(entity_world_read(&one, rune_buf_cstr(&single)), RUNE_OK);
    }
    rune_buf_append_cstr(&all, "]");
    if (entity_world_read(&many, rune_buf_cstr(&all)) != RUNE_OK) {
        fail_msg("%s", rune_diag_text(many.diag));
    }
    assert_int_equal(many.table.entity_count, MANY);
    assert_int_equal(rune_entity_table_close(&many.table, many.diag), RUNE_OK);
    assert_int_equal(rune_entity_table_close(&one.table, one.diag), RUNE_OK);
    check_equal(&many, &one);
    rune_buf_fini(&all);
    rune_buf_fini(&single);
    entity_world_fini(&many);
    entity_world_fini(&one);
}

static void test_entities__are_the_same_together_and_alone(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        read_both_ways(seed, 3);
        read_both_ways(seed + 100, 40); /* more uids than wait at a time; large unions */
    }
}

static void test_entities__find_each_duplicate(void **state)
{
    struct rune_buf text = RUNE_BUF_INIT;
    struct entity_world world;
    struct rune_diag_message message;
    (void)state;
    assert_int_equal(entity_world_init(&world, NULL), RUNE_OK);
    for (int i = 0; i < 300; i++) { /* of ten entities; the 17th and the 207th entry differ */
        rune_buf_printf(&text,
                        "%c{\"uid\":{\"type\":\"A\",\"id\":\"%d\"},\"attrs\":{\"x\":%d},"
                        "\"parents\":[[\"B\",\"%d\"],[\"B\",\"%d\"],[\"B\",\"1\"]]}\n",
                        i > 0 ? ',' : '[', i % 10, i == 206 ? 1 : 0, i % 2, 1 - i % 2 + (i == 16));
    }
    rune_buf_append_cstr(&text, "]");
    assert_int_equal(entity_world_read(&world, rune_buf_cstr(&text)), RUNE_E_BUNDLE);
    assert_int_equal(rune_diag_count(world.diag, RUNE_ERROR), 2);
    rune_diag_get(world.diag, 0, &message);
    assert_int_equal(message.line, 17);
    rune_diag_get(world.diag, 1, &message);
    assert_int_equal(message.line, 207);
    assert_int_equal(world.table.entity_count, 10);
    assert_int_equal(world.table.parents.count, 20);
    rune_buf_fini(&text);
    entity_world_fini(&world);
}

static bool read_without_memory(void *context)
{
    struct entity_world world;
    (void)context;
    enum rune_err err = entity_world_init(&world, schema_text);
    if (err == RUNE_OK) {
        err = entity_world_close(&world, "[" ENTITY("User", "\\u0061",
                                                    "\"name\":\"x\",\"boss\":" UID("User", "b"),
                                                    UID("Group", "g")) "]");
    }
    if (world.dict != NULL) {
        entity_world_fini(&world);
    } else {
        rune_diag_destroy(world.diag);
        rune_arena_fini(&world.arena);
    }
    /* LIMIT: the JSON reader cannot tell an arena that is full from one that got no memory. */
    assert_true(err == RUNE_OK || err == RUNE_E_NOMEM || err == RUNE_E_LIMIT);
    return err == RUNE_OK;
}

static void test_entities__survive_without_memory(void **state)
{
    (void)state;
    assert_true(rune_oom_sweep(read_without_memory, NULL) < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entities__forms),
        cmocka_unit_test(test_entities__follow_the_schema),
        cmocka_unit_test(test_entities__report_each_mistake_with_its_place),
        cmocka_unit_test(test_entities__are_the_same_together_and_alone),
        cmocka_unit_test(test_entities__find_each_duplicate),
        cmocka_unit_test(test_entities__survive_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
