/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the person is signed in: one 0600 file with address, authority and token. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    char *url;        /* https://HOST:PORT, without a path */
    char *ca_pem;     /* certificates trusted for it; NULL: the system's */
    char *user;       /* who signed in */
    char *token;      /* secret; wiped on free */
    char *expires_at; /* RFC 3339; NULL when unknown */
    char *dir;        /* the installation's folder, when it is on this machine; or NULL */
} ZgContext;

/** zg_context_default_path() - ~/.config/zaguan/context.json; the caller frees. */
char *zg_context_default_path(void);

/**
 * zg_context_load() - read the file
 * @error: ZG_ERROR_UNAUTHENTICATED when there is none, ZG_ERROR_DENIED when others may read it
 * Return: owned by the caller, zg_context_free().
 */
ZgContext *zg_context_load(const char *path, GError **error);

/** zg_context_save() - replace the file (0600, its folder 0700 when it is made). */
bool zg_context_save(const ZgContext *context, const char *path, GError **error);

/** zg_context_free() - accepts NULL. */
void zg_context_free(ZgContext *context);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgContext, zg_context_free)
