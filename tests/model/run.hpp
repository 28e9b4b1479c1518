// SPDX-License-Identifier: MIT
/*
 * What every program of this folder is made of: scenarios, each a class with
 * set_up(), thread(index) and check(); the memory they work on; main().
 *
 *   model-deque [--iterations N] [--only SCENARIO]
 *               [--loosen FILE:FIRST-LAST=ORDER]
 *
 * Without --loosen every scenario must hold: 0, or 1 and the history of the
 * execution that broke it. With it one of them should break.
 */
#ifndef WEFT_MODEL_RUN_HPP
#define WEFT_MODEL_RUN_HPP

#include "tests/model/atomic.hpp"

namespace model
{

/* Zeroed; as if there before any thread began. What is used after it was freed
 * ends the run; so does what is freed twice. */
void *allocate(size_t size);
void release(void *);
unsigned live(); /* blocks allocated and not freed */

void begin(engine *); /* of an execution */
void end();

unsigned self(); /* the thread's index */

/* The value that is stored in an atomic, whoever knows of it: the kernel's look
 * at a futex. `at` is what the atomic holds. */
uint64_t newest(void *at);

/* A place to sleep: post() ends a wait(), or the next one, and orders nothing
 * by itself. Nobody posts any more: the checker tells of a deadlock. */
struct bed {
    virtual bool wait(bool timed) = 0; /* false: time is up */
    virtual void sleep() = 0; /* in the same step as the look before it */
    virtual void post() = 0;
    virtual bool post_if_asleep() = 0;
};
bed *new_bed();

typedef bool run_fn(rl::test_params &);
struct entry {
    const char *name;
    run_fn *run;
    double share; /* of the executions asked for */
    entry *next;
    entry(const char *name, run_fn *run, double share);
};

template <class T, int N> struct scenario : rl::test_suite<T, N> {
    void before()
    {
        static engine_of<N> engine;
        begin(&engine);
        static_cast<T *>(this)->set_up();
    }
    void after()
    {
        static_cast<T *>(this)->check();
        end();
    }
};

} // namespace model

#define CHECK(cond) RL_ASSERT(cond)
#define SCENARIO(type, share)                                                  \
    static model::entry entry_##type(#type, &rl::simulate<type>, share)

#endif
