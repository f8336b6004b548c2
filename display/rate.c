/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/rate.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLE_BYTES_LEAST 3000   /* two packets, so that there is something between them */
#define ASKED_BYTES_LEAST 16384   /* of an update whose answer is the viewer's next request */
#define SAMPLE_US_LEAST 300       /* shorter: as fast as we can tell */
#define SLACK_US 6000             /* the next update is encoded while the last one leaves */
#define RTT_PERIOD_US 10000000    /* a longer way is believed after one to two of these */
#define CORRECTION_US_MOST 100000 /* of one answer: a lost packet is not a slow link */
#define HOLD_US 250000            /* bytes without answer: so much more than the way takes */
#define HOLD_BYTES 32768
#define UNKNOWN_BYTES 8192        /* on their way while the rate is not known */
#define SILENT_US 3000000         /* a viewer that never answers is not waited for */
#define BURST_LATE_US 15000
#define PING_US 5000000           /* a fence at least so often, while anything is sent */
#define PROBE_RTT_US_LEAST 8000

#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))

void
zg_rate_init(ZgRate *rate, int64_t now_us)
{
    memset(rate, 0, sizeof *rate);
    rate->free_us = rate->heard_us = rate->fresh_since_us = now_us;
}

static int64_t
duration_us(const ZgRate *rate, uint64_t n_bytes)
{
    return rate->bytes_per_s > 0 ? (int64_t)((double)n_bytes * 1e6 / rate->bytes_per_s) : 0;
}

void
zg_rate_sent(ZgRate *rate, size_t n_bytes, int64_t now_us)
{
    if (rate->n_pings == 0) {
        rate->heard_us = now_us; /* silence counts from here */
    }
    rate->position += n_bytes;
    rate->free_us = MAX_OF(rate->free_us, now_us) + duration_us(rate, n_bytes);
}

static void
forget(ZgRate *rate, unsigned i)
{
    memmove(&rate->pings[i], &rate->pings[i + 1],
            sizeof rate->pings[0] * (size_t)(rate->n_pings - i - 1));
    rate->n_pings--;
}

void
zg_rate_ping(ZgRate *rate, uint32_t number, bool opens, int64_t now_us)
{
    if (rate->n_pings == ZG_RATE_PINGS_MAX) {
        forget(rate, 0);
    }
    rate->pinged_position = rate->position;
    rate->pinged_us = now_us;
    rate->pings[rate->n_pings++] = (ZgRatePing){
        .number = number,
        .opens = opens,
        .position = rate->position,
        .sent_us = now_us,
        .due_us = rate->base_rtt_us > 0 && rate->bytes_per_s > 0
                      ? MAX_OF(rate->free_us, now_us) + rate->base_rtt_us
                      : 0,
    };
}

bool
zg_rate_wants_ping(const ZgRate *rate, int64_t now_us)
{
    return rate->rtt_us == 0 || now_us - rate->pinged_us >= PING_US ||
           rate->position - rate->pinged_position >= SAMPLE_BYTES_LEAST;
}

static void
note_rtt(ZgRate *rate, int64_t rtt_us, int64_t now_us)
{
    rtt_us = MAX_OF(rtt_us, 1);
    rate->rtt_us = rate->rtt_us == 0 ? rtt_us : rate->rtt_us + (rtt_us - rate->rtt_us) / 8;
    if (now_us - rate->fresh_since_us > RTT_PERIOD_US) {
        rate->older_rtt_us = rate->fresh_rtt_us;
        rate->fresh_rtt_us = 0;
        rate->fresh_since_us = now_us;
    }
    if (rate->fresh_rtt_us == 0 || rtt_us < rate->fresh_rtt_us) {
        rate->fresh_rtt_us = rtt_us;
    }
    rate->base_rtt_us = rate->older_rtt_us == 0 ? rate->fresh_rtt_us
                                                : MIN_OF(rate->older_rtt_us, rate->fresh_rtt_us);
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The median, so that a packet lost, or two answers read at once, do not count. */
static void
note_rate(ZgRate *rate, double bytes_per_s)
{
    double sorted[ZG_RATE_SAMPLES];
    unsigned n;

    rate->samples[rate->n_samples++ % ZG_RATE_SAMPLES] = bytes_per_s;
    n = MIN_OF(rate->n_samples, (unsigned)ZG_RATE_SAMPLES);
    memcpy(sorted, rate->samples, sizeof sorted[0] * n);
    qsort(sorted, n, sizeof sorted[0], compare);
    rate->bytes_per_s = sorted[n / 2];
}

/* What a retransmission held up arrives all at once, which says nothing about the link. */
static bool
is_burst(const ZgRate *rate, double bytes_per_s)
{
    return rate->opened_late_us > rate->base_rtt_us / 4 + BURST_LATE_US &&
           bytes_per_s > 1.5 * rate->bytes_per_s;
}

static void
measure(ZgRate *rate, const ZgRatePing *ping, int64_t now_us)
{
    if (ping->opens) {
        rate->opened_position = ping->position;
        rate->opened_us = now_us;
        rate->opened_late_us = now_us - ping->sent_us - rate->base_rtt_us;
        rate->has_opened = true;
    } else if (rate->has_opened) {
        uint64_t n_bytes = ping->position - rate->opened_position;

        rate->has_opened = false;
        if (n_bytes >= SAMPLE_BYTES_LEAST) {
            int64_t took_us = MAX_OF(now_us - rate->opened_us, SAMPLE_US_LEAST);
            double bytes_per_s = (double)n_bytes * 1e6 / (double)took_us;
            if (!is_burst(rate, bytes_per_s)) {
                note_rate(rate, bytes_per_s);
            }
        }
    }
}

/* The forecast was wrong by so much: half of it is believed. */
static void
correct(ZgRate *rate, const ZgRatePing *ping, int64_t now_us)
{
    int64_t error_us;

    if (ping->due_us != 0) {
        error_us = now_us - ping->due_us;
        error_us = MAX_OF(MIN_OF(error_us, CORRECTION_US_MOST), -CORRECTION_US_MOST);
        rate->free_us += error_us / 2;
        for (unsigned i = 0; i < rate->n_pings; i++) {
            if (rate->pings[i].due_us != 0) {
                rate->pings[i].due_us += error_us / 2;
            }
        }
    }
    if (rate->acked == rate->position) {
        rate->free_us = MIN_OF(rate->free_us, now_us); /* all of it has arrived */
    }
}

bool
zg_rate_pong(ZgRate *rate, uint32_t number, int64_t now_us)
{
    for (unsigned i = 0; i < rate->n_pings; i++) {
        if (rate->pings[i].number == number) {
            ZgRatePing ping = rate->pings[i];
            /* Answers come in order: those before it were lost with an earlier worker. */
            while (i-- > 0) {
                forget(rate, 0);
            }
            forget(rate, 0);
            rate->heard_us = now_us;
            rate->acked = MAX_OF(rate->acked, ping.position);
            note_rtt(rate, now_us - ping.sent_us, now_us);
            measure(rate, &ping, now_us);
            correct(rate, &ping, now_us);
            return true;
        }
    }
    return false;
}

void
zg_rate_update(ZgRate *rate, size_t n_bytes, int64_t now_us)
{
    rate->n_asked_bytes = n_bytes;
    rate->asked_us = now_us;
}

void
zg_rate_asked(ZgRate *rate, int64_t now_us)
{
    int64_t took_us = now_us - rate->asked_us;
    size_t n_bytes = rate->n_asked_bytes;

    rate->n_asked_bytes = 0;
    if (n_bytes >= ASKED_BYTES_LEAST && rate->base_rtt_us > 0) {
        took_us = MAX_OF(took_us - rate->base_rtt_us, SAMPLE_US_LEAST);
        note_rate(rate, (double)n_bytes * 1e6 / (double)took_us);
    } else if (n_bytes > 0 && n_bytes < SAMPLE_BYTES_LEAST) {
        note_rtt(rate, took_us, now_us);
    }
}

int64_t
zg_rate_wait_us(const ZgRate *rate, int64_t now_us)
{
    if (rate->n_pings == 0 || (rate->rtt_us == 0 && now_us - rate->heard_us > SILENT_US)) {
        return 0;
    }
    if (rate->bytes_per_s <= 0) { /* small updates tell no rate, and need none */
        return rate->position - rate->acked < UNKNOWN_BYTES ? 0 : ZG_RATE_WAIT_FOR_ANSWER;
    }
    if (rate->position - rate->acked >
        zg_rate_bytes_in(rate, rate->base_rtt_us + HOLD_US) + HOLD_BYTES) {
        return ZG_RATE_WAIT_FOR_ANSWER;
    }
    return MAX_OF(rate->free_us - SLACK_US - now_us, 0);
}

bool
zg_rate_is_silent(const ZgRate *rate, int64_t us, int64_t now_us)
{
    return rate->n_pings > 0 && now_us - rate->heard_us > us;
}

size_t
zg_rate_bytes_in(const ZgRate *rate, int64_t us)
{
    return rate->bytes_per_s <= 0 ? SIZE_MAX : (size_t)(rate->bytes_per_s * (double)us / 1e6);
}

int64_t
zg_rate_probe_us(const ZgRate *rate)
{
    return rate->base_rtt_us < PROBE_RTT_US_LEAST ? 0 : rate->base_rtt_us / 4;
}
