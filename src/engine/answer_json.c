/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/answer_json.h"

#include <string.h>

#include "base/layout.h"
#include "base/scan.h"

void rune_answer_out_init(struct rune_answer_out *out, char *memory, size_t size)
{
    *out = (struct rune_answer_out){.start = memory, .next = memory, .end = memory + size};
}

static bool has_room(struct rune_answer_out *out, size_t length)
{
    if ((size_t)(out->end - out->next) < length) {
        out->failed = true;
        out->end = out->next; /* nothing shorter goes in behind the gap */
        return false;
    }
    return true;
}

void rune_answer_raw(struct rune_answer_out *out, const char *bytes, size_t length)
{
    if (has_room(out, length)) {
        memcpy(out->next, bytes, length);
        out->next += length;
    }
}

#define RAW(out, literal) rune_answer_raw((out), (literal), sizeof(literal) - 1)

/* What stands for a byte inside a JSON string; at most 6 bytes. Returns how many. */
static RUNE_COLD size_t escape(unsigned char byte, char escaped[6])
{
    static const char hex[] = "0123456789abcdef";
    static const char short_names[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char name = byte < 0x20 ? short_names[byte] : (char)byte;
    escaped[0] = '\\';
    if (name != 0) {
        escaped[1] = name;
        return 2;
    }
    escaped[1] = 'u';
    escaped[2] = '0';
    escaped[3] = '0';
    escaped[4] = hex[byte >> 4];
    escaped[5] = hex[byte & 15];
    return 6;
}

static bool is_special(unsigned char byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\';
}

static void append_string(struct rune_answer_out *out, struct rune_str text)
{
    RAW(out, "\"");
    const char *run = text.data;
    const char *end = text.data + text.length;
    for (const char *at = run; (at = rune_scan_plain(at, end)) < end; at++) {
        if (is_special((unsigned char)*at)) {
            char escaped[6];
            rune_answer_raw(out, run, (size_t)(at - run));
            rune_answer_raw(out, escaped, escape((unsigned char)*at, escaped));
            run = at + 1;
        }
    }
    if (run < end) {
        rune_answer_raw(out, run, (size_t)(end - run));
    }
    RAW(out, "\"");
}

static void append_unsigned(struct rune_answer_out *out, uint64_t value)
{
    char digits[20];
    char *at = digits + sizeof(digits);
    for (; value >= 100; value /= 100) {
        uint32_t two = (uint32_t)(value % 100);
        *--at = (char)('0' + two % 10);
        *--at = (char)('0' + two / 10);
    }
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    rune_answer_raw(out, at, (size_t)(digits + sizeof(digits) - at));
}

/* Behind the opening bracket. */
static void put_list(struct rune_answer_out *out, const struct rune_str *texts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            RAW(out, ",");
        }
        append_string(out, texts[i]);
    }
    RAW(out, "]");
}

static void put_strings(struct rune_answer_out *out, const struct rune_str *texts, uint32_t count)
{
    RAW(out, "[");
    put_list(out, texts, count);
}

static RUNE_COLD void put_errors(struct rune_answer_out *out, const struct rune_decision *decision)
{
    RAW(out, ",\"errors\":[");
    for (uint32_t i = 0; i < decision->error_count; i++) {
        const struct rune_decision_error *error = &decision->errors[i];
        if (i > 0) {
            RAW(out, ",");
        }
        RAW(out, "{\"id\":");
        append_string(out, error->id);
        RAW(out, ",\"code\":");
        append_string(out, rune_str_from(error->code));
        RAW(out, ",\"message\":");
        append_string(out, error->message);
        RAW(out, "}");
    }
    RAW(out, "]");
}

/* Nanoseconds as milliseconds with six decimals. */
static void put_milliseconds(struct rune_answer_out *out, uint64_t ns)
{
    char fraction[7] = ".000000";
    uint64_t rest = ns % 1000000u;
    for (size_t i = 6; i > 0; i--) {
        fraction[i] = (char)('0' + rest % 10);
        rest /= 10;
    }
    append_unsigned(out, ns / 1000000u);
    rune_answer_raw(out, fraction, sizeof(fraction));
}

static RUNE_COLD void put_diagnostics(struct rune_answer_out *out,
                                      const struct rune_decision *decision,
                                      const struct rune_answer_debug *debug)
{
    RAW(out, ",\"diagnostics\":{\"evaluationTimeMs\":");
    put_milliseconds(out, debug->evaluation_ns);
    RAW(out, ",\"policiesEvaluated\":");
    append_unsigned(out, decision->stats.policies_evaluated);
    RAW(out, ",\"rulesEvaluated\":");
    append_unsigned(out, decision->stats.rules_evaluated);
    RAW(out, ",\"matchedPolicies\":");
    put_strings(out, decision->matched_policies, decision->matched_policy_count);
    RAW(out, ",\"matchedRules\":");
    put_strings(out, decision->matched_rules, decision->matched_rule_count);
    RAW(out, "}");
}

static const char *const outcome_texts[RUNE_OUTCOME_COUNT] = {"DENY", "PERMIT", "FORBID"};

const char *rune_outcome_text(enum rune_outcome outcome)
{
    return outcome_texts[outcome];
}

/* How an answer begins. */
static struct rune_str outcome_head(enum rune_outcome outcome)
{
#define HEAD(outcome) RUNE_STR("{\"decision\":\"" outcome "\",\"reasons\":[")
    switch (outcome) {
    case RUNE_PERMIT:
        return HEAD("PERMIT");
    case RUNE_FORBID:
        return HEAD("FORBID");
    default:
        return HEAD("DENY");
    }
#undef HEAD
}

/* Every answer has it, and it changes with the image only. */
static void put_generation(struct rune_answer_out *out, struct rune_answer_generation *cache,
                           uint64_t generation)
{
    if (cache->length == 0 || cache->number != generation) {
        struct rune_answer_out text;
        rune_answer_out_init(&text, cache->text, sizeof(cache->text));
        RAW(&text, ",\"generation\":");
        append_unsigned(&text, generation);
        cache->number = generation;
        cache->length = (uint32_t)(text.next - text.start);
    }
    rune_answer_raw(out, cache->text, cache->length);
}

void rune_answer_decision(struct rune_answer_out *out, const struct rune_decision *decision,
                          uint64_t generation, struct rune_answer_generation *cache,
                          const struct rune_answer_debug *debug)
{
    struct rune_str head = outcome_head(decision->outcome);
    rune_answer_raw(out, head.data, head.length);
    put_list(out, decision->reasons, decision->reason_count);
    if (decision->error_count > 0) {
        put_errors(out, decision);
    }
    put_generation(out, cache, generation);
    if (debug != NULL) {
        put_diagnostics(out, decision, debug);
    }
    RAW(out, "}");
}

void rune_answer_error(struct rune_answer_out *out, const char *code, const char *message,
                       const char *at)
{
    RAW(out, "{\"error\":{\"code\":");
    append_string(out, rune_str_from(code));
    RAW(out, ",\"message\":");
    append_string(out, rune_str_from(message));
    if (at[0] != '\0') {
        RAW(out, ",\"at\":");
        append_string(out, rune_str_from(at));
    }
    RAW(out, "}}");
}
