package app

import (
	"context"
	"fmt"
	"time"
)

// someShadows is what people are told when only some of the servers of a database run with --shadow.
const someShadows = "some servers of this database run with --shadow and some do not: who pages is chance; start all of them with the flag, or none"

// tooFarApart is from when on the clocks of two servers disagree so much that people should know.
const tooFarApart = 30 * time.Second

// lookAtClock has due work moved when the clock was set back; see ADR 10.
func (a *App) lookAtClock(ctx context.Context) error {
	moved, apart, err := a.clock.Look(ctx, a.opts.Now())
	if err != nil {
		return fmt.Errorf("note the time: %w", err)
	}
	if moved > 0 {
		a.opts.Log.Warn("the clock was set back; timers were moved with it", "by", moved)
	}
	a.apart.Store(int64(apart))
	if now := a.clock.Differs; a.differs.Swap(now) != now && now {
		a.opts.Log.Error(someShadows)
	}
	return nil
}

// clockText says how far the clocks of servers are apart; ok is false when that is too far.
func (a *App) clockText() (text string, ok bool) {
	d := time.Duration(a.apart.Load())
	if d.Abs() < tooFarApart {
		return "", true
	}
	how := "ahead of"
	if d < 0 {
		how = "behind"
	}
	return fmt.Sprintf("the clock of another server is %s %s this one's: what is due by one is early or late by the other; set them by NTP", d.Abs().Round(time.Second), how), false
}
