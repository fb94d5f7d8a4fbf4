/* SPDX-License-Identifier: Apache-2.0 */
/* rune reload: asks a running server to build its bundle again, and waits until every worker
 * decides by the result. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/client.h"

struct arguments {
    const char *runtime_dir;
    bool check;
    uint64_t timeout;
    enum cli_format format;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, runtime_dir, "runtime-dir", 0, CLI_TEXT, "DIR",
               "of the server, if several run"),
    CLI_OPTION(arguments, check, "check", 0, CLI_FLAG, NULL,
               "build and verify only; nothing is published"),
    CLI_OPTION(arguments, timeout, "timeout", 0, CLI_NUMBER, "S",
               "give up waiting after S seconds (the reload goes on)"),
    CLI_OPTION(arguments, format, "format", 0, CLI_FORMAT, "text|json", "how to print"),
};

static void print_text(const struct rune_reply *reply, const struct rune_diagnostics *diagnostics,
                       bool check)
{
    if (diagnostics != NULL) {
        fputs(diagnostics->text, stderr);
    }
    if (reply->err != RUNE_OK) {
        printf("%s: %s\n", check ? "not valid" : "not reloaded: the running image stays",
               reply->message);
        return;
    }
    printf("%s %" PRIu64 ": %u policies, %u rules, %" PRIu64 " facts, %" PRIu64 " bytes, %.1f ms\n",
           check ? "valid; running is generation" : "reloaded: generation", reply->generation,
           reply->policies, reply->rules, reply->facts, reply->image_bytes,
           (double)reply->duration_ns / 1e6);
}

static void print_json(const struct rune_reply *reply, const struct rune_diagnostics *diagnostics)
{
    struct rune_buf message = RUNE_BUF_INIT;
    rune_buf_append_json(&message, rune_str_from(reply->message));
    printf("{\"result\":\"%s\",\"generation\":%" PRIu64
           ",\"errors\":%u,\"warnings\":%u,\"policies\":%u,\"rules\":%u,"
           "\"facts\":%" PRIu64 ",\"imageBytes\":%" PRIu64
           ",\"durationMs\":%.3f,\"message\":%s,\"diagnostics\":%s}\n",
           reply->err == RUNE_OK ? "ok" : "failed", reply->generation, reply->errors,
           reply->warnings, reply->policies, reply->rules, reply->facts, reply->image_bytes,
           (double)reply->duration_ns / 1e6, rune_buf_cstr(&message),
           diagnostics != NULL ? diagnostics->json : "[]");
    rune_buf_fini(&message);
}

static void print(const struct arguments *arguments, const struct rune_reply *reply, int fd)
{
    struct rune_diagnostics diagnostics;
    bool has = fd >= 0 && rune_diagnostics_map(fd, &diagnostics) == RUNE_OK;
    if (arguments->format == CLI_AS_JSON) {
        print_json(reply, has ? &diagnostics : NULL);
    } else {
        print_text(reply, has ? &diagnostics : NULL, arguments->check);
    }
    if (has) {
        rune_diagnostics_unmap(&diagnostics);
    }
}

static enum cli_exit call_server(struct rune_client *client, const struct arguments *arguments)
{
    struct rune_reply reply;
    int fd = -1;
    uint64_t timeout_ms = arguments->timeout < UINT32_MAX / 1000 ? arguments->timeout * 1000 : 0;
    enum rune_err err =
        rune_client_call(client, arguments->check ? RUNE_CALL_VALIDATE : RUNE_CALL_RELOAD,
                         (uint32_t)timeout_ms, &reply, &fd);
    if (err != RUNE_OK) {
        fprintf(stderr, "rune reload: no answer: %s\n", rune_err_text(err));
        return CLI_ENVIRONMENT;
    }
    print(arguments, &reply, fd);
    if (fd >= 0) {
        close(fd);
    }
    return reply.err == RUNE_OK ? CLI_OK : CLI_INVALID;
}

static enum cli_exit run(const struct cli_call *call)
{
    const struct arguments *arguments = call->arguments;
    struct rune_client client;
    enum cli_exit code = cli_client_open(arguments->runtime_dir, &client);
    if (code == CLI_OK) {
        code = call_server(&client, arguments);
        rune_client_close(&client);
    }
    return code;
}

const struct cli_command cli_command_reload = {
    .name = "reload",
    .operands = "",
    .summary = "have a running server read its bundle again",
    .details = "Returns when every worker decides by the new image, or with the messages of a "
               "bundle that did not build\n"
               "(exit code 3; the running image stays).\n",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .run = run,
};
