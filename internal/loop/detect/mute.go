package detect

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
)

// muting is what the last look at silences and inhibitions saw.
type muting struct {
	silences []Silence
	seen     [sha256.Size]byte // of everything that decides who is muted
	next     time.Time         // when a silence begins or ends to mute; zero when none will
}

// currentSilences returns the silences that are not over, as the last tick or change read them.
func (s *Service) currentSilences() []Silence {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.muting.silences
}

// ReadSilences reads the silences that are not over. It is called before the first alert is taken in.
func (s *Service) ReadSilences(ctx context.Context, now time.Time) error {
	var all []Silence
	err := s.Store.View(ctx, func(tx Tx) (err error) { all, err = tx.Silences(ctx, now); return err })
	if err != nil {
		return fmt.Errorf("read silences: %w", err)
	}
	for i := range all {
		all[i].matchers, err = catalog.ParseMatchers(all[i].Match)
		if err != nil {
			s.Log.Error("a stored silence cannot be read and mutes nothing", "silence", all[i].ID, "error", err)
		}
	}
	s.mu.Lock()
	s.muting.silences = all
	s.mu.Unlock()
	return nil
}

// mute looks whether the alerts that fire are to be muted or not: when a silence or an inhibiting alert came or went, or
// a window began or ended. An alert that is not muted any more and still fires is told then; none is forgotten.
func (s *Service) mute(ctx context.Context, now time.Time) error {
	s.muteMu.Lock()
	defer s.muteMu.Unlock()
	if err := s.ReadSilences(ctx, now); err != nil {
		return err
	}
	cat, silences := s.Catalog(), s.currentSilences()
	var sources []Alert
	if len(cat.Inhibitions) > 0 {
		err := s.Store.View(ctx, func(tx Tx) (err error) { sources, err = tx.Inhibiting(ctx); return err })
		if err != nil {
			return err
		}
	}
	h := sha256.New()
	fmt.Fprintln(h, cat.Hash)
	var next time.Time
	for _, x := range silences {
		fmt.Fprintln(h, x.ID, x.UpdatedAt.UnixMicro(), x.Active(now))
		if t := x.NextChange(now); !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, a := range sources {
		fmt.Fprintln(h, a.ID)
	}
	var seen [sha256.Size]byte
	h.Sum(seen[:0])
	if seen == s.muting.seen && (s.muting.next.IsZero() || now.Before(s.muting.next)) {
		return nil
	}
	if err := s.remute(ctx, cat, silences, sources, now); err != nil {
		return err
	}
	s.muting.seen, s.muting.next = seen, next
	return nil
}

// remuteAtOnce bounds how many alerts are looked at together.
const remuteAtOnce = 500

func (s *Service) remute(ctx context.Context, cat *catalog.Catalog, silences []Silence, sources []Alert, now time.Time) error {
	var after AlertID
	for {
		var as []Alert
		err := s.Store.View(ctx, func(tx Tx) (err error) { as, err = tx.Firing(ctx, after, remuteAtOnce); return err })
		if err != nil || len(as) == 0 {
			return err
		}
		after = as[len(as)-1].ID
		var changed []AlertID
		for _, a := range as {
			if (len(mutedBy(a, silences, sources, cat, now)) > 0) != (len(a.Muted) > 0) {
				changed = append(changed, a.ID)
			}
		}
		if len(changed) == 0 {
			continue
		}
		err = s.Store.Update(ctx, func(tx Tx) error { return s.remuteThese(ctx, tx, changed, cat, silences, sources, now) })
		if err != nil {
			return fmt.Errorf("mute and unmute %d alerts: %w", len(changed), err)
		}
	}
}

func (s *Service) remuteThese(ctx context.Context, tx Tx, ids []AlertID, cat *catalog.Catalog, silences []Silence, sources []Alert, now time.Time) error {
	e := s.admit(tx, now)
	quiet := map[GroupID]string{}
	for _, alertID := range ids {
		a, err := tx.Alert(ctx, alertID)
		if err != nil {
			return err
		}
		why := mutedBy(a, silences, sources, cat, now)
		if a.State != Firing || (len(why) > 0) == (len(a.Muted) > 0) {
			continue
		}
		a.Muted = why
		if len(why) == 0 {
			if _, err := e.add(ctx, a); err != nil {
				return err
			}
			continue
		}
		if err := tx.SaveAlert(ctx, a); err != nil {
			return err
		}
		e.muted = append(e.muted, a)
		if a.Group != "" {
			quiet[a.Group] = why[0]
		}
	}
	if err := e.finish(ctx); err != nil {
		return err
	}
	for gid, why := range quiet {
		if err := s.calm(ctx, tx, gid, false, "all of its alerts are muted: "+why, true, now); err != nil {
			return err
		}
	}
	return nil
}

// Silence adds a silence, or replaces the one of its ID: what it says about who and when stays in the log of facts.
func (s *Service) Silence(ctx context.Context, x Silence, by string, now time.Time) (Silence, error) {
	x, err := x.check(now)
	if err != nil {
		return x, err
	}
	x.UpdatedAt = now
	kind, text := KindSilenced, "muted"
	err = s.Store.Update(ctx, func(tx Tx) error {
		x.CreatedAt = now
		if x.ID == "" {
			x.ID = SilenceID(uuid())
		} else {
			was, err := tx.Silence(ctx, x.ID)
			if err != nil {
				return err
			}
			if !now.Before(was.EndsAt) {
				return errs.New(errs.Conflict, "silence %s is over; make another one", x.ID)
			}
			x.CreatedAt, text = was.CreatedAt, "changed what is muted"
		}
		if err := tx.SaveSilence(ctx, x); err != nil {
			return err
		}
		return tx.Append(ctx, event.New(kind, now, by, string(x.ID), fmt.Sprintf("%s %s: %v, %s", by, text, x.Match, x), x))
	})
	if err != nil {
		return x, err
	}
	return x, s.mute(ctx, now)
}

// Unsilence ends a silence. Ending one that is over is an error with code conflict.
func (s *Service) Unsilence(ctx context.Context, silence SilenceID, by string, now time.Time) error {
	err := s.Store.Update(ctx, func(tx Tx) error {
		x, err := tx.Silence(ctx, silence)
		if err != nil {
			return err
		}
		if !now.Before(x.EndsAt) {
			return errs.New(errs.Conflict, "silence %s is already over", silence)
		}
		x.EndsAt, x.EndedBy, x.UpdatedAt = now, by, now
		if x.StartsAt.After(now) {
			x.StartsAt = now
		}
		if err := tx.SaveSilence(ctx, x); err != nil {
			return err
		}
		return tx.Append(ctx, event.New(KindUnsilenced, now, by, string(x.ID), fmt.Sprintf("%s ended %s", by, x), x))
	})
	if err != nil {
		return err
	}
	return s.mute(ctx, now)
}

// Silences returns the silences that were not over at a time, the newest first.
func (s *Service) Silences(ctx context.Context, since time.Time) (out []Silence, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Silences(ctx, since)
		return err
	})
	for i := range out {
		out[i].matchers, _ = catalog.ParseMatchers(out[i].Match) // one that cannot be read mutes nothing, and is shown
	}
	return out, err
}

// SilenceOf returns one silence, or an error with code not_found.
func (s *Service) SilenceOf(ctx context.Context, id SilenceID) (x Silence, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		x, err = tx.Silence(ctx, id)
		return err
	})
	return x, err
}

// uuid returns a random UUID, which is what Alertmanager's clients expect of a silence.
func uuid() string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic("detect: the system has no randomness: " + err.Error())
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
