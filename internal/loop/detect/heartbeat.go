package detect

import (
	"context"
	"fmt"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
)

// Heartbeat is a sign of life that a job sends. When it stays away for Interval and Grace, an alert fires, until it comes
// again. It is expected from the moment when it is declared, made or switched on.
type Heartbeat struct {
	Name     string        `json:"name"`
	Text     string        `json:"text,omitempty"`
	Interval time.Duration `json:"interval"`
	Grace    time.Duration `json:"grace"`
	Service  string        `json:"service,omitempty"`
	Severity string        `json:"severity,omitempty"`
	Enabled  bool          `json:"enabled"`
	Declared bool          `json:"declared,omitempty"` // in the catalog, which is where it is changed
	Since    time.Time     `json:"since"`              // when it began to be expected
	LastPing time.Time     `json:"last_ping,omitzero"`
	Late     bool          `json:"late,omitempty"` // its alert fires
}

// beats is what the alerts of heartbeats have as their integration.
const beats = "heartbeats"

// DueAt returns when the heartbeat is too late.
func (h Heartbeat) DueAt() time.Time {
	from := h.Since
	if h.LastPing.After(from) {
		from = h.LastPing
	}
	return from.Add(h.Interval + h.Grace)
}

// shift moves a heartbeat by a time in which nothing could be heard.
func (h Heartbeat) shift(gap time.Duration) Heartbeat {
	h.Since = h.Since.Add(gap)
	if !h.LastPing.IsZero() {
		h.LastPing = h.LastPing.Add(gap)
	}
	return h
}

// alert returns what is said of the heartbeat: over at a time, or firing when that is zero.
func (h Heartbeat) alert(over time.Time) Incoming {
	last := "was never heard of"
	if !h.LastPing.IsZero() {
		last = "was last heard of at " + h.LastPing.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	in := Incoming{
		Source: "heartbeat", Integration: beats, Key: h.Name, Title: "heartbeat " + h.Name + " stays away", Severity: h.Severity,
		Labels:      map[string]string{"alertname": "HeartbeatMissing", "heartbeat": h.Name},
		Annotations: map[string]string{"description": fmt.Sprintf("%s %s; it is expected every %s, and %s later at the most", h.Name, last, catalog.Duration(h.Interval), catalog.Duration(h.Grace))},
		StartsAt:    h.DueAt(), EndsAt: over,
	}
	if h.Service != "" {
		in.Labels["service"] = h.Service
	}
	return in
}

// check says what is wrong with a heartbeat that somebody made.
func (h Heartbeat) check() error {
	if h.Name == "" || len(h.Name) > 200 || strings.ContainsAny(h.Name, "/?#%\x00") {
		return errs.New(errs.Invalid, "%.200q is no name of a heartbeat; use at most 200 characters without / ? # and %%", h.Name)
	}
	if why := catalog.CheckBeat(h.Interval, h.Grace); why != "" {
		return errs.New(errs.Invalid, "%s", why)
	}
	switch h.Severity {
	case "", string(SEV1), string(SEV2), string(SEV3), string(SEV4):
		return nil
	}
	return errs.New(errs.Invalid, "severity is %.40q; it is SEV1, SEV2, SEV3 or SEV4", h.Severity)
}

// Ping records a sign of life. A name that nobody declared or made is an error with code not_found.
func (s *Service) Ping(ctx context.Context, name string, now time.Time) (h Heartbeat, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		if h, err = tx.Heartbeat(ctx, name); err != nil {
			return err
		}
		was := h.Late
		h.LastPing, h.Late = now, false
		if err := s.expect(ctx, tx, h); err != nil || !was {
			return err
		}
		return s.say(ctx, tx, h.alert(now), now)
	})
	return h, err
}

// PingBy records a sign of life that a person gives instead of the job; when that ends an alert, it is said who did.
func (s *Service) PingBy(ctx context.Context, name, by string, now time.Time) (Heartbeat, error) {
	h, err := s.HeartbeatOf(ctx, name)
	if err != nil {
		return h, err
	}
	if h.Late && IsPerson(by) {
		if _, err := s.Note(ctx, beats, name, "pinged by hand", by, now); err != nil && !errs.Is(err, errs.NotFound) {
			return h, err
		}
	}
	return s.Ping(ctx, name, now)
}

// expect saves a heartbeat and sets its timer.
func (s *Service) expect(ctx context.Context, tx Tx, h Heartbeat) error {
	if err := tx.SaveHeartbeat(ctx, h); err != nil {
		return err
	}
	if !h.Enabled || h.Late {
		return tx.Cancel(ctx, jobBeat, h.Name)
	}
	return tx.Enqueue(ctx, job.New(jobBeat, h.Name, h.DueAt(), nil))
}

// say takes an alert in, in a transaction that has begun.
func (s *Service) say(ctx context.Context, tx Tx, in Incoming, now time.Time) error {
	var out []Receipt
	return s.receive(ctx, tx, s.Catalog(), s.currentSilences(), []Incoming{in}, now, &out)
}

// late is the timer of a heartbeat.
func (s *Service) late(ctx context.Context, tx Tx, name string, now time.Time) error {
	if err := s.listen(ctx, tx, now); err != nil {
		return err
	}
	h, err := tx.Heartbeat(ctx, name)
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	if err != nil || !h.Enabled || h.Late {
		return err
	}
	if now.Before(h.DueAt()) {
		return s.expect(ctx, tx, h)
	}
	h.Late = true
	if err := tx.SaveHeartbeat(ctx, h); err != nil {
		return err
	}
	return s.say(ctx, tx, h.alert(time.Time{}), now)
}

// How long nothing has to be noted for it to count as a time in which nothing could be heard: the program was away, the
// machine slept, the database did not answer, or the clock was set.
const (
	mark    = "heartbeats heard"
	deaf    = time.Minute
	setBack = 30 * time.Second
)

// listen notes that heartbeats can be heard at now. When that was not so for a while, or the clock was set, every heartbeat
// gets the time back: what could not be heard is not missing.
func (s *Service) listen(ctx context.Context, tx Tx, now time.Time) error {
	last, err := tx.Mark(ctx, mark)
	if err != nil {
		return err
	}
	if gap := now.Sub(last); !last.IsZero() && (gap > deaf || gap < -setBack) {
		all, err := tx.Heartbeats(ctx)
		if err != nil {
			return err
		}
		for _, h := range all {
			if err := s.expect(ctx, tx, h.shift(gap)); err != nil {
				return err
			}
		}
	}
	return tx.SaveMark(ctx, mark, now)
}

// Listen notes that heartbeats can be heard, and follows what the catalog declares. It is called every few seconds.
func (s *Service) Listen(ctx context.Context, now time.Time) error {
	cat := s.Catalog()
	err := s.Store.Update(ctx, func(tx Tx) error {
		if err := s.listen(ctx, tx, now); err != nil {
			return err
		}
		return s.declare(ctx, tx, cat, now)
	})
	if err != nil {
		return fmt.Errorf("listen for heartbeats: %w", err)
	}
	return nil
}

// declare makes, changes and removes heartbeats as the catalog says.
func (s *Service) declare(ctx context.Context, tx Tx, cat *catalog.Catalog, now time.Time) error {
	all, err := tx.Heartbeats(ctx)
	if err != nil {
		return err
	}
	known := map[string]Heartbeat{}
	for _, h := range all {
		known[h.Name] = h
		if h.Declared && cat.Heartbeats[h.Name] == nil {
			if err := s.forget(ctx, tx, h, "it is no longer declared", now); err != nil {
				return err
			}
		}
	}
	for _, name := range sortedNames(cat.Heartbeats) {
		d := cat.Heartbeats[name]
		h, ok := known[name]
		if !ok {
			h = Heartbeat{Name: name, Since: now}
		}
		was := h
		h.Interval, h.Grace, h.Service, h.Severity, h.Enabled, h.Declared = d.Interval.D(), d.Grace.D(), d.Service, d.Severity, true, true
		if ok && h == was {
			continue
		}
		if ok && !was.Enabled {
			h.Since = now
		}
		if err := s.expect(ctx, tx, h); err != nil {
			return err
		}
	}
	return nil
}

// forget removes a heartbeat and ends its alert.
func (s *Service) forget(ctx context.Context, tx Tx, h Heartbeat, why string, now time.Time) error {
	if err := tx.DropHeartbeat(ctx, h.Name); err != nil {
		return err
	}
	return s.calmBeat(ctx, tx, h, why, now)
}

// calmBeat takes the timer of a heartbeat away and ends its alert, when nobody expects it any more.
func (s *Service) calmBeat(ctx context.Context, tx Tx, h Heartbeat, why string, now time.Time) error {
	if err := tx.Cancel(ctx, jobBeat, h.Name); err != nil || !h.Late {
		return err
	}
	as, err := tx.FiringOf(ctx, []string{Identity(beats, h.Name)})
	if err != nil {
		return err
	}
	return s.end(ctx, tx, as, func(Alert) string { return why }, now)
}

// MakeHeartbeat makes a heartbeat, or changes one that was made so. One that the catalog declares is an error with code
// conflict.
func (s *Service) MakeHeartbeat(ctx context.Context, h Heartbeat, by string, now time.Time) (Heartbeat, error) {
	if err := h.check(); err != nil {
		return h, err
	}
	err := s.Store.Update(ctx, func(tx Tx) error {
		was, err := tx.Heartbeat(ctx, h.Name)
		switch {
		case errs.Is(err, errs.NotFound):
			was = Heartbeat{Since: now}
		case err != nil:
			return err
		case was.Declared:
			return errs.New(errs.Conflict, "heartbeat %s is declared in the catalog; change it there", h.Name)
		}
		h.Since, h.LastPing, h.Late, h.Declared = was.Since, was.LastPing, was.Late, false
		if h.Enabled && !was.Enabled {
			h.Since = now // no ping is expected of the time when it was off
		}
		if !h.Enabled {
			if err := s.calmBeat(ctx, tx, h, by+" switched it off", now); err != nil {
				return err
			}
			h.Late = false
		}
		text := fmt.Sprintf("%s has the heartbeat %s expected every %s", by, h.Name, catalog.Duration(h.Interval))
		if !h.Enabled {
			text = by + " has the heartbeat " + h.Name + " expected no more: it is off"
		}
		e := event.New(KindHeartbeatSet, now, by, h.Name, text, h)
		e.Service = h.Service
		if err := tx.Append(ctx, e); err != nil {
			return err
		}
		return s.expect(ctx, tx, h)
	})
	return h, err
}

// DropHeartbeat removes a heartbeat that was made. One that the catalog declares is an error with code conflict.
func (s *Service) DropHeartbeat(ctx context.Context, name, by string, now time.Time) error {
	return s.Store.Update(ctx, func(tx Tx) error {
		h, err := tx.Heartbeat(ctx, name)
		if err != nil {
			return err
		}
		if h.Declared {
			return errs.New(errs.Conflict, "heartbeat %s is declared in the catalog; remove it there", name)
		}
		e := event.New(KindHeartbeatDropped, now, by, name, by+" removed the heartbeat "+name, h)
		e.Service = h.Service
		if err := tx.Append(ctx, e); err != nil {
			return err
		}
		return s.forget(ctx, tx, h, by+" removed it", now)
	})
}

// Heartbeats returns all heartbeats, by name.
func (s *Service) Heartbeats(ctx context.Context) (out []Heartbeat, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Heartbeats(ctx)
		return err
	})
	return out, err
}

// HeartbeatOf returns a heartbeat, or an error with code not_found.
func (s *Service) HeartbeatOf(ctx context.Context, name string) (h Heartbeat, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		h, err = tx.Heartbeat(ctx, name)
		return err
	})
	return h, err
}
