// SPDX-License-Identifier: MIT
//! The workloads of weft-perf micro on Tokio: `tokio WORKLOAD [--workers N]
//! [--scale N]` runs one and prints a line of JSON. What Tokio has no idiom for
//! is not here (status 77). `tokio serve` is a server for weft-perf mixed,
//! `tokio --version` tells which Tokio it is.
mod outside;
mod pass;
mod pool;
mod serve;
mod spawn;
mod tree;

use std::future::Future;
use std::process::exit;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// Operations, and the time of all together.
pub type Outcome = (u64, Duration);

/// A count divided by the scale.
pub fn scaled(n: u64, scale: u64) -> u64 {
    std::cmp::max(n / scale, 1)
}

/// Programs that compute wrong have no time worth telling.
pub fn check(is: u64, wanted: u64) {
    if is != wanted {
        eprintln!("tokio: wrong: {} instead of {}", is, wanted);
        exit(1);
    }
}

/// Runs a workload as a task: the thread of block_on is no worker, and what it
/// spawns would come from outside.
fn inside<F>(runtime: &Runtime, work: F) -> Outcome
where
    F: Future<Output = u64> + Send + 'static,
{
    runtime
        .block_on(runtime.spawn(async {
            let start = Instant::now();
            let ops = work.await;
            (ops, start.elapsed())
        }))
        .unwrap()
}

fn run(name: &str, runtime: &Runtime, scale: u64) -> Option<Outcome> {
    Some(match name {
        "spawn_join" => inside(runtime, spawn::join(scale)),
        "spawn_one" => inside(runtime, spawn::one(scale)),
        "yield" => inside(runtime, spawn::yields(scale)),
        "timer_cancel" => inside(runtime, spawn::timer_cancel(scale)),
        "fib" => inside(runtime, tree::fork_fib(scale)),
        "skynet" => inside(runtime, tree::skynet(scale)),
        "pingpong" => inside(runtime, pass::pingpong(scale)),
        "mpmc" => inside(runtime, pass::mpmc(scale)),
        "mutex" => inside(runtime, pass::mutex(scale)),
        "foreign_sync" => outside::sync(runtime.handle(), scale),
        "foreign_pipe" => outside::pipe(runtime.handle(), scale),
        "exec_sync" => inside(runtime, pool::sync(scale)),
        "exec_pipe" => inside(runtime, pool::pipe(scale)),
        _ => return None,
    })
}

/// The number behind an option, if it stands there.
pub fn option(arguments: &[String], name: &str) -> Option<u64> {
    let at = arguments.iter().position(|a| a == name)?;
    match arguments.get(at + 1).map(|value| value.parse()) {
        Some(Ok(value)) if value > 0 => Some(value),
        _ => {
            eprintln!("tokio: {}: needs a number", name);
            exit(2);
        }
    }
}

/// One for each CPU unless it is said.
pub fn workers(arguments: &[String]) -> u64 {
    option(arguments, "--workers").unwrap_or_else(|| {
        std::thread::available_parallelism().map_or(1, |n| n.get() as u64)
    })
}

fn version() -> &'static str {
    option_env!("RIVAL_VERSION").unwrap_or("?")
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = match arguments.first() {
        Some(name) => name,
        None => {
            eprintln!("usage: tokio WORKLOAD [--workers N] [--scale N]");
            exit(2);
        }
    };
    match name.as_str() {
        "--version" => return println!("{}", version()),
        "serve" => return serve::serve(&arguments),
        _ => {}
    }
    let scale = option(&arguments, "--scale").unwrap_or(1);
    let workers = workers(&arguments);
    let runtime = Builder::new_multi_thread()
        .worker_threads(workers as usize)
        .enable_time()
        .build()
        .unwrap();
    let (ops, took) = match run(name, &runtime, scale) {
        Some(outcome) => outcome,
        None => exit(77),
    };
    println!(
        "{{\"runtime\":\"tokio\",\"version\":\"{}\",\"workload\":\"{}\",\
         \"workers\":{},\"ops\":{},\"ns_per_op\":{:.3}}}",
        version(),
        name,
        workers,
        ops,
        took.as_nanos() as f64 / ops as f64
    );
}
