// SPDX-License-Identifier: MIT
/*
 * What the nodes of a random tree of tasks write down, and what must follow
 * from it: who began and ended, who may be cancelled, what a group must say.
 *
 * A tree's memory outlives all its tasks, also those that were detached, so
 * that anybody may look at anybody's record.
 */
#ifndef WEFT_TESTS_STRESS_TREE_H
#define WEFT_TESTS_STRESS_TREE_H

#include <weft/context.h>
#include <weft/group.h>
#include <weft/scope.h>
#include <weft/task.h>
#include <weft/wait.h>

#include <stdio.h>

#include "tests/support/run.h"
#include "tests/support/seeds.h"

enum { NODES = 96, FRAMES = 192, DEFERS = 8 };
enum frame_kind { TIMEOUT, SHIELD, GROUP };

/* A scope or group of a node. */
struct frame {
    _Atomic(struct node *) node; /* whose; written last */
    struct frame *outer;
    enum frame_kind kind;
    weft_time deadline;
    unsigned max; /* places; 0: no limit */
    bool keep_going;
    unsigned defers;               /* still to run */
    void *deferred;                /* the variable for them */
    _Atomic(struct node *) pushed; /* children that other tasks spawned */
    atomic_bool fired;             /* somebody cancels it, or is about to */
    atomic_bool failed;            /* a child has failed */
    atomic_uint running;
    weft_scope *scope;
};

struct node {
    struct tree *tree;
    struct node *parent;  /* its owner; NULL: the root */
    struct frame *group;  /* the owner's; NULL: a plain child */
    weft_group *siblings; /* to spawn into and to cancel, or NULL */
    struct weft_test_random dice;
    void *inherited; /* the variable at its birth */
    unsigned number, depth;
    bool limited;
    atomic_int begun, closed;
    atomic_bool asked;   /* somebody may cancel it */
    atomic_bool must;    /* somebody has */
    weft_future *handle; /* for who cancels or detaches it */
    /* The node's own. */
    struct frame *frame; /* innermost */
    void *value;         /* of the variable */
    unsigned nest, shields, defers, scopes;
    struct node *kids;
    void *deferred[DEFERS]; /* the variable when that was deferred */
    int code;               /* what it returned */
    bool words;             /* by weft_failf() */
    unsigned turn;          /* of its end */
    /* The owner's, or of who spawned it. */
    struct node *next;
    bool refused;   /* it was not spawned */
    bool detached;  /* its owner need not wait for it */
    bool retrieved; /* its result was */
    bool listed;    /* it is in its group's list of errors */
};

struct tree {
    uint64_t seed;
    weft_future *all; /* done when nobody is in the tree any more */
    atomic_uint open; /* who is */
    atomic_uint turns, nodes, frames;
    struct node node[NODES];
    struct frame frame[FRAMES];
};

/* What on_report was told, and what it should be; by the numbers of nodes. */
struct reports {
    atomic_long count[NODES], codes[NODES];
    atomic_long cleanups, others;
};

static struct reports told, due;
static char names[NODES][8]; /* they must outlive the tasks */
static weft_var *var;
static atomic_long sets, destroyed; /* values of the variable */

static inline bool is_failure(int code)
{
    return code < 0 && code != -WEFT_ECANCELED;
}

static inline unsigned draw(struct node *node, unsigned n)
{
    return (unsigned)weft_test_below(&node->dice, n);
}

static inline int own_code(const struct node *node)
{
    return -2000 - (int)node->number;
}

/* The node of that name; NULL: none. */
static inline struct node *node_named(struct tree *tree, const char *name)
{
    unsigned number;
    if (name == NULL || sscanf(name, "node%u", &number) != 1 || number >= NODES)
        return NULL;
    return &tree->node[number];
}

/* Reports */

static inline void on_report(const weft_report *report, void *unused)
{
    unsigned number;
    (void)unused;
    if (report->kind == WEFT_REPORT_CLEANUP) {
        atomic_fetch_add(&told.cleanups, 1);
    } else if (report->kind == WEFT_REPORT_UNRETRIEVED &&
               sscanf(report->task, "node%u", &number) == 1 && number < NODES) {
        atomic_fetch_add(&told.count[number], 1);
        atomic_fetch_add(&told.codes[number], report->code);
        check(report->error != NULL && report->error->code == report->code);
    } else if (report->kind != WEFT_REPORT_NEVER_AWAITED) { /* WEFT_DEBUG=1 */
        atomic_fetch_add(&told.others, 1);
    }
}

/* Of runtimes that have ended. */
static inline void compare_reports(void)
{
    for (unsigned i = 0; i < NODES; i++) {
        check_eq(told.count[i], due.count[i]);
        check_eq(told.codes[i], due.codes[i]);
    }
    check_eq(told.cleanups, due.cleanups);
    check_eq(told.others, due.others);
    check_eq(destroyed, sets);
}

/* Who may be cancelled */

/* Exact in virtual time. A machine that stood still for a while has a coarse
 * clock that is behind by more than the library reckons with. */
static inline bool is_over(weft_time deadline)
{
    return weft_now() + (weft_test_seed_now ? 0 : WEFT_MS(100)) >= deadline;
}

static inline bool may_fire(struct frame *frame)
{
    if (atomic_load(&frame->fired))
        return true;
    if (frame->kind == GROUP)
        return !frame->keep_going && atomic_load(&frame->failed);
    return frame->kind == TIMEOUT && is_over(frame->deadline);
}

/* It, or any of its scopes at any time: children hear of that. */
static inline bool may_cancel_children(struct node *node)
{
    if (node == NULL)
        return false;
    if (atomic_load(&node->asked))
        return true;
    for (unsigned i = 0; i < FRAMES; i++)
        if (atomic_load(&node->tree->frame[i].node) == node &&
            may_fire(&node->tree->frame[i]))
            return true;
    return may_cancel_children(node->parent);
}

/* Here and now; by the node itself. */
static inline bool may_be_cancelled(struct node *node)
{
    for (struct frame *frame = node->frame; frame; frame = frame->outer) {
        if (frame->kind == SHIELD)
            return false;
        if (may_fire(frame))
            return true;
    }
    return atomic_load(&node->asked) || may_cancel_children(node->parent);
}

/* Frames */

/* NULL: there are enough. */
static inline struct frame *frame_enter(struct node *node, enum frame_kind kind)
{
    unsigned at = atomic_fetch_add(&node->tree->frames, 1);
    if (at >= FRAMES)
        return NULL;
    struct frame *frame = &node->tree->frame[at];
    frame->kind = kind; /* the rest is zero */
    frame->outer = node->frame;
    node->frame = frame;
    node->nest++;
    return frame;
}

/* Its options are set: others may look. */
static inline void frame_show(struct node *node, struct frame *frame)
{
    atomic_store(&frame->node, node);
}

static inline void frame_exit(struct node *node, struct frame *frame)
{
    node->frame = frame->outer;
    node->nest--;
}

/* What weft_timeout_exit() made of the body's code. */
static inline void check_timeout(struct node *node, struct frame *frame,
                                 int body, int out)
{
    if (out == body && body != -WEFT_ECANCELED)
        return;
    check_eq(body, -WEFT_ECANCELED);
    if (out == -WEFT_ETIMEOUT) {
        check(is_over(frame->deadline));
        /* Nothing outside was; simulated, nothing has come since. */
        check(weft_test_seed_now == 0 || !weft_cancelled());
    } else {
        check_eq(out, -WEFT_ECANCELED);
    }
    check(out == -WEFT_ETIMEOUT || atomic_load(&frame->fired) ||
          may_be_cancelled(node));
}

/* Groups */

static inline bool is_closed_in(struct node *kid, struct frame *group)
{
    return kid->refused || kid->detached || kid->group != group ||
           atomic_load(&kid->closed) == 1;
}

/* All children of this group (NULL: all children) have ended. */
static inline void check_kids_closed(struct node *node, struct frame *group)
{
    for (struct node *kid = node->kids; kid; kid = kid->next)
        check(is_closed_in(kid, group ? group : kid->group));
    for (struct node *kid = group ? atomic_load(&group->pushed) : NULL; kid;
         kid = kid->next)
        check(is_closed_in(kid, group));
}

static inline bool is_member(struct node *node, struct frame *group,
                             const weft_error *error)
{
    struct node *kid = node_named(node->tree, error->task);
    return kid != NULL && kid->group == group;
}

/* One error of a group's list is what that child has told. */
static inline void check_listed(struct node *node, struct frame *group,
                                const weft_error *error)
{
    char words[24];
    struct node *kid = node_named(node->tree, error->task);
    check(error->task_id != 0);
    check(is_member(node, group, error) && !kid->listed);
    check_eq(kid->closed, 1);
    check_eq(error->code, kid->code);
    kid->listed = true;
    snprintf(words, sizeof(words), "words of %u", kid->number);
    check(!kid->words || strcmp(error->message, words) == 0);
}

/* The body's own error comes first, if it failed first; then that has a list
 * of its own if no child has failed. If it failed later it comes last. */
static inline void check_list(struct node *node, struct frame *group, int body,
                              int out)
{
    const weft_error *error = weft_last_error();
    check(error != NULL || out == body);
    if (error != NULL && !is_member(node, group, error)) {
        check_eq(error->code, body);
        error = error->other;
        if (error != NULL && !is_member(node, group, error))
            return;
    }
    for (; error != NULL; error = error->other) {
        if (is_member(node, group, error)) {
            check_listed(node, group, error);
            continue;
        }
        check(is_failure(body) && body != out && error->other == NULL);
        check_eq(error->code, body);
    }
}

struct outcome {
    bool cut;       /* a child ended cancelled */
    bool may_cut;   /* or one that was detached did: who knows when */
    unsigned first; /* turn of the first failure */
    int code;       /* of it */
};

static inline void look_at_kid(struct outcome *seen, struct node *kid,
                               struct frame *group)
{
    if (kid->group != group || kid->refused)
        return;
    if (kid->detached && !kid->listed) {
        seen->may_cut |= kid->closed && kid->code == -WEFT_ECANCELED;
        return;
    }
    seen->cut |= kid->code == -WEFT_ECANCELED;
    check_eq(kid->listed, is_failure(kid->code));
    if (is_failure(kid->code) && kid->turn < seen->first) {
        seen->first = kid->turn;
        seen->code = kid->code;
    }
}

/* A group has ended with `out`; its body did, at `turn`. */
static inline void check_group(struct node *node, struct frame *group, int body,
                               unsigned turn, int out)
{
    struct outcome seen = {.first = is_failure(body) ? turn : UINT_MAX,
                           .code = body};
    const weft_error *error = weft_last_error();
    check(!is_failure(out) || error == NULL || error->code == out);
    check_kids_closed(node, group);
    if (is_failure(out))
        check_list(node, group, body, out);
    for (struct node *kid = node->kids; kid; kid = kid->next)
        look_at_kid(&seen, kid, group);
    for (struct node *kid = atomic_load(&group->pushed); kid; kid = kid->next)
        look_at_kid(&seen, kid, group);
    check_eq(is_failure(out), seen.first != UINT_MAX);
    if (is_failure(out) && weft_test_seed_now != 0)
        check_eq(out, seen.code); /* one thread: the turns are exact */
    if (is_failure(out))
        return;
    bool fired = atomic_load(&group->fired);
    if (body >= 0 && seen.cut && fired)
        check_eq(out, -WEFT_ECANCELED);
    else if (out != body)
        check(out == -WEFT_ECANCELED && (seen.cut || seen.may_cut) &&
              (fired || may_be_cancelled(node)));
}

/* The whole tree */

static inline void tree_leave(struct tree *tree)
{
    if (atomic_fetch_sub(&tree->open, 1) == 1)
        weft_future_set_result(tree->all, NULL);
}

/* Everybody has ended: each once, and whose failure is to be reported? */
static inline size_t tree_check(struct tree *tree)
{
    size_t ran = 0;
    unsigned n = atomic_load(&tree->nodes);
    for (unsigned i = 0; i < n && i < NODES; i++) {
        struct node *node = &tree->node[i];
        check_eq(node->begun, node->refused ? 0 : 1);
        check_eq(node->closed, node->refused ? 0 : 1);
        ran += !node->refused;
        if (!is_failure(node->code) || node->retrieved || node->listed)
            continue;
        check(node->group == NULL || node->detached);
        atomic_fetch_add(&due.count[i], 1);
        atomic_fetch_add(&due.codes[i], node->code);
    }
    return ran;
}

#endif
