/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a bundle's directory that look meant and are not read: a forbid that is not read is one
 * that does not forbid. */
#include <string.h>
#include <strings.h>

#include "engine/bundle.h"

enum { LONGEST_NAME = 255 };

#define WHOLE ""

static const struct {
    const char *start; /* WHOLE: any */
    const char *ending;
    const char *help;
} misnamed[] = {
    {"entities", ".json", "entity data is *.entities.json, or any *.json in a folder `entities`"},
    {"schema", ".json",
     "a schema in JSON is *.cedarschema.json, one in Cedar's text *.cedarschema"},
    {"cedarschema", ".json", "a schema in JSON is *.cedarschema.json: give it a name"},
    {"links", ".json", "links of templates are *.links.json"},
    {"tests", ".json", "cases for `rune test` are *.tests.json"},
    {"tests", ".toml", "cases for `rune test` are *.tests.toml"},
    {"policies", ".json", "policies are *.cedar: `rune translate` makes them of JSON"},
    {WHOLE, ".cedar.json", "policies are *.cedar: `rune translate` makes them of JSON"},
    {WHOLE, ".datalog", "rules are *.dl"},
    {WHOLE, ".rune", "a .rune file is a bundle of its own: build it by its name"},
    {"bundle", ".toml", "the manifest is rune.toml, at the bundle's root"},
    {"manifest", ".toml", "the manifest is rune.toml, at the bundle's root"},
    {"rune", ".toml", "the manifest is at the bundle's root"},
};

static struct rune_str name_of(struct rune_str path)
{
    const char *slash = memrchr(path.data, '/', path.length);
    size_t at = slash != NULL ? (size_t)(slash + 1 - path.data) : 0;
    return (struct rune_str){path.data + at, path.length - at};
}

static bool is_like(struct rune_str name, const char *start, const char *ending)
{
    size_t begin = strlen(start);
    size_t end = strlen(ending);
    return name.length >= begin + end && (begin == 0 || name.length == begin + end) &&
           strncasecmp(name.data, start, begin) == 0 &&
           strncasecmp(name.data + name.length - end, ending, end) == 0;
}

/* x.CEDAR is no policy. */
static bool differs_by_case(struct rune_str name)
{
    char lower[LONGEST_NAME];
    struct rune_bundle_file file = {0};
    if (name.length > sizeof(lower)) {
        return false;
    }
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return rune_bundle_classify((struct rune_str){lower, name.length}, &file);
}

void rune_bundle_warn_misnamed(const char *path, struct rune_diag *diag)
{
    struct rune_str name = name_of(rune_str_from(path));
    const char *help = NULL;
    for (size_t i = 0; help == NULL && i < sizeof(misnamed) / sizeof(misnamed[0]); i++) {
        if (is_like(name, misnamed[i].start, misnamed[i].ending)) {
            help = misnamed[i].help;
        }
    }
    if (help == NULL && differs_by_case(name)) {
        help = "write the ending in small letters";
    }
    if (help != NULL) {
        rune_diag_report_at(diag, RUNE_WARNING, "RUNE-B0105", path, 0, 0, help,
                            "this file is not read: by its name it is no part of the bundle");
    }
}
