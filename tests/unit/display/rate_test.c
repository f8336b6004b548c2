/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forecast of a viewer's link, against a simulated one: a queue, a rate, a delay, losses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include "display/pace.h"
#include "display/rate.h"

#define MS 1000
#define PONGS_MAX 256

typedef struct {
    uint32_t number;
    int64_t at_us;
} Pong;

typedef struct {
    ZgRate rate;
    double bytes_per_s;
    int64_t delay_us; /* one way */
    int64_t free_us;  /* when the real link has sent all */
    int64_t stalled_until_us; /* a lost packet holds up what follows it */
    int64_t now_us;
    Pong pongs[PONGS_MAX];
    unsigned n_pongs;
    uint32_t n_pings;
    /* what came of it */
    uint64_t n_bytes;
    unsigned n_updates;
    int64_t worst_queue_us, sum_queue_us;
} Link;

static void
link_init(Link *l, double bytes_per_s, int64_t delay_us)
{
    *l = (Link){.bytes_per_s = bytes_per_s, .delay_us = delay_us, .now_us = 1000000};
    l->free_us = l->now_us;
    zg_rate_init(&l->rate, l->now_us);
}

static void
link_carry(Link *l, size_t n_bytes)
{
    l->free_us = MAX(l->free_us, l->now_us) + (int64_t)((double)n_bytes * 1e6 / l->bytes_per_s);
    zg_rate_sent(&l->rate, n_bytes, l->now_us);
}

static void
link_ping(Link *l, bool opens)
{
    int64_t arrives_us = MAX(MAX(l->free_us, l->now_us) + l->delay_us, l->stalled_until_us);

    assert_true(l->n_pongs < PONGS_MAX);
    l->pongs[l->n_pongs++] = (Pong){++l->n_pings, arrives_us + l->delay_us};
    zg_rate_ping(&l->rate, l->n_pings, opens, l->now_us);
}

static void
link_update(Link *l, size_t n_bytes)
{
    int64_t queue_us = MAX(l->free_us - l->now_us, 0);

    l->worst_queue_us = MAX(l->worst_queue_us, queue_us);
    l->sum_queue_us += queue_us;
    l->n_updates++;
    l->n_bytes += n_bytes;
    if (n_bytes >= 3000) {
        link_carry(l, 13);
        link_ping(l, true);
    }
    link_carry(l, n_bytes);
    if (zg_rate_wants_ping(&l->rate, l->now_us)) {
        link_carry(l, 13);
        link_ping(l, false);
    }
}

static void
link_advance(Link *l, int64_t us)
{
    int64_t end_us = l->now_us + us;

    while (l->n_pongs > 0 && l->pongs[0].at_us <= end_us) {
        l->now_us = MAX(l->now_us, l->pongs[0].at_us);
        assert_true(zg_rate_pong(&l->rate, l->pongs[0].number, l->now_us));
        memmove(l->pongs, l->pongs + 1, sizeof l->pongs[0] * --l->n_pongs);
    }
    l->now_us = end_us;
}

/* A screen that changes all the time: an update of @n_bytes whenever the forecast allows one. */
static void
link_saturate(Link *l, size_t n_bytes, int64_t us)
{
    l->n_bytes = l->n_updates = 0;
    l->worst_queue_us = l->sum_queue_us = 0;
    for (int64_t end_us = l->now_us + us; l->now_us < end_us; link_advance(l, MS)) {
        if (zg_rate_wait_us(&l->rate, l->now_us) == 0) {
            link_update(l, n_bytes);
        }
    }
}

static double
used(const Link *l, int64_t us)
{
    return (double)l->n_bytes / (l->bytes_per_s * (double)us / 1e6);
}

static void
a_link_is_filled_without_a_queue(void **state)
{
    static const struct {
        double bytes_per_s;
        int64_t delay_ms;
        size_t n_bytes;
    } cases[] = {
        {625000, 40, 20000}, {625000, 40, 60000}, {250000, 60, 15000}, {1250000, 5, 30000},
        {125000, 150, 8000},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Link l;
        link_init(&l, cases[i].bytes_per_s, cases[i].delay_ms * MS);
        link_saturate(&l, cases[i].n_bytes, 2000 * MS); /* learns */
        link_saturate(&l, cases[i].n_bytes, 5000 * MS);
        assert_true(used(&l, 5000 * MS) > 0.9);
        assert_true(l.worst_queue_us < 20 * MS);
        assert_true(ABS(l.rate.bytes_per_s / l.bytes_per_s - 1) < 0.15);
        assert_true(ABS(l.rate.base_rtt_us - 2 * l.delay_us) < 10 * MS);
    }
}

static void
the_first_update_leaves_at_once_and_the_second_waits(void **state)
{
    Link l;

    link_init(&l, 625000, 40 * MS);
    assert_int_equal(zg_rate_wait_us(&l.rate, l.now_us), 0);
    link_update(&l, 100000);
    assert_true(zg_rate_wait_us(&l.rate, l.now_us) == ZG_RATE_WAIT_FOR_ANSWER);
    link_advance(&l, 300 * MS);
    assert_int_equal(zg_rate_wait_us(&l.rate, l.now_us), 0);
}

/* Typing: never enough bytes to tell a rate, and no reason to wait a round trip for each. */
static void
small_updates_do_not_wait_for_answers(void **state)
{
    Link l;

    link_init(&l, 625000, 40 * MS);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(zg_rate_wait_us(&l.rate, l.now_us), 0);
        link_update(&l, 600);
        link_advance(&l, 30 * MS);
    }
}

/* Each answer costs viewer, front and worker a wake; what was typed tells nothing by it. */
static void
a_few_bytes_on_a_known_link_need_no_answer_of_their_own(void **state)
{
    Link l;

    link_init(&l, 625000, 40 * MS);
    for (int i = 0; i < 2; i++) { /* nothing is known until the first one is answered */
        link_update(&l, 500);
        assert_int_equal(l.n_pings, i + 1);
    }
    link_advance(&l, 200 * MS);
    for (int i = 0; i < 10; i++) {
        link_update(&l, 250);
        link_advance(&l, 200 * MS);
    }
    assert_int_equal(l.n_pings, 2);
    link_update(&l, 500); /* together they are as much as a larger one */
    assert_int_equal(l.n_pings, 3);
    for (int i = 0; i < 30; i++) { /* and the delay is looked at now and then */
        link_advance(&l, 1000 * MS);
        link_update(&l, 50);
    }
    assert_in_range(l.n_pings, 3 + 5, 3 + 6);
}

static void
a_slower_link_is_noticed(void **state)
{
    Link l;

    link_init(&l, 625000, 40 * MS);
    link_saturate(&l, 20000, 3000 * MS);
    l.bytes_per_s = 200000;
    link_saturate(&l, 20000, 2000 * MS); /* learns */
    link_saturate(&l, 20000, 3000 * MS);
    assert_true(used(&l, 3000 * MS) > 0.85);
    assert_true(l.sum_queue_us / l.n_updates < 20 * MS);
    l.bytes_per_s = 625000;
    link_saturate(&l, 20000, 2000 * MS);
    link_saturate(&l, 20000, 3000 * MS);
    assert_true(used(&l, 3000 * MS) > 0.85);
}

/* A retransmission holds up the answers, not the link: pictures go on. */
static void
a_lost_packet_does_not_stop_the_link(void **state)
{
    Link l;

    link_init(&l, 625000, 40 * MS);
    link_saturate(&l, 20000, 3000 * MS);
    l.n_bytes = 0;
    for (int i = 0; i < 10; i++) {
        uint64_t so_far = l.n_bytes;
        l.stalled_until_us = l.now_us + 160 * MS;
        link_saturate(&l, 20000, 500 * MS);
        l.n_bytes += so_far;
    }
    assert_true(used(&l, 5000 * MS) > 0.75);
    assert_true(l.worst_queue_us < 60 * MS);
}

/* Nothing comes back: the link may be cut, and only so much is risked. */
static void
a_cut_link_is_given_no_more_than_it_may_hold(void **state)
{
    Link l;

    link_init(&l, 625000, 40 * MS);
    link_saturate(&l, 20000, 3000 * MS);
    l.stalled_until_us = l.now_us + 60000 * MS;
    l.n_bytes = 0;
    link_saturate(&l, 20000, 10000 * MS);
    assert_true(l.n_bytes < 350000);
    assert_true(zg_rate_wait_us(&l.rate, l.now_us) == ZG_RATE_WAIT_FOR_ANSWER);
}

static void
a_viewer_that_never_answers_is_not_waited_for(void **state)
{
    ZgRate rate;

    zg_rate_init(&rate, 0);
    zg_rate_sent(&rate, 10000, 0);
    zg_rate_ping(&rate, 1, false, 0);
    assert_true(zg_rate_wait_us(&rate, 1000 * MS) == ZG_RATE_WAIT_FOR_ANSWER);
    assert_int_equal(zg_rate_wait_us(&rate, 3100 * MS), 0);
}

static void
unknown_and_forgotten_fences_are_harmless(void **state)
{
    ZgRate rate;

    zg_rate_init(&rate, 0);
    assert_false(zg_rate_pong(&rate, 7, 10));
    for (uint32_t i = 1; i <= 3 * ZG_RATE_PINGS_MAX; i++) {
        zg_rate_sent(&rate, 100, i * MS);
        zg_rate_ping(&rate, i, false, i * MS);
    }
    assert_int_equal(rate.n_pings, ZG_RATE_PINGS_MAX);
    assert_false(zg_rate_pong(&rate, 1, 1000 * MS));
    assert_true(zg_rate_pong(&rate, 3 * ZG_RATE_PINGS_MAX, 1000 * MS)); /* those before are void */
    assert_int_equal(rate.n_pings, 0);
    assert_int_equal(rate.acked, rate.position);
}

static void
a_probe_follows_after_a_quarter_of_the_way_where_the_way_is_long(void **state)
{
    Link l;

    link_init(&l, 625000, 40 * MS);
    assert_int_equal(zg_rate_probe_us(&l.rate), 0);
    link_update(&l, 500);
    link_advance(&l, 200 * MS);
    assert_in_range(zg_rate_probe_us(&l.rate), 20 * MS, 21 * MS);
    link_init(&l, 1e8, MS);
    link_update(&l, 500);
    link_advance(&l, 200 * MS);
    assert_int_equal(zg_rate_probe_us(&l.rate), 0);
}

static void
a_viewer_without_fences_tells_its_rate_by_asking(void **state)
{
    ZgRate rate;
    int64_t now_us = 1000 * MS;

    zg_rate_init(&rate, now_us);
    zg_rate_update(&rate, 100000, now_us);
    zg_rate_asked(&rate, now_us += 240 * MS);
    assert_true(rate.bytes_per_s == 0); /* how much of it was the way is not known yet */
    for (int i = 0; i < 4; i++) {
        zg_rate_update(&rate, 500, now_us);
        zg_rate_asked(&rate, now_us += 80 * MS);
        zg_rate_update(&rate, 62500, now_us);
        zg_rate_asked(&rate, now_us += 180 * MS); /* 625000 bytes a second */
        zg_rate_asked(&rate, now_us += 900 * MS); /* once more: says nothing */
    }
    assert_int_equal(rate.base_rtt_us, 80 * MS);
    assert_true(rate.bytes_per_s > 620000 && rate.bytes_per_s < 630000);
    assert_int_equal(zg_rate_wait_us(&rate, now_us), 0);
}

static void
an_update_holds_what_the_link_carries_in_its_time(void **state)
{
    double cost = 0;

    assert_int_equal(zg_pace_pixels(10000, cost), INT32_MAX);
    cost = zg_pace_cost(cost, 50000, 500000);
    assert_true(cost > 0.099 && cost < 0.101);
    assert_true(zg_pace_cost(cost, 100, 64) == cost); /* a caret says nothing of a photo */
    assert_in_range(zg_pace_pixels(100000, cost), 1980000, 2020000);
    assert_int_equal(zg_pace_pixels(100, cost), 65536);
    assert_true(zg_pace_pixels(SIZE_MAX, cost) == INT32_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_is_filled_without_a_queue),
        cmocka_unit_test(the_first_update_leaves_at_once_and_the_second_waits),
        cmocka_unit_test(small_updates_do_not_wait_for_answers),
        cmocka_unit_test(a_few_bytes_on_a_known_link_need_no_answer_of_their_own),
        cmocka_unit_test(a_slower_link_is_noticed),
        cmocka_unit_test(a_lost_packet_does_not_stop_the_link),
        cmocka_unit_test(a_cut_link_is_given_no_more_than_it_may_hold),
        cmocka_unit_test(a_viewer_that_never_answers_is_not_waited_for),
        cmocka_unit_test(unknown_and_forgotten_fences_are_harmless),
        cmocka_unit_test(a_probe_follows_after_a_quarter_of_the_way_where_the_way_is_long),
        cmocka_unit_test(a_viewer_without_fences_tells_its_rate_by_asking),
        cmocka_unit_test(an_update_holds_what_the_link_carries_in_its_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
