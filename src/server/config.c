/* SPDX-License-Identifier: Apache-2.0 */
/* config: one table of keys (config.def), one setter a kind. Values are checked where they are set,
 * so that each message has the value's place. */
#include "server/config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "base/toml.h"
#include "observe/log.h"
#include "shm/messages.h"

#define MAX_FILE_BYTES (1u << 20)

enum kind { KIND_PATH, KIND_TEXT, KIND_ADDRESSES, KIND_COUNT, KIND_SIZE, KIND_LEVEL };

struct key {
    const char *section;
    const char *key;
    enum kind kind;
    size_t offset;
    size_t size;
    uint64_t minimum;
    uint64_t maximum;
};

static const struct key keys[] = {
#define RUNE_KEY(section_, key_, kind_, field, minimum_, maximum_) \
    {section_,                                                     \
     key_,                                                         \
     KIND_##kind_,                                                 \
     offsetof(struct rune_config, field),                          \
     sizeof(((struct rune_config *)0)->field),                     \
     minimum_,                                                     \
     maximum_},
#include "server/config.def"
#undef RUNE_KEY
};

#define KEY_COUNT (sizeof keys / sizeof keys[0])

/* Where a value stands: in the file, or (source NULL) in a flag whose name is told. */
struct place {
    struct rune_span span;
    const char *name;
};

void rune_config_init(struct rune_config *config)
{
    *config = (struct rune_config){
        .log_level = RUNE_LOG_INFO,
        .max_image_bytes = UINT64_C(8) << 30,
        .build_timeout_ms = 600000,
        .acknowledge_timeout_ms = 10000,
        .heartbeat_timeout_ms = 5000,
    };
    rune_arena_init(&config->arena, 16u << 20);
    rune_limits_init(&config->limits);
}

void rune_config_fini(struct rune_config *config)
{
    rune_arena_fini(&config->arena);
}

static void mistake(struct rune_diag *diag, const struct place *place, const char *help,
                    const char *what)
{
    rune_diag_report(diag, RUNE_ERROR, "RUNE-S0001", place->span, help, "%s: %s", place->name,
                     what);
}

static void *field_of(struct rune_config *config, const struct key *key)
{
    return (char *)config + key->offset;
}

static void set_number(struct rune_config *config, const struct key *key, uint64_t value,
                       const struct place *place, struct rune_diag *diag)
{
    if (value < key->minimum || value > key->maximum) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-S0002", place->span, NULL,
                         "%s: must be from %llu to %llu", place->name,
                         (unsigned long long)key->minimum, (unsigned long long)key->maximum);
        return;
    }
    if (key->size == sizeof(uint32_t)) {
        uint32_t narrow = (uint32_t)value;
        memcpy(field_of(config, key), &narrow, sizeof narrow);
    } else {
        memcpy(field_of(config, key), &value, sizeof value);
    }
}

/* "64MiB", "10KB", "4096". */
static bool parse_size(struct rune_str text, uint64_t *ret_value)
{
    static const struct {
        const char *suffix;
        uint64_t factor;
    } units[] = {{"", 1},           {"B", 1},           {"KB", 1000},
                 {"MB", 1000000},   {"GB", 1000000000}, {"KiB", 1024},
                 {"MiB", 1u << 20}, {"GiB", 1u << 30}};
    uint64_t value = 0;
    size_t i = 0;
    for (; i < text.length && text.data[i] >= '0' && text.data[i] <= '9'; i++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.data[i] - '0'), &value)) {
            return false;
        }
    }
    struct rune_str suffix = {text.data + i, text.length - i};
    for (size_t u = 0; i > 0 && u < sizeof units / sizeof units[0]; u++) {
        if (rune_str_equal(suffix, rune_str_from(units[u].suffix))) {
            return !__builtin_mul_overflow(value, units[u].factor, ret_value);
        }
    }
    return false;
}

static const char *keep(struct rune_config *config, struct rune_str text)
{
    const char *copy = rune_arena_strndup(&config->arena, text.data, text.length);
    return copy != NULL ? copy : "";
}

/* Relative paths of a file are relative to its folder; those of flags to the working directory. */
static const char *keep_path(struct rune_config *config, struct rune_str text, bool from_file)
{
    const char *slash = from_file && config->file != NULL ? strrchr(config->file, '/') : NULL;
    if (slash == NULL || text.length == 0 || text.data[0] == '/') {
        return keep(config, text);
    }
    const char *path = rune_arena_printf(&config->arena, "%.*s/%.*s", (int)(slash - config->file),
                                         config->file, RUNE_STR_ARG(text));
    return path != NULL ? path : "";
}

static void set_text(struct rune_config *config, const struct key *key, struct rune_str text,
                     const struct place *place, struct rune_diag *diag)
{
    bool from_file = place->span.source != NULL;
    const char *value = NULL;
    uint64_t number;
    if (memchr(text.data, '\0', text.length) != NULL) {
        mistake(diag, place, NULL, "a NUL character cannot be here");
        return;
    }
    switch (key->kind) {
    case KIND_PATH:
    case KIND_TEXT:
        value = text.length == 0         ? NULL
                : key->kind == KIND_PATH ? keep_path(config, text, from_file)
                                         : keep(config, text);
        memcpy(field_of(config, key), &value, sizeof value);
        break;
    case KIND_ADDRESSES:
        if (config->listen_count >= RUNE_CONFIG_MAX_LISTEN) {
            mistake(diag, place, NULL, "too many addresses");
            break;
        }
        config->listen[config->listen_count++] = keep(config, text);
        break;
    case KIND_COUNT:
    case KIND_SIZE:
        if (!parse_size(text, &number)) {
            mistake(diag, place, "write a number, or for sizes something like \"64MiB\"",
                    "this is no number");
        } else {
            set_number(config, key, number, place, diag);
        }
        break;
    case KIND_LEVEL:
        if (rune_log_level_find(text) == RUNE_LOG_LEVEL_COUNT) {
            mistake(diag, place, "one of error, warn, info, debug", "there is no such log level");
        } else {
            config->log_level = rune_log_level_find(text);
        }
        break;
    }
}

/* ---- the file ---- */

static void set_node(struct rune_config *config, const struct key *key,
                     const struct rune_json_node *node, const struct rune_source *source,
                     struct rune_diag *diag)
{
    struct place place = {{source, node->offset, node->length}, key->key};
    bool number = key->kind == KIND_COUNT || key->kind == KIND_SIZE;
    if (number && node->type == RUNE_JSON_INTEGER && node->as.integer >= 0) {
        set_number(config, key, (uint64_t)node->as.integer, &place, diag);
    } else if (node->type == RUNE_JSON_STRING && key->kind != KIND_COUNT) {
        set_text(config, key, node->as.text, &place, diag);
    } else if (key->kind == KIND_ADDRESSES && node->type == RUNE_JSON_ARRAY) {
        for (uint32_t i = 0; i < node->as.array.count; i++) {
            const struct rune_json_node *item = &node->as.array.items[i];
            struct place item_place = {{source, item->offset, item->length}, key->key};
            if (item->type == RUNE_JSON_STRING) {
                set_text(config, key, item->as.text, &item_place, diag);
            } else {
                mistake(diag, &item_place, NULL, "an address is a string");
            }
        }
    } else {
        mistake(diag, &place, NULL,
                number ? "a number that is not negative is expected here"
                       : "a string is expected here");
    }
}

static const struct key *find_key(const char *section, struct rune_str name)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].section, section) == 0 &&
            rune_str_equal(rune_str_from(keys[i].key), name)) {
            return &keys[i];
        }
    }
    return NULL;
}

static bool is_section(struct rune_str name)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (name.length > 0 && rune_str_equal(rune_str_from(keys[i].section), name)) {
            return true;
        }
    }
    return false;
}

static void report_unknown(const char *section, const struct rune_json_member *member,
                           const struct rune_source *source, struct rune_config *config,
                           struct rune_diag *diag)
{
    struct rune_str candidates[2 * KEY_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].section, section) == 0) {
            candidates[count++] = rune_str_from(keys[i].key);
        }
        if (section[0] == '\0' && keys[i].section[0] != '\0') {
            candidates[count++] = rune_str_from(keys[i].section);
        }
    }
    struct rune_str nearest = rune_str_nearest(member->key, candidates, count);
    struct rune_span span = {source, member->key_offset, (uint32_t)member->key.length};
    const char *help = NULL;
    if (nearest.length > 0) {
        help = rune_arena_printf(&config->arena, "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
    }
    rune_diag_report(diag, RUNE_ERROR, "RUNE-S0003", span, help, "there is no key `%.*s` %s%s%s",
                     RUNE_STR_ARG(member->key), section[0] == '\0' ? "here" : "in [", section,
                     section[0] == '\0' ? "" : "]");
}

static void set_table(struct rune_config *config, const char *section,
                      const struct rune_json_node *table, const struct rune_source *source,
                      struct rune_diag *diag)
{
    for (uint32_t i = 0; i < table->as.object.count; i++) {
        const struct rune_json_member *member = &table->as.object.members[i];
        const struct key *key = find_key(section, member->key);
        if (key != NULL) {
            set_node(config, key, &member->value, source, diag);
        } else if (section[0] == '\0' && is_section(member->key) &&
                   member->value.type == RUNE_JSON_OBJECT) {
            /* one level deep */
            set_table(config, keep(config, member->key), &member->value, source, diag);
        } else {
            report_unknown(section, member, source, config, diag);
        }
    }
}

static enum rune_err load_file(struct rune_config *config, struct rune_diag *diag)
{
    struct rune_str text;
    struct rune_json_node root;
    enum rune_err err = rune_fs_read(config->file, MAX_FILE_BYTES, &config->arena, &text, diag);
    if (err != RUNE_OK) {
        return err;
    }
    const struct rune_source source = {config->file, text.data, (uint32_t)text.length};
    err = rune_toml_parse(&source, &config->arena, &root, diag);
    if (err == RUNE_OK) {
        set_table(config, "", &root, &source, diag);
    }
    return err;
}

/* ---- flags ---- */

static const struct {
    const char *flag;
    const char *section;
    const char *key;
} flags[] = {
    {"--bundle", "", "bundle"},
    {"--listen", "", "listen"},
    {"--admin", "", "admin"},
    {"--workers", "", "workers"},
    {"--user", "", "user"},
    {"--runtime-dir", "", "runtime_dir"},
    {"--log-level", "logging", "level"},
    {"--log-file", "logging", "file"},
};

#define FLAG_COUNT (sizeof flags / sizeof flags[0])

const char *rune_config_usage(void)
{
    return "usage: runed [--config FILE] [flags] [BUNDLE]\n"
           "  --config FILE          configuration in TOML; flags win over it\n"
           "  --check-config         check the configuration and leave\n"
           "  --bundle PATH          bundle (a folder or .rune file) or image; the same as BUNDLE\n"
           "  --listen HOST:PORT     public listener; may be repeated (default 127.0.0.1:8080)\n"
           "  --admin ADDRESS        admin listener: unix:PATH or a loopback HOST:PORT\n"
           "  --workers N            worker processes (default: one a processor)\n"
           "  --user NAME            whom all but the supervisor run as\n"
           "  --runtime-dir PATH     lock, control socket and admin socket\n"
           "  --log-level LEVEL      error, warn, info or debug\n"
           "  --log-file FILE        instead of standard error; SIGUSR1 opens it again\n"
           "  --help, --version\n"
           "signals: HUP reload, TERM and INT drain and leave, QUIT leave now, USR1 open the log "
           "again\n";
}

static void report_unknown_flag(const char *argument, struct rune_config *config,
                                struct rune_diag *diag)
{
    static const char *const others[] = {"--config", "--check-config", "--help", "--version"};
    struct rune_str candidates[FLAG_COUNT + 4];
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        candidates[i] = rune_str_from(flags[i].flag);
    }
    for (size_t i = 0; i < 4; i++) {
        candidates[FLAG_COUNT + i] = rune_str_from(others[i]);
    }
    struct rune_str nearest = rune_str_nearest(rune_str_from(argument), candidates, FLAG_COUNT + 4);
    const char *help =
        nearest.length == 0
            ? "runed --help lists them"
            : rune_arena_printf(&config->arena, "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
    rune_diag_report(diag, RUNE_ERROR, "RUNE-S0004", RUNE_SPAN_NONE, help, "there is no flag `%s`",
                     argument);
}

/* The value of flag argv[*at], as "--flag value" or "--flag=value"; NULL: another flag. */
static const char *flag_value(const char *flag, int argc, char **argv, int *at,
                              struct rune_diag *diag)
{
    size_t length = strlen(flag);
    if (strncmp(argv[*at], flag, length) != 0 ||
        (argv[*at][length] != '\0' && argv[*at][length] != '=')) {
        return NULL;
    }
    if (argv[*at][length] == '=') {
        return argv[*at] + length + 1;
    }
    if (*at + 1 >= argc) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-S0005", RUNE_SPAN_NONE, NULL, "%s needs a value",
                         flag);
        return "";
    }
    return argv[++*at];
}

static void set_flag(struct rune_config *config, size_t flag, const char *value,
                     struct rune_diag *diag)
{
    const struct key *key = find_key(flags[flag].section, rune_str_from(flags[flag].key));
    const struct place place = {RUNE_SPAN_NONE, flags[flag].flag};
    set_text(config, key, rune_str_from(value), &place, diag);
}

/* First pass: what is asked for, and which file. Second pass: the values. */
static void read_flags(struct rune_config *config, int argc, char **argv, bool first_pass,
                       enum rune_config_outcome *outcome, struct rune_diag *diag)
{
    struct rune_diag *mistakes = first_pass ? NULL : diag;
    bool listen_given = false;
    for (int i = 1; i < argc; i++) {
        const char *value = flag_value("--config", argc, argv, &i, mistakes);
        if (value != NULL) {
            config->file = value;
            continue;
        }
        if (strcmp(argv[i], "--check-config") == 0) {
            config->check_only = true;
            continue;
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "--version") == 0) {
            *outcome = argv[i][2] == 'h' ? RUNE_CONFIG_HELP : RUNE_CONFIG_VERSION;
            continue;
        }
        size_t flag = 0;
        for (; flag < FLAG_COUNT && value == NULL; flag++) {
            value = flag_value(flags[flag].flag, argc, argv, &i, mistakes);
        }
        if (value == NULL && argv[i][0] != '-') {
            value = argv[i];
            flag = 1; /* BUNDLE is --bundle, the first flag */
        }
        if (first_pass) {
            continue;
        }
        if (value == NULL) {
            report_unknown_flag(argv[i], config, diag);
            continue;
        }
        if (strcmp(flags[flag - 1].key, "listen") == 0 && !listen_given) {
            config->listen_count = 0; /* flags win over the file, and then add up */
            listen_given = true;
        }
        set_flag(config, flag - 1, value, diag);
    }
}

static void complete(struct rune_config *config, struct rune_diag *diag)
{
    if (config->bundle == NULL) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-S0006", RUNE_SPAN_NONE,
                         "give `bundle = \"PATH\"` in the file, or the path as an argument",
                         "no bundle is given");
    }
    if (config->listen_count == 0) {
        config->listen[config->listen_count++] = "127.0.0.1:8080";
    }
    if (rune_arena_failed(&config->arena)) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-S0007", RUNE_SPAN_NONE, NULL, "out of memory");
    }
}

enum rune_err rune_config_load(struct rune_config *config, int argc, char **argv,
                               enum rune_config_outcome *ret_outcome, struct rune_diag *diag)
{
    enum rune_config_outcome outcome = RUNE_CONFIG_RUN;
    enum rune_err err = RUNE_OK;
    size_t before = rune_diag_count(diag, RUNE_ERROR);
    read_flags(config, argc, argv, true, &outcome, diag);
    if (outcome == RUNE_CONFIG_RUN) {
        if (config->file != NULL) {
            err = load_file(config, diag);
        }
        read_flags(config, argc, argv, false, &outcome, diag);
        if (err == RUNE_OK) {
            complete(config, diag);
        }
    }
    if (err == RUNE_OK && rune_diag_count(diag, RUNE_ERROR) > before) {
        err = RUNE_E_INVALID;
    }
    if (err == RUNE_OK) {
        *ret_outcome =
            outcome == RUNE_CONFIG_RUN && config->check_only ? RUNE_CONFIG_CHECKED : outcome;
    }
    return err;
}

void rune_config_shared_limits(const struct rune_config *config,
                               struct rune_shared_limits *ret_limits)
{
    *ret_limits = (struct rune_shared_limits){
        .max_body_bytes = config->limits.max_body_bytes,
        .max_buffered_bytes = config->limits.max_buffered_bytes,
        .max_steps = config->max_steps,
        .max_connections = config->limits.max_connections,
        .max_streams = config->limits.max_streams,
        .idle_timeout_ms = config->limits.idle_timeout_ms,
        .drain_timeout_ms = config->limits.drain_timeout_ms,
        .max_admin_waiting = config->limits.max_admin_waiting,
        .log_level = config->log_level,
    };
}

void rune_config_limits_from_shared(const struct rune_shared_limits *shared,
                                    struct rune_limits *ret_limits)
{
    *ret_limits = (struct rune_limits){
        .max_body_bytes = shared->max_body_bytes,
        .max_buffered_bytes = shared->max_buffered_bytes,
        .max_connections = shared->max_connections,
        .max_streams = shared->max_streams,
        .idle_timeout_ms = shared->idle_timeout_ms,
        .drain_timeout_ms = shared->drain_timeout_ms,
        .max_admin_waiting = shared->max_admin_waiting,
    };
}
