// SPDX-License-Identifier: MIT
//! Trees of tasks: fork and join, and a million leaves.
use crate::{check, scaled};
use std::future::Future;
use std::pin::Pin;

type Boxed = Pin<Box<dyn Future<Output = u64> + Send>>;

/// A task for one branch; the other is awaited in place.
fn fib(n: u64) -> Boxed {
    Box::pin(async move {
        if n < 2 {
            return n;
        }
        let forked = tokio::spawn(fib(n - 1));
        let other = fib(n - 2).await;
        forked.await.unwrap() + other
    })
}

/// Calls of fib(n), and its value.
fn count(n: u64) -> (u64, u64) {
    let (mut a, mut b) = (0, 1);
    for _ in 0..n {
        (a, b) = (b, a + b);
    }
    (2 * b - 1, a)
}

/// fib(27): a task a call is no way to do 7 million.
pub async fn fork_fib(scale: u64) -> u64 {
    let (mut n, mut s) = (27, scale);
    while s > 1 && n > 3 {
        n -= 1;
        s = s * 10 / 16;
    }
    let (calls, value) = count(n);
    check(fib(n).await, value);
    calls
}

/// The sum of `size` leaves from `number` up, as in the benchmark of that name.
fn sky(number: u64, size: u64) -> Boxed {
    Box::pin(async move {
        if size == 1 {
            return number;
        }
        let size = size / 10;
        let children: [_; 10] = std::array::from_fn(|i| {
            tokio::spawn(sky(number + i as u64 * size, size))
        });
        let mut sum = 0;
        for child in children {
            sum += child.await.unwrap();
        }
        sum
    })
}

/// A million leaves; an operation is a node, of which there are 1 111 111.
pub async fn skynet(scale: u64) -> u64 {
    let (mut leaves, mut nodes) = (10, 11);
    while leaves < scaled(1_000_000, scale) {
        leaves *= 10;
        nodes += leaves;
    }
    check(sky(0, leaves).await, leaves * (leaves - 1) / 2);
    nodes
}
