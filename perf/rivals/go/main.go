// SPDX-License-Identifier: MIT

// The workloads of weft-perf micro in Go: `go WORKLOAD [--workers N] [--scale
// N]` runs one and prints a line of JSON. What Go has no idiom for is not here
// (status 77). `go serve` is a server for weft-perf mixed, `go --version` tells
// which Go it is.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// A workload does what a count, divided by the scale, asks for; its result is
// checked, its time is that of all operations together.
type workload func(scale int) (ops int, took time.Duration)

var workloads = map[string]workload{
	"spawn_join":   spawnJoin,
	"spawn_one":    spawnOne,
	"yield":        yield,
	"pingpong":     pingpong,
	"fib":          forkFib,
	"skynet":       skynet,
	"foreign_sync": foreignSync,
	"foreign_pipe": foreignPipe,
	"exec_sync":    execSync,
	"exec_pipe":    execPipe,
	"mpmc":         mpmc,
	"mutex":        mutex,
	"timer_cancel": timerCancel,
}

func scaled(n, scale int) int {
	if n > scale {
		return n / scale
	}
	return 1
}

// Programs that compute wrong have no time worth telling.
func check(is, wanted int) {
	if is != wanted {
		fmt.Fprintf(os.Stderr, "go: wrong: %d instead of %d\n", is, wanted)
		os.Exit(1)
	}
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: go WORKLOAD [--workers N] [--scale N]")
		os.Exit(2)
	}
	name := os.Args[1]
	switch name {
	case "--version":
		fmt.Println(runtime.Version())
		return
	case "serve":
		fmt.Fprintln(os.Stderr, "go:", serve(os.Args[2:]))
		os.Exit(1)
	}
	flags := flag.NewFlagSet("go", flag.ExitOnError)
	workers := flags.Int("workers", runtime.NumCPU(), "how many Ps")
	scale := flags.Int("scale", 1, "what the counts are divided by")
	flags.Parse(os.Args[2:])
	run, known := workloads[name]
	if !known {
		os.Exit(77)
	}
	runtime.GOMAXPROCS(*workers)
	// With heaps as small as these the collector would never rest: a sixth of
	// skynet. Unless the environment says otherwise.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	ops, took := run(*scale)
	fmt.Printf("{\"runtime\":\"go\",\"version\":%q,\"workload\":%q,"+
		"\"workers\":%d,\"ops\":%d,\"ns_per_op\":%.3f}\n", runtime.Version(),
		name, *workers, ops, float64(took.Nanoseconds())/float64(ops))
}
