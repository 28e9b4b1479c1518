// SPDX-License-Identifier: MIT
//! What an OS thread asks of the runtime.
use crate::{scaled, Outcome};
use std::time::Instant;
use tokio::runtime::Handle;

/// Runs `work` on a thread that the runtime did not make.
fn on_a_thread<F>(work: F) -> Outcome
where
    F: FnOnce() -> u64 + Send + 'static,
{
    std::thread::spawn(|| {
        let start = Instant::now();
        let ops = work();
        (ops, start.elapsed())
    })
    .join()
    .unwrap()
}

pub fn sync(handle: &Handle, scale: u64) -> Outcome {
    let times = scaled(200_000, scale);
    let handle = handle.clone();

    on_a_thread(move || {
        for _ in 0..times {
            handle.block_on(handle.spawn(async {})).unwrap();
        }
        times
    })
}

pub fn pipe(handle: &Handle, scale: u64) -> Outcome {
    const WINDOW: usize = 1000;
    let windows = scaled(2000, scale);
    let handle = handle.clone();

    on_a_thread(move || {
        let mut all = Vec::with_capacity(WINDOW);

        for _ in 0..windows {
            for _ in 0..WINDOW {
                all.push(handle.spawn(async {}));
            }
            handle.block_on(async {
                for task in all.drain(..) {
                    task.await.unwrap();
                }
            });
        }
        windows * WINDOW as u64
    })
}
