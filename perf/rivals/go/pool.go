// SPDX-License-Identifier: MIT
package main

import "time"

// A pool as Go has it: goroutines that take jobs from one channel and put what
// came of them into another. Any goroutine may block its thread, so there are
// no threads kept for that, and a job need not change threads.
func inPool(windows, window int) (int, time.Duration) {
	const threads = 2
	jobs := make(chan func() int, window)
	results := make(chan int, window)
	one := func() int { return 1 }
	done := 0
	for i := 0; i < threads; i++ {
		go func() {
			for job := range jobs {
				results <- job()
			}
		}()
	}

	start := time.Now()
	for i := 0; i < windows; i++ {
		for j := 0; j < window; j++ {
			jobs <- one
		}
		for j := 0; j < window; j++ {
			done += <-results
		}
	}
	took := time.Since(start)
	close(jobs)
	check(done, windows*window)
	return done, took
}

func execSync(scale int) (int, time.Duration) {
	return inPool(scaled(200000, scale), 1)
}

func execPipe(scale int) (int, time.Duration) {
	return inPool(scaled(2000, scale), 1000)
}
