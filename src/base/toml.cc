/* SPDX-License-Identifier: Apache-2.0 */
/* TOML through tomlplusplus, turned into the JSON tree. The library keeps tables sorted by key; places bring the
 * members back into the order of the text. Nothing thrown leaves this file. */
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 1
#include <toml++/toml.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

/* In C++ a function hides the struct of its name; that is meant. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
extern "C" {
#include "base/toml.h"
}
#pragma GCC diagnostic pop

namespace {

constexpr uint32_t max_depth = 64; // LIMIT: tables in tables

class Converter {
  public:
    Converter(const rune_source *source, rune_arena *arena) : source_(source), arena_(arena)
    {
        line_starts_.push_back(0);
        for (uint32_t i = 0; i < source->length; i++) {
            if (source->text[i] == '\n') {
                line_starts_.push_back(i + 1);
            }
        }
    }

    // Byte offset of a place; columns of the library count code points from 1.
    uint32_t offset(const toml::source_position &at) const
    {
        if (at.line == 0 || at.line > line_starts_.size()) {
            return 0;
        }
        uint32_t byte = line_starts_[at.line - 1];
        for (uint32_t column = 1; column < at.column && byte < source_->length; column++) {
            byte++;
            while (byte < source_->length && (static_cast<unsigned char>(source_->text[byte]) & 0xc0) == 0x80) {
                byte++;
            }
        }
        return byte;
    }

    rune_err convert(const toml::node &node, rune_json_node *out, uint32_t depth)
    {
        if (depth > max_depth) {
            return RUNE_E_LIMIT;
        }
        out->offset = offset(node.source().begin);
        uint32_t end = offset(node.source().end);
        out->length = end > out->offset ? end - out->offset : 0;
        if (const auto *table = node.as_table()) {
            return convert_table(*table, out, depth);
        }
        if (const auto *array = node.as_array()) {
            return convert_array(*array, out, depth);
        }
        if (const auto *text = node.as_string()) {
            return set_text(RUNE_JSON_STRING, text->get(), out);
        }
        if (const auto *integer = node.as_integer()) {
            out->type = RUNE_JSON_INTEGER;
            out->as.integer = integer->get();
            return RUNE_OK;
        }
        if (const auto *boolean = node.as_boolean()) {
            out->type = boolean->get() ? RUNE_JSON_TRUE : RUNE_JSON_FALSE;
            return RUNE_OK;
        }
        return convert_rest(node, out);
    }

  private:
    rune_err set_text(rune_json_type type, std::string_view text, rune_json_node *out)
    {
        out->type = type;
        const char *copy = rune_arena_strndup(arena_, text.data(), text.size());
        if (copy == nullptr) {
            return RUNE_E_NOMEM;
        }
        out->as.text = rune_str{copy, text.size()};
        return RUNE_OK;
    }

    // Floats keep their spelling; dates and times are printed as RFC 3339 has them.
    rune_err convert_rest(const toml::node &node, rune_json_node *out)
    {
        if (node.is_floating_point()) {
            return set_text(RUNE_JSON_NUMBER, std::string_view(source_->text + out->offset, out->length), out);
        }
        std::ostringstream text;
        if (const auto *date = node.as_date()) {
            text << date->get();
        } else if (const auto *time = node.as_time()) {
            text << time->get();
        } else if (const auto *both = node.as_date_time()) {
            text << both->get();
        }
        return set_text(RUNE_JSON_STRING, text.str(), out);
    }

    rune_err convert_array(const toml::array &array, rune_json_node *out, uint32_t depth)
    {
        out->type = RUNE_JSON_ARRAY;
        out->as.array.count = static_cast<uint32_t>(array.size());
        out->as.array.items =
            static_cast<rune_json_node *>(rune_arena_calloc(arena_, array.size(), sizeof(rune_json_node)));
        if (out->as.array.items == nullptr) {
            return RUNE_E_NOMEM;
        }
        uint32_t index = 0;
        for (const toml::node &item : array) {
            rune_err err = convert(item, &out->as.array.items[index++], depth + 1);
            if (err != RUNE_OK) {
                return err;
            }
        }
        return RUNE_OK;
    }

    rune_err convert_table(const toml::table &table, rune_json_node *out, uint32_t depth)
    {
        out->type = RUNE_JSON_OBJECT;
        out->as.object.count = static_cast<uint32_t>(table.size());
        out->as.object.members =
            static_cast<rune_json_member *>(rune_arena_calloc(arena_, table.size(), sizeof(rune_json_member)));
        if (out->as.object.members == nullptr) {
            return RUNE_E_NOMEM;
        }
        uint32_t index = 0;
        for (auto &&[key, value] : table) {
            rune_json_member *member = &out->as.object.members[index++];
            const char *name = rune_arena_strndup(arena_, key.str().data(), key.str().size());
            if (name == nullptr) {
                return RUNE_E_NOMEM;
            }
            member->key = rune_str{name, key.str().size()};
            member->key_offset = offset(key.source().begin);
            rune_err err = convert(value, &member->value, depth + 1);
            if (err != RUNE_OK) {
                return err;
            }
        }
        std::stable_sort(out->as.object.members, out->as.object.members + index,
                         [](const rune_json_member &a, const rune_json_member &b) {
                             return a.key_offset < b.key_offset;
                         });
        return RUNE_OK;
    }

    const rune_source *source_;
    rune_arena *arena_;
    std::vector<uint32_t> line_starts_;
};

rune_err parse(const rune_source *source, rune_arena *arena, rune_json_node *ret_root, rune_diag *diag)
{
    toml::parse_result result = toml::parse(std::string_view(source->text, source->length));
    Converter converter(source, arena);
    if (!result) {
        const toml::parse_error &error = result.error();
        rune_span span = {source, converter.offset(error.source().begin), 1};
        std::string text(error.description());
        rune_diag_report(diag, RUNE_ERROR, "RUNE-T0001", span, "the file must be TOML 1.0", "%s", text.c_str());
        return RUNE_E_SYNTAX;
    }
    rune_json_node root = {};
    rune_err err = converter.convert(result.table(), &root, 0);
    if (err == RUNE_OK) {
        *ret_root = root;
    } else if (err == RUNE_E_LIMIT) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-T0002", rune_span{source, 0, 0}, nullptr,
                         "tables are nested more than %u deep", max_depth);
    }
    return err;
}

} // namespace

extern "C" rune_err rune_toml_parse(const rune_source *source, rune_arena *arena, rune_json_node *ret_root,
                                    rune_diag *diag)
{
    try {
        return parse(source, arena, ret_root, diag);
    } catch (const std::bad_alloc &) {
        return RUNE_E_NOMEM;
    } catch (...) {
        return RUNE_E_INTERNAL;
    }
}
