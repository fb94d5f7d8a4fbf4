/* SPDX-License-Identifier: Apache-2.0 */
/* Characters that make texts look like other texts (UTS 39): letters of several scripts,
 * invisible and direction-changing characters. Unicode's facts are in scripts.def. */
#include <string.h>

#include "base/utf8.h"
#include "cedar/validate_int.h"

enum script {
#define RUNE_SCRIPT(name) SCRIPT_##name,
#include "cedar/scripts.def"
    SCRIPT_COUNT
};

#define SET_WORDS   3u
#define MAX_SCRIPTS 32u /* of one character */
_Static_assert(SCRIPT_COUNT <= SET_WORDS * 64, "a set of scripts is a few words");

struct script_set {
    uint64_t words[SET_WORDS];
};

/* Scripts, each list ended by SCRIPT_COUNT. */
static const uint8_t script_lists[][MAX_SCRIPTS] = {
    {SCRIPT_COUNT},
#define S(name)                SCRIPT_##name,
#define RUNE_SCRIPT_SET(names) {names SCRIPT_COUNT},
#include "cedar/scripts.def"
#undef S
};

static const struct script_range {
    uint32_t first, last, set;
} script_ranges[] = {
#define RUNE_SCRIPT_RANGE(first, last, set) {first, last, set},
#include "cedar/scripts.def"
};

static const struct code_range {
    uint32_t first, last;
} identifier_ranges[] = {
#define RUNE_IDENTIFIER_RANGE(first, last) {first, last},
#include "cedar/scripts.def"
};

static const struct code_range escaped_ranges[] = {
#define RUNE_ESCAPED_RANGE(first, last) {first, last},
#include "cedar/scripts.def"
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* UINT32_MAX: no script. */
static uint32_t find_script_set(uint32_t c)
{
    size_t low = 0;
    for (size_t high = COUNT(script_ranges); low < high;) {
        size_t middle = low + (high - low) / 2;
        if (script_ranges[middle].last < c) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < COUNT(script_ranges) && script_ranges[low].first <= c ? script_ranges[low].set
                                                                       : UINT32_MAX;
}

static bool is_in_ranges(const struct code_range *ranges, size_t count, uint32_t c)
{
    size_t low = 0;
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (ranges[middle].last < c) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && ranges[low].first <= c;
}

static bool is_in_identifiers(uint32_t c)
{
    return is_in_ranges(identifier_ranges, COUNT(identifier_ranges), c);
}

static bool is_bidi(uint32_t c)
{
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* ---- walking texts ---- */

struct looks {
    bool has_bidi;
    bool is_mixed;
    uint32_t odd; /* the first character that identifiers should not have, or UINT32_MAX */
};

static void meet(struct script_set *set, uint32_t list)
{
    if (list == 0) {
        return; /* common to all scripts */
    }
    struct script_set other = {{0}};
    for (uint32_t i = 0; list != UINT32_MAX && script_lists[list][i] != SCRIPT_COUNT; i++) {
        other.words[script_lists[list][i] / 64] |= (uint64_t)1 << (script_lists[list][i] % 64);
    }
    for (uint32_t i = 0; i < SET_WORDS; i++) {
        set->words[i] &= other.words[i];
    }
}

static void look_at(struct looks *looks, struct script_set *set, uint32_t c)
{
    looks->has_bidi = looks->has_bidi || is_bidi(c);
    if (looks->odd == UINT32_MAX && !(c >= 0x20 && c < 0x7f) && !is_in_identifiers(c)) {
        looks->odd = c;
    }
    meet(set, find_script_set(c));
}

static const struct looks plain = {.odd = UINT32_MAX};
static const struct script_set all_scripts = {{UINT64_MAX, UINT64_MAX, UINT64_MAX}};

static bool is_empty(const struct script_set *set)
{
    return (set->words[0] | set->words[1] | set->words[2]) == 0;
}

/* Printable ASCII alone: letters and digits of one script at most. */
static bool is_plain(struct rune_str text)
{
    unsigned char odd = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        odd |= (unsigned char)(c < 0x20 || c > 0x7e);
    }
    return odd == 0;
}

static struct looks look(struct rune_str text)
{
    struct looks looks = plain;
    struct script_set set = all_scripts;
    if (is_plain(text)) {
        return plain;
    }
    size_t size;
    for (size_t i = 0; i < text.length; i += size) {
        int32_t c = rune_utf8_decode(text.data + i, text.length - i, &size);
        if (c < 0) {
            break; /* texts are valid: the parser saw to it */
        }
        look_at(&looks, &set, (uint32_t)c);
    }
    looks.is_mixed = is_empty(&set);
    return looks;
}

/* ---- findings ---- */

static void tell(struct rune_validator *v, enum rune_finding finding, struct rune_span span,
                 const char *what, const char *problem, const char *help)
{
    if (rune_v_find(v, finding, span)) {
        rune_v_tell(v, finding, span, help, "this %s %s", what, problem);
    }
}

static const char bidi_text[] = "has characters that change the direction of text";
static const char bidi_help[] = "remove them: what is displayed is not what is compared";
static const char mixed_text[] = "mixes letters of several scripts";
static const char mixed_help[] =
    "some letters of different scripts look the same: check that each is meant";

void rune_v_check_string(struct rune_validator *v, struct rune_span span, struct rune_str text)
{
    struct looks looks = look(text);
    if (looks.has_bidi) {
        tell(v, RUNE_FINDING_BIDI_STRING, span, "string", bidi_text, bidi_help);
    } else if (looks.is_mixed) {
        tell(v, RUNE_FINDING_MIXED_STRING, span, "string", mixed_text, mixed_help);
    }
}

void rune_v_check_pattern(struct rune_validator *v, struct rune_span span,
                          const struct rune_cedar_pattern *pattern)
{
    struct script_set set = all_scripts;
    for (uint32_t i = 0; i < pattern->count; i++) {
        int32_t c = pattern->elements[i];
        if (c < 0) {
            continue;
        }
        /* As printed: an escape has the letter n, r, t or u. */
        bool is_escape = c == '\t' || c == '\n' || c == '\r' ||
                         is_in_ranges(escaped_ranges, COUNT(escaped_ranges), (uint32_t)c);
        meet(&set, find_script_set(is_escape ? 'u' : (uint32_t)c));
    }
    if (is_empty(&set)) {
        tell(v, RUNE_FINDING_MIXED_STRING, span, "pattern", mixed_text, mixed_help);
    }
}

void rune_v_check_identifier(struct rune_validator *v, struct rune_span span, struct rune_str text)
{
    struct looks looks = look(text);
    if (looks.has_bidi) {
        tell(v, RUNE_FINDING_BIDI_IDENTIFIER, span, "identifier", bidi_text, bidi_help);
    } else if (looks.odd != UINT32_MAX) {
        if (rune_v_find(v, RUNE_FINDING_CONFUSABLE_IDENTIFIER, span)) {
            rune_v_tell(
                v, RUNE_FINDING_CONFUSABLE_IDENTIFIER, span,
                "it is invisible or easily taken for another",
                "this identifier has the character U+%04X, which identifiers should not have",
                looks.odd);
        }
    } else if (looks.is_mixed) {
        tell(v, RUNE_FINDING_MIXED_IDENTIFIER, span, "identifier", mixed_text, mixed_help);
    }
}

/* Each component of `A::B`. */
void rune_v_check_name(struct rune_validator *v, struct rune_span span, struct rune_str name)
{
    for (size_t i = 0; i <= name.length;) {
        const char *end = i < name.length ? memchr(name.data + i, ':', name.length - i) : NULL;
        size_t length = end == NULL ? name.length - i : (size_t)(end - (name.data + i));
        rune_v_check_identifier(v, span, (struct rune_str){name.data + i, length});
        i += length + 2;
    }
}
