package telemetry

import (
	"context"
	"sync"
)

// batch is an encoded write on its way to the engine.
type batch struct {
	path     string
	body     []byte
	rows     int
	rejected int // rows of the body whose rejection the sender was told of
	attempts int // how many times the engine died or did not answer while it had this batch
}

func (b *batch) size() int64 { return int64(len(b.body)) + 64 }

// queue holds batches until the engine takes them. It is bounded by bytes: a full queue gives up its oldest batches
// and counts their rows.
type queue struct {
	mu      sync.Mutex
	items   []*batch
	bytes   int64
	limit   int64
	dropped int64 // rows
	busy    bool  // a batch was taken and is neither done nor back
	wake    chan struct{}
	idle    chan struct{} // closed while nothing is queued or taken
}

func newQueue(limit int64) *queue {
	q := &queue{limit: limit, wake: make(chan struct{}, 1), idle: make(chan struct{})}
	close(q.idle)
	return q
}

// push adds a batch and never blocks.
func (q *queue) push(b *batch) {
	q.mu.Lock()
	q.busyLocked()
	q.items = append(q.items, b)
	q.bytes += b.size()
	q.trimLocked()
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns the oldest batch, or the error of ctx. The taker must call done or back.
func (q *queue) take(ctx context.Context) (*batch, error) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			b := q.items[0]
			q.items[0] = nil
			q.items = q.items[1:]
			q.bytes -= b.size()
			q.busy = true
			q.mu.Unlock()
			return b, nil
		}
		q.items = nil // the array behind it is free to go
		q.mu.Unlock()
		select {
		case <-q.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// done says that the taken batch needs no more work.
func (q *queue) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy = false
	if len(q.items) == 0 {
		close(q.idle)
	}
}

// back returns the taken batch to the front.
func (q *queue) back(b *batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy = false
	q.items = append([]*batch{b}, q.items...)
	q.bytes += b.size()
	q.trimLocked()
}

// drop counts rows that will not be kept.
func (q *queue) drop(rows int) {
	q.mu.Lock()
	q.dropped += int64(rows)
	q.mu.Unlock()
}

// counts returns the bytes queued and the rows dropped so far.
func (q *queue) counts() (bytes, dropped int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes, q.dropped
}

// drained waits until nothing is queued or taken.
func (q *queue) drained(ctx context.Context) error {
	q.mu.Lock()
	idle := q.idle
	q.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *queue) busyLocked() {
	if !q.busy && len(q.items) == 0 {
		q.idle = make(chan struct{})
	}
}

// trimLocked drops the oldest batches beyond the limit.
func (q *queue) trimLocked() {
	for q.bytes > q.limit && len(q.items) > 0 {
		b := q.items[0]
		q.items[0] = nil
		q.items = q.items[1:]
		q.bytes -= b.size()
		q.dropped += int64(b.rows)
	}
	if len(q.items) == 0 && !q.busy {
		close(q.idle)
	}
}
