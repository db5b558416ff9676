package main

import (
	"runtime"
	"sync/atomic"
)

const (
	burstLength    = 1024
	ringLength     = 503
	bigActors      = 200
	forkJoinActors = 60
	asksInFlight   = 1000
	subscribers    = 1000
)

// The room in a mailbox: of the usual sizes, 64 to 4,096, none is faster on all workloads. A token or a reply never
// waits behind another, so a channel for one has room for one.
const mailboxRoom = 256

func count(size int) outcome {
	inbox, counts := make(chan add, mailboxRoom), make(chan int)
	go counter(inbox, counts)
	return timed(func() int {
		for index := 0; index < size; index++ {
			inbox <- add{1}
		}
		close(inbox)
		return <-counts
	})
}

func burst(size int) outcome {
	inbox, counts := make(chan add, mailboxRoom), make(chan int)
	go counter(inbox, counts)
	goOn := make(chan tick, 1)
	go producer(goOn, inbox, size)
	return timed(func() int {
		goOn <- tick{}
		return <-counts
	})
}

func pingPong(size int) outcome {
	one, other := make(chan ball, 1), make(chan ball, 1)
	pongs := make(chan int)
	go player(one, size, pongs)
	go player(other, size, pongs)
	defer close(other)
	return timed(func() int {
		other <- ball{ping, one}
		return <-pongs
	})
}

func ring(size int) outcome {
	inboxes := channels[hop](ringLength, 1)
	last := make(chan int)
	for index, inbox := range inboxes {
		go link(index, inbox, inboxes[(index+1)%ringLength], last)
	}
	defer closeAll(inboxes)
	return timed(func() int {
		inboxes[0] <- hop{size}
		return <-last
	})
}

func big(size int) outcome {
	inboxes := channels[add](bigActors, mailboxRoom)
	counts := make(chan int)
	return timed(func() int {
		for index := range inboxes {
			go (&neighbour{index: index, inboxes: inboxes}).run(size, counts)
		}
		return sum(counts, bigActors)
	})
}

func forkJoin(size int) outcome {
	inboxes := channels[add](forkJoinActors, mailboxRoom)
	counts := make(chan int)
	for _, inbox := range inboxes {
		go counter(inbox, counts)
	}
	return timed(func() int {
		for index := 0; index < size; index++ {
			inboxes[index%forkJoinActors] <- add{1}
		}
		closeAll(inboxes)
		return sum(counts, forkJoinActors)
	})
}

// An actor of create counts in one atomic number that all share, since to tell another of it would cost a second
// message for each. It stays after its message, as the workload wants.
func create(size int) outcome {
	before := bytesOfHeap()
	inboxes := make([]chan add, 0, size)
	done := make(chan int)
	var handled int64
	result := timed(func() int {
		for index := 0; index < size; index++ {
			inbox := make(chan add, 1)
			inboxes = append(inboxes, inbox)
			go func() {
				for message := range inbox {
					if total := int(atomic.AddInt64(&handled, int64(message.n))); total == size {
						done <- total
					}
				}
			}()
			inbox <- add{1}
		}
		return <-done
	})
	result.Also = map[string]float64{"bytesPerActor": (bytesOfHeap() - before) / float64(size)}
	closeAll(inboxes)
	return result
}

func askOne(size int) outcome {
	inbox := make(chan question, 1)
	go successor(inbox)
	defer close(inbox)
	return timed(func() int { return asker(inbox, size) })
}

func askMany(size int) outcome {
	inbox := make(chan question, mailboxRoom)
	go successor(inbox)
	defer close(inbox)
	answers := make(chan int, asksInFlight)
	return timed(func() int {
		for index := 0; index < asksInFlight; index++ {
			go func() { answers <- asker(inbox, size/asksInFlight) }()
		}
		return sum(answers, asksInFlight)
	})
}

func publish(size int) outcome {
	inboxes := channels[event](subscribers, mailboxRoom)
	counts := make(chan int)
	for _, inbox := range inboxes {
		go subscriber(inbox, counts)
	}
	goOn := make(chan tick, 1)
	go publisher(goOn, inboxes, size)
	return timed(func() int {
		goOn <- tick{}
		return sum(counts, subscribers)
	})
}

func channels[T any](many, room int) []chan T {
	made := make([]chan T, many)
	for index := range made {
		made[index] = make(chan T, room)
	}
	return made
}

func closeAll[T any](inboxes []chan T) {
	for _, inbox := range inboxes {
		close(inbox)
	}
}

func sum(numbers <-chan int, many int) int {
	total := 0
	for index := 0; index < many; index++ {
		total += <-numbers
	}
	return total
}

// bytesOfHeap is what lives after a full collection, with the stacks of goroutines.
func bytesOfHeap() float64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc + stats.StackInuse)
}
