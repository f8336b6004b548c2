/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A broker's core in one process: a scratch store, a clock that is set, one scripted host. */
#pragma once

#include "broker/reconcile.h"
#include "broker/service_priv.h"

/* The host does at once what is wished, unless told otherwise. */
typedef struct {
    char *directory;
    ZgService *service;
    GHashTable *links;      /* as the link server would see them */
    GHashTable *machines;   /* desktop id → ZgObserved */
    GPtrArray *done_kinds;  /* kinds of commands carried out, in order */
    bool lazy;              /* machines stay "starting" */
    bool breaks;            /* machines fail */
    bool refuses_commands;
    bool sees_nothing;      /* reports are not sent */
} Flow;

extern int64_t flow_now_us;

void flow_start(Flow *flow);
void flow_stop(Flow *flow);

/** flow_host() - another host's link begins; where its machines are is not told. */
void flow_host(Flow *flow, const char *name);

/** flow_hello() - the host's link begins anew. */
void flow_hello(Flow *flow);

/** flow_advance() - let time pass, sweeping every 5 s. */
void flow_advance(Flow *flow, int seconds);

/** flow_settle() - sweep and let the host act until nothing changes; at most 20 rounds. */
void flow_settle(Flow *flow);

/** flow_template() - import a template version through the host. */
void flow_template(Flow *flow, const char *name);

/** flow_pool() - a pool of @ready and @max desktops for everybody. */
void flow_pool(Flow *flow, const char *name, int ready, int max);

/** flow_count() - desktops of a life; NULL: all. */
int flow_count(Flow *flow, const char *life);

/** flow_open() - a session; returns its id, the caller frees. @out_state may be NULL. */
char *flow_open(Flow *flow, const char *user, const char *pool, char **out_state);

/** flow_session() - one text field of a session; the caller frees. */
char *flow_session(Flow *flow, const char *id, const char *field);

/** flow_desktop() - one text field of a desktop; the caller frees. */
char *flow_desktop(Flow *flow, const char *id, const char *field);

/** flow_viewer() - the host reports a viewer's event. */
void flow_viewer(Flow *flow, const char *session, const char *event, int viewers);

/** flow_machine() - what the host has of a desktop, borrowed, or NULL. */
ZgObserved *flow_machine(Flow *flow, const char *desktop);

/** flow_did() - how many commands of a kind the host carried out. */
int flow_did(Flow *flow, const char *kind);

/* For tests whose Flow is called `flow`. */
#define assert_session(id, field, expected)                                                        \
    do {                                                                                           \
        g_autofree char *seen_ = flow_session(&flow, id, field);                                   \
        assert_string_equal(seen_, expected);                                                      \
    } while (0)
