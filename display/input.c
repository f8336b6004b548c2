/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/input.h"

void
zg_input_pass(ZgSource *source, const ZgRfbEvent *event)
{
    if (source == NULL) {
        return;
    }
    if (event->kind == ZG_RFB_EVENT_KEY) {
        zg_source_key(source, event->key.down, event->key.keysym, event->key.scancode);
    } else if (event->kind == ZG_RFB_EVENT_POINTER) {
        zg_source_pointer(source, event->pointer.x, event->pointer.y, event->pointer.buttons);
    }
}

void
zg_input_release(ZgSource *source, ZgOutput *output)
{
    ZgRfbEvent event;

    while (output->ops->release(output, &event)) {
        zg_input_pass(source, &event);
    }
}
