// SPDX-License-Identifier: MIT
/* Who is there, and what does each wait for? */
#include <stdio.h>
#include <string.h>
#include <weft.h>

static void *sleeper(void *arg)
{
    (void)arg;
    return weft_fail(weft_sleep(WEFT_FOREVER));
}

static void count_sleepers(const weft_task_info *task, void *arg)
{
    if (task->waits == WEFT_WAITS_TIME && strstr(task->name, "sleeper@"))
        ++*(int *)arg; /* the default name: sleeper@file:line */
}

static void *program(void *arg)
{
    weft_group group;
    int sleepers = 0;
    int rc = 0;
    (void)arg;
    weft_group_enter(&group, NULL);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = weft_group_spawn(&group, sleeper, NULL);
    while (rc == 0 && sleepers < 3) {
        rc = weft_yield();
        sleepers = 0;
        weft_all_tasks(weft_running_loop(), count_sleepers, &sleepers);
    }
    printf("%d tasks sleep\n", sleepers);
    weft_group_cancel(&group);
    rc = weft_group_exit(&group, rc);
    return rc == -WEFT_ECANCELED ? NULL : weft_fail(rc);
}

int main(void)
{
    return weft_main(program, NULL);
}
