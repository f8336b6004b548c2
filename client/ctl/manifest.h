/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Manifests: YAML documents into API objects, with every error at its line and column. Pure. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define ZG_MANIFEST_MOST_BYTES (256 * 1024)
#define ZG_MANIFEST_MOST_DOCUMENTS 256

/* One thing that the person wants. */
typedef struct {
    const char *kind; /* "Pool"; static */
    char *name;
    json_t *object; /* fields as the API has them, without the kind; absent ones are the broker's */
    size_t line;    /* where the document begins, from 1 */
} ZgManifest;

/** zg_manifest_free() - accepts NULL. */
void zg_manifest_free(ZgManifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgManifest, zg_manifest_free)

/**
 * zg_manifest_parse() - every document of a file
 * @file:  name shown in errors
 * @text:  YAML, not NUL-terminated; at most ZG_MANIFEST_MOST_BYTES
 * @error: ZG_ERROR_INVALID; a line for each thing at fault (at most 20):
 *         `file:line:column: field: what is wrong (did you mean …)`
 * Return: array of ZgManifest (g_ptr_array_unref() frees them); NULL when anything is wrong.
 */
GPtrArray *zg_manifest_parse(const char *file, const char *text, size_t n_text, GError **error);

/**
 * zg_manifest_differs() - would the broker's object change?
 * @wanted: from a manifest
 * @actual: from the broker
 * Return: true when a field of @wanted is absent or different in @actual.
 */
bool zg_manifest_differs(const json_t *wanted, const json_t *actual);
