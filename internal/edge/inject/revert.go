package inject

import (
	"context"
	"fmt"
	"time"
)

// Pauses between tries to revert.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// reverter undoes faults until a probe sees that they are gone.
type reverter struct {
	client *client
	ledger ledger
	lasts  time.Duration // how long it tries
}

// revert undoes one fault. It returns when the fault is known to be gone, when its time is up, or when ctx ends; in the
// last two cases the ledger keeps the entry with the reason.
func (r reverter) revert(ctx context.Context, e entry, why Why) Reverted {
	ctx, cancel := context.WithTimeout(ctx, r.lasts)
	defer cancel()
	result := Reverted{ID: e.Fault.ID, Why: why}
	pause := firstPause
	for {
		result.Tries++
		err := r.once(ctx, e)
		if err == nil {
			err = r.ledger.remove(e.Fault.ID)
		}
		if err == nil {
			result.Error = ""
			return result
		}
		if ctx.Err() == nil || result.Error == "" { // the reason counts, not that the time is up
			result.Error = err.Error()
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
			pause = min(2*pause, lastPause)
		case <-ctx.Done():
			t.Stop()
			e.State, e.Error = "failed", result.Error
			if err := r.ledger.write(e); err != nil {
				result.Error += "; " + err.Error()
			}
			return result
		}
	}
}

// once tries once. The ids are two when the target has answered with its own: both are gone when the first is.
func (r reverter) once(ctx context.Context, e entry) error {
	a, err := r.client.do(ctx, e.Fault.Revert, e.id())
	if err != nil {
		return fmt.Errorf("revert: %w", err)
	}
	if !a.ok() && !a.gone() {
		return fmt.Errorf("revert: the target answered %d", a.status)
	}
	a, err = r.client.do(ctx, e.Fault.Probe, e.id())
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	if !e.Fault.Probe.fits(a) {
		return fmt.Errorf("probe: the fault is still there, the target answered %d", a.status)
	}
	return nil
}
