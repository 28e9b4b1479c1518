// SPDX-License-Identifier: MIT
//! Jobs on the threads that Tokio keeps for what blocks: up to 512, as it comes.
use crate::scaled;
use tokio::task::spawn_blocking;

pub async fn sync(scale: u64) -> u64 {
    let times = scaled(200_000, scale);

    for _ in 0..times {
        spawn_blocking(|| {}).await.unwrap();
    }
    times
}

pub async fn pipe(scale: u64) -> u64 {
    const WINDOW: usize = 1000;
    let windows = scaled(2000, scale);
    let mut all = Vec::with_capacity(WINDOW);

    for _ in 0..windows {
        for _ in 0..WINDOW {
            all.push(spawn_blocking(|| {}));
        }
        for job in all.drain(..) {
            job.await.unwrap();
        }
    }
    windows * WINDOW as u64
}
