/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/entity_close.h"

#include "base/buf.h"
#include "unit/cmocka.h"
#include "unit/engine/entity_world.h"

static void test_close__is_transitive_and_shares_runs(void **state)
{
    struct entity_world world;
    (void)state;
    assert_int_equal(entity_world_init(&world, NULL), RUNE_OK);
    assert_int_equal(
        entity_world_read(
            &world, "[" ENTITY("U", "a", "", UID("G", "1")) "," ENTITY(
                        "U", "b", "",
                        UID("G", "1")) "," ENTITY("U", "c", "",
                                                  UID("G", "1") "," UID(
                                                      "G", "2")) "," ENTITY("G", "1", "",
                                                                            UID("G", "2")) "]"),
        RUNE_OK);
    /* Another document, and a derived parent. */
    assert_int_equal(entity_world_read(&world, "[" ENTITY("G", "2", "", UID("G", "3")) "]"),
                     RUNE_OK);
    rune_term g3 = entity_world_find(&world, "G", "3");
    rune_term g2 = entity_world_find(&world, "G", "2");
    rune_term a = entity_world_find(&world, "U", "a");
    rune_term id, top;
    assert_int_equal(rune_dict_string(world.dict, RUNE_STR("top"), &id), RUNE_OK);
    assert_int_equal(rune_dict_entity(world.dict,
                                      rune_dict_terms(world.dict)->entity_type[rune_term_index(g3)],
                                      id, &top),
                     RUNE_OK);
    assert_int_equal(rune_entity_table_add_parent(&world.table, g3, top), RUNE_OK);
    assert_int_equal(rune_entity_table_close(&world.table, world.diag), RUNE_OK);
    assert_true(entity_world_has_ancestor(&world, a, g2) &&
                entity_world_has_ancestor(&world, a, g3) &&
                entity_world_has_ancestor(&world, a, top));
    assert_false(entity_world_has_ancestor(&world, g2, a));
    const uint32_t *ancestors = world.table.ancestors.items;
    uint32_t of_a = ancestors[rune_term_index(a)];
    /* the same parents */
    assert_int_equal(of_a, ancestors[rune_term_index(entity_world_find(&world, "U", "b"))]);
    /* the same set, other parents */
    assert_int_equal(of_a, ancestors[rune_term_index(entity_world_find(&world, "U", "c"))]);
    assert_int_equal(world.table.flags.items[rune_term_index(top)], 0); /* only named */
    assert_int_equal(world.table.flags.items[rune_term_index(g3)], 1);
    entity_world_fini(&world);
}

static void test_close__shows_the_cycle(void **state)
{
    struct entity_world world;
    (void)state;
    assert_int_equal(entity_world_init(&world, NULL), RUNE_OK);
    assert_int_equal(
        entity_world_close(
            &world, "[" ENTITY("A", "x", "", UID("A", "1")) "," ENTITY(
                        "A", "1", "",
                        UID("A", "2")) "," ENTITY("A", "2", "",
                                                  UID("A", "3")) "," ENTITY("A", "3", "",
                                                                            UID("A", "1")) "]"),
        RUNE_E_BUNDLE);
    assert_non_null(
        strstr(rune_diag_text(world.diag), "A::\"1\" in A::\"2\" in A::\"3\" in A::\"1\""));
    entity_world_fini(&world);
}

static void test_close__goes_deep_without_recursion(void **state)
{
    enum { DEPTH = 3000 };
    struct rune_buf text = RUNE_BUF_INIT;
    struct entity_world world;
    (void)state;
    assert_int_equal(entity_world_init(&world, NULL), RUNE_OK);
    rune_buf_append_cstr(&text, "[");
    for (int i = 0; i < DEPTH; i++) {
        rune_buf_printf(&text,
                        "%s{\"uid\":{\"type\":\"A\",\"id\":\"%d\"},\"attrs\":{},\"parents\":[{"
                        "\"type\":\"A\",\"id\":\"%d\"}]}",
                        i > 0 ? "," : "", i, i + 1);
    }
    rune_buf_append_cstr(&text, "]");
    assert_int_equal(entity_world_close(&world, rune_buf_cstr(&text)), RUNE_OK);
    const uint32_t *heap = rune_dict_terms(world.dict)->heap;
    assert_int_equal(
        heap[world.table.ancestors.items[rune_term_index(entity_world_find(&world, "A", "0"))]],
        DEPTH);
    rune_buf_fini(&text);
    entity_world_fini(&world);
}

static void test_close__shows_where_a_cycle_stands(void **state)
{
    struct entity_world world;
    struct rune_diag_message message;
    (void)state;
    assert_int_equal(entity_world_init(&world, NULL), RUNE_OK);
    assert_int_equal(entity_world_read(&world, "[[" UID("A", "0") ",{},[]]]"), RUNE_OK);
    assert_int_equal(
        entity_world_close(
            &world,
            "[" ENTITY("A", "x", "",
                       UID("A", "\\u0031")) ",\n"
                                            "{\"attrs\":{},\"uid\":" UID(
                                                "A", "\\u0031") ",\"parents\":[" UID("A",
                                                                                     "1") "]}]"),
        RUNE_E_BUNDLE);
    rune_diag_get(world.diag, 0, &message);
    assert_string_equal(message.text, "the entity hierarchy has a cycle: A::\"1\" in A::\"1\"");
    assert_string_equal(message.path, "e.json");
    assert_int_equal(message.line, 2);
    assert_int_equal(message.column, 1);
    entity_world_fini(&world);
}

/* Ancestors of ancestors: a chain of n has n^2/2. It must end at the limit, soon. */
static void test_close__refuses_what_is_too_deep(void **state)
{
    enum { DEPTH = 12000 };
    struct rune_buf text = RUNE_BUF_INIT;
    struct entity_world world;
    struct rune_diag_message message;
    (void)state;
    assert_int_equal(entity_world_init(&world, NULL), RUNE_OK);
    for (int i = 0; i < DEPTH; i++) {
        rune_buf_printf(&text, "%c[{\"type\":\"A\",\"id\":\"%d\"},{},[[\"A\",\"%d\"]]]\n",
                        i > 0 ? ',' : '[', i, i + 1);
    }
    rune_buf_append_cstr(&text, "]");
    assert_int_equal(entity_world_close(&world, rune_buf_cstr(&text)), RUNE_E_LIMIT);
    assert_int_equal(rune_diag_count(world.diag, RUNE_ERROR), 1);
    rune_diag_get(world.diag, 0, &message);
    assert_string_equal(message.code, "RUNE-C0804");
    assert_true(message.line > 1 && message.line < DEPTH);
    rune_buf_fini(&text);
    entity_world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close__is_transitive_and_shares_runs),
        cmocka_unit_test(test_close__shows_the_cycle),
        cmocka_unit_test(test_close__goes_deep_without_recursion),
        cmocka_unit_test(test_close__shows_where_a_cycle_stands),
        cmocka_unit_test(test_close__refuses_what_is_too_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
