package page

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page/rota"
)

// How much around a look is read, so that shifts that reach out of it are whole.
const (
	readBefore = 62 * 24 * time.Hour
	readAfter  = 400 * 24 * time.Hour
)

// Plan is a schedule with what people changed about it.
type Plan struct {
	Schedule  *catalog.Schedule
	Rota      *rota.Rota
	Overrides []rota.Override // that touch the look, marked ones too, by begin
	Covers    []rota.Cover    // open ones that end after its begin, by begin
}

// Duty is who is on call on a schedule at a time, and who after that.
type Duty struct {
	Schedule string     `json:"schedule"`
	Title    string     `json:"title"`
	Now      rota.Shift `json:"now"`
	Next     rota.Shift `json:"next" doc:"from where now ends"`
}

// Duty returns who is on call at a time. The plan has a Rota.
func (p Plan) Duty(at time.Time) Duty {
	d := Duty{Schedule: p.Schedule.Name, Title: p.Schedule.Title(), Now: p.Rota.At(at), Next: rota.Shift{Duties: []rota.Duty{}}}
	if !d.Now.To.IsZero() {
		d.Next = p.Rota.At(d.Now.To)
	}
	return d
}

// Plans returns every schedule of the catalog as it is between two times, by name. A schedule that cannot be read has no
// Rota; a checked catalog has no such schedule.
func (s *Service) Plans(ctx context.Context, from, to time.Time) ([]Plan, error) {
	c := s.Catalog()
	var made []rota.Override
	var covers []rota.Cover
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		if made, err = tx.Overrides(ctx, "", from.Add(-readBefore), to.Add(readAfter)); err != nil {
			return err
		}
		covers, err = tx.Covers(ctx, "", from)
		return err
	})
	if err != nil {
		return nil, err
	}
	of := map[string][]rota.Override{}
	for _, o := range made {
		of[o.Schedule] = append(of[o.Schedule], o)
	}
	var out []Plan
	for _, name := range slices.Sorted(maps.Keys(c.Schedules)) {
		p := Plan{Schedule: c.Schedules[name]}
		if p.Rota, err = rota.New(p.Schedule, of[name]); err != nil {
			s.Log.Error("a schedule cannot be read", "schedule", name, "error", err)
			p.Rota = nil
		}
		for _, o := range of[name] {
			if o.From.Before(to) && o.To.After(from) {
				p.Overrides = append(p.Overrides, o)
			}
		}
		for _, cv := range covers {
			if cv.Schedule == name && cv.State == rota.CoverOpen {
				p.Covers = append(p.Covers, cv)
			}
		}
		out = append(out, p)
	}
	return out, nil
}

// Plan returns one schedule as Plans does, or an error with code not_found.
func (s *Service) Plan(ctx context.Context, schedule string, from, to time.Time) (Plan, error) {
	ps, err := s.Plans(ctx, from, to)
	if err != nil {
		return Plan{}, err
	}
	for _, p := range ps {
		if p.Schedule.Name == schedule && p.Rota != nil {
			return p, nil
		}
	}
	return Plan{}, errs.New(errs.NotFound, "there is no schedule %q", schedule)
}

// Stints returns when a person is on call from now on, on all schedules, at most n for each, by begin.
func (s *Service) Stints(ctx context.Context, person string, now time.Time, n int, horizon time.Duration) ([]rota.Stint, error) {
	ps, err := s.Plans(ctx, now, now.Add(horizon))
	if err != nil {
		return nil, err
	}
	var out []rota.Stint
	for _, p := range ps {
		if p.Rota != nil && p.Rota.Has(person) {
			out = append(out, p.Rota.Next(person, now, n, horizon)...)
		}
	}
	slices.SortStableFunc(out, func(a, b rota.Stint) int { return a.From.Compare(b.From) })
	return out, nil
}

// Overrides returns what people made of schedules, or of one when it is named, between two times, marked ones too.
func (s *Service) Overrides(ctx context.Context, schedule string, from, to time.Time) (out []rota.Override, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Overrides(ctx, schedule, from, to)
		return err
	})
	return out, err
}

// Covers returns the cover requests that end after a time, of all schedules or one, by begin.
func (s *Service) Covers(ctx context.Context, schedule string, since time.Time) (out []rota.Cover, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Covers(ctx, schedule, since)
		return err
	})
	return out, err
}

// rotaIn reads a schedule in a transaction.
func (s *Service) rotaIn(ctx context.Context, tx Tx, schedule string, now time.Time) (*rota.Rota, error) {
	sch := s.Catalog().Schedules[schedule]
	if sch == nil {
		return nil, errs.New(errs.NotFound, "there is no schedule %q", schedule)
	}
	made, err := tx.Overrides(ctx, schedule, now.Add(-readBefore), now.Add(readAfter))
	if err != nil {
		return nil, err
	}
	r, err := rota.New(sch, made)
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "schedule %s cannot be read", schedule)
	}
	return r, nil
}

// MakeOverride puts people on call for a while, from now on at the earliest.
func (s *Service) MakeOverride(ctx context.Context, o rota.Override, by string, now time.Time) (rota.Override, error) {
	o.ID, o.By, o.At, o.Cover, o.Swap, o.CancelledBy, o.CancelledAt = id.New("ov", now), by, now, "", "", "", time.Time{}
	if err := o.Check(s.Catalog(), now); err != nil {
		return o, err
	}
	err := s.Store.Update(ctx, func(tx Tx) error {
		if o.Instead != "" {
			r, err := s.rotaIn(ctx, tx, o.Schedule, now)
			if err != nil {
				return err
			}
			if err := r.Missing(s.Catalog(), o.Instead, o.From, o.To); err != nil {
				return err
			}
			o.Changes = r.Times(o.Instead, o.From, o.To)
		}
		if err := s.saveOverride(ctx, tx, KindOverridden, o, by, now); err != nil {
			return err
		}
		return s.closeMoot(ctx, tx, by, now)
	})
	return o, err
}

// saveOverride writes an override and says so; the schedule is looked at at once, because who is on call may have changed.
func (s *Service) saveOverride(ctx context.Context, tx Tx, kind string, o rota.Override, by string, now time.Time) error {
	if err := tx.SaveOverride(ctx, o); err != nil {
		return err
	}
	text := fmt.Sprintf("%s is on call for %s from %s to %s", strings.Join(o.People, ", "), o.Schedule, s.local(o.Schedule, o.From), s.local(o.Schedule, o.To))
	if o.Instead != "" {
		text += " instead of " + o.Instead
	}
	if kind == KindOverridden && o.Partly() {
		text += fmt.Sprintf(", who is on call %s of it", s.spans(o.Schedule, o.Changes))
	}
	if kind == KindUnoverridden {
		text = fmt.Sprintf("%s cancelled that %s", by, text)
	}
	if o.Reason != "" {
		text += ": " + o.Reason
	}
	if err := tx.Append(ctx, event.New(kind, now, by, o.ID, text, o)); err != nil {
		return err
	}
	return s.lookAt(ctx, tx, o.Schedule, now)
}

// local writes a time in the zone of a schedule.
func (s *Service) local(schedule string, t time.Time) string {
	return rota.When(s.Catalog(), schedule, "", t)
}

// spans names some times in the zone of a schedule.
func (s *Service) spans(schedule string, all []rota.Span) string {
	const most = 3
	var out []string
	for _, x := range all[:min(most, len(all))] {
		out = append(out, "from "+s.local(schedule, x.From)+" to "+s.local(schedule, x.To))
	}
	if more := len(all) - most; more > 0 {
		out = append(out, fmt.Sprintf("%d times more", more))
	}
	return strings.Join(out, ", ")
}

// CancelOverride marks an override; until then it did count. Both halves of a swap are cancelled together, and a cover
// request that it answered is open again. Cancelling twice is no error; one that is over cannot be cancelled: conflict.
func (s *Service) CancelOverride(ctx context.Context, overrideID, by string, now time.Time) (out rota.Override, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		if out, err = tx.Override(ctx, overrideID); err != nil {
			return err
		}
		if !out.CancelledAt.IsZero() {
			return nil
		}
		halves := []rota.Override{out}
		if out.Swap != "" {
			if halves, err = tx.SwapOf(ctx, out.Swap); err != nil {
				return err
			}
		}
		if !slices.ContainsFunc(halves, func(o rota.Override) bool { return o.To.After(now) }) {
			return errs.New(errs.Conflict, "it is over since %s", s.local(out.Schedule, out.To))
		}
		for _, h := range halves {
			if !h.CancelledAt.IsZero() || !h.To.After(now) {
				continue
			}
			h.CancelledAt, h.CancelledBy = now, by
			if err := s.saveOverride(ctx, tx, KindUnoverridden, h, by, now); err != nil {
				return err
			}
			if h.ID == out.ID {
				out = h
			}
		}
		if err := s.reopen(ctx, tx, out, by, now); err != nil {
			return err
		}
		return s.closeMoot(ctx, tx, by, now)
	})
	return out, err
}

// reopen asks again for the cover that a cancelled override was.
func (s *Service) reopen(ctx context.Context, tx Tx, o rota.Override, by string, now time.Time) error {
	if o.Cover == "" {
		return nil
	}
	c, err := tx.Cover(ctx, o.Cover)
	if err != nil {
		return err
	}
	was := c.TakenBy
	c.State, c.TakenBy, c.Override, c.EndedBy, c.EndedAt = rota.CoverOpen, "", "", "", time.Time{}
	return s.saveCover(ctx, tx, KindCoverAsked, c, by, fmt.Sprintf("%s does not cover for %s any more; the request is open again", was, c.Person), now)
}

func (s *Service) saveCover(ctx context.Context, tx Tx, kind string, c rota.Cover, by, text string, now time.Time) error {
	if err := tx.SaveCover(ctx, c); err != nil {
		return err
	}
	return tx.Append(ctx, event.New(kind, now, by, c.ID, text, c))
}

// AskCover asks for somebody who takes a person's time on call, and tells the others of the schedule.
func (s *Service) AskCover(ctx context.Context, c rota.Cover, by string, now time.Time) (rota.Cover, error) {
	c.ID, c.By, c.At, c.State, c.TakenBy, c.Override, c.EndedBy, c.EndedAt = id.New("cv", now), by, now, rota.CoverOpen, "", "", "", time.Time{}
	err := s.Store.Update(ctx, func(tx Tx) error {
		r, err := s.rotaIn(ctx, tx, c.Schedule, now)
		if err != nil {
			return err
		}
		if err := c.Check(s.Catalog(), r, now); err != nil {
			return err
		}
		text := fmt.Sprintf("%s asks who covers for %s on %s from %s to %s", by, c.Person, c.Schedule, s.local(c.Schedule, c.From), s.local(c.Schedule, c.To))
		if c.Reason != "" {
			text += ": " + c.Reason
		}
		if err := s.saveCover(ctx, tx, KindCoverAsked, c, by, text, now); err != nil {
			return err
		}
		for _, p := range s.Catalog().Schedules[c.Schedule].People() {
			if p != c.Person && p != by {
				if err := s.notice(ctx, tx, Notice{Schedule: c.Schedule, Person: p, Kind: "cover", Title: "Who covers for " + c.Person + "?", Text: text}, now); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return c, err
}

// TakeCover gives the time of an open request to a person. The error has code conflict when it is not open any more.
func (s *Service) TakeCover(ctx context.Context, coverID, person, by string, now time.Time) (c rota.Cover, err error) {
	if s.Catalog().People[person] == nil {
		return c, errs.New(errs.Invalid, "%q is not a person of the catalog and cannot be on call", person)
	}
	overrideID := id.New("ov", now)
	err = s.Store.Update(ctx, func(tx Tx) error {
		if c, err = tx.Cover(ctx, coverID); err != nil {
			return err
		}
		var o rota.Override
		if c, o, err = c.Take(s.Catalog(), person, by, now); err != nil {
			return err
		}
		r, err := s.rotaIn(ctx, tx, c.Schedule, now)
		if err != nil {
			return err
		}
		if err := r.Missing(s.Catalog(), c.Person, o.From, o.To); err != nil {
			return errs.New(errs.Conflict, "there is nothing to cover any more: %s", errs.Message(err))
		}
		o.ID, o.Changes, c.Override = overrideID, r.Times(c.Person, o.From, o.To), overrideID
		if err := o.Check(s.Catalog(), now); err != nil {
			return err
		}
		text := fmt.Sprintf("%s covers for %s on %s from %s to %s", person, c.Person, c.Schedule, s.local(c.Schedule, o.From), s.local(c.Schedule, o.To))
		if err := s.saveCover(ctx, tx, KindCoverTaken, c, by, text, now); err != nil {
			return err
		}
		if err := s.saveOverride(ctx, tx, KindOverridden, o, by, now); err != nil {
			return err
		}
		if err := s.closeMoot(ctx, tx, by, now); err != nil || c.Person == by {
			return err
		}
		return s.notice(ctx, tx, Notice{Schedule: c.Schedule, Person: c.Person, Kind: "cover", Title: person + " covers for you", Text: text}, now)
	})
	return c, err
}

// closeMoot closes the requests for cover and the swaps of which nothing is left because somebody changed who is on call, and
// tells those who wait for an answer.
func (s *Service) closeMoot(ctx context.Context, tx Tx, by string, now time.Time) error {
	c := s.Catalog()
	find := func(schedule string) (*rota.Rota, error) { return s.rotaIn(ctx, tx, schedule, now) }
	covers, err := tx.Covers(ctx, "", now)
	if err != nil {
		return err
	}
	for _, cv := range covers {
		if cv.State != rota.CoverOpen || c.Schedules[cv.Schedule] == nil {
			continue
		}
		r, err := find(cv.Schedule)
		if err != nil {
			return err
		}
		cv, moot := cv.Moot(c, r, now)
		if !moot {
			continue
		}
		text := fmt.Sprintf("the request for cover for %s is closed, because %s changed who is on call: %s", cv.Person, by, cv.Why)
		if err := s.saveCover(ctx, tx, KindCoverCancelled, cv, event.System, text, now); err != nil {
			return err
		}
		for _, p := range others(by, cv.Person, cv.By) {
			if err := s.notice(ctx, tx, Notice{Schedule: cv.Schedule, Person: p, Kind: "cover", Title: "No cover is needed any more", Text: text}, now); err != nil {
				return err
			}
		}
	}
	swaps, err := tx.Swaps(ctx, now)
	if err != nil {
		return err
	}
	for _, sw := range swaps {
		sw, moot, err := sw.Moot(c, now, find)
		if err != nil {
			return err
		}
		if !moot {
			continue
		}
		text := fmt.Sprintf("the swap of %s and %s is closed, because %s changed who is on call: %s", sw.A.Person, sw.B.Person, by, sw.Why)
		if err := s.saveSwap(ctx, tx, KindSwapCancelled, sw, event.System, text, now); err != nil {
			return err
		}
		if err := s.tellSwap(ctx, tx, sw, others(by, sw.A.Person, sw.B.Person, sw.By), "No swap any more", text, now); err != nil {
			return err
		}
	}
	return nil
}

// others returns people without one of them, each once.
func others(but string, people ...string) []string {
	slices.Sort(people)
	return slices.DeleteFunc(slices.Compact(people), func(p string) bool { return p == but })
}

// CancelCover withdraws an open request. Cancelling twice is no error.
func (s *Service) CancelCover(ctx context.Context, coverID, by string, now time.Time) (c rota.Cover, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		if c, err = tx.Cover(ctx, coverID); err != nil {
			return err
		}
		switch c.State {
		case rota.CoverCancelled:
			return nil
		case rota.CoverTaken:
			return errs.New(errs.Conflict, "%s has taken it; cancel the override %s instead", c.TakenBy, c.Override)
		}
		c.State, c.EndedBy, c.EndedAt = rota.CoverCancelled, by, now
		return s.saveCover(ctx, tx, KindCoverCancelled, c, by, fmt.Sprintf("%s does not ask for cover for %s any more", by, c.Person), now)
	})
	return c, err
}
