package shop

import (
	"sync"
	"time"
)

// breakerMode says who decides about a breaker.
type breakerMode string

const (
	breakerAuto   breakerMode = "auto"
	breakerOpen   breakerMode = "open"
	breakerClosed breakerMode = "closed"
)

// breaker stops calls to a dependency that keeps failing. Its states are drawn
// in doc.go. A forced mode overrules them.
type breaker struct {
	spec BreakerSpec

	mu       sync.Mutex
	mode     breakerMode
	opened   time.Time // zero when closed
	probing  int       // calls let through while half-open
	probesOK int
	calls    window
	failures window
}

func newBreaker(spec BreakerSpec) *breaker {
	return &breaker{spec: spec, mode: breakerAuto, calls: newWindow(spec.Window), failures: newWindow(spec.Window)}
}

// force sets the mode and says whether that was a change. A change forgets what
// happened before.
func (b *breaker) force(mode breakerMode) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mode == mode {
		return false
	}
	b.mode = mode
	b.reset()
	return true
}

// restart forgets what happened before, as a new process does.
func (b *breaker) restart() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reset()
}

func (b *breaker) reset() {
	b.opened, b.probing, b.probesOK = time.Time{}, 0, 0
	b.calls.clear()
	b.failures.clear()
}

// allow says whether a call may go out.
func (b *breaker) allow(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.mode != breakerAuto:
		return b.mode == breakerClosed
	case b.spec.Disabled || b.opened.IsZero():
		return true
	case now.Sub(b.opened) < b.spec.OpenFor:
		return false
	case b.probing < b.spec.Probes:
		b.probing++
		return true
	case now.Sub(b.opened) > 2*b.spec.OpenFor: // the probes never came back
		b.opened, b.probing, b.probesOK = now.Add(-b.spec.OpenFor), 1, 0
		return true
	}
	return false
}

// record tells the breaker how a call that it allowed went.
func (b *breaker) record(now time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mode != breakerAuto || b.spec.Disabled {
		return
	}
	if !b.opened.IsZero() {
		b.recordProbe(now, ok)
		return
	}
	b.calls.add(now, 1)
	if ok {
		return
	}
	b.failures.add(now, 1)
	calls, failures := b.calls.sum(now), b.failures.sum(now)
	if calls >= b.spec.MinCalls && float64(failures) >= b.spec.Share*float64(calls) {
		b.reset()
		b.opened = now
	}
}

// recordProbe handles results that arrive while the breaker is not closed.
func (b *breaker) recordProbe(now time.Time, ok bool) {
	if now.Sub(b.opened) < b.spec.OpenFor {
		return // a call from before it opened
	}
	if !ok {
		b.opened, b.probing, b.probesOK = now, 0, 0
		return
	}
	b.probesOK++
	if b.probesOK >= b.spec.Probes {
		b.reset()
	}
}

// state returns the mode and "closed", "open" or "half-open".
func (b *breaker) state(now time.Time) (breakerMode, string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.mode == breakerOpen:
		return b.mode, "open"
	case b.mode == breakerClosed || b.spec.Disabled || b.opened.IsZero():
		return b.mode, "closed"
	case now.Sub(b.opened) < b.spec.OpenFor:
		return b.mode, "open"
	}
	return b.mode, "half-open"
}
