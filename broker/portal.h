/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The portal's files, from one folder. */
#pragma once

#include <stdbool.h>
#include "broker/http.h"
#include "common/base/worker.h"

typedef struct ZgPortal ZgPortal;

/** zg_portal_new() - @directory: of index.html and assets/; may be NULL (then there is no portal).
 */
ZgPortal *zg_portal_new(const char *directory, ZgWorkerPool *workers);
void zg_portal_free(ZgPortal *portal);

/** zg_portal_handle() - answer one request outside the API. */
void zg_portal_handle(ZgPortal *portal, ZgHttpRequest *request);

/**
 * zg_portal_file_of() - the file below the folder that a path means. Pure.
 * Return: relative name the caller frees; NULL for anything but plain names ([A-Za-z0-9._-], not
 * starting with a dot), at most 8 deep.
 */
char *zg_portal_file_of(const char *path);

/** zg_portal_type_of() - Content-Type by extension, or NULL (then the file is not served). Pure. */
const char *zg_portal_type_of(const char *file);

/** zg_portal_is_immutable() - in assets/, with a hash of 8 or more in its name. Pure. */
bool zg_portal_is_immutable(const char *file);

/** zg_portal_csp() - the policy for all answers; @origins: the portal's own. Caller frees. Pure. */
char *zg_portal_csp(char **origins);
