/* SPDX-License-Identifier: Apache-2.0 */
/* Files, directories and archives into memory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>

#include "base/fs.h"
#include "base/map.h"
#include "conformance/cedar.h"

#define MAX_FILE_BYTES ((size_t)2 << 30)

void inputs_init(struct inputs *inputs)
{
    memset(inputs, 0, sizeof *inputs);
    rune_arena_init(&inputs->arena, 0);
}

void inputs_fini(struct inputs *inputs)
{
    free(inputs->files);
    rune_arena_fini(&inputs->arena);
}

static bool add_file(struct inputs *inputs, const char *path, struct rune_str text)
{
    if (inputs->count == inputs->capacity) {
        inputs->capacity = inputs->capacity == 0 ? 64 : inputs->capacity * 2;
        inputs->files = realloc(inputs->files, inputs->capacity * sizeof *inputs->files);
        if (inputs->files == NULL) {
            abort();
        }
    }
    inputs->files[inputs->count++] = (struct input_file){path, text};
    return true;
}

static bool ends_with(const char *text, const char *tail)
{
    size_t length = strlen(text);
    size_t tail_length = strlen(tail);
    return length >= tail_length && strcmp(text + length - tail_length, tail) == 0;
}

static bool decompress(struct inputs *inputs, const char *path, struct rune_str packed,
                       struct rune_str *ret_text)
{
    struct rune_buf out = RUNE_BUF_INIT;
    ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer in = {packed.data, packed.length, 0};
    size_t left = 1;
    bool ok = stream != NULL && !ZSTD_isError(ZSTD_initDStream(stream));
    while (ok && (in.pos < in.size || left != 0)) {
        char *room = rune_buf_reserve(&out, 1 << 16);
        ZSTD_outBuffer chunk = {room, 1 << 16, 0};
        left = room == NULL ? 0 : ZSTD_decompressStream(stream, &chunk, &in);
        ok =
            room != NULL && !ZSTD_isError(left) && (chunk.pos > 0 || in.pos < in.size || left == 0);
        out.length += chunk.pos;
        if (left == 0 && in.pos == in.size) {
            break;
        }
    }
    ZSTD_freeDStream(stream);
    char *copy =
        ok ? rune_arena_strndup(&inputs->arena, out.length > 0 ? out.data : "", out.length) : NULL;
    *ret_text = (struct rune_str){copy, out.length};
    rune_buf_fini(&out);
    if (copy == NULL) {
        fprintf(stderr, "%s: this is not zstd\n", path);
    }
    return copy != NULL;
}

/* Plain ustar. */
static bool add_archive(struct inputs *inputs, const char *path, struct rune_str text)
{
    size_t at = 0;
    while (at + 512 <= text.length && text.data[at] != '\0') {
        const char *header = text.data + at;
        char size_text[13] = {0};
        char name[257] = {0};
        memcpy(size_text, header + 124, 12);
        unsigned long size = strtoul(size_text, NULL, 8);
        if (header[345] != '\0' && memcmp(header + 257, "ustar", 5) == 0) {
            snprintf(name, sizeof name, "%.155s/%.100s", header + 345, header);
        } else {
            snprintf(name, sizeof name, "%.100s", header);
        }
        at += 512;
        if (size > text.length - at) {
            fprintf(stderr, "%s: this archive is cut short\n", path);
            return false;
        }
        if (header[156] == '0' || header[156] == '\0') {
            char *copy = rune_arena_strndup(&inputs->arena, name, strlen(name));
            add_file(inputs, copy, (struct rune_str){text.data + at, size});
        }
        at += (size + 511) / 512 * 512;
    }
    return true;
}

static bool read_one(struct inputs *inputs, const char *path)
{
    struct rune_diag *diag = rune_diag_create();
    struct rune_str text;
    bool ok = rune_fs_read(path, MAX_FILE_BYTES, &inputs->arena, &text, diag) == RUNE_OK;
    if (!ok) {
        fputs(rune_diag_text(diag), stderr);
    }
    rune_diag_destroy(diag);
    char *name = rune_arena_strndup(&inputs->arena, path, strlen(path));
    if (ok && ends_with(path, ".zst")) {
        name[strlen(name) - 4] = '\0';
        ok = decompress(inputs, path, text, &text);
    }
    return ok && (ends_with(name, ".tar") ? add_archive(inputs, path, text)
                                          : add_file(inputs, name, text));
}

static bool read_directory(struct inputs *inputs, const char *path)
{
    struct rune_diag *diag = rune_diag_create();
    struct rune_fs_entry *entries;
    size_t count;
    bool ok = rune_fs_walk(path, 1000000, &inputs->arena, &entries, &count, diag) == RUNE_OK;
    if (!ok) {
        fputs(rune_diag_text(diag), stderr);
    }
    rune_diag_destroy(diag);
    for (size_t i = 0; ok && i < count; i++) {
        ok = read_one(inputs, rune_arena_printf(&inputs->arena, "%s/%s", path, entries[i].path));
    }
    return ok;
}

bool inputs_add(struct inputs *inputs, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    return S_ISDIR(st.st_mode) ? read_directory(inputs, path) : read_one(inputs, path);
}

const struct input_file *inputs_find(const struct inputs *inputs, const char *path)
{
    /* Cases name files beside them: mostly a few places away. The table is built once. */
    static const struct inputs *owner;
    static struct rune_map map;
    if (owner != inputs || map.count == 0) {
        rune_map_fini(&map);
        map = RUNE_MAP_INIT;
        owner = inputs;
        for (size_t i = 0; i < inputs->count; i++) {
            if (rune_map_set(&map, rune_str_from(inputs->files[i].path), (uint32_t)i) != RUNE_OK) {
                abort();
            }
        }
    }
    uint32_t index;
    return rune_map_find(&map, rune_str_from(path), &index) ? &inputs->files[index] : NULL;
}
