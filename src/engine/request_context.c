/* SPDX-License-Identifier: Apache-2.0 */
/* request_context: a request's context. With a schema the action says what it is, so it waits for
 * the action. */
#include "engine/request_parts.h"

/* Where requests are not checked, the schema only helps to read: a context that does not fit it is
 * taken as it stands. */
static RUNE_APART enum rune_err read_context(struct rune_request_parts *parts,
                                             rune_schema_type type)
{
    struct rune_request_decoder *decoder = parts->decoder;
    struct rune_value_reader *reader = rune_request_reader(decoder);
    if (reader == NULL) {
        return rune_request_refuse_size(decoder, "context");
    }
    struct rune_json begin = *decoder->json;
    enum rune_err err = rune_value_read_context(reader, type, &parts->context);
    bool fits = err != RUNE_E_SCHEMA && err != RUNE_E_INVALID;
    if (!fits && decoder->schema == NULL && type != 0) {
        *decoder->json = begin;
        rune_value_reader_reset(reader, decoder->json);
        err = rune_value_read_context(reader, 0, &parts->context);
    }
    return err == RUNE_OK ? RUNE_OK : rune_request_refuse_value(decoder, err, "context");
}

/* With a schema the action says what the context is. */
static rune_schema_type context_type(const struct rune_request_parts *parts)
{
    const struct rune_schema *forms = parts->decoder->forms;
    const struct rune_schema_action *action =
        rune_schema_find_action(forms, parts->places[RUNE_FIELD_ACTION]);
    return action != NULL ? action->context : 0;
}

enum rune_err rune_request_meet_context(struct rune_request_parts *parts)
{
    struct rune_request_decoder *decoder = parts->decoder;
    if (decoder->forms == NULL) {
        return read_context(parts, 0);
    }
    if ((parts->seen & (1u << RUNE_FIELD_ACTION)) != 0) {
        return read_context(parts, context_type(parts));
    }
    parts->context_waits = true;
    parts->context_at = *decoder->json;
    return rune_json_skip(decoder->json) == RUNE_OK ? RUNE_OK
                                                    : rune_request_refuse_json(decoder, "context");
}

/* Whether the empty record fits what the action says of its context. */
static RUNE_APART bool action_takes_no_context(const struct rune_request_parts *parts)
{
    const struct rune_schema *forms = parts->decoder->forms;
    rune_schema_type type = context_type(parts);
    if (type == 0) {
        return true;
    }
    const uint32_t *record = forms->words + type;
    for (uint32_t i = 0; i < record[1]; i++) {
        if (record[2 + 3 * i + 2] != 0) {
            return false;
        }
    }
    rune_request_action_memo(parts)->plain = parts->places[RUNE_FIELD_ACTION];
    return true;
}

static bool fits_no_context(const struct rune_request_parts *parts)
{
    const struct rune_request_decoder *decoder = parts->decoder;
    return decoder->forms == NULL ||
           rune_request_action_memo(parts)->plain == parts->places[RUNE_FIELD_ACTION] ||
           action_takes_no_context(parts);
}

/* The context that was passed over, or one that is missing although it is needed: read as if it
 * were there, so that the message names the key that the schema requires. */
static RUNE_APART enum rune_err read_other_context(struct rune_request_parts *parts)
{
    static const char empty[] = "{}";
    struct rune_request_decoder *decoder = parts->decoder;
    struct rune_json here = *decoder->json;
    if (parts->context_waits) {
        *decoder->json = parts->context_at;
    } else {
        rune_json_init(decoder->json, empty, sizeof(empty) - 1, decoder->arena);
    }
    enum rune_err err = read_context(parts, context_type(parts));
    if (err == RUNE_OK) {
        *decoder->json = here;
    }
    return err;
}

enum rune_err rune_request_finish_context(struct rune_request_parts *parts)
{
    if (parts->context_waits) {
        return read_other_context(parts);
    }
    if (parts->context == RUNE_TERM_NONE) {
        if (!fits_no_context(parts)) {
            return read_other_context(parts);
        }
        parts->context = RUNE_TERM_EMPTY_RECORD;
    }
    return RUNE_OK;
}
