// SPDX-License-Identifier: MIT
//! Things passed from task to task.
use crate::{check, scaled};
use std::sync::Arc;
use tokio::sync::{mpsc, Mutex};

/// Two channels of one slot; each answer is the question and one.
pub async fn pingpong(scale: u64) -> u64 {
    let trips = scaled(2_000_000, scale);
    let (to, mut asked) = mpsc::channel(1);
    let (fro, mut answers) = mpsc::channel(1);

    let answering = tokio::spawn(async move {
        while let Some(value) = asked.recv().await {
            fro.send(value + 1).await.unwrap();
        }
    });
    let asking = tokio::spawn(async move {
        for i in 0..trips {
            to.send(i).await.unwrap();
            check(answers.recv().await.unwrap(), i + 1);
        }
    });
    asking.await.unwrap();
    answering.await.unwrap();
    trips
}

/// 4 producers, 4 consumers, a queue of 1 024 slots; 2 000 000 items. Tokio's
/// own channels have one receiver; async-channel is what is used beside it.
pub async fn mpmc(scale: u64) -> u64 {
    const PRODUCERS: u64 = 4;
    const CONSUMERS: u64 = 4;
    let each = scaled(2_000_000, scale * PRODUCERS);
    let n = each * PRODUCERS;
    let (put, take) = async_channel::bounded::<u64>(1024);
    let mut producers = Vec::new();
    let mut consumers = Vec::new();

    for p in 0..PRODUCERS {
        let put = put.clone();
        producers.push(tokio::spawn(async move {
            for i in 0..each {
                put.send(p * each + i).await.unwrap();
            }
        }));
    }
    for _ in 0..CONSUMERS {
        let take = take.clone();
        consumers.push(tokio::spawn(async move {
            let mut sum = 0;
            while let Ok(item) = take.recv().await {
                sum += item;
            }
            sum
        }));
    }
    drop(put);
    for producer in producers {
        producer.await.unwrap();
    }
    let mut total = 0;
    for consumer in consumers {
        total += consumer.await.unwrap();
    }
    check(total, n * (n - 1) / 2);
    n
}

/// 1 000 tasks, 2 000 times each, around one counter; the lock that may be held
/// while the task waits, as weft's may.
pub async fn mutex(scale: u64) -> u64 {
    const TASKS: u64 = 1000;
    let times = scaled(2000, scale);
    let counter = Arc::new(Mutex::new(0u64));
    let mut all = Vec::new();

    for _ in 0..TASKS {
        let counter = counter.clone();
        all.push(tokio::spawn(async move {
            for _ in 0..times {
                *counter.lock().await += 1;
            }
        }));
    }
    for task in all {
        task.await.unwrap();
    }
    check(*counter.lock().await, TASKS * times);
    TASKS * times
}
