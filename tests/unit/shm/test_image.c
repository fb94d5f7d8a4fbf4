/* SPDX-License-Identifier: Apache-2.0 */
/* The container of an image: what is written is read back; whatever is changed in header, table or
 * padding is refused or harmless. */
#include <stdbool.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "shm/image_map.h"
#include "shm/image_writer.h"
#include "unit/cmocka.h"
#include "unit/shm/image_fixture.h"

#define TABLE_END (128 + 32 * RUNE_IMAGE_SECTION_COUNT)

static void test_image__is_read_back(void **state)
{
    (void)state;
    struct rune_image_map map;
    uint64_t count;
    int fd = image_fixture_fd();
    assert_int_equal(rune_image_map_fd(fd, RUNE_IMAGE_SEALS_REQUIRED, &map, NULL), RUNE_E_CORRUPT);
    assert_int_equal(rune_image_seal(fd), RUNE_OK);
    assert_int_equal(rune_image_map_fd(fd, RUNE_IMAGE_SEALS_REQUIRED, &map, NULL), RUNE_OK);
    assert_memory_equal(rune_image_section(&map, RUNE_SECTION_STRING_BYTES, &count), "hello", 5);
    assert_int_equal(count, 5);
    const struct rune_image_manifest *manifest =
        rune_image_section(&map, RUNE_SECTION_MANIFEST, &count);
    assert_int_equal(count, 1);
    assert_int_equal(manifest->policy_count, 3);
    rune_image_section(&map, RUNE_SECTION_POLICY, &count);
    assert_int_equal(count, 0);
    assert_int_equal(rune_image_check_hash(&map, NULL), RUNE_OK);
    rune_image_prefault(&map);
    rune_image_unmap(&map);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    close(fd);
}

/* Of several large pages and a bit: mapped whole, the same bytes before and after. */
static void test_image__with_large_pages_is_the_same(void **state)
{
    (void)state;
    enum { SIZE = 5 << 20 };
    unsigned char *bytes = malloc(SIZE);
    struct rune_image_map map, other;
    uint8_t sha256[32];
    uint64_t size, count;
    int fd;
    assert_non_null(bytes);
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    }
    assert_int_equal(rune_image_memfd_create("large", &fd), RUNE_OK);
    const struct rune_image_part part = {RUNE_SECTION_SOURCE_BYTES, bytes, SIZE};
    assert_int_equal(rune_image_write(fd, &part, 1, 0, sha256, &size, NULL), RUNE_OK);
    assert_int_equal(rune_image_seal(fd), RUNE_OK);
    assert_int_equal(rune_image_map_fd(fd, RUNE_IMAGE_SEALS_REQUIRED, &other, NULL), RUNE_OK);
    assert_int_equal(rune_image_map_fd(fd, RUNE_IMAGE_SEALS_REQUIRED, &map, NULL), RUNE_OK);
    rune_image_map_enlarge(&map);
    assert_int_equal(rune_image_check_hash(&map, NULL), RUNE_OK);
    assert_int_equal(rune_image_check_hash(&other, NULL), RUNE_OK);
    assert_memory_equal(rune_image_section(&map, RUNE_SECTION_SOURCE_BYTES, &count), bytes, SIZE);
    rune_image_unmap(&other);
    rune_image_unmap(&map);
    close(fd);
    free(bytes);
}

static void test_image__same_parts_give_same_bytes(void **state)
{
    (void)state;
    size_t size_a, size_b;
    unsigned char *a = image_fixture_bytes(&size_a), *b = image_fixture_bytes(&size_b);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(a, b, size_a);
    free(a);
    free(b);
}

static void test_image__limit_is_kept(void **state)
{
    (void)state;
    uint8_t sha256[32];
    uint64_t size;
    int fd;
    assert_int_equal(rune_image_memfd_create("limit", &fd), RUNE_OK);
    const struct rune_image_part part = {RUNE_SECTION_SOURCE_BYTES, "abc", 3};
    assert_int_equal(rune_image_write(fd, &part, 1, 100, sha256, &size, NULL), RUNE_E_LIMIT);
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    close(fd);
}

static void test_image__write_errors_are_told(void **state)
{
    (void)state;
    uint8_t sha256[32];
    uint64_t size;
    const struct rune_image_part twice[] = {{RUNE_SECTION_SOURCE_BYTES, "abc", 3},
                                            {RUNE_SECTION_SOURCE_BYTES, "d", 1}};
    assert_int_equal(rune_image_write(-1, twice, 2, 0, sha256, &size, NULL), RUNE_E_INTERNAL);
    assert_int_equal(rune_image_write(-1, twice, 1, 0, sha256, &size, NULL), RUNE_E_IO);
    const struct rune_image_part unknown = {(enum rune_section)63, "abc", 3};
    assert_int_equal(rune_image_write(-1, &unknown, 1, 0, sha256, &size, NULL), RUNE_E_INTERNAL);
}

/* Reads every byte of every section, so that a sanitizer sees what lies outside. */
static uint64_t touch(const struct rune_image_map *map)
{
    uint64_t sum = 0;
    for (size_t id = 0; id < RUNE_IMAGE_MAX_SECTIONS; id++) {
        const struct rune_image_section *section = map->sections[id];
        for (uint64_t i = 0; section != NULL && i < section->size; i++) {
            sum += map->base[section->offset + i];
        }
    }
    return sum;
}

/* Bits of the header that the container's check does not read: the hash (checked by check_hash) and
 * the builder's version, which is for people. */
static bool is_free(size_t byte)
{
    return byte >= 24 && byte < 64;
}

static void test_image__any_bit_of_header_and_table_matters(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = image_fixture_bytes(&size);
    for (size_t bit = 0; bit < (size_t)TABLE_END * 8; bit++) {
        struct rune_image_map map;
        bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
        enum rune_err err = rune_image_map_bytes(bytes, size, &map, NULL);
        if (is_free(bit / 8)) {
            assert_int_equal(err, RUNE_OK);
            (void)touch(&map);
            assert_int_equal(rune_image_check_hash(&map, NULL), RUNE_E_CORRUPT);
        } else {
            assert_true(err == RUNE_E_CORRUPT || err == RUNE_E_VERSION);
        }
        bytes[bit / 8] ^= (unsigned char)(1u << (bit % 8));
    }
    free(bytes);
}

static void test_image__any_byte_behind_the_table_matters(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = image_fixture_bytes(&size);
    for (size_t i = TABLE_END; i < size; i++) {
        struct rune_image_map map;
        bytes[i] ^= 0x40;
        enum rune_err err = rune_image_map_bytes(bytes, size, &map, NULL);
        if (err == RUNE_OK) {
            assert_int_equal(rune_image_check_hash(&map, NULL), RUNE_E_CORRUPT);
        } else {
            assert_int_equal(err, RUNE_E_CORRUPT); /* padding */
        }
        bytes[i] ^= 0x40;
    }
    free(bytes);
}

static void test_image__any_other_size_is_refused(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = image_fixture_bytes(&size);
    for (size_t cut = 0; cut < size; cut++) {
        struct rune_image_map map;
        unsigned char *shorter = aligned_alloc(64, (cut + 64) / 64 * 64);
        memcpy(shorter, bytes, cut);
        assert_int_equal(rune_image_map_bytes(shorter, cut, &map, NULL), RUNE_E_CORRUPT);
        free(shorter);
    }
    free(bytes);
}

/* Fields of 64 bits set to values that overflow sums and products. */
static void test_image__overflowing_fields_are_refused(void **state)
{
    (void)state;
    static const uint64_t values[] = {
        0, 1, 63, 64, UINT32_MAX, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 63, UINT64_MAX};
    size_t size;
    unsigned char *bytes = image_fixture_bytes(&size);
    for (size_t at = 16; at + 8 <= TABLE_END; at += 8) {
        uint64_t was;
        memcpy(&was, bytes + at, 8);
        for (size_t i = 0; i < sizeof values / sizeof values[0] && !is_free(at); i++) {
            struct rune_image_map map;
            memcpy(bytes + at, &values[i], 8);
            if (values[i] != was) {
                assert_int_equal(rune_image_map_bytes(bytes, size, &map, NULL), RUNE_E_CORRUPT);
            }
        }
        memcpy(bytes + at, &was, 8);
    }
    free(bytes);
}

static void test_image__what_is_no_file_is_refused(void **state)
{
    (void)state;
    struct rune_image_map map;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_int_equal(rune_image_map_fd(fd, RUNE_IMAGE_SEALS_IGNORED, &map, NULL), RUNE_E_CORRUPT);
    close(fd);
    assert_int_equal(rune_image_map_fd(-1, RUNE_IMAGE_SEALS_IGNORED, &map, NULL), RUNE_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image__is_read_back),
        cmocka_unit_test(test_image__with_large_pages_is_the_same),
        cmocka_unit_test(test_image__same_parts_give_same_bytes),
        cmocka_unit_test(test_image__limit_is_kept),
        cmocka_unit_test(test_image__write_errors_are_told),
        cmocka_unit_test(test_image__any_bit_of_header_and_table_matters),
        cmocka_unit_test(test_image__any_byte_behind_the_table_matters),
        cmocka_unit_test(test_image__any_other_size_is_refused),
        cmocka_unit_test(test_image__overflowing_fields_are_refused),
        cmocka_unit_test(test_image__what_is_no_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
