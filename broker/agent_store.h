/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What hosts tell, taken into the store. Worker threads; each call is one transaction. */
#pragma once

#include "broker/store/store.h"
#include "common/proto/agent.h"

/** zg_agent_store_hello() - a host's link stands; @out_epoch: its lease. */
bool zg_agent_store_hello(ZgStore *store, const ZgAgentHello *hello, int64_t *out_epoch,
                          GError **error);

/**
 * zg_agent_store_report() - what changed
 * @load:     free memory and so on, or NULL when that did not change
 * @observed: of ZgObserved: those that changed
 * @present:  set of ids, when the report was full; NULL when it was not
 */
bool zg_agent_store_report(ZgStore *store, const char *host, const ZgAgentReport *load,
                           GPtrArray *observed, GHashTable *present, GError **error);

bool zg_agent_store_viewer(ZgStore *store, const char *host, const ZgAgentViewer *viewer,
                           GError **error);
bool zg_agent_store_done(ZgStore *store, const char *host, const ZgAgentDone *done,
                         GError **error);
bool zg_agent_store_progress(ZgStore *store, const char *host, const char *id, int64_t percent,
                             const char *text, GError **error);

/* The certificate authority's files; borrowed. */
typedef struct {
    const char *ca;
    const char *ca_key; /* NULL: this broker cannot enrol */
} ZgAuthority;

/** zg_agent_store_enrol() - spend a join token; ZG_ERROR_DENIED when it is not valid (any more). */
bool zg_agent_store_enrol(ZgStore *store, const ZgAuthority *authority, const char *host,
                          const char *token_secret, const char *csr_pem,
                          char **out_certificate, GError **error);
