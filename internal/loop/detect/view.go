package detect

import (
	"context"
	"time"
)

// Muters are what mutes an alert: silences, and alerts that inhibit it.
type Muters struct {
	Silences   []SilenceID
	Inhibitors []Alert
}

// atOnce bounds how many alerts one page of a list has.
const atOnce = 1000

// EachFiring calls fn with every alert that fires and what mutes it at now, in order of their ids, until fn returns false.
func (s *Service) EachFiring(ctx context.Context, now time.Time, fn func(Alert, Muters) bool) error {
	cat, silences := s.Catalog(), s.currentSilences()
	return s.Store.View(ctx, func(tx Tx) error {
		var sources []Alert
		if len(cat.Inhibitions) > 0 {
			var err error
			if sources, err = tx.Inhibiting(ctx); err != nil {
				return err
			}
		}
		var after AlertID
		for {
			as, err := tx.Firing(ctx, after, atOnce)
			if err != nil {
				return err
			}
			for _, a := range as {
				var m Muters
				for _, x := range silences {
					if x.Active(now) && x.Mutes(a) {
						m.Silences = append(m.Silences, x.ID)
					}
				}
				if src, _ := inhibitor(a, sources, cat); src != nil {
					m.Inhibitors = append(m.Inhibitors, *src)
				}
				if !fn(a, m) {
					return nil
				}
				after = a.ID
			}
			if len(as) < atOnce {
				return nil
			}
		}
	})
}

// Find returns alerts that a filter selects, the newest first.
func (s *Service) Find(ctx context.Context, f Filter) (out []Alert, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.FindAlerts(ctx, f)
		return err
	})
	return out, err
}
