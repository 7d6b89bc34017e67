package rota

import (
	"cmp"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
)

// Override puts people on call for a while, made by somebody at run time. It is marked when it is cancelled, never
// deleted: until then it did count.
type Override struct {
	ID          string    `json:"id"`
	Schedule    string    `json:"schedule"`
	People      []string  `json:"people"`
	Instead     string    `json:"instead,omitempty"` // whom they stand in for; everybody when empty
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	Reason      string    `json:"reason,omitempty"`
	By          string    `json:"by"`
	At          time.Time `json:"at"`
	Cover       string    `json:"cover,omitempty"`   // the cover request that it answers
	Swap        string    `json:"swap,omitempty"`    // both halves of a swap have the same
	Changes     []Span    `json:"changes,omitempty"` // when whom they stand in for was on call, as it was made
	CancelledBy string    `json:"cancelled_by,omitempty"`
	CancelledAt time.Time `json:"cancelled_at,omitzero"`
}

// End returns when the override ends, or ended.
func (o Override) End() time.Time {
	if !o.CancelledAt.IsZero() {
		return earlier(o.To, o.CancelledAt)
	}
	return o.To
}

// Partly reports whether whom they stand in for is on call in a part of the time only.
func (o Override) Partly() bool {
	return len(o.Changes) > 1 || len(o.Changes) == 1 && (o.Changes[0].From.After(o.From) || o.Changes[0].To.Before(o.To))
}

// standIns returns the overrides of a schedule that count at some time, the strongest first.
func standIns(s *catalog.Schedule, made []Override) []standIn {
	var mine []Override
	for _, o := range made {
		if o.Schedule == s.Name && len(o.People) > 0 && o.From.Before(o.End()) {
			mine = append(mine, o)
		}
	}
	slices.SortFunc(mine, func(a, b Override) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID))
	})
	out := make([]standIn, 0, len(mine)+len(s.Overrides))
	for _, o := range mine {
		out = append(out, standIn{o.ID, o.Instead, o.Reason, o.People, o.From, o.End()})
	}
	return out
}

// Check says what is wrong with an override that somebody wants to make now, with code invalid or not_found. One that
// began before counts from now on: what was is not rewritten.
func (o *Override) Check(c *catalog.Catalog, now time.Time) error {
	if c.Schedules[o.Schedule] == nil {
		return errs.New(errs.NotFound, "there is no schedule %q", o.Schedule)
	}
	if len(o.People) == 0 {
		return errs.New(errs.Invalid, "an override needs people: nobody is not possible")
	}
	for _, p := range o.People {
		if c.People[p] == nil {
			return errs.New(errs.Invalid, "there is no person %q in the catalog", p)
		}
	}
	if o.Instead != "" && !slices.Contains(c.Schedules[o.Schedule].People(), o.Instead) && c.People[o.Instead] == nil {
		return errs.New(errs.Invalid, "there is no person %q in the catalog", o.Instead)
	}
	if slices.Contains(o.People, o.Instead) {
		return errs.New(errs.Invalid, "%s cannot stand in for %s", o.Instead, o.Instead)
	}
	o.From = later(o.From, now)
	if !o.To.After(o.From) {
		return errs.New(errs.Invalid, "an override ends after it begins, and not before now")
	}
	if o.To.Sub(o.From) > 366*day {
		return errs.New(errs.Invalid, "an override lasts a year at most; change the schedule instead")
	}
	return nil
}
