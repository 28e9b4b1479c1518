// SPDX-License-Identifier: MIT
/*
 * Context variables: a trie under each snapshot, shared where it is equal.
 *
 * An entry of eight is empty, a binding, or a node of eight entries more; the
 * variable's key picks one by three bits a level, the lowest first. A key is the
 * lowest number that no variable has, so that few variables need one level; it
 * may be used again, so bindings know their variable by its serial number.
 *
 * Everything is counted by who points to it. What is counted once, all the way
 * from a snapshot that nobody else can see, is changed in place; all else is
 * copied. After P. Bagwell, "Ideal Hash Trees" (2001).
 */
#include "future/context.h"

#include <errno.h>

#define BITS 3
#define MASK (WEFT__CONTEXT_SLOTS - 1)

_Static_assert(WEFT__CONTEXT_SLOTS == 1 << BITS, "three bits pick one");

struct weft_var {
    uint32_t key;
    uint64_t serial; /* never used twice */
    const char *name;
    void *initial;
    void (*destroy)(void *value);
    weft_var *next; /* of all, by key; under the lock */
};

/* Fixed, but for who is alone with it. */
struct binding {
    _Atomic(uint32_t) refs;
    uint32_t key;
    uint64_t serial;
    void *value;
    void (*destroy)(void *value);
};

struct node {
    _Atomic(uint32_t) refs;
    void *slots[WEFT__CONTEXT_SLOTS];
};

/* What a context that is not there looks like from outside. */
static weft_context empty;

static weft_context *known(weft_context *context)
{
    return context == &empty ? NULL : context;
}

/* Aligned no more than it must be: much cheaper, and a copy is two or three. */
static void *get_memory(size_t size)
{
    return weft__mem_alloc_at(_Alignof(max_align_t), size);
}

/* Counts */

static void count(_Atomic(uint32_t) *refs)
{
    weft__fetch_add_relaxed(refs, 1); /* the caller is kept by another one */
}

static bool is_alone(_Atomic(uint32_t) *refs)
{
    /* Pairs with the decrement of those who were there. */
    return weft__load_acquire(refs) == 1;
}

/* True: it was the last one. */
static bool uncount(_Atomic(uint32_t) *refs)
{
    /* Pairs with itself: what the others did is visible to who frees. */
    return is_alone(refs) || weft__fetch_sub(refs, 1) == 1;
}

/* Entries: a pointer, with its lowest bit set if it is to a node */

static struct node *node_of(void *entry)
{
    bool is_node = (uintptr_t)entry & 1;
    return is_node ? (struct node *)((uintptr_t)entry - 1) : NULL;
}

static void *entry_of(struct node *node)
{
    return (void *)((uintptr_t)node + 1);
}

static void entry_ref(void *entry)
{
    struct node *node = node_of(entry);
    struct binding *binding = entry;
    if (entry != NULL)
        count(node ? &node->refs : &binding->refs);
}

static bool is_of_key(const void *entry, uint32_t key)
{
    const struct binding *binding = entry;
    return ((uintptr_t)entry & 1) == 0 && binding->key == key;
}

static void entries_drop(void **slots);

static void entry_drop(void *entry)
{
    struct node *node = node_of(entry);
    struct binding *binding = entry;
    if (entry == NULL || !uncount(node ? &node->refs : &binding->refs))
        return;
    if (node != NULL)
        entries_drop(node->slots);
    else if (binding->destroy != NULL)
        binding->destroy(binding->value);
    weft__mem_free(node ? (void *)node : binding);
}

static void entries_drop(void **slots)
{
    for (unsigned i = 0; i < WEFT__CONTEXT_SLOTS; i++)
        entry_drop(slots[i]);
}

static void entries_copy(void **to, void *const *from)
{
    for (unsigned i = 0; i < WEFT__CONTEXT_SLOTS; i++)
        entry_ref(to[i] = from[i]);
}

/* Reading and writing */

static const struct binding *find(const weft_context *context,
                                  const weft_var *var)
{
    uint32_t key = var->key;
    void *entry = context->slots[key & MASK];
    struct node *node;
    while (weft__unlikely((node = node_of(entry)) != NULL)) {
        key >>= BITS;
        entry = node->slots[key & MASK];
    }
    const struct binding *binding = entry;
    return binding && binding->serial == var->serial ? binding : NULL;
}

/* Make the entry at *at, a node or the binding of another key, a node that we
 * are alone with. What is in it stays the same. */
static struct node *own_node(void **at, unsigned shift)
{
    struct node *old = node_of(*at);
    if (old != NULL && is_alone(&old->refs))
        return old;
    struct node *node = get_memory(sizeof(*node));
    if (node == NULL)
        return NULL;
    weft__store_relaxed(&node->refs, 1);
    if (old != NULL) {
        entries_copy(node->slots, old->slots);
        entry_drop(*at);
    } else {
        struct binding *binding = *at;
        node->slots[binding->key >> shift & MASK] = binding;
    }
    *at = entry_of(node);
    return node;
}

/* Put a value where there is nothing or a binding of this key. */
static int bind_value(void **at, const weft_var *var, void *value)
{
    struct binding *old = *at;
    if (old && old->serial == var->serial && is_alone(&old->refs)) {
        void *was = old->value;
        old->value = value;
        if (var->destroy != NULL)
            var->destroy(was);
        return 0;
    }
    struct binding *binding = get_memory(sizeof(*binding));
    if (binding == NULL)
        return -ENOMEM;
    weft__store_relaxed(&binding->refs, 1);
    binding->key = var->key;
    binding->serial = var->serial;
    binding->value = value;
    binding->destroy = var->destroy;
    *at = binding;
    entry_drop(old);
    return 0;
}

/* Into the entries of a snapshot that we are alone with. Its nodes may have
 * been copied when it fails, to no effect. */
static int put(void **slots, const weft_var *var, void *value)
{
    for (unsigned shift = 0;;) {
        void **at = &slots[var->key >> shift & MASK];
        if (*at == NULL || is_of_key(*at, var->key))
            return bind_value(at, var, value);
        shift += BITS; /* keys that differ do so before it is 32 */
        struct node *node = own_node(at, shift);
        if (node == NULL)
            return -ENOMEM;
        slots = node->slots;
    }
}

/* Snapshots */

static weft_context *copy_of(weft_context *context)
{
    weft_context *copy = get_memory(sizeof(*copy));
    if (copy == NULL)
        return NULL;
    weft__store_relaxed(&copy->refs, 1);
    if (context != NULL)
        entries_copy(copy->slots, context->slots);
    return copy;
}

/* Is our own one, if we have one, ours alone? */
static bool is_ours(weft_context *own)
{
    return own != NULL && is_alone(&own->refs) && own->borrowed == 0;
}

void weft__context_retire(weft_context *context)
{
    if (context->borrowed > 0)
        return;
    context->next->prev = context->prev;
    context->prev->next = context->next;
    weft_context_unref(context);
}

/* Make a new one, which we hold a reference to, the present one of a task. */
static void install(weft_future *self, weft_context *fresh)
{
    weft_context *old = self->own;
    self->touched = true;
    self->own = fresh;
    if (old == NULL) {
        fresh->next = fresh->prev = fresh;
        return;
    }
    fresh->next = old;
    fresh->prev = old->prev;
    old->prev->next = fresh;
    old->prev = fresh;
    weft__context_retire(old);
}

/* The same wherever we are: *here is our own one. */
static void replace(weft_future *self, weft_context **here, weft_context *fresh)
{
    if (self != NULL) {
        install(self, fresh);
        return;
    }
    weft_context *old = *here;
    *here = fresh;
    weft_context_unref(old);
}

/* Of futures */

void weft__context_given(weft_future *future, weft_context *context)
{
    weft_future *owner = future->owner;
    if (owner != NULL && !future->counted)
        weft__context_released(owner, future);
    weft__context_freed(future);
    future->inherited = known(context);
    weft__context_count(future);
}

void weft__context_ended(weft_future *task)
{
    /* Values that are destroyed may set new ones. */
    while (task->own != NULL) {
        weft_context *own = task->own;
        WEFT__ASSERT(own->next == own && own->borrowed == 0);
        task->own = NULL;
        weft_context_unref(own);
    }
}

/* Variables */

static struct {
    struct weft__lock lock;
    weft_var *first;
    uint64_t serials;
} vars;

int weft_var_new(const char *name, void *initial, void (*destroy)(void *value),
                 weft_var **out)
{
    weft_var *var = weft__mem_alloc(1, sizeof(*var));
    if (var == NULL)
        return -ENOMEM;
    var->name = name;
    var->initial = initial;
    var->destroy = destroy;
    weft__lock(&vars.lock);
    weft_var **at = &vars.first;
    while (*at != NULL && (*at)->key == var->key) {
        at = &(*at)->next;
        var->key++;
    }
    var->next = *at;
    *at = var;
    var->serial = ++vars.serials;
    weft__unlock(&vars.lock);
    *out = var;
    return 0;
}

void weft_var_free(weft_var *var)
{
    if (var == NULL)
        return;
    weft__lock(&vars.lock);
    weft_var **at = &vars.first;
    while (*at != var)
        at = &(*at)->next;
    *at = var->next;
    weft__unlock(&vars.lock);
    weft__mem_free(var);
}

void *weft_var_get(const weft_var *var)
{
    weft_context *context = weft__context_here();
    if (context == NULL)
        return var->initial;
    const struct binding *binding = find(context, var);
    return binding ? binding->value : var->initial;
}

int weft_var_set(weft_var *var, void *value)
{
    weft_future *self = weft__task_current();
    weft_context **here = weft__local_context();
    if (here == NULL)
        return -ENOMEM;
    if (is_ours(*here))
        return put((*here)->slots, var, value);
    weft_context *fresh = copy_of(weft__context_here());
    if (fresh == NULL)
        return -ENOMEM;
    int rc = put(fresh->slots, var, value);
    if (rc < 0)
        weft_context_unref(fresh);
    else
        replace(self, here, fresh);
    return rc;
}

/* Contexts */

weft_context *weft_context_copy(void)
{
    weft_context *context = weft__context_here();
    return context ? weft_context_ref(context) : &empty;
}

weft_context *weft_context_empty(void)
{
    return &empty;
}

weft_context *weft_context_ref(weft_context *context)
{
    if (known(context) != NULL)
        count(&context->refs);
    return context;
}

void weft_context_unref(weft_context *context)
{
    if (known(context) == NULL || !uncount(&context->refs))
        return;
    entries_drop(context->slots);
    weft__mem_free(context);
}

/* Make one that we are alone with equal to another one. */
static void overwrite(weft_context *context, weft_context *with)
{
    static void *const nothing[WEFT__CONTEXT_SLOTS];
    void *was[WEFT__CONTEXT_SLOTS];
    for (unsigned i = 0; i < WEFT__CONTEXT_SLOTS; i++)
        was[i] = context->slots[i];
    entries_copy(context->slots, with ? with->slots : nothing);
    entries_drop(was);
}

/* Back to what a task inherited, if it needs none of its own any more. */
static bool forget(weft_future *self)
{
    weft_context *own = self->own;
    if (own->next != own || own->borrowed > 0)
        return false;
    self->own = NULL;
    weft_context_unref(own);
    return true;
}

int weft_context_restore(weft_context *context)
{
    weft_future *self = weft__task_current();
    context = known(context);
    if (context == weft__context_here())
        return 0;
    if (self != NULL && context == self->inherited && forget(self))
        return 0;
    weft_context **here = weft__local_context();
    if (here == NULL)
        return -ENOMEM;
    if (is_ours(*here)) {
        overwrite(*here, context);
        return 0;
    }
    weft_context *fresh = copy_of(context);
    if (fresh == NULL)
        return -ENOMEM;
    replace(self, here, fresh);
    return 0;
}

void weft__context_back(weft_future *self, weft_context *context)
{
    weft_context *inner = self->own;
    self->own = context == self->inherited ? NULL : context;
    weft__context_retire(inner);
}

/* Running in one. A task must come back to an own snapshot: there the older
 * ones that its children borrow are found. */

static int run_in_task(weft_future *self, weft_context *context, weft_fn *fn,
                       void *arg, void **value)
{
    weft_context *inner = copy_of(context);
    if (inner == NULL)
        return -ENOMEM;
    if (self->own == NULL) {
        weft_context *outer = copy_of(self->inherited);
        if (outer == NULL) {
            weft_context_unref(inner);
            return -ENOMEM;
        }
        install(self, outer);
    }
    weft_context *before = self->own;
    before->borrowed++;
    install(self, inner);
    *value = fn(arg);
    weft__context_back(self, before);
    before->borrowed--;
    return 0;
}

static int run_in_thread(weft_context *context, weft_fn *fn, void *arg,
                         void **value)
{
    struct weft__local *local = weft__local();
    if (local == NULL)
        return -ENOMEM;
    weft_context *before = local->context;
    local->context = weft_context_ref(context);
    *value = fn(arg);
    context = local->context;
    local->context = before;
    weft_context_unref(context);
    return 0;
}

int weft_context_run(weft_context *context, weft_fn *fn, void *arg,
                     void **result)
{
    weft_future *self = weft__task_current();
    void *value = NULL;
    context = known(context);
    int rc = self ? run_in_task(self, context, fn, arg, &value)
                  : run_in_thread(context, fn, arg, &value);
    rc = rc < 0 ? rc : weft_code(value);
    if (result != NULL)
        *result = rc < 0 ? NULL : value;
    return rc;
}
