// SPDX-License-Identifier: MIT
/* Frames: what was encoded is decoded; whatever was cut off or changed in the
 * head is an error, and nothing outside of the packet is read. */
#include "exec/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/scale.h"
#include "tests/support/test.h"

struct sample {
    struct weft__frame frame;
    bool apart;
};

static const struct sample samples[] = {
    {{WEFT__FRAME_HELLO, 0, 0, "", 0, "", 0}, false},
    {{WEFT__FRAME_HELLO, -ENOENT, 0, "no such file", 12, "", 0}, false},
    {{WEFT__FRAME_JOB, 0, 0, "init", 4, "x", 1}, false},
    {{WEFT__FRAME_JOB, 0, 77, "name", 4, "payload", 7}, false},
    {{WEFT__FRAME_JOB, 0, UINT64_MAX, "name", 4, NULL, 1 << 30}, true},
    {{WEFT__FRAME_DONE, 0, 77, "", 0, "result", 6}, false},
    {{WEFT__FRAME_DONE, 0, 78, "", 0, NULL, WEFT__WIRE_MOST}, true},
    {{WEFT__FRAME_DONE, -4095, 79, "words", 5, "", 0}, false},
};

#define SAMPLES (sizeof(samples) / sizeof(*samples))

/* In memory of just that size, so that a sanitizer sees what is read beyond. */
static unsigned char *packet_of(const struct sample *sample, size_t *n)
{
    const struct weft__frame *frame = &sample->frame;
    size_t inside = sample->apart ? 0 : (size_t)frame->size;
    *n = WEFT__WIRE_HEAD + frame->text_size + inside;
    unsigned char *packet = malloc(*n);
    weft__wire_encode(frame, sample->apart, packet);
    if (inside > 0)
        memcpy(packet + WEFT__WIRE_HEAD, frame->payload, inside);
    memcpy(packet + WEFT__WIRE_HEAD + inside, frame->text, frame->text_size);
    return packet;
}

Test(wire, what_was_said_is_understood)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        size_t n;
        const struct weft__frame *said = &samples[i].frame;
        struct weft__frame heard;
        unsigned char *packet = packet_of(&samples[i], &n);
        cr_assert_eq(weft__wire_decode(packet, n, samples[i].apart, &heard), 0);
        cr_assert_eq(heard.kind, said->kind);
        cr_assert_eq(heard.code, said->code);
        cr_assert_eq(heard.id, said->id);
        cr_assert_eq(heard.size, said->size);
        cr_assert_eq(heard.text_size, said->text_size);
        cr_assert_eq(memcmp(heard.text, said->text, said->text_size), 0);
        cr_assert_eq(heard.payload == NULL, samples[i].apart);
        cr_assert(samples[i].apart ||
                  memcmp(heard.payload, said->payload, said->size) == 0);
        cr_assert_eq(weft__wire_decode(packet, n, !samples[i].apart, &heard),
                     -EPROTO, "with a descriptor too many or too few");
        free(packet);
    }
}

Test(wire, what_was_cut_off_is_an_error)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        size_t n;
        unsigned char *packet = packet_of(&samples[i], &n);
        for (size_t cut = 0; cut < n; cut++) {
            struct weft__frame heard;
            unsigned char *part = malloc(cut + 1);
            memcpy(part + 1, packet, cut); /* at an odd address */
            cr_assert_eq(
                weft__wire_decode(part + 1, cut, samples[i].apart, &heard),
                -EPROTO);
            free(part);
        }
        free(packet);
    }
}

Test(wire, each_flipped_bit_of_a_head_is_an_error)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        size_t n;
        struct weft__frame heard;
        unsigned char *packet = packet_of(&samples[i], &n);
        for (size_t bit = 0; bit < (size_t)8 * WEFT__WIRE_HEAD; bit++) {
            packet[bit / 8] ^= (unsigned char)(1 << bit % 8);
            cr_assert_eq(weft__wire_decode(packet, n, samples[i].apart, &heard),
                         -EPROTO, "bit %zu", bit);
            packet[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
        free(packet);
    }
}

/* Heads whose sum is right, but that say too much. */
Test(wire, what_makes_no_sense_is_an_error)
{
    static const struct sample bad[] = {
        {{0, 0, 1, "", 0, "", 0}, false},
        {{WEFT__FRAME_KINDS, 0, 1, "", 0, "", 0}, false},
        {{WEFT__FRAME_HELLO, 0, 1, "", 0, "", 0}, false},
        {{WEFT__FRAME_HELLO, 0, 0, "", 0, "x", 1}, false},
        {{WEFT__FRAME_JOB, -1, 1, "name", 4, "", 0}, false},
        {{WEFT__FRAME_JOB, 0, 1, "", 0, "x", 1}, false},
        {{WEFT__FRAME_JOB, 0, 1, "name", 4, NULL, 0}, true},
        {{WEFT__FRAME_DONE, 0, 0, "", 0, "x", 1}, false},
        {{WEFT__FRAME_DONE, -1, 1, "", 0, "x", 1}, false},
        {{WEFT__FRAME_DONE, 1, 1, "", 0, "", 0}, false},
        {{WEFT__FRAME_DONE, -4096, 1, "", 0, "", 0}, false},
        {{WEFT__FRAME_DONE, 0, 1, "", 0, NULL, WEFT__WIRE_MOST + 1}, true},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        size_t n;
        struct weft__frame heard;
        unsigned char *packet = packet_of(&bad[i], &n);
        cr_assert_eq(weft__wire_decode(packet, n, bad[i].apart, &heard),
                     -EPROTO, "%zu", i);
        free(packet);
    }
}

/* Noise, also behind a good head. */
Test(wire, survives_noise, .timeout = 60)
{
    unsigned seed = 1;
    for (size_t i = weft_test_scaled(200000); i > 0; i--) {
        size_t n;
        struct weft__frame heard;
        const struct sample *sample = &samples[i % SAMPLES];
        unsigned char *packet = packet_of(sample, &n);
        for (int flips = rand_r(&seed) % 4; flips > 0; flips--)
            packet[(size_t)rand_r(&seed) % n] ^=
                (unsigned char)(1 << rand_r(&seed) % 8);
        int rc = weft__wire_decode(packet, n, sample->apart, &heard);
        cr_assert(rc == -EPROTO || heard.text_size <= n);
        free(packet);
    }
}
