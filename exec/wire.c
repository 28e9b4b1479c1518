// SPDX-License-Identifier: MIT
/* Frames: see wire.h. */
#include "exec/wire.h"

#include "sched/os.h"

#include <errno.h>
#include <string.h>

struct head {
    char magic[4];
    uint16_t kind;
    uint16_t apart;
    int32_t code;
    uint32_t text;
    uint64_t id;
    uint64_t size;
    uint64_t zero;
    uint64_t sum;
};

_Static_assert(sizeof(struct head) == WEFT__WIRE_HEAD, "no holes");

static const char magic[4] = "wft1";

/* Fowler, Noll, Vo: each step is a bijection, so no single change is lost. */
static uint64_t sum_of(const struct head *head)
{
    const unsigned char *byte = (const unsigned char *)head;
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < offsetof(struct head, sum); i++)
        sum = (sum ^ byte[i]) * UINT64_C(0x100000001b3);
    return sum;
}

void weft__wire_encode(const struct weft__frame *frame, bool apart,
                       unsigned char to[WEFT__WIRE_HEAD])
{
    struct head head = {.kind = (uint16_t)frame->kind,
                        .apart = apart,
                        .code = frame->code,
                        .text = (uint32_t)frame->text_size,
                        .id = frame->id,
                        .size = frame->size};
    memcpy(head.magic, magic, sizeof(magic));
    head.sum = sum_of(&head);
    memcpy(to, &head, sizeof(head));
}

/* Does each kind carry what belongs to it? */
static bool makes_sense(const struct head *head)
{
    switch (head->kind) {
    case WEFT__FRAME_HELLO:
        return head->id == 0 && head->size == 0;
    case WEFT__FRAME_JOB:
        return head->code == 0 && head->text > 0;
    case WEFT__FRAME_DONE:
        return head->id != 0 && (head->code == 0 || head->size == 0);
    default:
        return false;
    }
}

int weft__wire_decode(const void *packet, size_t n, bool has_descriptor,
                      struct weft__frame *frame)
{
    struct head head;
    if (n < sizeof(head) || n > sizeof(head) + WEFT__WIRE_BODY)
        return -EPROTO;
    memcpy(&head, packet, sizeof(head));
    size_t body = n - sizeof(head);
    if (memcmp(head.magic, magic, sizeof(magic)) != 0 ||
        head.sum != sum_of(&head) || head.apart != has_descriptor ||
        head.code > 0 || head.code < -4095 || head.text > WEFT__WIRE_TEXT ||
        head.text > body || head.size > WEFT__WIRE_MOST || head.zero != 0 ||
        !makes_sense(&head))
        return -EPROTO;
    if (has_descriptor ? head.size == 0 || body != head.text
                       : body - head.text != head.size)
        return -EPROTO;
    const char *payload = (const char *)packet + sizeof(head);
    *frame = (struct weft__frame){
        .kind = head.kind,
        .code = head.code,
        .id = head.id,
        .text = payload + (body - head.text),
        .text_size = head.text,
        .payload = has_descriptor ? NULL : payload,
        .size = head.size,
    };
    return 0;
}

int weft__wire_send(int socket, const struct weft__frame *frame, int fd)
{
    unsigned char head[WEFT__WIRE_HEAD];
    struct weft__packet packet = {.head = head,
                                  .head_size = sizeof(head),
                                  .tail = frame->text,
                                  .tail_size = frame->text_size,
                                  .fd = fd};
    weft__wire_encode(frame, fd >= 0, head);
    if (fd < 0) {
        packet.bytes = (void *)(uintptr_t)frame->payload;
        packet.size = (size_t)frame->size;
    }
    long rc;
    do
        rc = weft__os->packet_send(socket, &packet);
    while (rc == -EINTR);
    return rc < 0 ? (int)rc : 0;
}
