/* SPDX-License-Identifier: Apache-2.0 */
/* translate: policies and schemas from Cedar's text to its JSON forms and back. Thread: any. */
#pragma once

#include "rune/err.h"
#include "rune/str.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rune_diag;

enum rune_translate_kind { RUNE_TRANSLATE_POLICIES, RUNE_TRANSLATE_SCHEMA };
enum rune_translate_form { RUNE_FORM_OTHER, RUNE_FORM_TEXT, RUNE_FORM_JSON };

/* Called once with the whole translation, which is borrowed for the call. */
typedef void (*rune_translate_fn)(void *context, struct rune_str translation);

/* Translates `text` into the form `to`; OTHER: the one it is not in (JSON begins with a brace,
 * Cedar never does). `path` names it in messages.
 *
 * Policies become a JSON policy set with the ids of a bundle: @id, else policyN by position. Coming
 * back, a policy gets its id as @id unless it has one; links of templates have no place in text:
 * each is warned about. One policy alone is read, too. Policy text is laid out as `rune fmt` does;
 * comments are lost. RUNE_E_SYNTAX, RUNE_E_INVALID (the other form cannot say this, or an id stands
 * twice), RUNE_E_LIMIT, RUNE_E_NOMEM; then `emit` is not called. Cost: linear. */
RUNE_MUST_USE enum rune_err rune_translate(const char *path, struct rune_str text,
                                           enum rune_translate_kind kind,
                                           enum rune_translate_form to, rune_translate_fn emit,
                                           void *context, struct rune_diag *diag);

#ifdef __cplusplus
}
#endif
