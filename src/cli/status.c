/* SPDX-License-Identifier: Apache-2.0 */
/* rune status: what a running server is doing, read from its control page without disturbing it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/hash.h"
#include "cli/client.h"

struct arguments {
    const char *runtime_dir;
    enum cli_format format;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, runtime_dir, "runtime-dir", 0, CLI_TEXT, "DIR",
               "of the server, if several run"),
    CLI_OPTION(arguments, format, "format", 0, CLI_FORMAT, "text|json", "how to print"),
};

static const char *phase_text(uint32_t phase)
{
    static const char *const texts[] = {"idle", "building", "verifying", "publishing"};
    return phase < sizeof(texts) / sizeof(texts[0]) ? texts[phase] : "unknown";
}

static const char *result_text(uint32_t result)
{
    static const char *const texts[] = {"none", "ok", "failed"};
    return result < sizeof(texts) / sizeof(texts[0]) ? texts[result] : "unknown";
}

/* A time since 1970 as RFC 3339; "" for 0. */
static void format_time(uint64_t ms, char out[32])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    out[0] = '\0';
    if (ms != 0 && gmtime_r(&seconds, &parts) != NULL) {
        strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
    }
}

/* A text of fixed size that another process wrote. */
static struct rune_str bounded(const char *text, size_t size)
{
    return (struct rune_str){text, strnlen(text, size)};
}

/* True if every worker is ready and has acknowledged what is published. */
static bool is_ready(const struct rune_control *control, const struct rune_control_map *map,
                     const struct rune_control_state *state)
{
    for (uint32_t i = 0; i < control->worker_count; i++) {
        const struct rune_control_slot *slot = rune_control_slot_get(map, i);
        if (atomic_load_explicit(&slot->ready, memory_order_acquire) == 0 ||
            rune_control_slot_generation(slot) != state->generation) {
            return false;
        }
    }
    return state->generation != 0;
}

static void print_text(const struct rune_control *control, const struct rune_control_map *map,
                       const struct rune_control_state *state)
{
    char image[65];
    char at[32];
    rune_hex(state->image_sha256, 32, image);
    struct rune_str name = bounded(state->bundle_name, sizeof(state->bundle_name));
    struct rune_str version = bounded(state->bundle_version, sizeof(state->bundle_version));
    struct rune_str message = bounded(state->reload_message, sizeof(state->reload_message));
    printf("server      pid %d, %s\n", control->supervisor_pid, phase_text(state->phase));
    format_time(state->published_at_ms, at);
    printf("generation  %" PRIu64 ", published %s\nimage       %s, %" PRIu64 " bytes\n",
           state->generation, at, image, state->image_bytes);
    if (name.length > 0) {
        printf("bundle      %.*s %.*s\n", RUNE_STR_ARG(name), RUNE_STR_ARG(version));
    }
    printf("holds       %u policies, %u rules, %u entities, %" PRIu64 " facts given, %" PRIu64
           " derived\n",
           state->policies, state->rules, state->entities, state->base_facts, state->derived_facts);
    format_time(state->reload_at_ms, at);
    printf("last reload %s %s, %.1f ms\n", result_text(state->reload_result), at,
           (double)state->reload_duration_ns / 1e6);
    if (message.length > 0) {
        printf("%.*s\n", RUNE_STR_ARG(message));
    }
    printf("\n%-8s %8s %-6s %20s %9s\n", "process", "pid", "ready", "generation", "restarts");
    for (uint32_t i = 0; i < control->slot_count; i++) {
        const struct rune_control_slot *slot = rune_control_slot_get(map, i);
        printf("%-8s %8d %-6s %20" PRIu64 " %9u\n",
               slot->kind == RUNE_SLOT_ADMIN ? "admin" : "worker", atomic_load(&slot->pid),
               atomic_load(&slot->ready) != 0 ? "yes" : "no", rune_control_slot_generation(slot),
               atomic_load(&slot->restarts));
    }
}

static void put_text(struct rune_buf *out, const char *name, struct rune_str text)
{
    rune_buf_printf(out, ",\"%s\":", name);
    rune_buf_append_json(out, text);
}

static void print_json(const struct rune_control *control, const struct rune_control_map *map,
                       const struct rune_control_state *state)
{
    struct rune_buf out = RUNE_BUF_INIT;
    char image[65];
    char at[32];
    rune_hex(state->image_sha256, 32, image);
    rune_buf_printf(&out,
                    "{\"pid\":%d,\"phase\":\"%s\",\"ready\":%s,\"generation\":%" PRIu64
                    ",\"image\":\"%s\"",
                    control->supervisor_pid, phase_text(state->phase),
                    is_ready(control, map, state) ? "true" : "false", state->generation, image);
    put_text(&out, "bundle", bounded(state->bundle_name, sizeof(state->bundle_name)));
    put_text(&out, "bundleVersion", bounded(state->bundle_version, sizeof(state->bundle_version)));
    format_time(state->reload_at_ms, at);
    rune_buf_printf(&out,
                    ",\"policies\":%u,\"rules\":%u,\"entities\":%u,\"baseFacts\":%" PRIu64
                    ",\"derivedFacts\":%" PRIu64
                    ",\"lastReload\":{\"result\":\"%s\",\"at\":\"%s\",\"errors\":%u",
                    state->policies, state->rules, state->entities, state->base_facts,
                    state->derived_facts, result_text(state->reload_result), at,
                    state->reload_errors);
    put_text(&out, "message", bounded(state->reload_message, sizeof(state->reload_message)));
    rune_buf_append_cstr(&out, "},\"processes\":[");
    for (uint32_t i = 0; i < control->slot_count; i++) {
        const struct rune_control_slot *slot = rune_control_slot_get(map, i);
        rune_buf_printf(&out,
                        "%s{\"kind\":\"%s\",\"pid\":%d,\"ready\":%s,\"generation\":%" PRIu64
                        ",\"restarts\":%u}",
                        i > 0 ? "," : "", slot->kind == RUNE_SLOT_ADMIN ? "admin" : "worker",
                        atomic_load(&slot->pid), atomic_load(&slot->ready) != 0 ? "true" : "false",
                        rune_control_slot_generation(slot), atomic_load(&slot->restarts));
    }
    rune_buf_append_cstr(&out, "]}\n");
    fwrite(out.data, 1, out.length, stdout);
    rune_buf_fini(&out);
}

static enum cli_exit show(const struct rune_client *client, enum cli_format format)
{
    const struct rune_control *control = rune_control_get(&client->map);
    struct rune_control_state state;
    if (rune_control_read_state(control, &state) != RUNE_OK) {
        fprintf(stderr, "rune status: the server died while it was writing its state\n");
        return CLI_ENVIRONMENT;
    }
    (format == CLI_AS_JSON ? print_json : print_text)(control, &client->map, &state);
    return is_ready(control, &client->map, &state) ? CLI_OK : CLI_NO;
}

static enum cli_exit run(const struct cli_call *call)
{
    const struct arguments *arguments = call->arguments;
    struct rune_client client;
    enum cli_exit code = cli_client_open(arguments->runtime_dir, &client);
    if (code == CLI_OK) {
        code = show(&client, arguments->format);
        rune_client_close(&client);
    }
    return code;
}

const struct cli_command cli_command_status = {
    .name = "status",
    .operands = "",
    .summary = "show what a running server is doing",
    .details = "Exit code 0: all workers are ready and decide by the published image; 1: not yet; "
               "4: no server.\n",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .run = run,
};
