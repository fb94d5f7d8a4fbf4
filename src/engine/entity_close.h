/* SPDX-License-Identifier: Apache-2.0 */
/* entity_close: the transitive closure of the entity hierarchy. Private to engine/entities.c. */
#pragma once

#include "engine/entities.h"

/* Fills table->ancestors from table->parents. As rune_entity_table_close, without the schema's
 * part. */
RUNE_MUST_USE enum rune_err rune_entity_close(struct rune_entity_table *table,
                                              struct rune_diag *diag);
