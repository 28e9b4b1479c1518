// SPDX-License-Identifier: MIT
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
)

// What is computed must be used, or it need not be computed.
var burnt atomic.Uint64

// The arithmetic of perf/burn.c, round for round.
//
//go:noinline
func burn(rounds uint64) uint64 {
	x := rounds | 1
	for i := uint64(0); i < rounds; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

// A system call that blocks its thread, not a sleep of Go's: the runtime's
// signals interrupt it.
func block(us uint64) {
	left := syscall.NsecToTimespec(int64(us) * 1000)
	for syscall.Nanosleep(&left, &left) == syscall.EINTR {
	}
}

// What a query's number asks for is done, then there is an answer.
func heavy(key string, work func(amount uint64)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		amount, err := strconv.ParseUint(r.URL.Query().Get(key), 10, 64)
		if err != nil {
			http.Error(w, "wanted: ?"+key+"=N", http.StatusBadRequest)
			return
		}
		work(amount)
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "done\n")
	}
}

func light(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprint(w, "Hello, world\n")
}

// End with the process that started this one. The kernel remembers it for the
// thread that asks, which must be one that stays.
func follow(parent int) {
	runtime.LockOSThread()
	syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG,
		uintptr(syscall.SIGTERM), 0)
	runtime.UnlockOSThread()
	if os.Getppid() != parent {
		os.Exit(1)
	}
}

// `go serve`: net/http, each handler as one would write it.
func serve(arguments []string) error {
	flags := flag.NewFlagSet("go serve", flag.ExitOnError)
	workers := flags.Int("workers", runtime.NumCPU(), "how many Ps")
	port := flags.Int("port", 0, "a port of 127.0.0.1; 0: any")
	parent := flags.Int("follow-parent", 0, "end when this process ends")
	flags.Parse(arguments)
	runtime.GOMAXPROCS(*workers)
	if *parent != 0 {
		follow(*parent)
	}
	listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		return err
	}
	http.HandleFunc("/", light)
	http.HandleFunc("/burn", heavy("n", func(n uint64) { burnt.Store(burn(n)) }))
	http.HandleFunc("/block", heavy("us", block))
	fmt.Printf("listening on %s\n", listener.Addr())
	return http.Serve(listener, nil)
}
