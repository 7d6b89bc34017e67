package shop

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// day is when the tests of pure decisions play.
var day = time.Date(2025, 11, 28, 23, 23, 0, 0, time.UTC)

func TestGateLetsInFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 2)
		if _, err := g.enter(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
		order := make(chan int, 2)
		for i := range 2 {
			go func() {
				if _, err := g.enter(t.Context(), time.Minute); err == nil {
					order <- i
				}
			}()
			synctest.Wait()
		}
		if _, err := g.enter(t.Context(), time.Second); !errors.Is(err, errQueueFull) {
			t.Errorf("third in a queue of two: got %v, want %v", err, errQueueFull)
		}
		g.leave()
		if got := <-order; got != 0 {
			t.Errorf("got %d first, want 0", got)
		}
		g.leave()
		<-order
	})
}

func TestGateStopsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 10)
		_, _ = g.enter(t.Context(), time.Second)
		if waited, err := g.enter(t.Context(), time.Second); !errors.Is(err, errWaitTooLong) || waited != time.Second {
			t.Errorf("got %v after %s, want %v after 1s", err, waited, errWaitTooLong)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := g.enter(ctx, time.Second); !errors.Is(err, errGaveUp) {
			t.Errorf("got %v, want %v", err, errGaveUp)
		}
		if got := g.state(); got != (gateState{limit: 1, busy: 1}) {
			t.Errorf("got %+v, want one busy and nobody waiting", got)
		}
	})
}

func TestGateGrowsAndShrinksWhileInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 10)
		_, _ = g.enter(t.Context(), time.Second)
		in := make(chan struct{})
		go func() {
			_, _ = g.enter(t.Context(), time.Minute)
			close(in)
		}()
		synctest.Wait()
		g.resize(2)
		<-in
		g.resize(1)
		g.leave()
		if got := g.state(); got.busy != 1 || got.limit != 1 {
			t.Errorf("got %+v, want 1 busy of 1", got)
		}
		if _, err := g.enter(t.Context(), time.Second); err == nil {
			t.Error("got in over the smaller limit")
		}
	})
}

func TestBreakerOpensProbesAndCloses(t *testing.T) {
	b := newBreaker(BreakerSpec{Share: 0.5, MinCalls: 4, Window: 10 * time.Second, OpenFor: 5 * time.Second, Probes: 2})
	state := func(at time.Duration, want string) {
		t.Helper()
		if _, got := b.state(day.Add(at)); got != want {
			t.Errorf("at %s: got %s, want %s", at, got, want)
		}
	}
	for i := range 4 {
		state(0, "closed")
		b.record(day, i%2 == 0)
	}
	state(0, "open")
	if b.allow(day.Add(4 * time.Second)) {
		t.Error("an open breaker let a call through")
	}
	half := day.Add(6 * time.Second)
	state(6*time.Second, "half-open")
	for i, want := range []bool{true, true, false} {
		if got := b.allow(half); got != want {
			t.Errorf("probe %d of a half-open breaker: got %v, want %v: it lets exactly two through", i+1, got, want)
		}
	}
	b.record(half, false)
	state(6*time.Second, "open")
	half = day.Add(12 * time.Second)
	for range 2 {
		b.allow(half)
		b.record(half, true)
	}
	state(12*time.Second, "closed")
}

func TestForcedBreakerOverrulesEverything(t *testing.T) {
	b := newBreaker(BreakerSpec{Disabled: true})
	if !b.force(breakerOpen) || b.force(breakerOpen) {
		t.Error("the first time is a change, the second is not")
	}
	if b.allow(day) {
		t.Error("a breaker forced open let a call through")
	}
	b.force(breakerAuto)
	for range 100 {
		b.record(day, false)
	}
	if !b.allow(day) {
		t.Error("a disabled breaker stopped a call")
	}
}

func TestRetryBudgetLimitsNumberAndShare(t *testing.T) {
	b := newBudget(budgetLimits{MaxRetries: 3, Percent: -1})
	if !b.take(day, 3) || b.take(day, 4) {
		t.Error("three retries are allowed, a fourth is not")
	}
	percent := 20.0
	b = newBudget(budgetLimits{MaxRetries: 3, Percent: -1})
	b.set(nil, &percent)
	for range 10 {
		b.called(day)
	}
	for i, want := range []bool{true, true, false} {
		if got := b.take(day, 1); got != want {
			t.Errorf("retry %d: got %v, want %v: 20 %% of ten calls are two", i+1, got, want)
		}
	}
	if !b.restore() || b.restore() {
		t.Error("the first restore is a change, the second is not")
	}
}

func TestWindowForgets(t *testing.T) {
	w := newWindow(10 * time.Second)
	w.add(day, 3)
	w.add(day.Add(4*time.Second), 2)
	for at, want := range map[time.Duration]int{9 * time.Second: 5, 10 * time.Second: 2, 13 * time.Second: 2, 14 * time.Second: 0, time.Hour: 0} {
		c := window{append([]int(nil), w.buckets...), w.newest}
		if got := c.sum(day.Add(at)); got != want {
			t.Errorf("after %s: got %d, want %d", at, got, want)
		}
	}
	if got := w.last(day.Add(5*time.Second), 2); got != 2 {
		t.Errorf("last two seconds: got %d, want 2", got)
	}
}

func TestFaultIsDue(t *testing.T) {
	lease := Fault{Active: true, Started: day, Expires: day.Add(10 * time.Second)}
	both := lease
	both.Duration = Duration(5 * time.Second)
	for _, c := range []struct {
		fault Fault
		after time.Duration
		want  string
	}{
		{lease, 9 * time.Second, ""}, {lease, 10 * time.Second, "lease"},
		{both, 4 * time.Second, ""}, {both, 5 * time.Second, "duration"},
		{Fault{Active: true, Started: day}, 24 * time.Hour, ""}, {Fault{Expires: day}, time.Hour, ""},
	} {
		if got, due := c.fault.due(day.Add(c.after)); got != c.want || due != (c.want != "") {
			t.Errorf("%+v after %s: got %q, want %q", c.fault, c.after, got, c.want)
		}
	}
}

func TestPoolSizeIsWhatWasSetLast(t *testing.T) {
	early, late := &sizing{5, day}, &sizing{2, day.Add(time.Second)}
	for _, c := range []struct {
		override, squeeze *sizing
		want              int
	}{{nil, nil, 10}, {early, nil, 5}, {nil, late, 2}, {early, late, 2}, {late, early, 2}} {
		if got := chooseSize(10, c.override, c.squeeze); got != c.want {
			t.Errorf("override %v, squeeze %v: got %d, want %d", c.override, c.squeeze, got, c.want)
		}
	}
}

func TestLogsAreLimitedPerKind(t *testing.T) {
	var l logLimiter
	written := 0
	for range 100 {
		if _, ok := l.take(day, "call"); ok {
			written++
		}
	}
	if written != logsPerSecond {
		t.Errorf("got %d lines in a second, want %d", written, logsPerSecond)
	}
	if _, ok := l.take(day, "other"); !ok {
		t.Error("another kind was held back")
	}
	if skipped, ok := l.take(day.Add(time.Second), "call"); !ok || skipped != 95 {
		t.Errorf("got %d skipped, want 95", skipped)
	}
}
