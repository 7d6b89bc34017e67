package detect

import (
	"context"
	"fmt"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
)

// Settler is what a transaction has to have for Settle.
type Settler interface {
	job.Enqueuer
	Group(ctx context.Context, id GroupID) (Group, error)
	SaveGroup(ctx context.Context, g Group, closed bool) error
	SaveAlert(ctx context.Context, a Alert) error
	Alerts(ctx context.Context, group GroupID, firing bool) ([]Alert, error)
}

// Still is what fires of a group of which a person said that it is over.
type Still struct {
	Alerts int           // that page; muted ones and tickets do not count
	After  time.Duration // when they page again; 0 means never
}

// String says it to the person; it is empty when nothing fires.
func (x Still) String() string {
	out, it := fmt.Sprintf("%d alerts still fire", x.Alerts), "they still fire"
	switch x.Alerts {
	case 0:
		return ""
	case 1:
		out, it = "1 alert still fires", "it still fires"
	}
	if x.After == 0 {
		return out + " and will page nobody again"
	}
	return fmt.Sprintf("%s; if %s in %s, people are paged again", out, it, catalog.Duration(x.After))
}

// Settle is the order to take a group for calm though some of its alerts may fire: a person said that it is over, as in why.
// A later phase gives it in the transaction in which it ends the page: an alert that joins the group before is part of what
// is over, and people are told of the next one. What still fires after the time that the policies of its services say, the
// shortest of them, pages again.
func Settle(ctx context.Context, tx Settler, c *catalog.Catalog, group GroupID, why string, now time.Time) (Still, error) {
	g, err := tx.Group(ctx, group)
	if errs.Is(err, errs.NotFound) || (err == nil && !g.QuietAt.IsZero()) {
		return Still{}, nil // a call has no group of alerts
	}
	if err != nil {
		return Still{}, err
	}
	as, err := tx.Alerts(ctx, group, true)
	if err != nil {
		return Still{}, err
	}
	var out Still
	firing := 0
	for _, a := range as {
		if a.Source == SourcePerson { // people said that it was there, and now that it is over
			a.State, a.ResolvedAt, a.Resolution = Resolved, now, why
			if err := tx.SaveAlert(ctx, a); err != nil {
				return Still{}, err
			}
			continue
		}
		firing++
		if !a.pages() {
			continue
		}
		out.Alerts++
		if after := c.PageAgainAfter(a.Service, a.Policy); after > 0 && (out.After == 0 || after < out.After) {
			out.After = after
		}
	}
	g.QuietAt, g.Settled = now, firing > 0
	if out.After > 0 {
		if err := tx.Enqueue(ctx, job.New(jobAgain, string(group), now.Add(out.After), again{why, catalog.Duration(out.After)})); err != nil {
			return out, err
		}
	}
	return out, tx.SaveGroup(ctx, g, false)
}

// pages reports whether people are paged of the alert while it fires.
func (a Alert) pages() bool { return len(a.Muted) == 0 && !a.Ticket() }

// again is what a look at a settled group needs to know.
type again struct {
	Why   string           `json:"why"`
	After catalog.Duration `json:"after"`
}

// again tells people of what still fires of a settled group: as alerts of a group that has opened meanwhile and to which they
// belong, or of their own, which is open again.
func (s *Service) again(ctx context.Context, tx Tx, id GroupID, x again, now time.Time) error {
	g, err := tx.Group(ctx, id)
	if errs.Is(err, errs.NotFound) || (err == nil && (g.QuietAt.IsZero() || !g.Settled)) {
		return nil
	}
	if err != nil {
		return err
	}
	as, err := tx.Alerts(ctx, id, true)
	if err != nil {
		return err
	}
	g.Settled = false
	e := s.admit(tx, now)
	e.home = &g
	for _, a := range as {
		if !a.pages() {
			continue
		}
		a.Again = fmt.Sprintf("it still fires %s after %s", x.After, x.Why)
		if _, err := e.add(ctx, a); err != nil {
			return err
		}
	}
	if e.touched[id] == nil {
		if err := tx.SaveGroup(ctx, g, false); err != nil {
			return err
		}
	}
	return e.finish(ctx)
}
