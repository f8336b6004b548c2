/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a session remembers: for rfb_session.c and rfb_handover.c alone. */
#pragma once

#include "display/rfb_session.h"

typedef enum {
    ZG_RFB_PHASE_VERSION,
    ZG_RFB_PHASE_SECURITY,
    ZG_RFB_PHASE_CLIENT_INIT,
    ZG_RFB_PHASE_READY,
    ZG_RFB_PHASE_FAILED,
} ZgRfbPhase;

typedef struct {
    uint32_t keysym, scancode;
} ZgRfbHeldKey;

struct ZgRfbSession {
    ZgRfbPhase phase;
    int width, height;
    char *title;
    ZgRfbLook look;
    bool requested;
    bool continuous;     /* the viewer takes updates without asking for each */
    bool told_fence, told_continuous; /* offered, so the viewer may use them */
    bool stream_started; /* the header of the ZRLE stream was sent */
    uint32_t n_fences;   /* sent so far: the number of the last one */
    bool sync_pending;   /* a fence is answered together with the next message */
    uint32_t sync_flags;
    uint8_t sync_payload[ZG_RFB_FENCE_BYTES_MAX];
    uint8_t n_sync_payload;
    bool told_caps;      /* our clipboard capabilities were sent */
    uint32_t clip_flags; /* what the viewer can do with the extended clipboard */
    uint32_t n_skip;     /* bytes of an oversize message still to drop */
    uint32_t n_expected; /* bytes of a message of which only a part has come; 0: not known */
    size_t text_room;    /* the longest text that is taken in */
    GRefString *offered; /* the desktop's clipboard, until the viewer asks; shared */
    bool owes_notice, owes_text, owes_plain; /* of it: news, the text, and as classic cut text */
    char *given;         /* text of the last clipboard event, until the next feed */
    ZgRfbHeldKey held[ZG_RFB_KEYS_DOWN_MAX];
    unsigned n_held;
    uint16_t pointer_x, pointer_y;
    uint8_t buttons;
};
