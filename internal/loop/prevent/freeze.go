package prevent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/loop/catalog"
)

// Freeze says that risky releases of a service stop until its budget is back.
type Freeze struct {
	ID        string    `json:"id"`
	Service   string    `json:"service"`
	Policy    string    `json:"policy"`
	SLO       string    `json:"slo"`   // whose budget was spent
	Spent     float64   `json:"spent"` // when it began
	FreezeAt  float64   `json:"freeze_at"`
	LiftBelow float64   `json:"lift_below"`
	Since     time.Time `json:"since"`
	ThawedAt  time.Time `json:"thawed_at,omitzero"`
	Reason    string    `json:"reason"` // why it is in this state
}

// turn decides what becomes of a service's freeze: next is nil when nothing changes.
func turn(cur *Freeze, pol *catalog.BudgetPolicy, ss []spending, service string, now time.Time) (next *Freeze) {
	if cur == nil {
		if pol == nil {
			return nil
		}
		at, liftBelow := pol.Freeze()
		for _, s := range ss {
			if s.spent >= at {
				return &Freeze{
					Service: service, Policy: pol.Name, SLO: s.slo, Spent: s.spent, FreezeAt: at, LiftBelow: liftBelow, Since: now,
					Reason: fmt.Sprintf("%s has spent %.0f %% of its budget; %s stops releases at %.0f %%", s.slo, 100*s.spent, pol.Name, 100*at),
				}
			}
		}
		return nil
	}
	thawed := *cur
	thawed.ThawedAt = now
	switch {
	case pol == nil:
		thawed.Reason = "no error-budget policy covers " + service + " any more"
		return &thawed
	case len(ss) == 0:
		thawed.Reason = service + " has no objective any more"
		return &thawed
	}
	_, liftBelow := pol.Freeze()
	for _, s := range ss {
		if s.spent >= liftBelow {
			return nil
		}
	}
	thawed.Reason = fmt.Sprintf("budget is back: %s, under %.0f %%", spends(ss), 100*liftBelow)
	return &thawed
}

// Tick freezes and thaws services and ends runs that nobody conducts any more. It writes only when something changed, and
// is called every ten seconds.
func (s *Service) Tick(ctx context.Context, now time.Time) error {
	active, err := s.Frozen(ctx)
	if err != nil {
		return fmt.Errorf("read freezes: %w", err)
	}
	c := s.Catalog()
	held := map[string]*Freeze{}
	for k := range active {
		held[active[k].Service] = &active[k]
	}
	names := slices.Collect(maps.Keys(held))
	for _, o := range c.SLOs {
		names = append(names, o.Service)
	}
	slices.Sort(names)
	for _, service := range slices.Compact(names) {
		if next := turn(held[service], c.BudgetFor(service), s.spending(c, service, now), service, now); next != nil {
			if err := s.saveFreeze(ctx, *next, now); err != nil {
				return fmt.Errorf("freeze of %s: %w", service, err)
			}
		}
	}
	return s.sweep(ctx, now)
}

func (s *Service) saveFreeze(ctx context.Context, f Freeze, now time.Time) error {
	kind, text := KindThawed, fmt.Sprintf("releases of %s may go on: %s", f.Service, f.Reason)
	if f.ThawedAt.IsZero() {
		f.ID = id.New("frz", now)
		kind, text = KindFrozen, fmt.Sprintf("risky releases of %s are frozen: %s", f.Service, f.Reason)
	}
	return s.Store.Update(ctx, func(tx Tx) error {
		// Another replica may have been first.
		_, err := tx.FreezeOf(ctx, f.Service)
		if has := err == nil; has == f.ThawedAt.IsZero() || (err != nil && !errs.Is(err, errs.NotFound)) {
			return ignoreNotFound(err)
		}
		if err := tx.SaveFreeze(ctx, f); err != nil {
			return err
		}
		e := event.New(kind, now, event.System, f.ID, text, FreezeChanged{f})
		e.Service = f.Service
		return tx.Append(ctx, e)
	})
}

// Frozen returns the freezes that hold, the newest first.
func (s *Service) Frozen(ctx context.Context) (out []Freeze, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Freezes(ctx, true, 10_000)
		return err
	})
	return out, err
}

// Freezes returns the newest freezes, those that are over among them.
func (s *Service) Freezes(ctx context.Context, limit int) (out []Freeze, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Freezes(ctx, false, limit)
		return err
	})
	return out, err
}
