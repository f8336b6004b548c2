/* SPDX-License-Identifier: GPL-3.0-or-later */
/* H.264 by libavcodec, a decoder for each place. Source: rfbproto.rst, "Open H.264 Encoding". */
#include <libavcodec/avcodec.h>
#include <libswscale/swscale.h>
#include "tests/bench/decode.h"

#define PLACES_MAX 64
#define RESET_ONE 1
#define RESET_ALL 2

typedef struct {
    ZgDecodeRect at;
    AVCodecContext *codec;
    struct SwsContext *colours;
} Place;

static Place places[PLACES_MAX];
static int n_places;

static void
forget_all(void)
{
    for (int i = 0; i < n_places; i++) {
        avcodec_free_context(&places[i].codec);
        sws_freeContext(places[i].colours);
    }
    n_places = 0;
}

static Place *
place_of(const ZgDecodeRect *r)
{
    for (int i = 0; i < n_places; i++) {
        const ZgDecodeRect *at = &places[i].at;

        if (at->x == r->x && at->y == r->y && at->width == r->width && at->height == r->height) {
            return &places[i];
        }
    }
    if (n_places == PLACES_MAX) {
        forget_all();
    }
    places[n_places] = (Place){.at = *r};
    return &places[n_places++];
}

static void
put_frame(ZgPicture *picture, Place *place, const AVFrame *frame)
{
    const ZgDecodeRect *r = &place->at;
    uint32_t *to = picture->pixels + (size_t)r->y * (size_t)picture->width + r->x;
    uint8_t *planes[4] = {(uint8_t *)to};
    int strides[4] = {picture->width * 4};

    place->colours = sws_getCachedContext(place->colours, frame->width, frame->height,
                                          frame->format, r->width, r->height, AV_PIX_FMT_BGR0,
                                          SWS_POINT | SWS_ACCURATE_RND, NULL, NULL, NULL);
    sws_scale(place->colours, (const uint8_t *const *)frame->data, frame->linesize, 0,
              frame->height, planes, strides);
}

void
zg_decode_h264(ZgPicture *picture, const ZgDecodeRect *r)
{
    uint32_t n = zg_wire_u32(picture->wire), flags = zg_wire_u32(picture->wire);
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    Place *place;

    if (av_new_packet(packet, (int)n) != 0) {
        zg_wire_die("H.264: %u bytes", n);
    }
    zg_wire_read(picture->wire, packet->data, n);
    if (!zg_decode_wants(picture, r)) {
        av_frame_free(&frame);
        av_packet_free(&packet);
        return;
    }
    if (flags & RESET_ALL) {
        forget_all();
    }
    place = place_of(r);
    if (flags & RESET_ONE) {
        avcodec_free_context(&place->codec);
    }
    if (place->codec == NULL) {
        place->codec = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
        place->codec->flags |= AV_CODEC_FLAG_LOW_DELAY;
        place->codec->thread_count = 1;
        avcodec_open2(place->codec, NULL, NULL);
    }
    if (n > 0 && avcodec_send_packet(place->codec, packet) == 0) {
        while (avcodec_receive_frame(place->codec, frame) == 0) {
            put_frame(picture, place, frame);
        }
    }
    av_frame_free(&frame);
    av_packet_free(&packet);
}
