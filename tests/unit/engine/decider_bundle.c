/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/engine/decider_bundle.h"

const struct fixture_file decider_files[DECIDER_FILES] = {
    {"policies.cedar", "@id(\"in\") permit(principal in Group::\"staff\", action, resource);\n"
                       "@id(\"ctx\") permit(principal, action == Action::\"a\", resource) when { "
                       "context.n + 1 > 3 && context.s like \"x*\" };\n"
                       "@id(\"sets\") permit(principal, action == Action::\"b\", resource) when { "
                       "[1, context.n].contains(7) };\n"
                       "@id(\"bad\") permit(principal, action, resource) when { principal.missing "
                       "== context.huge + 9223372036854775807 };\n"
                       "@id(\"no\") forbid(principal == User::\"eve\", action, resource);\n"},
    {"r.dl", "@id(\"owner\") permit(P, A, R) :- principal(P), action(A), resource(R), owns(P, R).\n"
             "@id(\"held\") forbid(P, A, R) :- principal(P), action(A), resource(R), held(R), not "
             "owns(P, R).\n"
             "owns(U, D) :- owner(U, D).\nowns(U, D) :- owns(U, F), inside(D, F).\n"
             "owner(User::\"zed\", Doc::\"top\").\ninside(Doc::\"mid\", "
             "Doc::\"top\").\ninside(Doc::\"low\", Doc::\"mid\").\n"
             "held(Doc::\"low\").\n"},
    {"rune.toml",
     "[defaults]\nprincipal_type = \"User\"\naction_type = \"Action\"\nresource_type = \"Doc\"\n"},
    {"a.entities.json",
     "[{\"uid\":{\"type\":\"User\",\"id\":\"bob\"},\"attrs\":{\"level\":1},"
     "\"parents\":[{\"type\":\"Group\",\"id\":\"staff\"}]},"
     "{\"uid\":{\"type\":\"Group\",\"id\":\"staff\"},\"attrs\":{},\"parents\":[]}]"},
};

const char *const decider_bodies[DECIDER_BODIES] = {
    "{\"principal\":\"User::\\\"bob\\\"\",\"action\":\"Action::\\\"a\\\"\",\"resource\":\"Doc::"
    "\\\"d\\\"\"}",
    "{\"principal\":\"eve\",\"action\":\"x\",\"resource\":\"unknown\"}",
    "{\"principal\":\"new "
    "one\",\"action\":\"a\",\"resource\":\"d\",\"context\":{\"n\":5,\"s\":\"x\\u00e9y\"}}",
    "{\"principal\":\"bob\",\"action\":\"b\",\"resource\":\"d\",\"context\":{\"n\":7,\"l\":[1,[2,{"
    "\"a\":\"b\"}]]}}",
    "{\"principal\":{\"type\":\"User\",\"id\":\"x\",\"properties\":{\"a\":{\"__extn\":{\"fn\":"
    "\"ip\",\"arg\":\"10.0.0.1\"}}}},"
    "\"action\":\"b\",\"resource\":\"d\",\"entities\":[{\"uid\":{\"type\":\"Doc\",\"id\":\"d\"},"
    "\"attrs\":{},\"parents\":"
    "[{\"type\":\"F\",\"id\":\"1\"}]},{\"uid\":{\"type\":\"F\",\"id\":\"1\"},\"attrs\":{},"
    "\"parents\":[]}]}",
    "{\"principal\":\"bob\",\"action\":\"b\",\"resource\":\"d\",\"context\":{\"n\":null}}",
    "{\"principal\":\"bob\",\"action\":\"b\",\"resource\":\"d\",\"contxt\":{}}",
    "{\"principal\":\"zed\",\"action\":\"b\",\"resource\":\"low\"}",
    "{\"principal\":\"bob\",\"action\":\"b\",\"resource\":\"low\"}",
    "{\"principal\":",
    "",
};
