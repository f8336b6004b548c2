/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How fast one viewer's link is, and when it will have carried what it was given. Pure: positions
 * in the byte stream and times come in, answers go out.
 *
 * Two fences around a large update come back as far apart as the link needed for what lies between
 * them: that is its rate, whatever its delay. The shortest way there and back is its delay without
 * queues. From both follows when the link is free again; each answer corrects that forecast. What
 * is sent just then finds no queue, and the next picture is not encoded before.
 *
 * A viewer without fences asks for each update, which paces; when it asks tells its rate.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZG_RATE_SAMPLES 7
#define ZG_RATE_PINGS_MAX 64
#define ZG_RATE_WAIT_FOR_ANSWER INT64_MAX /* only an answer can tell */

typedef struct {
    uint32_t number; /* 0: free */
    bool opens;      /* stands before an update, not behind it */
    uint64_t position;
    int64_t sent_us, due_us; /* due_us: when the answer is expected; 0 unknown */
} ZgRatePing;

typedef struct {
    /* the link */
    int64_t base_rtt_us, rtt_us;     /* without queues; the last one, smoothed; 0 unknown */
    int64_t older_rtt_us, fresh_rtt_us, fresh_since_us; /* the least of this period and the last */
    double samples[ZG_RATE_SAMPLES]; /* bytes/s, a ring */
    unsigned n_samples;              /* ever */
    double bytes_per_s;              /* their median; 0 unknown */
    /* what is on its way */
    uint64_t position, acked; /* bytes given; bytes known to be with the viewer */
    int64_t free_us;          /* when the link has sent all of it */
    int64_t heard_us;         /* the last answer */
    ZgRatePing pings[ZG_RATE_PINGS_MAX];
    unsigned n_pings;          /* on their way */
    uint64_t pinged_position;  /* of the last one sent */
    int64_t pinged_us;
    uint64_t opened_position;  /* of the last `opens` that came back */
    int64_t opened_us, opened_late_us;
    bool has_opened;
    /* of a viewer without fences */
    size_t n_asked_bytes; /* of the last update, until the next one is asked for; 0: none waits */
    int64_t asked_us;     /* when it was sent */
} ZgRate;

/** zg_rate_init() - a link of which nothing is known. */
void zg_rate_init(ZgRate *rate, int64_t now_us);

/** zg_rate_sent() - @n_bytes more were given to the link. */
void zg_rate_sent(ZgRate *rate, size_t n_bytes, int64_t now_us);

/**
 * zg_rate_ping() - the bytes given so far end with a fence
 * @number: not 0
 * @opens:  it stands before an update that follows at once
 * When too many are on their way the oldest is forgotten.
 */
void zg_rate_ping(ZgRate *rate, uint32_t number, bool opens, int64_t now_us);

/** zg_rate_wants_ping() - would a fence tell anything new? Not behind few bytes after the last. */
bool zg_rate_wants_ping(const ZgRate *rate, int64_t now_us);

/** zg_rate_pong() - the fence has come back. Return: false when it is unknown. */
bool zg_rate_pong(ZgRate *rate, uint32_t number, int64_t now_us);

/**
 * zg_rate_update() - an update of @n_bytes was sent to a viewer without fences
 * zg_rate_asked() - such a viewer asks for the next one, which it does once it has the last
 * A small update tells the delay, a large one what it took beyond that.
 */
void zg_rate_update(ZgRate *rate, size_t n_bytes, int64_t now_us);
void zg_rate_asked(ZgRate *rate, int64_t now_us);

/**
 * zg_rate_wait_us() - how long until the next update finds a free link
 * Return: 0 now, else microseconds, or ZG_RATE_WAIT_FOR_ANSWER.
 */
int64_t zg_rate_wait_us(const ZgRate *rate, int64_t now_us);

/** zg_rate_is_silent() - fences are on their way and none has come back for @us. */
bool zg_rate_is_silent(const ZgRate *rate, int64_t us, int64_t now_us);

/** zg_rate_bytes_in() - what the link carries in @us; SIZE_MAX while that is unknown. */
size_t zg_rate_bytes_in(const ZgRate *rate, int64_t us);

/**
 * zg_rate_probe_us() - after how long a last packet that stays unanswered is worth a few bytes more
 * A packet that follows lets TCP see the loss of the one before, which otherwise costs a timeout
 * of some 400 ms. Return: 0 where that would not help.
 */
int64_t zg_rate_probe_us(const ZgRate *rate);
