/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hostd's end of the link to a broker (docs/protocol/hostd.md), enrolment included. Loop only. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ZgLink ZgLink;

/* Borrowed for the life of the link. */
typedef struct {
    const char *address; /* as zg_dial_new() takes it */
    const char *host;
    const char *certificate;
    const char *key;
    const char *ca;
    const char *join_token_file; /* or NULL; used while the certificate is absent */
} ZgLinkOptions;

typedef struct {
    /* Our first message, built anew for each connection; handed over. */
    json_t *(*make_hello)(void *user);
    void (*on_welcome)(int64_t epoch, void *user);
    /* Any later message. */
    void (*on_message)(const char *type, const json_t *message, void *user);
    void (*on_lost)(void *user);
    void *user;
} ZgLinkOwner;

ZgLink *zg_link_new(const ZgLinkOptions *options, const ZgLinkOwner *owner, GError **error);
void zg_link_free(ZgLink *link);

/** zg_link_send() - @message is handed over; false when no broker is there (nothing is kept). */
bool zg_link_send(ZgLink *link, json_t *message);
