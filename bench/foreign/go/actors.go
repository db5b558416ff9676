package main

// add is the message of counters.
type add struct{ n int }

// tick tells an actor to go on: it sends it to itself.
type tick struct{}

type kind int

const (
	ping kind = iota
	pong
)

// ball names who sent it, by the channel on which that one receives.
type ball struct {
	kind kind
	from chan ball
}

// hop is the token of the ring.
type hop struct{ left int }

// question carries the channel for its answer. Each asker makes one, with room for the one answer that it waits for,
// and uses it again: usual where one goroutine asks in a loop, and cheaper than a fresh one for each question.
type question struct {
	x     int
	reply chan<- int
}

// event is what a publisher tells its subscribers.
type event struct{ n int }

// counter counts until nobody sends any more, and tells its count.
func counter(inbox <-chan add, counts chan<- int) {
	count := 0
	for message := range inbox {
		count += message.n
	}
	counts <- count
}

// producer sends a burst in a turn, then itself a tick.
func producer(inbox chan tick, target chan<- add, left int) {
	for range inbox {
		for index := 0; index < burstLength && left > 0; index++ {
			target <- add{1}
			left--
		}
		if left == 0 {
			close(target)
			return
		}
		inbox <- tick{}
	}
}

// player returns every ping, and serves again after every pong but the last.
func player(inbox chan ball, until int, pongs chan<- int) {
	received := 0
	for message := range inbox {
		if message.kind == ping {
			message.from <- ball{pong, inbox}
			continue
		}
		received++
		if received == until {
			pongs <- received
			return
		}
		message.from <- ball{ping, inbox}
	}
}

// link passes the token on, or tells its own index when no hop is left.
func link(index int, inbox <-chan hop, next chan<- hop, last chan<- int) {
	for message := range inbox {
		if message.left == 0 {
			last <- index
		} else {
			next <- hop{message.left - 1}
		}
	}
}

// neighbour is one actor of big.
type neighbour struct {
	index    int
	inboxes  []chan add
	rounds   int
	received int
}

// run plays all rounds: a round begins when every message of those before it has come.
func (self *neighbour) run(size int, counts chan<- int) {
	inbox := self.inboxes[self.index]
	for self.rounds < size || self.received < size*(bigActors-1) {
		if self.rounds < size && self.received >= self.rounds*(bigActors-1) {
			self.rounds++
			self.round(inbox)
			continue
		}
		self.received += (<-inbox).n
	}
	counts <- self.received
}

// round sends to each other. Two actors that only sent to each other's full channel would wait for ever, so one that
// cannot send receives meanwhile.
func (self *neighbour) round(inbox <-chan add) {
	for index, other := range self.inboxes {
		if index == self.index {
			continue
		}
		select {
		case other <- add{1}:
			continue
		default:
		}
		for sent := false; !sent; {
			select {
			case other <- add{1}:
				sent = true
			case message := <-inbox:
				self.received += message.n
			}
		}
	}
}

// successor answers each question with the next number.
func successor(inbox <-chan question) {
	for message := range inbox {
		message.reply <- message.x + 1
	}
}

// asker asks with the last answer, so many times, and returns the last.
func asker(target chan<- question, times int) int {
	reply := make(chan int, 1)
	x := 0
	for index := 0; index < times; index++ {
		target <- question{x, reply}
		x = <-reply
	}
	return x
}

// publisher tells every subscriber one event in a turn, then itself a tick.
func publisher(inbox chan tick, subscribers []chan event, left int) {
	for range inbox {
		for _, subscriber := range subscribers {
			subscriber <- event{left}
		}
		left--
		if left == 0 {
			for _, subscriber := range subscribers {
				close(subscriber)
			}
			return
		}
		inbox <- tick{}
	}
}

// subscriber counts deliveries until nobody publishes any more, and tells its count.
func subscriber(inbox <-chan event, counts chan<- int) {
	count := 0
	for range inbox {
		count++
	}
	counts <- count
}
