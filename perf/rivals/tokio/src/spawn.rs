// SPDX-License-Identifier: MIT
//! Tasks that do nothing, tasks that give way, timers that never ring.
use crate::{check, scaled};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::{sleep, Sleep};

pub async fn join(scale: u64) -> u64 {
    const TASKS: usize = 1000;
    let rounds = scaled(2000, scale);
    let mut all = Vec::with_capacity(TASKS);

    for _ in 0..rounds {
        for _ in 0..TASKS {
            all.push(tokio::spawn(async {}));
        }
        for task in all.drain(..) {
            task.await.unwrap();
        }
    }
    rounds * TASKS as u64
}

pub async fn one(scale: u64) -> u64 {
    let times = scaled(1_000_000, scale);

    for _ in 0..times {
        tokio::spawn(async {}).await.unwrap();
    }
    times
}

pub async fn yields(scale: u64) -> u64 {
    const TASKS: u64 = 1000;
    let yields = scaled(5000, scale);
    let mut all = Vec::new();

    for _ in 0..TASKS {
        all.push(tokio::spawn(async move {
            for _ in 0..yields {
                yield_now().await;
            }
        }));
    }
    for task in all {
        task.await.unwrap();
    }
    TASKS * yields
}

/// Whether it has rung by now; polled once.
struct Rang<'a>(Pin<&'a mut Sleep>);

impl Future for Rang<'_> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        Poll::Ready(self.0.as_mut().poll(cx).is_ready())
    }
}

/// A Sleep is armed by its first poll, as a timeout's is, and cancelled by
/// being dropped.
pub async fn timer_cancel(scale: u64) -> u64 {
    let times = scaled(2_000_000, scale);

    for _ in 0..times {
        let timer = sleep(Duration::from_secs(3600));
        tokio::pin!(timer);
        check(Rang(timer.as_mut()).await as u64, 0);
    }
    times
}
