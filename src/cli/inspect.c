/* SPDX-License-Identifier: Apache-2.0 */
/* rune inspect: what is in an image file: header, sections, relations, policies, rules. The file is
 * verified first, so that everything printed can be trusted to be there. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/command.h"
#include "cli/subject.h"
#include "shm/image_map.h"

struct arguments {
    bool policies;
    enum cli_format format;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, policies, "policies", 0, CLI_FLAG, NULL, "also list policies and rules"),
    CLI_OPTION(arguments, format, "format", 0, CLI_FORMAT, "text|json", "how to print"),
};

struct section_text {
    enum rune_section id;
    const char *name, *meaning;
};

static const struct section_text section_texts[] = {
#define RUNE_SECTION(name, id, entry_size, text) {RUNE_SECTION_##name, #name, text},
#include "shm/image_sections.def"
#undef RUNE_SECTION
};
#define SECTION_COUNT (sizeof(section_texts) / sizeof(section_texts[0]))

/* String `index` of the dictionary. */
static struct rune_str text_at(const struct rune_image_map *map, uint32_t index)
{
    uint64_t count;
    const uint32_t *offsets = rune_image_section(map, RUNE_SECTION_STRING_OFFSET, &count);
    const char *bytes = rune_image_section(map, RUNE_SECTION_STRING_BYTES, &count);
    return (struct rune_str){bytes + offsets[index], offsets[index + 1] - offsets[index]};
}

static void put_flags(struct rune_buf *out, uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {
        {RUNE_RELATION_BASE, "base"},       {RUNE_RELATION_DERIVED, "derived"},
        {RUNE_RELATION_STORED, "stored"},   {RUNE_RELATION_REQUEST, "request"},
        {RUNE_RELATION_PARTIAL, "partial"},
    };
    const char *between = "";
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((flags & names[i].flag) != 0) {
            rune_buf_printf(out, "%s%s", between, names[i].name);
            between = " ";
        }
    }
}

static void put_json_text(struct rune_buf *out, const char *name, struct rune_str text)
{
    rune_buf_printf(out, "\"%s\":", name);
    rune_buf_append_json(out, text);
}

/* ---- JSON ---- */

static void json_sections(struct rune_buf *out, const struct rune_image_map *map)
{
    rune_buf_append_cstr(out, ",\"sections\":[");
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        const struct rune_image_section *section = map->sections[section_texts[i].id];
        rune_buf_printf(out,
                        "%s{\"name\":\"%s\",\"id\":%u,\"offset\":%" PRIu64 ",\"bytes\":%" PRIu64
                        ",\"entries\":%" PRIu64 "}",
                        i > 0 ? "," : "", section_texts[i].name, section->id, section->offset,
                        section->size, section->count);
    }
    rune_buf_append_char(out, ']');
}

static void json_relations(struct rune_buf *out, const struct rune_image_map *map)
{
    uint64_t count;
    const struct rune_image_relation *relations =
        rune_image_section(map, RUNE_SECTION_RELATION, &count);
    rune_buf_append_cstr(out, ",\"relations\":[");
    for (uint64_t i = 0; i < count; i++) {
        rune_buf_append_cstr(out, i > 0 ? ",{" : "{");
        put_json_text(out, "name", text_at(map, relations[i].name));
        rune_buf_printf(
            out, ",\"arity\":%u,\"tuples\":%" PRIu64 ",\"orders\":%u,\"rules\":%u,\"flags\":\"",
            relations[i].arity, relations[i].tuple_count, relations[i].order_count,
            relations[i].rule_count);
        put_flags(out, relations[i].flags);
        rune_buf_append_cstr(out, "\"}");
    }
    rune_buf_append_char(out, ']');
}

static void json_policies(struct rune_buf *out, const struct rune_image_map *map)
{
    uint64_t count;
    const struct rune_image_policy *policies = rune_image_section(map, RUNE_SECTION_POLICY, &count);
    rune_buf_append_cstr(out, ",\"policyList\":[");
    for (uint64_t i = 0; i < count; i++) {
        rune_buf_append_cstr(out, i > 0 ? ",{" : "{");
        put_json_text(out, "id", text_at(map, policies[i].id));
        rune_buf_printf(out, ",\"effect\":\"%s\"}",
                        policies[i].effect == RUNE_EFFECT_FORBID ? "forbid" : "permit");
    }
    const struct rune_image_rule *rules = rune_image_section(map, RUNE_SECTION_RULE, &count);
    rune_buf_append_cstr(out, "],\"ruleList\":[");
    for (uint64_t i = 0; i < count; i++) {
        rune_buf_append_cstr(out, i > 0 ? ",{" : "{");
        put_json_text(out, "id", text_at(map, rules[i].id));
        rune_buf_append_char(out, '}');
    }
    rune_buf_append_char(out, ']');
}

static void print_json(struct rune_buf *out, const struct rune_image_map *map,
                       const struct rune_image_info *info, const struct arguments *arguments)
{
    rune_buf_printf(out, "{\"image\":\"%s\",\"version\":%u,\"bytes\":%" PRIu64 ",", info->name,
                    map->header->version, info->bytes);
    put_json_text(out, "bundle", info->bundle_name);
    rune_buf_append_char(out, ',');
    put_json_text(out, "bundleVersion", info->bundle_version);
    rune_buf_printf(
        out,
        ",\"policies\":%u,\"templates\":%u,\"rules\":%u,\"entities\":%u,\"baseFacts\":%" PRIu64
        ",\"derivedFacts\":%" PRIu64 ",\"schema\":%s",
        info->policies, info->templates, info->rules, info->entities, info->base_facts,
        info->derived_facts, info->has_schema ? "true" : "false");
    json_sections(out, map);
    json_relations(out, map);
    if (arguments->policies) {
        json_policies(out, map);
    }
    rune_buf_append_cstr(out, "}\n");
}

/* ---- text ---- */

static void text_sections(struct rune_buf *out, const struct rune_image_map *map)
{
    rune_buf_printf(out, "\n%-17s %12s %12s  %s\n", "section", "entries", "bytes", "what");
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        const struct rune_image_section *section = map->sections[section_texts[i].id];
        if (section->count > 0) {
            rune_buf_printf(out, "%-17s %12" PRIu64 " %12" PRIu64 "  %s\n", section_texts[i].name,
                            section->count, section->size, section_texts[i].meaning);
        }
    }
}

static void text_relations(struct rune_buf *out, const struct rune_image_map *map)
{
    uint64_t count;
    const struct rune_image_relation *relations =
        rune_image_section(map, RUNE_SECTION_RELATION, &count);
    if (count == 0) {
        return;
    }
    rune_buf_printf(out, "\n%12s %7s %6s  %s\n", "tuples", "orders", "rules", "relation");
    for (uint64_t i = 0; i < count; i++) {
        struct rune_str name = text_at(map, relations[i].name);
        rune_buf_printf(out, "%12" PRIu64 " %7u %6u  %.*s/%u (", relations[i].tuple_count,
                        relations[i].order_count, relations[i].rule_count, RUNE_STR_ARG(name),
                        relations[i].arity);
        put_flags(out, relations[i].flags);
        rune_buf_append_cstr(out, ")\n");
    }
}

static void text_policies(struct rune_buf *out, const struct rune_image_map *map)
{
    uint64_t count;
    const struct rune_image_policy *policies = rune_image_section(map, RUNE_SECTION_POLICY, &count);
    rune_buf_printf(out, "\npolicies\n");
    for (uint64_t i = 0; i < count; i++) {
        struct rune_str id = text_at(map, policies[i].id);
        rune_buf_printf(out, "  %s %.*s\n",
                        policies[i].effect == RUNE_EFFECT_FORBID ? "forbid" : "permit",
                        RUNE_STR_ARG(id));
    }
    const struct rune_image_rule *rules = rune_image_section(map, RUNE_SECTION_RULE, &count);
    const struct rune_image_relation *relations =
        rune_image_section(map, RUNE_SECTION_RELATION, &(uint64_t){0});
    rune_buf_printf(out, "\nrules\n");
    for (uint64_t i = 0; i < count; i++) {
        struct rune_str id = text_at(map, rules[i].id);
        struct rune_str head = text_at(map, relations[rules[i].head].name);
        rune_buf_printf(out, "  %.*s: %.*s\n", RUNE_STR_ARG(head), RUNE_STR_ARG(id));
    }
}

static void print_text(struct rune_buf *out, const struct rune_image_map *map,
                       const struct rune_image_info *info, const struct arguments *arguments)
{
    rune_buf_printf(out,
                    "image      %s\nformat     %u, built by %u.%u\nsize       %" PRIu64 " bytes\n",
                    info->name, map->header->version, map->header->engine_major,
                    map->header->engine_minor, info->bytes);
    if (info->bundle_name.length > 0) {
        rune_buf_printf(out, "bundle     %.*s %.*s\n", RUNE_STR_ARG(info->bundle_name),
                        RUNE_STR_ARG(info->bundle_version));
    }
    rune_buf_printf(
        out,
        "policies   %u, from %u templates and static ones\nrules      %u\nentities   %u\n"
        "facts      %" PRIu64 " given, %" PRIu64 " derived\nschema     %s\n",
        info->policies, info->templates, info->rules, info->entities, info->base_facts,
        info->derived_facts, info->has_schema ? "yes" : "no");
    text_sections(out, map);
    text_relations(out, map);
    if (arguments->policies) {
        text_policies(out, map);
    }
}

static enum cli_exit inspect(const char *path, const struct rune_image *image,
                             struct rune_diag *diag, const struct arguments *arguments)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct rune_image_map map;
    if (fd < 0) {
        fprintf(stderr, "rune inspect: cannot open %s: %s\n", path, strerror(errno));
        return CLI_ENVIRONMENT;
    }
    enum rune_err err = rune_image_map_fd(fd, RUNE_IMAGE_SEALS_IGNORED, &map, diag);
    close(fd);
    if (err != RUNE_OK) {
        cli_print_diag(diag, err, path);
        return cli_exit_for(err);
    }
    struct rune_image_info info;
    struct rune_buf out = RUNE_BUF_INIT;
    rune_image_get_info(image, &info);
    (arguments->format == CLI_AS_JSON ? print_json : print_text)(&out, &map, &info, arguments);
    err = out.failed ? RUNE_E_NOMEM : RUNE_OK;
    cli_print_failure(NULL, err, path);
    fwrite(out.data, 1, err == RUNE_OK ? out.length : 0, stdout);
    rune_buf_fini(&out);
    rune_image_unmap(&map);
    return cli_exit_for(err);
}

static enum cli_exit run(const struct cli_call *call)
{
    const char *path = call->operands[0];
    struct rune_diag *diag = rune_diag_create();
    struct rune_image *image;
    if (diag == NULL) {
        cli_print_failure(diag, RUNE_E_NOMEM, path);
        return CLI_ENVIRONMENT;
    }
    enum rune_err err = rune_image_open_path(path, &image, diag);
    enum cli_exit code = cli_exit_for(err);
    if (err == RUNE_OK) {
        code = inspect(path, image, diag, call->arguments);
        rune_image_close(image);
    } else {
        cli_print_diag(diag, err, path);
    }
    rune_diag_destroy(diag);
    return code;
}

const struct cli_command cli_command_inspect = {
    .name = "inspect",
    .operands = "IMAGE",
    .summary = "verify an image and show what is in it",
    .details = "Shows the header, the sections with their sizes, and the relations. Exit code 3 "
               "for a damaged image.\n",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
