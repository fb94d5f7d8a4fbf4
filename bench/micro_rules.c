/* SPDX-License-Identifier: Apache-2.0 */
/* micro_rules: the engine and the naive reference on the same closure of a chain, and the cost of
 * compiling many rules. Prints key=value lines. */
#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "reference/datalog_naive.h"
#include "reference/datalog_run.h"

static double now_ms(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

static int closure(uint32_t nodes)
{
    struct rune_buf text = RUNE_BUF_INIT;
    for (uint32_t i = 0; i < nodes; i++) {
        rune_buf_printf(&text, "edge(%u, %u).\n", i, i + 1);
    }
    rune_buf_append_cstr(&text,
                         "path(X, Y) :- edge(X, Y).\npath(X, Z) :- path(X, Y), edge(Y, Z).\n");
    struct datalog_run run;
    struct naive_relation *want;
    enum rune_err err =
        datalog_run_open(&run, (struct rune_str){text.data, text.length}, RUNE_DL_BARE, NULL, 0);
    double start = now_ms();
    bool ok = err == RUNE_OK && naive_evaluate(&run.program, 1000000, &run.arena, &want);
    double naive_ms = now_ms() - start;
    start = now_ms();
    ok = ok && datalog_run_evaluate(&run, RUNE_DL_STORE_ALL) == RUNE_OK;
    double engine_ms = now_ms() - start;
    uint32_t relation = ok ? rune_rules_find_relation(&run.store, RUNE_STR("path")) : 0;
    uint64_t tuples = ok ? run.store.relations[relation].tuple_count : 0;
    printf("micro name=closure nodes=%u tuples=%llu naive_ms=%.2f engine_ms=%.2f\n", nodes,
           (unsigned long long)tuples, naive_ms, engine_ms);
    datalog_run_close(&run);
    rune_buf_fini(&text);
    return ok && tuples == (uint64_t)nodes * (nodes + 1) / 2 ? 0 : 1;
}

static int compile(uint32_t rules)
{
    struct rune_buf text = RUNE_BUF_INIT;
    rune_buf_append_cstr(&text, "edge(1, 2).\nnode(1).\n");
    for (uint32_t i = 0; i < rules; i++) {
        rune_buf_printf(
            &text, "r%u(X, Y) :- edge(X, Z), edge(Z, Y), node(X), not node(Y), X < %u.\n", i, i);
    }
    struct datalog_run run;
    double start = now_ms();
    enum rune_err err =
        datalog_run_open(&run, (struct rune_str){text.data, text.length}, RUNE_DL_BARE, NULL, 0);
    double front_ms = now_ms() - start;
    start = now_ms();
    err = err == RUNE_OK ? datalog_run_evaluate(&run, RUNE_DL_STORE_BASE) : err;
    printf("micro name=compile rules=%u front_ms=%.2f plans=%zu plan_ms=%.2f\n", rules, front_ms,
           run.result.plans.count, now_ms() - start);
    datalog_run_close(&run);
    rune_buf_fini(&text);
    return err == RUNE_OK ? 0 : 1;
}

int main(void)
{
    return closure(60) | compile(5000);
}
