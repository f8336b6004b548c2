/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Template versions on this host: images/TEMPLATE/VERSION/{disk.qcow2,kernel,initrd,meta.json},
 * sealed (0444), hashed, complete or absent. Functions block; import belongs on a pool thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    char *template_name;
    int64_t version;
    char *sha256; /* of disk.qcow2 */
    int64_t bytes;
    int64_t virtual_mib;
    char *os;
    char *cmdline;
    char *disk;   /* path */
    char *kernel; /* path or NULL */
    char *initrd; /* path or NULL */
} ZgImage;

void zg_image_free(ZgImage *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZgImage, zg_image_free)

/** zg_image_load() - one version; ZG_ERROR_NOT_FOUND when it is not here whole. */
ZgImage *zg_image_load(const char *images_dir, const char *template_name, int64_t version,
                       GError **error);

/** zg_image_list() - all that are here, of ZgImage; what is broken is logged and left out. */
GPtrArray *zg_image_list(const char *images_dir);

/* Texts are copies owned by the job's maker. */
typedef struct {
    const char *images_dir;
    const char *incoming;
    const char *template_name;
    int64_t version;
    const char *path;    /* names inside incoming; no folders */
    const char *kernel;  /* or NULL */
    const char *initrd;  /* or NULL */
    const char *os;      /* or NULL */
    const char *cmdline; /* or NULL */
    const char *qemu_user;
    int64_t disk_reserve_mib;
    int *percent; /* atomic; 0..100 */
} ZgImageImport;

/**
 * zg_image_import() - copy, check, seal and name one version
 * A version that is here already with the same content is returned as it is; another content is
 * ZG_ERROR_CONFLICT. Nothing is left behind on failure.
 */
ZgImage *zg_image_import(const ZgImageImport *job, GError **error);

/** zg_image_remove() - the caller has made sure that no overlay uses it; absent is success. */
bool zg_image_remove(const char *images_dir, const char *template_name, int64_t version,
                     GError **error);

/** zg_image_sweep() - remove what an interrupted import left. */
void zg_image_sweep(const char *images_dir);
