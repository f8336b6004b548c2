/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which commands were begun and how they ended, on disk, so that each runs once even if the answer
 * or this program was lost. One small file per command: COMMANDS/ID.json. Blocks for an fsync.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include "common/proto/agent.h"

#define ZG_JOURNAL_KEEP_S (24 * 3600)

typedef enum {
    ZG_JOURNAL_NEW,   /* never seen: now recorded as begun */
    ZG_JOURNAL_BEGUN, /* begun before, no end known */
    ZG_JOURNAL_DONE,  /* ended; its answer is stored */
} ZgJournalState;

/**
 * zg_journal_begin() - record before acting
 * @out_done: with ZG_JOURNAL_DONE the stored answer, else untouched
 * Return: false when nothing could be recorded: then the command must not be done.
 */
bool zg_journal_begin(const char *dir, const char *id, ZgJournalState *out_state,
                      ZgAgentDone **out_done, GError **error);

/** zg_journal_end() - store the answer before it is sent. */
bool zg_journal_end(const char *dir, const ZgAgentDone *done, GError **error);

/** zg_journal_sweep() - forget what is older than ZG_JOURNAL_KEEP_S. @now_utc_us: the time */
void zg_journal_sweep(const char *dir, int64_t now_utc_us);
