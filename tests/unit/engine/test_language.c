/* SPDX-License-Identifier: Apache-2.0 */
/* Where policies and rules meet: a small bundle for each sentence of docs/language.md about it, and
 * what a request is answered, or what refuses the bundle. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "unit/cmocka.h"
#include "unit/engine/fixture.h"

/* Texts that are NULL are left out. */
struct sentence {
    const char *says;
    const char *policies, *rules, *schema, *manifest;
    const char *more;    /* of the request, after principal, action and resource */
    const char *answer;  /* that the body contains; NULL: the bundle is refused */
    const char *refused; /* that the diagnostics contain */
};

#define RULE   "permit(P, A, R) :- principal(P), action(A), resource(R), "
#define ANY    "permit(principal, action, resource)"
#define PERMIT "\"decision\":\"PERMIT\""
#define DENY   "\"decision\":\"DENY\""
#define FORBID "\"decision\":\"FORBID\""

#define WORDS                                                                       \
    " word(\"elm\"). word(\"fir\"). word(\"oak\"). word(\"ash\"). word(\"pine\"). " \
    "word(\"yew\")."

/* User u in the groups g, as stored, and top, and a document that nobody knows. */
#define BROUGHT                                                                                  \
    ",\"entities\":[{\"uid\":{\"type\":\"User\",\"id\":\"u\"},\"attrs\":{\"n\":5,\"s\":[7]},"    \
    "\"tags\":{\"t\":\"y\"},\"parents\":[{\"type\":\"Group\",\"id\":\"g\"},{\"type\":\"Group\"," \
    "\"id\":"                                                                                    \
    "\"top\"}]},{\"uid\":{\"type\":\"Doc\",\"id\":\"new\"},\"attrs\":{\"m\":1},\"parents\":[]}]"

#define SETS " has(Doc::\"x\", User::\"u\"). entity.element(D, \"s\", U) :- has(D, U)."

#define SCHEMA                                           \
    "entity Group in [Group];\n"                         \
    "entity User in [Group] { n?: Long, must: Long };\n" \
    "entity Doc { s: Set<User> };\n"                     \
    "action a appliesTo { principal: User, resource: Doc, context: { k?: Long, r: Long } };\n"

/* User u has the attribute n = 1 and the tag t = "x", and is in Group g, which is in Group h. */
static const char entities[] =
    "[{\"uid\":{\"type\":\"User\",\"id\":\"u\"},\"attrs\":{\"n\":1,\"must\":2},\"tags\":{\"t\":"
    "\"x\"},"
    "\"parents\":[{\"type\":\"Group\",\"id\":\"g\"}]},"
    "{\"uid\":{\"type\":\"Group\",\"id\":\"g\"},\"attrs\":{},"
    "\"parents\":[{\"type\":\"Group\",\"id\":\"h\"}]},"
    "{\"uid\":{\"type\":\"Doc\",\"id\":\"d\"},\"attrs\":{},\"parents\":[]}]";

/* The same for a schema without tags. */
static const char typed_entities[] =
    "[{\"uid\":{\"type\":\"Doc\",\"id\":\"d\"},\"attrs\":{},\"parents\":[]},"
    "{\"uid\":{\"type\":\"User\",\"id\":\"u\"},\"attrs\":{\"n\":1,\"must\":2},"
    "\"parents\":[{\"type\":\"Group\",\"id\":\"g\"}]},"
    "{\"uid\":{\"type\":\"Group\",\"id\":\"g\"},\"attrs\":{},\"parents\":[]}]";

static const struct sentence sentences[] = {
    /* what rules see */
    {"the request is relations", NULL, RULE "P = User::\"u\", A = Action::\"a\", R = Doc::\"d\".",
     NULL, NULL, "", PERMIT, NULL},
    {"context gives its keys", NULL, RULE "context(\"k\", V), V > 3.", NULL, NULL,
     ",\"context\":{\"k\":4}", PERMIT, NULL},
    {"a key that is not there is no tuple", NULL, RULE "not context(\"k\", _).", NULL, NULL, "",
     PERMIT, NULL},
    {"facts may hold extension values", NULL,
     RULE "from(I), I.isInRange(ip(\"10.0.0.0/8\")), price(C), C.lessThan(decimal(\"2.0\")). "
          "from(ip(\"10.1.2.3\")). price(decimal(\"1.5\")).",
     NULL, NULL, "", PERMIT, NULL},
    {"and lists", NULL, RULE "from(I), [ip(\"10.1.2.3\"), 1].contains(I). from(ip(\"10.1.2.3\")).",
     NULL, NULL, "", PERMIT, NULL},
    {"entity(E) are the entities there are", NULL, RULE "entity(P), not entity(User::\"x\").", NULL,
     NULL, "", PERMIT, NULL},
    {"entity.parent has direct parents only", NULL,
     RULE "entity.parent(P, Group::\"g\"), not entity.parent(P, Group::\"h\"), P in Group::\"h\".",
     NULL, NULL, "", PERMIT, NULL},
    {"entity.attr gives attributes", NULL, RULE "entity.attr(P, \"n\", 1).", NULL, NULL, "", PERMIT,
     NULL},
    {"a variable name runs through them", NULL, RULE "N = count { entity.attr(P, _, _) }, N = 2.",
     NULL, NULL, "", PERMIT, NULL},
    {"entity.tag gives tags", NULL, RULE "entity.tag(P, \"t\", \"x\").", NULL, NULL, "", PERMIT,
     NULL},
    {"entity.id in any direction", NULL,
     RULE "entity.id(P, \"User\", I), entity.id(E, \"User\", I), E = P.", NULL, NULL, "", PERMIT,
     NULL},
    {"contains asks a text for words, however many there are", NULL,
     "@id(\"r\") " RULE "context(\"k\", V), V.contains(W), word(W)." WORDS, NULL, NULL,
     ",\"context\":{\"k\":\"a pine tree\"}", "\"reasons\":[\"r\"],\"gen", NULL},
    {"and a set", NULL, RULE "context(\"k\", V), word(W), V.contains(W)." WORDS, NULL, NULL,
     ",\"context\":{\"k\":[\"fir\", \"elm\"]}", PERMIT, NULL},
    {"also in braces", NULL,
     RULE "context(\"k\", V), N = count { V.contains(W), word(W) }, N = 2." WORDS, NULL, NULL,
     ",\"context\":{\"k\":\"a pine and an elm tree\"}", PERMIT, NULL},
    {"also of a word that is computed", NULL,
     RULE "context(\"k\", V), V.contains(X), X = concat(W, \"!\"), word(W)." WORDS, NULL, NULL,
     ",\"context\":{\"k\":\"pine!\"}", PERMIT, NULL},
    {"also in a text of the rule", NULL, RULE "\"oak, elm\".contains(W), word(W)." WORDS, NULL,
     NULL, "", PERMIT, NULL},
    {"what also gives values is a set", NULL,
     RULE "context(\"k\", V), V.contains(W), word(W), V.contains(X), X = \"zoo\"." WORDS, NULL,
     NULL, ",\"context\":{\"k\":[\"fir\", \"zoo\"]}", PERMIT, NULL},
    {"whatever it gives", NULL,
     RULE "context(\"k\", V), V.contains(W), word(W), V.contains(_X)." WORDS, NULL, NULL,
     ",\"context\":{\"k\":[\"fir\", \"zoo\"]}", PERMIT, NULL},
    {"and asks a text for what it runs through", NULL,
     RULE "context(\"k\", V), V.contains(W), T.contains(W), text(T). text(\"an oak tree\").", NULL,
     NULL, ",\"context\":{\"k\":[\"fir\", \"oak\"]}", PERMIT, NULL},
    {"of however many texts", NULL,
     RULE "word(W), text(T1), T1.contains(W), text(T2), T2.contains(W), text(T3), T3.contains(W), "
          "text(T4), "
          "T4.contains(W), text(T5), T5.contains(W). text(\"an oak tree\")." WORDS,
     NULL, NULL, "", PERMIT, NULL},
    {"in any order", NULL,
     RULE "T.contains(X), X = concat(W, \"!\"), V.contains(W), context(\"k\", V), text(T). "
          "text(\"an oak! tree\").",
     NULL, NULL, ",\"context\":{\"k\":[\"fir\", \"oak\"]}", PERMIT, NULL},
    {"what is neither text nor set is an error", NULL,
     "@id(\"r\") " RULE "not has(R). has(R) :- resource(R), context(\"k\", V), V.contains(W), "
     "word(W)." WORDS,
     NULL, NULL, ",\"context\":{\"k\":7}", "\"errors\":[{\"id\":\"r\"", NULL},
    /* what rules say */
    {"a forbid wins over the other language's permit", ANY ";",
     "forbid(P, A, R) :- principal(P), action(A), resource(R).", NULL, NULL, "", FORBID, NULL},
    {"a policy's forbid wins over a rule's permit", "forbid(principal, action, resource);",
     RULE "P is User.", NULL, NULL, "", FORBID, NULL},
    {"a fact is a rule too", NULL, "permit(User::\"u\", Action::\"a\", Doc::\"d\").", NULL, NULL,
     "", PERMIT, NULL},
    {"permit has three columns", NULL, "permit(P, A) :- principal(P), action(A).", NULL, NULL, "",
     NULL, "permit"},
    {"all of them entities", NULL, "permit(P, A, 1) :- principal(P), action(A).", NULL, NULL, "",
     NULL, "entity"},
    {"derived parents are seen by policies", ANY " when { principal in Group::\"new\" };",
     "m(User::\"u\"). entity.parent(U, Group::\"new\") :- m(U).", NULL, NULL, "", PERMIT, NULL},
    {"and by rules", NULL,
     RULE "P in Group::\"new\". m(User::\"u\"). entity.parent(U, Group::\"new\") :- m(U).", NULL,
     NULL, "", PERMIT, NULL},
    {"they fit memberOfTypes", NULL, "m(User::\"u\"). entity.parent(U, Doc::\"d\") :- m(U)." SETS,
     SCHEMA, NULL, "", NULL, "RUNE-B0406"},
    {"never on actions", NULL, "m(Action::\"a\"). entity.parent(U, Action::\"b\") :- m(U).", NULL,
     NULL, "", NULL, "error"},
    {"a cycle is an error with its path", NULL,
     "m(Group::\"h\", Group::\"g\"). entity.parent(X, Y) :- m(X, Y).", NULL, NULL, "", NULL,
     "Group::\"g\""},
    {"a derived attribute is one", ANY " when { principal.level == 3 };",
     "l(User::\"u\", 3). entity.attr(U, \"level\", N) :- l(U, N).", NULL, NULL, "", PERMIT, NULL},
    {"a second value is an error", NULL,
     "l(User::\"u\", 3). l(User::\"u\", 4). entity.attr(U, \"level\", N) :- l(U, N).", NULL, NULL,
     "", NULL, "RUNE-B0408"},
    {"and one unlike the stored", NULL, "l(User::\"u\", 3). entity.attr(U, \"n\", N) :- l(U, N).",
     NULL, NULL, "", NULL, "RUNE-B0408"},
    {"one like the stored is none", ANY " when { principal.n == 1 };",
     "l(User::\"u\", 1). entity.attr(U, \"n\", N) :- l(U, N).", NULL, NULL, "", PERMIT, NULL},
    {"attributes that are derived are optional", NULL,
     "l(User::\"u\", 2). entity.attr(U, \"must\", N) :- l(U, N)." SETS, SCHEMA, NULL, "", NULL,
     "optional"},
    {"a set that the schema declares exists, possibly empty", ANY " when { resource.s.isEmpty() };",
     SETS, SCHEMA, NULL, ",\"context\":{\"r\":1}", PERMIT, NULL},
    {"what is derived about an unknown entity creates it",
     ANY " when { User::\"new\".level == 3 };",
     "l(User::\"new\", 3). entity.attr(U, \"level\", N) :- l(U, N). " RULE
     "not entity(User::\"new\").",
     NULL, NULL, "", "\"reasons\":[\"policy0\"]", NULL},
    {"derived context is seen by policies", ANY " when { context.k == 7 };",
     "context(\"k\", 7) :- principal(P), P is User.", NULL, NULL, "", PERMIT, NULL},
    {"two values are a DENY", ANY ";", "l(7). l(8). context(\"k\", V) :- principal(_), l(V).", NULL,
     NULL, "", "\"context_conflict\"", NULL},
    {"a request that brings the key is refused", ANY ";", "context(\"k\", 7) :- principal(_).",
     NULL, NULL, ",\"context\":{\"k\":7}", "context_refused", NULL},
    {"keys that are derived are optional", ANY ";", "context(\"r\", 7) :- principal(_)." SETS,
     SCHEMA, NULL, "", NULL, "optional"},
    {"derived entity data does not read the request", NULL,
     "entity.attr(P, \"level\", 1) :- principal(P).", NULL, NULL, "", NULL, "request"},
    {"no variable name where one is derived", NULL,
     "l(User::\"u\"). entity.attr(U, \"level\", V) :- l(U), entity.attr(U, _, V).", NULL, NULL, "",
     NULL, "name"},
    {"a name is a relation of its own", ANY " when { principal.b == 2 };",
     "entity.attr(U, \"b\", M) :- entity.attr(U, \"n\", N), M = N + 1.", NULL, NULL, "", PERMIT,
     NULL},
    {"principal is not derived", NULL, "l(1). principal(X) :- l(X).", NULL, NULL, "", NULL,
     "principal"},
    {"nor action", NULL, "l(1). action(X) :- l(X).", NULL, NULL, "", NULL, "action"},
    {"nor resource", NULL, "l(1). resource(X) :- l(X).", NULL, NULL, "", NULL, "resource"},
    {"nor entity", NULL, "l(1). entity(X) :- l(X).", NULL, NULL, "", NULL, "entity"},
    {"nor entity.tag", NULL, "l(1). entity.tag(X, \"a\", X) :- l(X).", NULL, NULL, "", NULL,
     "entity.tag"},
    {"nor entity.id", NULL, "l(1). entity.id(X, X, X) :- l(X).", NULL, NULL, "", NULL, "entity.id"},
    /* the decision */
    {"an erring policy is listed", ANY " when { principal.none };", NULL, NULL, NULL, "",
     "\"errors\":[{\"id\":\"policy0\"", NULL},
    {"strict: an erring forbid matches",
     ANY "; forbid(principal, action, resource) when { principal.none };", NULL, NULL,
     "[bundle]\nerrors = \"strict\"\n", "", FORBID, NULL},
    {"a permit does not rest on `not` of what failed", NULL,
     "@id(\"r\") " RULE "not risky(P). l(User::\"u\", 0). risky(U) :- l(U, N), 10 / N > 3.", NULL,
     NULL, "", "\"DENY\",\"reasons\":[],\"errors\":[{\"id\":\"r\",\"code\":\"partial_relation\"",
     NULL},
    {"nor on an aggregate of it", NULL,
     "@id(\"r\") " RULE "N = count { risky(P) }, N = 0. l(User::\"u\", 0). "
     "risky(U) :- l(U, N), 10 / N > 3.",
     NULL, NULL, "",
     "\"DENY\",\"reasons\":[],\"errors\":[{\"id\":\"r\",\"code\":\"partial_relation\"", NULL},
    {"a forbid does", ANY ";",
     "forbid(P, A, R) :- principal(P), action(A), resource(R), not fine(P). l(User::\"u\", 0). "
     "fine(U) :- l(U, N), 10 / N > 3.",
     NULL, NULL, "", FORBID, NULL},
    /* what a request brings */
    {"an attribute of the request wins", ANY " when { principal.n == 5 };", NULL, NULL, NULL,
     ",\"entities\":[{\"uid\":{\"type\":\"User\",\"id\":\"u\"},\"attrs\":{\"n\":5},\"parents\":[]}"
     "]",
     PERMIT, NULL},
    {"others stay", ANY " when { principal.must == 2 };", NULL, NULL, NULL,
     ",\"entities\":[{\"uid\":{\"type\":\"User\",\"id\":\"u\"},\"attrs\":{\"n\":5},\"parents\":[]}"
     "]",
     PERMIT, NULL},
    {"parents are added, and seen from stored descendants",
     ANY " when { principal in Group::\"top\" && principal in Group::\"h\" };", NULL, NULL, NULL,
     ",\"entities\":[{\"uid\":{\"type\":\"Group\",\"id\":\"g\"},\"attrs\":{},"
     "\"parents\":[{\"type\":\"Group\",\"id\":\"top\"}]}]",
     PERMIT, NULL},
    {"a rule about the request sees them", NULL, RULE "entity.attr(P, \"n\", 5).", NULL, NULL,
     ",\"entities\":[{\"uid\":{\"type\":\"User\",\"id\":\"u\"},\"attrs\":{\"n\":5},\"parents\":[]}"
     "]",
     PERMIT, NULL},
    {"and its parents", NULL,
     "@id(\"r\") " RULE "entity.parent(P, G), has(G, R). has(Group::\"top\", Doc::\"d\").", NULL,
     NULL, BROUGHT, "\"reasons\":[\"r\"]", NULL},
    {"also where there must be none", NULL, RULE "not entity.parent(P, Group::\"top\").", NULL,
     NULL, BROUGHT, DENY, NULL},
    {"each once", NULL, RULE "N = count { entity.parent(P, _) }, N = 2.", NULL, NULL, BROUGHT,
     PERMIT, NULL},
    {"and its attributes, whoever has them", NULL,
     RULE "entity.attr(E, \"n\", 5), E != Group::\"x\", not entity.attr(_, \"n\", 1).", NULL, NULL,
     BROUGHT, PERMIT, NULL},
    {"each once, too", NULL, RULE "N = count { entity.attr(_, _, _) }, N = 4.", NULL, NULL, BROUGHT,
     PERMIT, NULL},
    {"and its sets and tags", NULL,
     RULE "entity.element(E, \"s\", 7), entity.tag(F, \"t\", \"y\"), E = F, "
          "not entity.tag(_, \"t\", \"x\").",
     NULL, NULL, BROUGHT, PERMIT, NULL},
    {"and that they are", NULL,
     RULE "entity(Doc::\"new\"), N = count { entity(_) }, N = 4, not entity(Doc::\"old\").", NULL,
     NULL, BROUGHT, PERMIT, NULL},
    {"what does not depend on the request is of stored data", NULL,
     RULE "vip(P). vip(U) :- entity.attr(U, \"n\", 5). vip(User::\"x\").", NULL, NULL,
     ",\"entities\":[{\"uid\":{\"type\":\"User\",\"id\":\"u\"},\"attrs\":{\"n\":5},\"parents\":[]}"
     "]",
     DENY, NULL},
    {"always", NULL, RULE "vip(P). vip(U) :- entity.attr(U, \"n\", 1). vip(User::\"x\").", NULL,
     NULL,
     ",\"entities\":[{\"uid\":{\"type\":\"User\",\"id\":\"u\"},\"attrs\":{\"n\":5},\"parents\":[]}"
     "]",
     PERMIT, NULL},
    {"also of its parents", NULL,
     RULE "top(P). top(U) :- entity(U), U in Group::\"top\". top(User::\"x\").", NULL, NULL,
     ",\"entities\":[{\"uid\":{\"type\":\"User\",\"id\":\"u\"},\"attrs\":{},"
     "\"parents\":[{\"type\":\"Group\",\"id\":\"top\"}]}]",
     DENY, NULL},
    {"properties are attributes of principal and resource", ANY " when { resource.p == 1 };", NULL,
     NULL, NULL, NULL, PERMIT, NULL},
    {"request_entities may be off", ANY ";", NULL, NULL, "[bundle]\nrequest_entities = \"off\"\n",
     ",\"entities\":[{\"uid\":{\"type\":\"User\",\"id\":\"u\"},\"attrs\":{\"n\":5},\"parents\":[]}"
     "]",
     "\"error\"", NULL},
};

static size_t collect(const struct sentence *sentence, struct fixture_file files[5])
{
    const char *paths[] = {"a.cedar", "b.dl", "c.cedarschema", "rune.toml", "e.entities.json"};
    const char *texts[] = {sentence->policies, sentence->rules, sentence->schema,
                           sentence->manifest,
                           sentence->schema != NULL ? typed_entities : entities};
    size_t count = 0;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (texts[i] != NULL) {
            files[count++] = (struct fixture_file){paths[i], texts[i]};
        }
    }
    return count;
}

static bool check_refused(const struct sentence *sentence, const struct fixture_file *files,
                          size_t count)
{
    char *text = NULL;
    enum rune_err err = fixture_build(files, count, &text);
    bool is_so = err == RUNE_E_BUNDLE && strstr(text, sentence->refused) != NULL;
    if (!is_so) {
        print_error("%s: %s\n%s", sentence->says, rune_err_text(err), text);
    }
    rune_free(text);
    return is_so;
}

static bool check_answer(const struct sentence *sentence, const struct fixture_file *files,
                         size_t count)
{
    char request[1024], body[1024];
    struct fixture fixture;
    struct rune_answer answer;
    snprintf(request, sizeof(request),
             "{\"principal\":\"User:u\",\"action\":\"Action:a\",\"resource\":%s%s}",
             sentence->more == NULL ? "{\"type\":\"Doc\",\"id\":\"d\",\"properties\":{\"p\":1}}"
                                    : "\"Doc:d\"",
             sentence->more == NULL ? "" : sentence->more);
    fixture_open(&fixture, files, count);
    rune_decider_authorize(fixture.decider, fixture.image, 1, rune_str_from(request),
                           RUNE_ANSWER_PLAIN, &answer);
    snprintf(body, sizeof(body), "%.*s", RUNE_STR_ARG(answer.body));
    bool is_so = strstr(body, sentence->answer) != NULL;
    if (!is_so) {
        print_error("%s: %s\n", sentence->says, body);
    }
    fixture_close(&fixture);
    return is_so;
}

static void test_every_sentence__is_so(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
        struct fixture_file files[5];
        size_t count = collect(&sentences[i], files);
        bool is_so = sentences[i].refused != NULL ? check_refused(&sentences[i], files, count)
                                                  : check_answer(&sentences[i], files, count);
        wrong += !is_so;
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_sentence__is_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
