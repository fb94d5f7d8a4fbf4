/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[RUNE_LOG_LEVEL_COUNT] = {"error", "warn", "info", "debug"};

/* A line in the making; what does not fit is cut. */
struct line {
    char text[RUNE_LOG_LINE_MAX];
    size_t length;
    bool cut;
};

#define LINE_ROOM (RUNE_LOG_LINE_MAX - sizeof("...\"\n"))

void rune_log_init(struct rune_log *log, int fd, enum rune_log_level level, const char *role)
{
    *log = (struct rune_log){.fd = fd, .level = level, .role = role};
}

static void put(struct line *line, const char *bytes, size_t length)
{
    size_t room = LINE_ROOM - line->length;
    if (length > room) {
        length = room;
        line->cut = true;
    }
    memcpy(line->text + line->length, bytes, length);
    line->length += length;
}

static void put_cstr(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* Words without blanks, quotes and `=` stand as they are; all else is quoted. */
static bool is_plain(struct rune_str value)
{
    for (size_t i = 0; i < value.length; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) {
            return false;
        }
    }
    return value.length > 0;
}

static void put_escaped(struct line *line, unsigned char c)
{
    char escape[8];
    switch (c) {
    case '"':
        put_cstr(line, "\\\"");
        return;
    case '\\':
        put_cstr(line, "\\\\");
        return;
    case '\n':
        put_cstr(line, "\\n");
        return;
    default:
        if (c < ' ' || c == 0x7f) {
            snprintf(escape, sizeof(escape), "\\x%02x", c);
            put_cstr(line, escape);
        } else {
            put(line, (const char *)&c, 1);
        }
    }
}

static void put_string(struct line *line, struct rune_str value)
{
    if (is_plain(value)) {
        put(line, value.data, value.length);
        return;
    }
    put(line, "\"", 1);
    for (size_t i = 0; i < value.length && !line->cut; i++) {
        put_escaped(line, (unsigned char)value.data[i]);
    }
    if (!line->cut) {
        put(line, "\"", 1);
    }
}

static void put_field(struct line *line, const struct rune_log_field *field)
{
    char number[24];
    put(line, " ", 1);
    put_cstr(line, field->key);
    put(line, "=", 1);
    switch (field->kind) {
    case RUNE_LOG_STRING:
        put_string(line, field->string);
        return;
    case RUNE_LOG_SIGNED:
        snprintf(number, sizeof(number), "%lld", (long long)field->integer);
        break;
    case RUNE_LOG_UNSIGNED:
        snprintf(number, sizeof(number), "%llu", (unsigned long long)field->integer);
        break;
    }
    put_cstr(line, number);
}

static void put_time(struct line *line)
{
    struct timespec now;
    struct tm utc;
    char text[40];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    put(line, text, length);
    snprintf(text, sizeof(text), ".%03ldZ", now.tv_nsec / 1000000);
    put_cstr(line, text);
}

static void finish(struct line *line)
{
    if (line->cut) {
        memcpy(line->text + line->length, "...", 3);
        line->length += 3;
    }
    line->text[line->length++] = '\n';
}

void rune_log_write(struct rune_log *log, enum rune_log_level level, const char *event,
                    const struct rune_log_field *fields, size_t count)
{
    if (!rune_log_is_on(log, level)) {
        return;
    }
    struct line line = {.length = 0};
    put_time(&line);
    put(&line, " ", 1);
    put_cstr(&line, rune_log_level_name(level));
    put(&line, " ", 1);
    put_cstr(&line, event);
    if (log->role != NULL) {
        put_field(&line, &RUNE_LOG_CSTR("role", log->role));
    }
    if (log->dropped != log->told) {
        put_field(&line, &RUNE_LOG_UINT("dropped_lines", log->dropped - log->told));
    }
    for (size_t i = 0; i < count; i++) {
        put_field(&line, &fields[i]);
    }
    finish(&line);

    ssize_t written;
    do {
        written = write(log->fd, line.text, line.length);
    } while (written < 0 && errno == EINTR);
    if (written < 0) {
        log->dropped++;
    } else {
        log->told = log->dropped;
    }
}

const char *rune_log_level_name(enum rune_log_level level)
{
    return level < RUNE_LOG_LEVEL_COUNT ? level_names[level] : "?";
}

enum rune_log_level rune_log_level_find(struct rune_str name)
{
    for (enum rune_log_level level = 0; level < RUNE_LOG_LEVEL_COUNT; level++) {
        if (rune_str_equal(name, rune_str_from(level_names[level]))) {
            return level;
        }
    }
    return RUNE_LOG_LEVEL_COUNT;
}
