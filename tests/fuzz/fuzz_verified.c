/* SPDX-License-Identifier: Apache-2.0 */
/* verified: what the verifier accepts can be decided by. Mutated images, always repaired up to
 * their hash, are opened as an image from outside is; those accepted are asked about their own
 * entities, with debugging on, and their relations are listed. A crash or an access out of bounds
 * here is a hole in eval/verify.c. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "engine/decider.h"
#include "engine/image.h"
#include "fuzz/image_repair.h"
#include "rune/query.h"

#define ENTITIES_ASKED  6u
#define RELATIONS_ASKED 8u
#define TUPLES_READ     64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
__attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static struct rune_decider *decider(void)
{
    static struct rune_decider *one;
    const struct rune_decider_options options = {.max_steps = 20000};
    if (one == NULL && rune_decider_create(&options, &one) != RUNE_OK) {
        abort();
    }
    return one;
}

static void append_entity(struct rune_buf *body, const char *name, const struct rune_terms *terms,
                          uint32_t entity)
{
    rune_buf_printf(body, "\"%s\":{\"type\":", name);
    rune_buf_append_json(body, rune_terms_string(terms, terms->entity_type[entity]));
    rune_buf_append_cstr(body, ",\"id\":");
    rune_buf_append_json(body, rune_terms_string(terms, terms->entity_id[entity]));
    rune_buf_append_char(body, '}');
}

static void ask(const struct rune_image *image, uint32_t principal, uint32_t action,
                uint32_t resource)
{
    struct rune_buf body = RUNE_BUF_INIT;
    struct rune_answer answer;
    const struct rune_terms *terms = &image->store.terms;
    rune_buf_append_char(&body, '{');
    append_entity(&body, "principal", terms, principal);
    rune_buf_append_char(&body, ',');
    append_entity(&body, "action", terms, action);
    rune_buf_append_char(&body, ',');
    append_entity(&body, "resource", terms, resource);
    rune_buf_append_cstr(
        &body, ",\"context\":{\"n\":3,\"s\":\"text\",\"set\":[1,\"two\"],\"r\":{\"k\":true}}}");
    if (!body.failed) {
        rune_decider_authorize(decider(), image, 1, (struct rune_str){body.data, body.length},
                               RUNE_ANSWER_DEBUG, &answer);
    }
    rune_buf_fini(&body);
}

static void ask_all(const struct rune_image *image)
{
    uint32_t count = image->store.terms.entity_count;
    uint32_t n = count < ENTITIES_ASKED ? count : ENTITIES_ASKED;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < n; j++) {
            for (uint32_t k = 0; k < n; k++) {
                ask(image, i, j, count - 1 - k);
            }
        }
    }
}

static bool take(void *context, const struct rune_field *fields, uint32_t count)
{
    uint32_t *left = context;
    volatile size_t sink = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (size_t at = 0; at < fields[i].text.length; at++) {
            sink += (unsigned char)fields[i].text.data[at];
        }
    }
    (void)sink;
    return --*left > 0;
}

static void list_relations(const struct rune_image *image)
{
    const struct rune_store *store = &image->store;
    for (uint32_t i = 0; i < store->relation_count && i < RELATIONS_ASKED; i++) {
        const struct rune_image_relation *relation = &store->relations[i];
        const uint32_t *at = store->terms.string_offsets + relation->name;
        struct rune_buf pattern = RUNE_BUF_INIT;
        uint32_t left = TUPLES_READ;
        rune_buf_append(&pattern, store->terms.string_bytes + at[0], at[1] - at[0]);
        for (uint32_t column = 0; column < relation->arity && column < 16; column++) {
            rune_buf_append_cstr(&pattern, column == 0 ? "(_" : ", _");
        }
        rune_buf_append_cstr(&pattern, relation->arity > 0 ? ")" : "");
        (void)!rune_query_run(decider(), image, NULL, rune_buf_cstr(&pattern), take, &left, NULL);
        rune_buf_fini(&pattern);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rune_image *image;
    void *memory = NULL;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || posix_memalign(&memory, 64, size > 0 ? size : 1) != 0) {
        abort();
    }
    memcpy(memory, data, size);
    image_repair(memory, size, IMAGE_REPAIR_HEADER | IMAGE_REPAIR_TABLE | IMAGE_REPAIR_HASH);
    if (write(fd, memory, size) == (ssize_t)size &&
        rune_image_open_fd(fd, RUNE_IMAGE_VERIFY, &image, NULL) == RUNE_OK) {
        ask_all(image);
        list_relations(image);
        rune_image_close(image);
    }
    free(memory);
    close(fd);
    return 0;
}

/* Most of an image is words that name other things: change one of them a little, or to something
 * far off, and keep all others in their places. Now and then what libFuzzer would do. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static const uint32_t far[] = {0,      1,          2,          0x7f,       0xff,
                                   0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    size_t table_end = sizeof(struct rune_image_header) +
                       RUNE_IMAGE_SECTION_COUNT * sizeof(struct rune_image_section);
    if (size < table_end + 4 || seed % 8 == 0) {
        return LLVMFuzzerMutate != NULL ? LLVMFuzzerMutate(data, size, max_size) : size;
    }
    uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned i = 0; i <= seed / 8 % 3; i++) {
        size_t at = table_end + random % ((size - table_end) / 4) * 4;
        uint32_t word;
        memcpy(&word, data + at, sizeof word);
        random = (random ^ random >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
        switch (random >> 60 & 3) {
        case 0:
            word += 1 + (uint32_t)(random >> 20 & 7);
            break;
        case 1:
            word -= 1 + (uint32_t)(random >> 20 & 7);
            break;
        case 2:
            word ^= 1u << (random >> 20 & 31);
            break;
        default:
            word = far[(random >> 20 & 0xffff) % (sizeof far / sizeof far[0])];
            break;
        }
        memcpy(data + at, &word, sizeof word);
        random = (random ^ random >> 32) * UINT64_C(0x94d049bb133111eb);
    }
    return size;
}
