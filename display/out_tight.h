/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A viewer's own Tight stream for small exact parts: a letter that was typed before is a reference.
 * Belongs to one viewer; blobs stay shared. Tight stream 1 is begun once and never reset (noVNC's
 * inflate loses its window by a reset), so a viewer that comes from another worker has none: its
 * parts go through stream 0 and reset it. Loop thread only. Source: rfbproto.rst, "Tight Encoding".
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "display/encoder.h"

typedef struct ZgOutTight ZgOutTight;

/** zg_out_tight_new() - @history: the viewer has not used stream 1 yet. About 270 KB. */
ZgOutTight *zg_out_tight_new(bool history);
void zg_out_tight_free(ZgOutTight *tight); /* accepts NULL */

/** zg_out_tight_put() - append @blob, which has an open part (n_open), as a whole rectangle. */
void zg_out_tight_put(ZgOutTight *tight, const ZgBlob *blob, GByteArray *out);
