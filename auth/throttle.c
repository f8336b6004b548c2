/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "auth/throttle.h"

#include <arpa/inet.h>
#include <string.h>

#define FREE_TRIES 5
#define FREE_TRIES_ADDRESS 30
#define FIRST_PAUSE_US (60 * G_USEC_PER_SEC)
#define LONGEST_PAUSE_US (15 * 60 * G_USEC_PER_SEC)
#define FORGET_AFTER_US (60 * 60 * (int64_t)G_USEC_PER_SEC)

/* One count; also one known place, which uses only the key and its place in the order. */
typedef struct {
    char *key;
    GList *place; /* in Book.order; the front is the one used last */
    int n_tries;
    unsigned n_pauses;
    int64_t paused_until_us;
    int64_t last_us;
} Entry;

/* A bounded map that forgets what was used longest ago. */
typedef struct {
    GHashTable *by_key;
    GQueue order;
    unsigned n_max;
} Book;

struct ZgThrottle {
    Book counts;
    Book places;
};

static void
entry_free(gpointer data)
{
    Entry *entry = data;

    g_free(entry->key);
    g_free(entry);
}

static void
book_init(Book *book, unsigned n_max)
{
    book->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
    g_queue_init(&book->order);
    book->n_max = n_max;
}

static void
book_clear(Book *book)
{
    g_queue_clear(&book->order);
    g_hash_table_unref(book->by_key);
}

static void
book_remove(Book *book, Entry *entry)
{
    g_queue_delete_link(&book->order, entry->place);
    g_hash_table_remove(book->by_key, entry->key);
}

static Entry *
book_find(Book *book, const char *key)
{
    return g_hash_table_lookup(book->by_key, key);
}

static Entry *
book_get(Book *book, const char *key)
{
    Entry *entry = book_find(book, key);

    if (entry != NULL) {
        g_queue_unlink(&book->order, entry->place);
        g_queue_push_head_link(&book->order, entry->place);
        return entry;
    }
    if (g_hash_table_size(book->by_key) >= book->n_max) {
        book_remove(book, g_queue_peek_tail(&book->order));
    }
    entry = g_new0(Entry, 1);
    entry->key = g_strdup(key);
    g_queue_push_head(&book->order, entry);
    entry->place = book->order.head;
    g_hash_table_insert(book->by_key, entry->key, entry);
    return entry;
}

ZgThrottle *
zg_throttle_new(unsigned n_entries)
{
    ZgThrottle *throttle = g_new0(ZgThrottle, 1);

    g_assert(n_entries >= 16);
    book_init(&throttle->counts, n_entries);
    book_init(&throttle->places, 2 * n_entries);
    return throttle;
}

void
zg_throttle_free(ZgThrottle *throttle)
{
    if (throttle != NULL) {
        book_clear(&throttle->counts);
        book_clear(&throttle->places);
        g_free(throttle);
    }
}

/* One spelling for one person: directories do not look at case. Hashed, so a key stays short. */
static char *
user_key(const char *user)
{
    g_autofree char *normal = g_utf8_normalize(user, -1, G_NORMALIZE_NFKC);
    g_autofree char *folded = g_utf8_casefold(normal != NULL ? normal : "", -1);

    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, g_strstrip(folded), -1);
}

/* An IPv6 customer owns a /64 and may use any address in it. */
static char *
address_key(const char *address)
{
    struct in6_addr v6;
    g_autofree char *cut = g_strndup(address, 64);

    if (inet_pton(AF_INET6, cut, &v6) == 1 && !IN6_IS_ADDR_V4MAPPED(&v6)) {
        char text[INET6_ADDRSTRLEN];

        memset(&v6.s6_addr[8], 0, 8);
        inet_ntop(AF_INET6, &v6, text, sizeof text);
        return g_strdup(text);
    }
    return g_steal_pointer(&cut);
}

/* The counts that a try of this user at this address is charged to. */
typedef struct {
    char *keys[3];
    unsigned n_keys;
    bool known;
    char *pair;
} Charge;

static void
charge_clear(Charge *charge)
{
    for (unsigned i = 0; i < charge->n_keys; i++) {
        g_free(charge->keys[i]);
    }
    g_free(charge->pair);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Charge, charge_clear)

static void
charge_init(ZgThrottle *throttle, Charge *charge, const char *user, const char *address)
{
    g_autofree char *who = user_key(user);
    g_autofree char *where = address_key(address != NULL ? address : "");

    charge->pair = g_strconcat(who, "@", where, NULL);
    charge->known = book_find(&throttle->places, charge->pair) != NULL;
    charge->keys[charge->n_keys++] = g_strdup(charge->pair);
    if (!charge->known) {
        charge->keys[charge->n_keys++] = g_strconcat("u:", who, NULL);
        charge->keys[charge->n_keys++] = g_strconcat("a:", where, NULL);
    }
}

static int
free_tries_of(const char *key)
{
    return g_str_has_prefix(key, "a:") ? FREE_TRIES_ADDRESS : FREE_TRIES;
}

static int64_t
wait_of(ZgThrottle *throttle, const char *key, int64_t now_us)
{
    Entry *entry = book_find(&throttle->counts, key);

    if (entry == NULL) {
        return 0;
    }
    if (now_us - entry->last_us > FORGET_AFTER_US) {
        book_remove(&throttle->counts, entry);
        return 0;
    }
    return MAX(entry->paused_until_us - now_us, 0);
}

static void
charge_one(ZgThrottle *throttle, const char *key, int64_t now_us)
{
    Entry *entry = book_get(&throttle->counts, key);
    int64_t pause_us = FIRST_PAUSE_US;

    entry->last_us = now_us;
    if (++entry->n_tries < free_tries_of(key)) {
        return;
    }
    /* This try is the last free one, or one after a pause: the next has to wait. */
    for (unsigned i = 0; i < entry->n_pauses && pause_us < LONGEST_PAUSE_US; i++) {
        pause_us *= 2;
    }
    entry->n_pauses++;
    entry->paused_until_us = now_us + MIN(pause_us, LONGEST_PAUSE_US);
}

bool
zg_throttle_try(ZgThrottle *throttle, const char *user, const char *address, int64_t now_us,
                int64_t *out_wait_us)
{
    g_auto(Charge) charge = {0};
    int64_t wait_us = 0;

    charge_init(throttle, &charge, user, address);
    for (unsigned i = 0; i < charge.n_keys; i++) {
        wait_us = MAX(wait_us, wait_of(throttle, charge.keys[i], now_us));
    }
    if (out_wait_us != NULL) {
        *out_wait_us = wait_us;
    }
    if (wait_us > 0) {
        return false;
    }
    for (unsigned i = 0; i < charge.n_keys; i++) {
        charge_one(throttle, charge.keys[i], now_us);
    }
    return true;
}

static void
take_back(ZgThrottle *throttle, const char *key, int n_tries)
{
    Entry *entry = book_find(&throttle->counts, key);

    if (entry == NULL) {
        return;
    }
    if (entry->n_tries >= free_tries_of(key) && entry->n_pauses > 0) {
        entry->n_pauses--;
        entry->paused_until_us = 0;
    }
    entry->n_tries = MAX(entry->n_tries - n_tries, 0);
}

void
zg_throttle_succeeded(ZgThrottle *throttle, const char *user, const char *address)
{
    g_auto(Charge) charge = {0};
    Entry *pair;

    charge_init(throttle, &charge, user, address);
    pair = book_find(&throttle->counts, charge.pair);
    if (pair != NULL) {
        book_remove(&throttle->counts, pair);
    }
    if (!charge.known) {
        /* The try itself, and for the address two more: somebody real is there. What strangers
         * elsewhere did to this user's name stays counted. */
        take_back(throttle, charge.keys[1], 1);
        take_back(throttle, charge.keys[2], 3);
    }
    book_get(&throttle->places, charge.pair);
}

void
zg_throttle_refund(ZgThrottle *throttle, const char *user, const char *address)
{
    g_auto(Charge) charge = {0};

    charge_init(throttle, &charge, user, address);
    for (unsigned i = 0; i < charge.n_keys; i++) {
        take_back(throttle, charge.keys[i], 1);
    }
}

void
zg_throttle_remember(ZgThrottle *throttle, const char *user, const char *address)
{
    g_auto(Charge) charge = {0};

    charge_init(throttle, &charge, user, address);
    book_get(&throttle->places, charge.pair);
}
