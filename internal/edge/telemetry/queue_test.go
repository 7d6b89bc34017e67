package telemetry

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func item(bytes, rows int) *batch { return &batch{body: make([]byte, bytes-64), rows: rows} }

func TestFullQueueDropsTheOldestAndCountsIt(t *testing.T) {
	q := newQueue(1000)
	for i := 1; i <= 4; i++ {
		q.push(item(400, i))
	}
	if bytes, dropped := q.counts(); bytes != 800 || dropped != 1+2 {
		t.Errorf("got %d bytes, %d rows dropped", bytes, dropped)
	}
	if b, err := q.take(t.Context()); err != nil || b.rows != 3 {
		t.Errorf("got %v, %v", b, err)
	}
}

func TestBatchThatComesBackIsTheOldest(t *testing.T) {
	q := newQueue(1000)
	q.push(item(400, 1))
	b, err := q.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q.push(item(400, 2))
	q.push(item(400, 3))
	q.back(b)
	if _, dropped := q.counts(); dropped != 1 {
		t.Errorf("got %d rows dropped, want the one that came back", dropped)
	}
}

func TestBatchLargerThanTheQueueIsDropped(t *testing.T) {
	q := newQueue(1000)
	q.push(item(1001, 7))
	if bytes, dropped := q.counts(); bytes != 0 || dropped != 7 {
		t.Errorf("got %d bytes, %d dropped", bytes, dropped)
	}
	if err := q.drained(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestQueueIsDrainedWhenTheLastBatchIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1000)
		q.push(item(100, 1))
		q.push(item(100, 1))
		drained := false
		go func() {
			drained = q.drained(t.Context()) == nil
		}()
		for range 2 {
			if _, err := q.take(t.Context()); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if drained {
				t.Fatal("drained before the last was done")
			}
			q.done()
		}
		synctest.Wait()
		if !drained {
			t.Fatal("not drained")
		}
	})
}

func TestTakeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newQueue(1).take(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
