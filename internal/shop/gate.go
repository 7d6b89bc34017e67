package shop

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// Why a gate did not let somebody in.
var (
	errQueueFull   = errors.New("queue full")
	errWaitTooLong = errors.New("waited too long")
	errGaveUp      = errors.New("caller gave up waiting")
)

// gate is a counting semaphore whose size can change while it is in use, with a
// bounded first-come-first-served queue. Worker slots and connection pools are
// gates.
type gate struct {
	mu       sync.Mutex
	limit    int
	maxQueue int
	busy     int
	waiting  list.List // of chan struct{}
}

func newGate(limit, maxQueue int) *gate {
	return &gate{limit: limit, maxQueue: maxQueue}
}

// enter takes a slot and returns how long that took. It fails with
// errQueueFull, errWaitTooLong or, when ctx ends first, errGaveUp.
func (g *gate) enter(ctx context.Context, patience time.Duration) (time.Duration, error) {
	g.mu.Lock()
	if g.busy < g.limit && g.waiting.Len() == 0 {
		g.busy++
		g.mu.Unlock()
		return 0, nil
	}
	if g.waiting.Len() >= g.maxQueue {
		g.mu.Unlock()
		return 0, errQueueFull
	}
	turn := make(chan struct{})
	place := g.waiting.PushBack(turn)
	g.mu.Unlock()

	start := time.Now()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var err error
	select {
	case <-turn:
		return time.Since(start), nil
	case <-timer.C:
		err = errWaitTooLong
	case <-ctx.Done():
		err = errGaveUp
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-turn: // the slot came in the same moment: it must not be lost
		return time.Since(start), nil
	default:
		g.waiting.Remove(place)
		return time.Since(start), err
	}
}

// leave gives a slot back.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy--
	g.admit()
}

// resize changes the number of slots; those over a smaller limit leave in time.
func (g *gate) resize(limit int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limit = limit
	g.admit()
}

// admit hands free slots to those who wait. The lock is held.
func (g *gate) admit() {
	for g.busy < g.limit && g.waiting.Len() > 0 {
		g.busy++
		close(g.waiting.Remove(g.waiting.Front()).(chan struct{}))
	}
}

// gateState is what a gate looked like at one moment.
type gateState struct{ limit, busy, waiting int }

func (g *gate) state() gateState {
	g.mu.Lock()
	defer g.mu.Unlock()
	return gateState{limit: g.limit, busy: g.busy, waiting: g.waiting.Len()}
}
