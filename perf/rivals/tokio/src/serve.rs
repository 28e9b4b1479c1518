// SPDX-License-Identifier: MIT
//! `tokio serve`: a task for each connection, which does what is heavy where it
//! stands. The least of HTTP that a load generator needs: a request ends with
//! an empty line and has no body.
use crate::{option, workers};
use std::arch::asm;
use std::io;
use std::process::exit;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

const REQUEST_MAX: usize = 8192;

macro_rules! answer {
    ($status:literal, $length:literal, $body:literal) => {
        concat!(
            "HTTP/1.1 ", $status, "\r\nContent-Type: text/plain\r\n",
            "Content-Length: ", $length, "\r\n\r\n", $body
        )
        .as_bytes()
    };
}

const LIGHT: &[u8] = answer!("200 OK", "13", "Hello, world\n");
const HEAVY: &[u8] = answer!("200 OK", "5", "done\n");
const UNKNOWN: &[u8] = answer!("404 Not Found", "10", "not found\n");

/// The arithmetic of perf/burn.c, round for round; the asm makes the value look
/// changed, and used, in each.
#[inline(never)]
fn burn(rounds: u64) -> u64 {
    let mut x = rounds | 1;
    for _ in 0..rounds {
        x = x
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        unsafe { asm!("/* {0} */", inout(reg) x, options(nomem, nostack)) };
    }
    x
}

/// A system call that blocks the thread, not a sleep of Tokio's.
fn block(us: u64) {
    let mut left = libc::timespec {
        tv_sec: (us / 1_000_000) as libc::time_t,
        tv_nsec: (us % 1_000_000 * 1000) as libc::c_long,
    };
    while unsafe { libc::nanosleep(&left, &mut left) } != 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}

/// The digits at the beginning.
fn number(text: &[u8]) -> u64 {
    text.iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |n, byte| n * 10 + u64::from(byte - b'0'))
}

/// Does what a request asks for.
fn answer(request: &[u8]) -> &'static [u8] {
    if request.starts_with(b"GET / ") {
        LIGHT
    } else if let Some(rest) = request.strip_prefix(b"GET /burn?n=") {
        burn(number(rest));
        HEAVY
    } else if let Some(rest) = request.strip_prefix(b"GET /block?us=") {
        block(number(rest));
        HEAVY
    } else {
        UNKNOWN
    }
}

/// The length of the first request, once it is there.
fn end_of_request(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4)
}

async fn converse(mut stream: TcpStream) -> io::Result<()> {
    let mut bytes = [0; REQUEST_MAX];
    let mut used = 0;
    stream.set_nodelay(true)?;
    loop {
        let n = stream.read(&mut bytes[used..]).await?;
        if n == 0 {
            return Ok(());
        }
        used += n;
        while let Some(length) = end_of_request(&bytes[..used]) {
            stream.write_all(answer(&bytes[..length])).await?;
            bytes.copy_within(length..used, 0);
            used -= length;
        }
    }
}

async fn accept_all(port: u64) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port as u16)).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(converse(stream));
    }
}

/// End with the process that started this one.
fn follow(parent: u64) {
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
        if libc::getppid() as u64 != parent {
            exit(1);
        }
    }
}

/// 0, which option() has no room for, is any.
fn port(arguments: &[String]) -> u64 {
    match arguments.iter().position(|a| a == "--port") {
        Some(at) if arguments.get(at + 1).map_or(false, |n| n == "0") => 0,
        _ => option(arguments, "--port").unwrap_or(0),
    }
}

/// Accepts on a worker, as one does with #[tokio::main] and a spawn.
pub fn serve(arguments: &[String]) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(workers(arguments) as usize)
        .enable_all()
        .build()
        .unwrap();
    if let Some(parent) = option(arguments, "--follow-parent") {
        follow(parent);
    }
    let served = runtime.block_on(runtime.spawn(accept_all(port(arguments))));
    eprintln!("tokio: {:?}", served);
    exit(1);
}
