// Workloads of bench/workloads.ts in Go. An actor is a goroutine that ranges over its own channel, and a message is a
// struct sent by value in a channel of its own type: the form that Go users write, and the fastest that the language
// has, since nothing is boxed in an interface and nothing is allocated for a message.
//
// A channel has a bound, so a sender that runs ahead waits. That is how a Go program takes a flood, and it is to Go's
// advantage: no queue grows, and the collector has nothing to trace. Code outside any actor is the main goroutine.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// outcome is what one workload came to, as the runner reads it.
type outcome struct {
	ElapsedMs float64            `json:"elapsedMs"`
	Check     int                `json:"check"`
	Also      map[string]float64 `json:"also,omitempty"`
}

// workloads are by the id that bench/workloads.ts gives them.
var workloads = map[string]func(size int) outcome{
	"count":    count,
	"burst":    burst,
	"pingPong": pingPong,
	"ring":     ring,
	"big":      big,
	"bigKept":  big,
	"forkJoin": forkJoin,
	"create":   create,
	"askOne":   askOne,
	"askMany":  askMany,
	"publish":  publish,
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(runtime.Version())
		return
	}
	if err := measure(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("give a workload, a size and how many runs, or version")
	}
	run, known := workloads[args[0]]
	size, err := strconv.Atoi(args[1])
	if !known || err != nil || size < 1 {
		return fmt.Errorf("no such workload or size: %s %s", args[0], args[1])
	}
	runs, err := strconv.Atoi(args[2])
	if err != nil || runs < 1 {
		return fmt.Errorf("no such number of runs: %s", args[2])
	}
	run((size + 4) / 5)
	least := run(size)
	for times := 1; times < runs; times++ {
		next := run(size)
		if next.Check != least.Check {
			return fmt.Errorf("one run came to %d, another to %d", least.Check, next.Check)
		}
		if next.ElapsedMs < least.ElapsedMs {
			least = next
		}
	}
	return json.NewEncoder(os.Stdout).Encode(least)
}

// timed takes the time until the messages have worked out the check.
func timed(work func() int) outcome {
	start := time.Now()
	check := work()
	return outcome{ElapsedMs: time.Since(start).Seconds() * 1000, Check: check}
}
