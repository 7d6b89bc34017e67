package page

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// WatchdogConfig says how often the way from an alert to a person is tried and who is told when it is broken.
type WatchdogConfig struct {
	Every   time.Duration // between two rounds; 0: never
	Within  time.Duration // how long a round may take
	Policy  string        // whose people are told; empty: the default policy
	Receive func(ctx context.Context, ins []detect.Incoming, now time.Time) ([]detect.Receipt, error)
	Ping    func(ctx context.Context) error // tells somebody outside that a round arrived; nil: nobody
	Jitter  func() float64                  // in [0,1): so that servers do not try at the same second
}

// Watchdog tries the way from an alert to a person, and tells people directly when it is broken. Only Look changes it; the
// other methods may be called at any time.
type Watchdog struct {
	c    WatchdogConfig
	s    *Service
	slot chan struct{} // held by a question to the database: one that hangs is not asked twice

	sight  sight
	began  time.Time // when Look was called first
	last   time.Time // when Look was called last
	retry  time.Time // a loss that could not be written is told of, not written every second
	alarm  alarm     // what this server tells people
	owed   time.Time // the arrival that nobody outside was told of yet; zero: none
	pingAt time.Time // when that is tried again
	took   tally

	mu     sync.Mutex
	health WatchdogHealth
}

// WatchdogHealth is how the watchdog is. LostAt is zero when rounds arrive.
type WatchdogHealth struct {
	On        bool          `json:"on"`
	GoodAt    time.Time     `json:"good_at,omitzero" required:"false" doc:"when the last test page arrived in time"`
	Took      time.Duration `json:"took,omitempty" required:"false" doc:"how long that one took, in nanoseconds"`
	NextAt    time.Time     `json:"next_at,omitzero" required:"false"`
	LostAt    time.Time     `json:"lost_at,omitzero" required:"false" doc:"since when test pages do not arrive; none when they do"`
	Why       string        `json:"why,omitempty" required:"false"`
	Told      []string      `json:"told,omitempty" required:"false" doc:"people who were told that pages do not arrive"`
	PingedAt  time.Time     `json:"pinged_at,omitzero" required:"false" doc:"when the heartbeat outside was told last"`
	PingError string        `json:"ping_error,omitempty" required:"false"`
	Rounds    tally         `json:"-"`
}

// alarm is what a server tells people about pages that do not arrive.
type alarm struct {
	on      bool
	since   time.Time
	why     string
	next    time.Time       // when those who could not be told are tried again
	again   time.Time       // when everybody is told again
	told    map[string]bool // by person
	failure string          // why somebody could not be told
}

// How long the watchdog waits for what may hang, and how often it tells people.
const (
	watchPatience = 5 * time.Second
	tellAgain     = 30 * time.Minute
	tellRetry     = time.Minute
	firstRound    = 20 * time.Second // after the start: soon, so that a broken update is seen
	asleep        = time.Minute      // not looked for so long: the machine slept, or the clock was set
)

// NewWatchdog returns a watchdog of a service.
func NewWatchdog(s *Service, c WatchdogConfig) *Watchdog {
	w := &Watchdog{c: c, s: s, slot: make(chan struct{}, 1)}
	w.health.On = c.Every > 0
	return w
}

// Health returns how the watchdog is.
func (w *Watchdog) Health() WatchdogHealth {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.health
	h.Told = slices.Clone(h.Told)
	return h
}

// Look does what is due at now. It is called every second and waits for nothing that hangs for longer than watchPatience,
// but for messages to people that it sends itself.
func (w *Watchdog) Look(ctx context.Context, now time.Time) error {
	if w.c.Every <= 0 {
		return nil
	}
	if gap := now.Sub(w.last); w.last.IsZero() || gap > asleep || gap < -asleep {
		w.sight.since = now
		if w.sight.read.IsZero() || gap < 0 {
			w.sight.read = now // it is asked from now on
		}
	}
	if w.began.IsZero() {
		w.began = now
	}
	w.last = now
	w.read(ctx, now)
	for range 4 { // begun, taken in, and perhaps back already
		do, why := move(w.sight, w.c.Every, w.c.Within, now)
		if do == moveNone || (do == moveLose && now.Before(w.retry)) || ctx.Err() != nil {
			break
		}
		if err := w.do(ctx, do, why, now); err != nil {
			w.sight.err = err
			break
		}
	}
	w.tell(ctx, now)
	w.ping(ctx, now)
	w.show()
	return nil
}

// bounded runs fn and leaves it behind when it hangs. What fn returns is its own until it has ended.
func bounded[T any](ctx context.Context, w *Watchdog, fn func(ctx context.Context) (T, error)) (T, error) {
	var none T
	away := errs.New(errs.Unavailable, "the database has not answered for %s", catalog.Duration(watchPatience))
	select {
	case w.slot <- struct{}{}:
	default:
		return none, away
	}
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	short, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	go func() {
		defer func() { <-w.slot }()
		v, err := fn(short)
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-short.Done():
		return none, away
	}
}

// read looks at the rounds.
func (w *Watchdog) read(ctx context.Context, now time.Time) {
	r, err := bounded(ctx, w, func(ctx context.Context) (r Rounds, err error) {
		err = w.s.Store.View(ctx, func(tx Tx) error { r, err = tx.Rounds(ctx); return err })
		return r, err
	})
	if err != nil {
		w.sight.err = err
		return
	}
	if r.NextAt.IsZero() && r.Round == "" { // there never was one
		r.NextAt = w.sight.since.Add(min(firstRound, w.c.Every))
	}
	w.sight.Rounds, w.sight.read = r, now
}

// update changes the rounds in one transaction, if they still are what this server saw.
func (w *Watchdog) update(ctx context.Context, now time.Time, fn func(ctx context.Context, tx Tx, r Rounds) (Rounds, error)) (bool, error) {
	saw := w.sight.Rounds
	r, err := bounded(ctx, w, func(ctx context.Context) (out *Rounds, err error) {
		err = w.s.Store.Update(ctx, func(tx Tx) error {
			out = nil
			r, err := tx.Rounds(ctx)
			if err != nil {
				return err
			}
			if r.Round != saw.Round || !r.CameBack.Equal(saw.CameBack) || (r.Round == "" && !r.NextAt.IsZero() && !r.NextAt.Equal(saw.NextAt)) {
				return nil // another server was faster
			}
			if r, err = fn(ctx, tx, r); err != nil {
				return err
			}
			out = &r
			return tx.SaveRounds(ctx, r)
		})
		return out, err
	})
	if err != nil {
		return false, err
	}
	w.sight.err = nil
	if r == nil {
		w.read(ctx, now)
		return false, nil
	}
	w.sight.Rounds, w.sight.read = *r, now
	return true, nil
}

func (w *Watchdog) do(ctx context.Context, do, why string, now time.Time) error {
	switch do {
	case moveBegin:
		return w.begin(ctx, now)
	case moveTakeIn:
		return w.takeIn(ctx, now)
	case moveSettle:
		return w.settle(ctx, now)
	}
	w.retry = now.Add(watchPatience)
	return w.lose(ctx, why, now)
}

// begin notes a new round, and removes the traces of old ones.
func (w *Watchdog) begin(ctx context.Context, now time.Time) error {
	_, err := w.update(ctx, now, func(ctx context.Context, tx Tx, r Rounds) (Rounds, error) {
		r = r.end(time.Time{})
		for len(r.Old) > keptRounds {
			if err := tx.DropRound(ctx, r.Old[0]); err != nil {
				return r, err
			}
			r.Old = slices.Clone(r.Old[1:])
		}
		r.Round, r.BeganAt = detect.GroupID(id.New(strings.TrimSuffix(detect.SyntheticPrefix, "_"), now)), now
		return r, nil
	})
	return err
}

// takeIn hands the alert of the round to the code that takes every alert in.
func (w *Watchdog) takeIn(ctx context.Context, now time.Time) error {
	if err := w.receive(ctx, time.Time{}, now); err != nil {
		return err
	}
	_, err := w.update(ctx, now, func(_ context.Context, _ Tx, r Rounds) (Rounds, error) {
		r.TakenIn = true
		return r, nil
	})
	return err
}

func (w *Watchdog) receive(ctx context.Context, over, now time.Time) error {
	in := detect.Incoming{Source: detect.Watchdog, Integration: detect.Watchdog, Key: string(w.sight.Round), Title: "a test of the way from an alert to a person", EndsAt: over}
	_, err := bounded(ctx, w, func(ctx context.Context) ([]detect.Receipt, error) {
		return w.c.Receive(ctx, []detect.Incoming{in}, now)
	})
	return err
}

// settle ends a round that arrived in time.
func (w *Watchdog) settle(ctx context.Context, now time.Time) error {
	if err := w.receive(ctx, now, now); err != nil {
		return err
	}
	was, took := w.sight.Rounds, w.sight.CameBack.Sub(w.sight.BeganAt)
	next := was.BeganAt.Add(w.pause())
	mine, err := w.update(ctx, now, func(ctx context.Context, tx Tx, r Rounds) (Rounds, error) {
		r.GoodAt, r.Took = r.CameBack, took
		lost := r.LostAt
		r = r.end(next)
		if lost.IsZero() {
			return r, nil
		}
		r.LostAt, r.Why = time.Time{}, ""
		text := fmt.Sprintf("pages arrive again: a test page needed %s; none had arrived since %s", took.Round(time.Millisecond), lost.UTC().Format("15:04:05 UTC"))
		return r, tx.Append(ctx, event.New(KindFound, now, event.System, detect.Watchdog, text, r))
	})
	if err != nil {
		return err
	}
	if mine {
		w.owed, w.pingAt = was.CameBack, now
		w.took.add(took)
	}
	if mine && !w.alarm.on && !was.LostAt.IsZero() && was.LostAt.Before(w.began) {
		w.alarm = alarm{on: true, since: was.LostAt} // told before a restart of this server
	}
	return nil
}

// pause returns how long it is from one round to the next: a tenth more or less than what was asked for.
func (w *Watchdog) pause() time.Duration {
	return time.Duration(float64(w.c.Every) * (0.9 + 0.2*w.c.Jitter()))
}

// lose gives a round up and has people told, by one server when the database can say which.
func (w *Watchdog) lose(ctx context.Context, why string, now time.Time) error {
	first := false
	mine, err := w.update(ctx, now, func(ctx context.Context, tx Tx, r Rounds) (Rounds, error) {
		first = r.LostAt.IsZero()
		r = r.end(now.Add(min(w.c.Every, w.c.Within) / 2)) // soon: so that it is seen when it works again
		r.Why = why
		if !first {
			return r, nil
		}
		r.LostAt = now
		return r, tx.Append(ctx, event.New(KindLost, now, event.System, detect.Watchdog, "pages may not arrive: "+why, r))
	})
	if !w.alarm.on && (err != nil || (mine && first)) {
		w.s.Log.Error("pages may not arrive; people are told directly", "why", why)
		w.alarm = alarm{on: true, since: now, next: now, again: now.Add(tellAgain), told: map[string]bool{}}
	}
	w.alarm.why = why
	return err
}
