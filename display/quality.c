/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/quality.h"

#define MOVING_US 400000   /* lossy updates so soon after one another are a moving picture */
#define MOVING_LEAST 3     /* a page with photos is not */
#define HARD_US 55000      /* an update takes more of the link: it cannot move */
#define EASY_US 22000      /* less: there is room for better ones */
#define EASY_LEAST 12

#define MUCH_BLOCKS 6        /* more than a caret and a word */
#define RESTS_US_MOST 10000000 /* exact after so long, whatever happens beside it */
#define PAGE_BLOCKS 24       /* so much at once is another page */
#define PAGE_US_LEAST 150000 /* sooner: it moves, or arrives in pieces */
#define PAGE_US_MOST 1200000 /* later: it was read */
#define BROWSING_US 3000000
#define BROWSING_REST_US_LEAST 800000
#define BROWSING_REST_US_MOST 1000000

#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

const ZgQualityRules *
zg_quality_rules(ZgProfile profile)
{
    static const ZgQualityRules rules[ZG_N_PROFILES] = {
        [ZG_PROFILE_LAN] = {.jpeg_most = 9, .jpeg_least = 4, .refine_after_ms = 250},
        [ZG_PROFILE_BRANCH_5MBIT] = {.jpeg_most = 8, .jpeg_least = 3, .min_interval_us = 33000,
                                     .refine_after_ms = 400},
        [ZG_PROFILE_BRANCH_2MBIT] = {.jpeg_most = 6, .jpeg_least = 1, .min_interval_us = 66000,
                                     .refine_after_ms = 1000},
        [ZG_PROFILE_LOSSLESS] = {.jpeg_most = -1, .jpeg_least = -1, .refine_after_ms = 250},
    };

    return &rules[profile];
}

int
zg_quality_level(const ZgQuality *quality, const ZgQualityRules *rules, int asked)
{
    int best = MIN_OF(asked, rules->jpeg_most);

    if (best < 0) {
        return -1;
    }
    return MAX_OF(best - quality->drop, MIN_OF(best, rules->jpeg_least));
}

void
zg_quality_note(ZgQuality *quality, const ZgQualityRules *rules, int asked, int64_t link_us,
                int64_t now_us)
{
    if (now_us - quality->last_us > MOVING_US) {
        *quality = (ZgQuality){0};
    }
    quality->last_us = now_us;
    quality->n_moving++;
    if (quality->n_moving < MOVING_LEAST || link_us <= 0) {
        return;
    }
    quality->n_easy = link_us < EASY_US ? quality->n_easy + 1 : 0;
    if (link_us > HARD_US &&
        zg_quality_level(quality, rules, asked) > MIN_OF(rules->jpeg_least, asked)) {
        quality->drop++;
    } else if (quality->n_easy >= EASY_LEAST && quality->drop > 0) {
        quality->drop--;
        quality->n_easy = 0;
    }
}

void
zg_browsing_note(ZgBrowsing *b, int n_blocks, int64_t now_us)
{
    int64_t shown_us = now_us - b->page_us;

    if (n_blocks >= MUCH_BLOCKS) {
        b->much_us = now_us;
    }
    if (n_blocks < PAGE_BLOCKS) {
        return;
    }
    b->page_us = now_us;
    if (shown_us >= PAGE_US_LEAST && shown_us <= PAGE_US_MOST) {
        b->shown_us = shown_us;
        b->until_us = now_us + BROWSING_US;
    }
}

int64_t
zg_browsing_rest_us(const ZgBrowsing *b, int64_t rest_us, int64_t now_us)
{
    int64_t late_us = b->shown_us + b->shown_us / 8;

    if (now_us >= b->until_us) {
        return rest_us;
    }
    late_us = MIN_OF(MAX_OF(late_us, BROWSING_REST_US_LEAST), BROWSING_REST_US_MOST);
    return MAX_OF(rest_us, late_us);
}

int64_t
zg_browsing_over_us(const ZgBrowsing *b, int64_t changed_us, int64_t rest_us)
{
    return MIN_OF(MAX_OF(changed_us, b->much_us) + rest_us,
                  changed_us + MAX_OF(RESTS_US_MOST, rest_us));
}
