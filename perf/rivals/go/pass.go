// SPDX-License-Identifier: MIT
package main

import (
	"runtime"
	"sync"
	"time"
)

// Two channels of one slot; each answer is the question and one.
func pingpong(scale int) (int, time.Duration) {
	trips := scaled(2000000, scale)
	to, fro := make(chan int, 1), make(chan int, 1)
	wrong := make(chan int, 1)

	start := time.Now()
	go func() {
		for value := range to {
			fro <- value + 1
		}
	}()
	go func() {
		bad := 0
		for i := 0; i < trips; i++ {
			to <- i
			if <-fro != i+1 {
				bad++
			}
		}
		close(to)
		wrong <- bad
	}()
	bad := <-wrong
	took := time.Since(start)
	check(bad, 0)
	return trips, took
}

// 4 producers, 4 consumers, a channel of 1 024 slots; 2 000 000 items.
func mpmc(scale int) (int, time.Duration) {
	const producers, consumers = 4, 4
	each := scaled(2000000, scale*producers)
	items := make(chan int, 1024)
	sums := make(chan int, consumers)
	var writing sync.WaitGroup

	start := time.Now()
	writing.Add(producers)
	for p := 0; p < producers; p++ {
		go func(first int) {
			for i := 0; i < each; i++ {
				items <- first + i
			}
			writing.Done()
		}(p * each)
	}
	for c := 0; c < consumers; c++ {
		go func() {
			sum := 0
			for item := range items {
				sum += item
			}
			sums <- sum
		}()
	}
	writing.Wait()
	close(items)
	total := 0
	for c := 0; c < consumers; c++ {
		total += <-sums
	}
	took := time.Since(start)
	n := each * producers
	check(total, n*(n-1)/2)
	return n, took
}

// 1 000 goroutines, 2 000 times each, around one counter.
func mutex(scale int) (int, time.Duration) {
	const tasks = 1000
	times := scaled(2000, scale)
	var lock sync.Mutex
	var all sync.WaitGroup
	counter := 0

	start := time.Now()
	all.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			for j := 0; j < times; j++ {
				lock.Lock()
				counter++
				lock.Unlock()
			}
			all.Done()
		}()
	}
	all.Wait()
	took := time.Since(start)
	check(counter, tasks*times)
	return tasks * times, took
}

func timerCancel(scale int) (int, time.Duration) {
	times := scaled(2000000, scale)
	late := 0

	start := time.Now()
	for i := 0; i < times; i++ {
		if !time.AfterFunc(time.Hour, func() {}).Stop() {
			late++
		}
	}
	took := time.Since(start)
	check(late, 0)
	return times, took
}

// --- From outside ---

// Go has no thread outside its runtime but by cgo, which costs more than what
// is measured here. What a user of Go has instead is a goroutine that keeps an
// OS thread to itself: to pass something on and wait is to change threads.
func onOwnThread(run func()) time.Duration {
	took := make(chan time.Duration, 1)
	go func() {
		runtime.LockOSThread()
		start := time.Now()
		run()
		took <- time.Since(start)
	}()
	return <-took
}

func foreignSync(scale int) (int, time.Duration) {
	times := scaled(200000, scale)
	var one sync.WaitGroup

	took := onOwnThread(func() {
		for i := 0; i < times; i++ {
			one.Add(1)
			go one.Done()
			one.Wait()
		}
	})
	return times, took
}

func foreignPipe(scale int) (int, time.Duration) {
	const window = 1000
	windows := scaled(2000, scale)
	var all sync.WaitGroup

	took := onOwnThread(func() {
		for i := 0; i < windows; i++ {
			all.Add(window)
			for j := 0; j < window; j++ {
				go all.Done()
			}
			all.Wait()
		}
	})
	return windows * window, took
}
