package detect

import (
	"context"
	"fmt"
	"time"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
)

// Settling is how long after a fault on purpose its bad events may still stand in the recent window of a rule.
const Settling = 90 * time.Second

// expectation says that a service burns its budget on purpose.
type expectation struct {
	until  time.Time
	reason string
	told   bool
}

// Expect is the order that a service will burn its budget on purpose until a time: meanwhile no alert fires for it, the
// log of facts says so once, and the ledger counts every event all the same. An alert that is still due afterwards
// fires. A later call for the same service replaces the time; a restart forgets it.
func (s *Service) Expect(service, reason string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.expected[service]
	if e == nil {
		e = &expectation{}
		s.expected[service] = e
	}
	e.until, e.reason = until, reason
}

// heldBack reports whether an alert of the objective is expected now, and says so in the log the first time.
func (s *Service) heldBack(ctx context.Context, o *catalog.SLO, c change, now time.Time) (bool, error) {
	s.mu.Lock()
	e := s.expected[o.Service]
	if e == nil || !now.Before(e.until) {
		delete(s.expected, o.Service)
		s.mu.Unlock()
		return false, nil
	}
	first, reason := !e.told, e.reason
	e.told = true
	s.mu.Unlock()
	if !first {
		return true, nil
	}
	return true, s.Store.Update(ctx, func(tx Tx) error {
		f := event.New(KindExpected, now, event.System, o.Name, fmt.Sprintf("%s burns its budget on purpose, nobody is told: %s; %s", o.Service, reason, c.reason), nil)
		f.Service = o.Service
		return tx.Append(ctx, f)
	})
}
