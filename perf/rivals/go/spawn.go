// SPDX-License-Identifier: MIT
package main

import (
	"runtime"
	"sync"
	"time"
)

// 1 000 goroutines a round, awaited as Go does it: all at once.
func spawnJoin(scale int) (int, time.Duration) {
	const tasks = 1000
	rounds := scaled(2000, scale)
	var all sync.WaitGroup

	start := time.Now()
	for i := 0; i < rounds; i++ {
		all.Add(tasks)
		for j := 0; j < tasks; j++ {
			go all.Done()
		}
		all.Wait()
	}
	return rounds * tasks, time.Since(start)
}

// A WaitGroup per goroutine is the fastest way to await one: quicker than a
// channel of one slot, and it is not made anew.
func spawnOne(scale int) (int, time.Duration) {
	times := scaled(1000000, scale)
	var one sync.WaitGroup

	start := time.Now()
	for i := 0; i < times; i++ {
		one.Add(1)
		go one.Done()
		one.Wait()
	}
	return times, time.Since(start)
}

func yield(scale int) (int, time.Duration) {
	const tasks = 1000
	yields := scaled(5000, scale)
	var all sync.WaitGroup

	start := time.Now()
	all.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			for j := 0; j < yields; j++ {
				runtime.Gosched()
			}
			all.Done()
		}()
	}
	all.Wait()
	return tasks * yields, time.Since(start)
}

// --- Trees ---

// A goroutine for one branch, a call for the other.
func fib(n int) int {
	if n < 2 {
		return n
	}
	forked := make(chan int, 1)
	go func() { forked <- fib(n - 1) }()
	other := fib(n - 2)
	return <-forked + other
}

// Calls of fib(n), and its value.
func countFib(n int) (calls, value int) {
	a, b := 0, 1
	for i := 0; i < n; i++ {
		a, b = b, a+b
	}
	return 2*b - 1, a
}

// fib(27): a goroutine a call is no way to do 7 million. At most 24 smaller.
func forkFib(scale int) (int, time.Duration) {
	n := 27
	for s := scale; s > 1 && n > 3; s = s * 10 / 16 {
		n--
	}
	calls, value := countFib(n)

	start := time.Now()
	is := fib(n)
	took := time.Since(start)
	check(is, value)
	return calls, took
}

// The sum of size leaves from number up, as in the benchmark of that name.
func sky(up chan<- int, number, size int) {
	if size == 1 {
		up <- number
		return
	}
	down := make(chan int, 10)
	sum := 0
	size /= 10
	for i := 0; i < 10; i++ {
		go sky(down, number+i*size, size)
	}
	for i := 0; i < 10; i++ {
		sum += <-down
	}
	up <- sum
}

// A million leaves; an operation is a node, of which there are 1 111 111.
func skynet(scale int) (int, time.Duration) {
	leaves, nodes := 10, 11
	for leaves < scaled(1000000, scale) {
		leaves *= 10
		nodes += leaves
	}
	root := make(chan int, 1)

	start := time.Now()
	go sky(root, 0, leaves)
	sum := <-root
	took := time.Since(start)
	check(sum, leaves*(leaves-1)/2)
	return nodes, took
}
