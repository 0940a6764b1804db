#include "gateway/yaml_lines.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "matching/base/assertion.h"

struct yaml_lines {
    yaml_document_t document;
};

struct yaml_text {
    const uint8_t *bytes;
    size_t count;
};

static uint32_t yaml_lines_of_mark(const yaml_mark_t *mark)
{
    return (uint32_t)mark->line + 1;
}

static bool yaml_lines_is_key(const yaml_node_t *node, const char *key, size_t key_bytes)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.length == key_bytes &&
           memcmp(node->data.scalar.value, key, key_bytes) == 0;
}

static bool yaml_lines_same_key(const yaml_node_t *first, const yaml_node_t *second)
{
    return second->type == YAML_SCALAR_NODE &&
           yaml_lines_is_key(first, (const char *)second->data.scalar.value,
                             second->data.scalar.length);
}

/* A key that one of the mappings has twice. */
static enum status yaml_lines_check_keys(yaml_document_t *document, yaml_node_t *node,
                                         struct yaml_lines_error *error)
{
    const yaml_node_pair_t *first = node->data.mapping.pairs.start;
    const yaml_node_pair_t *end = node->data.mapping.pairs.top;
    for (const yaml_node_pair_t *later = first; later < end; later++) {
        yaml_node_t *key = yaml_document_get_node(document, later->key);
        for (const yaml_node_pair_t *before = first; before < later; before++) {
            yaml_node_t *other = yaml_document_get_node(document, before->key);
            if (yaml_lines_same_key(other, key)) {
                error->line = yaml_lines_of_mark(&key->start_mark);
                (void)snprintf(error->text, sizeof error->text,
                               "`%.64s` stands twice, first in line %u; keep one of them",
                               (const char *)key->data.scalar.value,
                               yaml_lines_of_mark(&other->start_mark));
                return STATUS_BAD_FORMAT;
            }
        }
    }
    return STATUS_OK;
}

static enum status yaml_lines_check(yaml_document_t *document, struct yaml_lines_error *error)
{
    yaml_node_t *root = yaml_document_get_root_node(document);
    if (root == NULL || root->type != YAML_MAPPING_NODE) {
        error->line = root == NULL ? 1 : yaml_lines_of_mark(&root->start_mark);
        (void)snprintf(error->text, sizeof error->text,
                       "the file must be a list of `key: value` lines");
        return STATUS_BAD_FORMAT;
    }
    int index = 1;
    for (yaml_node_t *node = root; node != NULL; node = yaml_document_get_node(document, ++index)) {
        if (node->type == YAML_MAPPING_NODE &&
            yaml_lines_check_keys(document, node, error) != STATUS_OK) {
            return STATUS_BAD_FORMAT;
        }
    }
    return STATUS_OK;
}

/* The reader's errors (bytes that are no text) have an offset instead of a mark. */
static uint32_t yaml_lines_of_problem(const yaml_parser_t *parser, const struct yaml_text *text)
{
    if (parser->error != YAML_READER_ERROR) {
        return yaml_lines_of_mark(&parser->problem_mark);
    }
    uint32_t line = 1;
    for (size_t i = 0; i < parser->problem_offset && i < text->count; i++) {
        line += text->bytes[i] == '\n' ? 1 : 0;
    }
    return line;
}

static void yaml_lines_syntax(const yaml_parser_t *parser, const struct yaml_text *text,
                              struct yaml_lines_error *error)
{
    error->line = yaml_lines_of_problem(parser, text);
    (void)snprintf(error->text, sizeof error->text, "no valid YAML: %s",
                   parser->problem != NULL ? parser->problem : "cannot be read");
}

static enum status yaml_lines_load(yaml_parser_t *parser, const struct yaml_text *text,
                                   yaml_document_t *document, struct yaml_lines_error *error)
{
    if (yaml_parser_load(parser, document) == 0) {
        yaml_lines_syntax(parser, text, error);
        return parser->error == YAML_MEMORY_ERROR ? STATUS_FULL : STATUS_BAD_FORMAT;
    }
    enum status status = yaml_lines_check(document, error);
    if (status != STATUS_OK) {
        yaml_document_delete(document);
        return status;
    }
    /* What follows the document must be nothing. */
    yaml_document_t next;
    if (yaml_parser_load(parser, &next) == 0) {
        yaml_lines_syntax(parser, text, error);
        yaml_document_delete(document);
        return STATUS_BAD_FORMAT;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&next);
    bool more = root != NULL;
    if (more) {
        error->line = yaml_lines_of_mark(&root->start_mark);
        (void)snprintf(error->text, sizeof error->text,
                       "a second document begins here; there must be only one");
        yaml_document_delete(document);
    }
    yaml_document_delete(&next);
    return more ? STATUS_BAD_FORMAT : STATUS_OK;
}

enum status yaml_lines_open(struct yaml_lines **lines, const uint8_t *text, size_t text_bytes,
                            struct yaml_lines_error *error)
{
    ASSERT(lines != NULL);
    ASSERT(error != NULL);

    *lines = NULL;
    *error = (struct yaml_lines_error){.line = 1};
    yaml_parser_t parser;
    struct yaml_lines *made = calloc(1, sizeof *made);
    if (made == NULL || yaml_parser_initialize(&parser) == 0) {
        free(made);
        return STATUS_FULL;
    }
    yaml_parser_set_input_string(&parser, text, text_bytes);
    const struct yaml_text whole = {text, text_bytes};
    enum status status = yaml_lines_load(&parser, &whole, &made->document, error);
    yaml_parser_delete(&parser);
    if (status != STATUS_OK) {
        free(made);
        return status;
    }
    *lines = made;
    return STATUS_OK;
}

void yaml_lines_close(struct yaml_lines *lines)
{
    if (lines != NULL) {
        yaml_document_delete(&lines->document);
        free(lines);
    }
}

/* One step down: `node` becomes the value, `*line` the line of its key or entry. False: not there.
 */
static bool yaml_lines_enter_key(yaml_document_t *document, yaml_node_t **node, const char *key,
                                 size_t key_bytes, uint32_t *line)
{
    if ((*node)->type != YAML_MAPPING_NODE) {
        return false;
    }
    const yaml_node_pair_t *end = (*node)->data.mapping.pairs.top;
    for (const yaml_node_pair_t *pair = (*node)->data.mapping.pairs.start; pair < end; pair++) {
        const yaml_node_t *found = yaml_document_get_node(document, pair->key);
        if (yaml_lines_is_key(found, key, key_bytes)) {
            *line = yaml_lines_of_mark(&found->start_mark);
            *node = yaml_document_get_node(document, pair->value);
            return true;
        }
    }
    return false;
}

static bool yaml_lines_enter_index(yaml_document_t *document, yaml_node_t **node, long index,
                                   uint32_t *line)
{
    if ((*node)->type != YAML_SEQUENCE_NODE) {
        return false;
    }
    const yaml_node_item_t *first = (*node)->data.sequence.items.start;
    if (index >= (*node)->data.sequence.items.top - first) {
        return false;
    }
    *node = yaml_document_get_node(document, first[index]);
    *line = yaml_lines_of_mark(&(*node)->start_mark);
    return true;
}

uint32_t yaml_lines_of(const struct yaml_lines *lines, const char *place)
{
    /* libyaml's getters take no const, but change nothing. */
    yaml_document_t document = lines->document;
    yaml_node_t *node = yaml_document_get_root_node(&document);
    ASSERT(node != NULL);
    uint32_t line = yaml_lines_of_mark(&node->start_mark);
    bool there = true;
    while (there && *place != '\0') {
        if (*place == '[') {
            char *end = NULL;
            long index = strtol(place + 1, &end, 10);
            ASSERT(*end == ']');
            ASSERT(index >= 0);
            there = yaml_lines_enter_index(&document, &node, index, &line);
            place = end + 1;
        } else {
            place += *place == '.' ? 1 : 0;
            size_t key_bytes = strcspn(place, ".[");
            there = yaml_lines_enter_key(&document, &node, place, key_bytes, &line);
            place += key_bytes;
        }
    }
    return line;
}

uint32_t yaml_lines_of_key(const struct yaml_lines *lines, const char *key, uint32_t from_line)
{
    yaml_document_t document = lines->document;
    uint32_t best = UINT32_MAX;
    int index = 1;
    for (const yaml_node_t *node = yaml_document_get_root_node(&document); node != NULL;
         node = yaml_document_get_node(&document, ++index)) {
        if (node->type != YAML_MAPPING_NODE) {
            continue;
        }
        const yaml_node_pair_t *end = node->data.mapping.pairs.top;
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < end; pair++) {
            const yaml_node_t *found = yaml_document_get_node(&document, pair->key);
            uint32_t line = yaml_lines_of_mark(&found->start_mark);
            if (yaml_lines_is_key(found, key, strlen(key)) && line >= from_line && line < best) {
                best = line;
            }
        }
    }
    return best == UINT32_MAX ? from_line : best;
}
