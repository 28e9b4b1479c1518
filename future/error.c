// SPDX-License-Identifier: MIT
/* Errors with words: see error.h. */
#include "future/error.h"

#include "future/local.h"
#include "future/task.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Nodes */

static struct weft__error *node_of(const struct weft_error *public)
{
    return (struct weft__error *)(uintptr_t) public;
}

static const struct weft_error *public_of(struct weft__error *node)
{
    return node != NULL ? &node->public : NULL;
}

static bool is_alone(struct weft__error *node)
{
    /* Pairs with the decrement of who left: it reads no more. */
    return weft__load_acquire(&node->refs) == 1;
}

struct weft__error *weft__error_ref(struct weft__error *node)
{
    if (node != NULL)
        weft__fetch_add_relaxed(&node->refs, 1);
    return node;
}

/* One holder less: the last one puts it on the list of the dead. */
static void release(const struct weft_error *public, struct weft__error **dead)
{
    struct weft__error *node = node_of(public);
    /* Orders what every holder read before the end. */
    if (node == NULL || weft__fetch_sub(&node->refs, 1) != 1)
        return;
    node->dead = *dead;
    *dead = node;
}

/* Without recursion: trees may be deeper than stacks. */
void weft__error_unref(struct weft__error *node)
{
    struct weft__error *dead = NULL;
    release(public_of(node), &dead);
    while (dead != NULL) {
        node = dead;
        dead = node->dead;
        release(node->public.cause, &dead);
        release(node->public.other, &dead);
        weft__mem_free(node);
    }
}

/* A node with texts of its own, without cause and others; NULL without memory.
 */
static struct weft__error *node_new(const struct weft_error *like,
                                    const weft_future *maker)
{
    size_t message = strnlen(like->message, WEFT__ERROR_MESSAGE);
    size_t name = like->task ? strnlen(like->task, WEFT__ERROR_NAME) : 0;
    struct weft__error *node =
        weft__mem_alloc(1, sizeof(*node) + message + 1 + name + 1);
    if (node == NULL)
        return NULL;
    node->public = *like;
    node->public.cause = NULL;
    node->public.other = NULL;
    node->public.message = memcpy(node->text, like->message, message);
    if (like->task != NULL)
        node->public.task = memcpy(node->text + message + 1, like->task, name);
    weft__store_relaxed(&node->refs, 1);
    node->depth = 1;
    node->maker = maker;
    return node;
}

/* The causes are shared. */
static struct weft__error *node_copy(const struct weft__error *node)
{
    struct weft__error *copy = node_new(&node->public, node->maker);
    if (copy == NULL)
        return NULL;
    copy->depth = node->depth;
    copy->public.cause =
        public_of(weft__error_ref(node_of(node->public.cause)));
    return copy;
}

/* Chains */

/* The node's cause, for nobody else to see; NULL if it has none, or there is no
 * memory: then it has none any more. */
static struct weft__error *own_cause(struct weft__error *node)
{
    struct weft__error *cause = node_of(node->public.cause);
    if (cause == NULL || is_alone(cause))
        return cause;
    struct weft__error *copy = node_copy(cause);
    if (copy != NULL)
        copy->public.other =
            public_of(weft__error_ref(node_of(cause->public.other)));
    node->public.cause = public_of(copy);
    weft__error_unref(cause);
    return copy;
}

/* Who passed a failure on, and had nothing to say. */
static bool is_wordless(const struct weft__error *node)
{
    return node->public.message[0] == '\0' && node->public.other == NULL;
}

/* A chain of ours has one node too many: of those who only passed the failure
 * on the deepest goes, for the words at the bottom say what happened; if there
 * is none, the bottom. */
static void shorten(struct weft__error *head)
{
    struct weft__error *above = NULL; /* of the node that goes */
    struct weft__error *node = head;
    for (unsigned depth = 1; depth <= WEFT__ERROR_CHAIN; depth++) {
        struct weft__error *cause = own_cause(node);
        if (cause == NULL)
            return;
        bool last = cause->public.cause == NULL;
        if (!last && is_wordless(cause))
            above = node;
        else if (above == NULL && depth == WEFT__ERROR_CHAIN)
            above = node;
        node = cause;
    }
    node = node_of(above->public.cause);
    above->public.cause = node->public.cause;
    node->public.cause = NULL;
    weft__error_unref(node);
}

static void recount(struct weft__error *head)
{
    uint16_t depth = 0;
    for (struct weft__error *node = head; node != NULL;
         node = node_of(node->public.cause))
        depth++;
    for (; depth > 0; head = node_of(head->public.cause))
        head->depth = depth--;
}

/* Make what is in the slot the cause of a new node, which takes its place.
 * False without memory: the slot is as it was. */
static bool push(struct weft__error **slot, const struct weft_error *like,
                 const weft_future *maker)
{
    struct weft__error *node = node_new(like, maker);
    struct weft__error *cause = *slot;
    if (node == NULL)
        return false;
    *slot = node;
    if (cause == NULL)
        return true;
    node->public.cause = &cause->public;
    node->depth = (uint16_t)(cause->depth + 1);
    if (node->depth > WEFT__ERROR_CHAIN) {
        shorten(node);
        recount(node);
    }
    return true;
}

static void replace(struct weft__error **slot, struct weft__error *node)
{
    struct weft__error *old = *slot;
    *slot = node;
    weft__error_unref(old);
}

/* Failing */

static struct weft_error plain(weft_future *maker, int code)
{
    struct weft_error error = {.code = code, .message = ""};
    if (maker != NULL) {
        error.task = weft__future_name(maker);
        error.task_id = weft__task_number(maker);
    }
    return error;
}

/* The task, callback or job that runs here. */
static weft_future *maker_here(void)
{
    weft_future *task = weft__task_current();
    return task != NULL ? task : weft__local_peek()->job;
}

static void fill(const char *place, int code, const char *format, va_list args)
{
    struct weft__error **slot = weft__local_error();
    char message[WEFT__ERROR_MESSAGE + 1];
    if (slot == NULL)
        return;
    if (vsnprintf(message, sizeof(message), format, args) < 0)
        message[0] = '\0';
    weft_future *maker = maker_here();
    struct weft_error error = plain(maker, code);
    error.message = message;
    error.place = place;
    if (!push(slot, &error, maker))
        replace(slot, NULL); /* it says nothing of this failure */
}

void *weft_failf_at(const char *place, int code, const char *format, ...)
{
    void *result = weft_fail(code);
    va_list args;
    va_start(args, format);
    if (result != NULL)
        fill(place, weft_code(result), format, args);
    va_end(args);
    return result;
}

void *(weft_failf)(int code, const char *format, ...)
{
    void *result = weft_fail(code);
    va_list args;
    va_start(args, format);
    if (result != NULL)
        fill(NULL, weft_code(result), format, args);
    va_end(args);
    return result;
}

const weft_error *weft_last_error(void)
{
    weft_future *task = weft__task_current();
    return public_of(task != NULL ? task->error : weft__local_peek()->error);
}

/* From one to another */

/* A descriptor may have been another task's before: so the number counts. */
static bool is_of(const struct weft__error *node, weft_future *maker)
{
    return node->maker == maker &&
           node->public.task_id == weft__task_number(maker);
}

static bool has(const struct weft__error *node, int code)
{
    return node != NULL && node->public.code == code;
}

void weft__error_ended(weft_future *task, int code)
{
    bool known = has(task->error, code);
    if (known && is_of(task->error, task))
        return;
    if (!known && code == -WEFT_ECANCELED) {
        replace(&task->error, NULL);
        return;
    }
    task->touched = true;
    struct weft_error error = plain(task, code);
    if (!push(&task->error, &error, task) && !known)
        replace(&task->error, NULL);
}

void weft__error_cause(weft_future *job, int code, const char *message)
{
    struct weft_error error = plain(NULL, code);
    error.message = message;
    job->touched = true;
    (void)push(&job->error, &error, NULL);
}

void weft__error_attach(weft_future *future, int code)
{
    struct weft__error **slot = weft__local_error();
    if (slot == NULL || !has(*slot, code))
        return;
    future->touched = true;
    future->error = weft__error_ref(*slot);
}

void weft__error_hand_up(weft_future *from)
{
    int code = weft_code(from->result);
    bool known = has(from->error, code);
    weft__error_observed(from);
    if (!known && code == -WEFT_ECANCELED)
        return;
    struct weft__error **slot = weft__local_error();
    if (slot != NULL)
        replace(slot, known ? weft__error_ref(from->error) : NULL);
}

/* Groups */

/* What a list can hold of a child: a node of its own. */
static struct weft__error *copy_of(weft_future *child)
{
    int code = weft_code(child->result);
    weft__error_observed(child);
    if (has(child->error, code))
        return node_copy(child->error);
    struct weft_error error = plain(child, code);
    return node_new(&error, child);
}

void weft__error_collect(struct weft__error **first, struct weft__error **last,
                         weft_future *child)
{
    if (*first != NULL && (*first)->others == WEFT__ERROR_OTHERS) {
        weft__error_observed(child);
        return;
    }
    struct weft__error *node = copy_of(child);
    if (node == NULL)
        return;
    if (*first == NULL)
        *first = node;
    else
        (*last)->public.other = &node->public;
    *last = node;
    (*first)->others++;
}

void weft__error_lead(struct weft__error **first, struct weft__error **last,
                      weft_future *child)
{
    struct weft__error *node = copy_of(child);
    if (node == NULL)
        return;
    node->leads = true;
    if (*first != NULL) {
        node->public.other = &(*first)->public;
        node->others = (*first)->others;
    } else {
        *last = node;
    }
    *first = node;
}

/* What the body of a group has failed with. */
static struct weft__error *body_error(weft_future *self, int code)
{
    if (has(self->error, code))
        return node_copy(self->error);
    struct weft_error error = plain(self, code);
    return node_new(&error, self);
}

/* The body may have failed with what it retrieved from a child: told once. */
static bool is_listed(struct weft__error *list, const struct weft__error *node)
{
    for (; list != NULL; list = node_of(list->public.other))
        if (list->maker == node->maker &&
            list->public.task_id == node->public.task_id &&
            list->public.code == node->public.code)
            return true;
    return false;
}

/* A child had failed before, and the body fails with something else. */
static void append_body(weft_future *self, struct weft__error *list, int body)
{
    if (has(self->error, body) && is_listed(list, self->error))
        return;
    while (list->public.other != NULL)
        list = node_of(list->public.other);
    list->public.other = public_of(body_error(self, body));
}

static void take_list(weft_future *self, struct weft__error *first, int code,
                      int body)
{
    struct weft__error *head = first;
    if (!first->leads) {
        head = body_error(self, code);
        if (head != NULL)
            head->public.other = &first->public;
        else
            weft__error_unref(first);
    } else if (body < 0 && body != -WEFT_ECANCELED && body != code) {
        append_body(self, first, body);
    }
    replace(&self->error, head);
}

void weft__error_take_group(weft_future *self, struct weft__error *first,
                            int code, int body)
{
    if (first != NULL)
        take_list(self, first, code, body);
    else if (code < 0 && code != -WEFT_ECANCELED && !has(self->error, code))
        replace(&self->error, NULL); /* older words would be taken for it */
}

/* In words */

struct words {
    char *buffer;
    size_t size;
    size_t length; /* of the whole text */
};

__attribute__((format(printf, 2, 3))) static void say(struct words *words,
                                                      const char *format, ...)
{
    size_t used = words->length < words->size ? words->length : words->size;
    char *at = words->size > 0 ? words->buffer + used : NULL;
    va_list args;
    va_start(args, format);
    int more = vsnprintf(at, words->size - used, format, args);
    va_end(args);
    words->length += more > 0 ? (size_t)more : 0;
}

static void say_one(struct words *words, const struct weft_error *error)
{
    const char *text = weft_strerror(error->code);
    if (error->message != NULL && error->message[0] != '\0')
        say(words, "%s (%s)", error->message, text);
    else
        say(words, "%s", text);
    if (error->task != NULL)
        say(words, " in task %s", error->task);
    if (error->task_id != 0)
        say(words, " #%llu", (unsigned long long)error->task_id);
    if (error->place != NULL)
        say(words, " at %s", error->place);
}

static void say_all(struct words *words, const struct weft_error *error,
                    unsigned depth)
{
    for (; error != NULL; error = error->other) {
        say_one(words, error);
        if (error->cause != NULL && depth < WEFT__ERROR_CHAIN) {
            say(words, "; because: ");
            say_all(words, error->cause, depth + 1);
        }
        if (error->other != NULL)
            say(words, "; also: ");
    }
}

size_t weft_error_format(const weft_error *error, char *buffer, size_t size)
{
    struct words words = {buffer, size, 0};
    if (size > 0)
        buffer[0] = '\0';
    say_all(&words, error, 1);
    return words.length;
}
