/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/out_queue.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define PIECES_AT_ONCE 32

/* Either bytes or a blob. */
typedef struct {
    GByteArray *bytes;
    ZgBlob *blob;
} Chunk;

static void
chunk_free(gpointer data)
{
    Chunk *chunk = data;

    if (chunk->bytes != NULL) {
        g_byte_array_unref(chunk->bytes);
    }
    zg_blob_unref(chunk->blob);
    g_free(chunk);
}

static size_t
chunk_data(const Chunk *chunk, const uint8_t **out_bytes)
{
    *out_bytes = chunk->blob != NULL ? chunk->blob->bytes : chunk->bytes->data;
    return chunk->blob != NULL ? chunk->blob->n_bytes : chunk->bytes->len;
}

void
zg_out_queue_init(ZgOutQueue *queue, int64_t now_us)
{
    *queue = (ZgOutQueue){.progress_us = now_us, .tail = g_byte_array_new()};
    g_queue_init(&queue->chunks);
}

void
zg_out_queue_clear(ZgOutQueue *queue)
{
    g_queue_clear_full(&queue->chunks, chunk_free);
    g_clear_pointer(&queue->tail, g_byte_array_unref);
}

GByteArray *
zg_out_queue_tail(ZgOutQueue *queue)
{
    return queue->tail;
}

void
zg_out_queue_added(ZgOutQueue *queue)
{
    if (queue->tail->len > 0) {
        Chunk *chunk = g_new0(Chunk, 1);
        chunk->bytes = queue->tail;
        queue->tail = g_byte_array_new();
        queue->n_bytes += chunk->bytes->len;
        g_queue_push_tail(&queue->chunks, chunk);
    }
}

void
zg_out_queue_put_blob(ZgOutQueue *queue, ZgBlob *blob)
{
    Chunk *chunk = g_new0(Chunk, 1);

    zg_out_queue_added(queue);
    chunk->blob = zg_blob_ref(blob);
    queue->n_bytes += blob->n_bytes;
    g_queue_push_tail(&queue->chunks, chunk);
}

size_t
zg_out_queue_held(const ZgOutQueue *queue)
{
    return queue->n_bytes + queue->n_first_sent + queue->tail->len;
}

static int
gather(ZgOutQueue *queue, struct iovec *pieces)
{
    int n = 0;

    for (GList *l = queue->chunks.head; l != NULL && n < PIECES_AT_ONCE; l = l->next, n++) {
        const uint8_t *bytes;
        size_t n_bytes = chunk_data(l->data, &bytes), n_skip = n == 0 ? queue->n_first_sent : 0;
        pieces[n] = (struct iovec){(void *)(bytes + n_skip), n_bytes - n_skip};
    }
    return n;
}

static void
drop_sent(ZgOutQueue *queue, size_t n)
{
    queue->n_bytes -= n;
    queue->n_sent += n;
    queue->n_first_sent += n;
    while (!g_queue_is_empty(&queue->chunks)) {
        const uint8_t *bytes;
        size_t n_chunk = chunk_data(queue->chunks.head->data, &bytes);
        if (queue->n_first_sent < n_chunk) {
            return;
        }
        queue->n_first_sent -= n_chunk;
        chunk_free(g_queue_pop_head(&queue->chunks));
    }
}

bool
zg_out_queue_write(ZgOutQueue *queue, int fd, int64_t now_us)
{
    while (queue->n_bytes > 0) {
        struct iovec pieces[PIECES_AT_ONCE];
        struct msghdr message = {.msg_iov = pieces};
        ssize_t n;

        message.msg_iovlen = (size_t)gather(queue, pieces);
        n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno == EAGAIN || errno == EWOULDBLOCK;
        }
        drop_sent(queue, (size_t)n);
        queue->progress_us = now_us;
    }
    queue->progress_us = now_us;
    return true;
}
