package prevent

import (
	"context"
	"fmt"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/respond"
)

// jobRun conducts an experiment run from pre-flight to its end.
const jobRun = "prevent.run"

// Follows returns what prevent does about facts: a resolved incident whose cause can be recreated becomes a proposed
// experiment.
func (s *Service) Follows() event.Handlers[Tx] {
	return event.Handlers[Tx]{
		respond.KindResolved: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			c, err := event.Decode[respond.Changed](e)
			if err != nil {
				return err
			}
			return s.propose(ctx, tx, c.Incident.ID, now)
		},
	}
}

// Timers returns the timers of prevent: it has none.
func (s *Service) Timers() job.Timers[Tx] { return job.Timers[Tx]{} }

// Tasks returns the tasks of prevent.
func (s *Service) Tasks() job.Tasks {
	return job.Tasks{jobRun: func(ctx context.Context, j job.Job) error { return s.conduct(ctx, RunID(j.Key)) }}
}

// propose stores the experiment that recreates an incident. The one of an earlier end of the same incident is replaced.
func (s *Service) propose(ctx context.Context, tx Tx, incident respond.ID, now time.Time) error {
	i, err := tx.Incident(ctx, incident)
	if err != nil || i.Open() {
		return ignoreNotFound(err)
	}
	e, ok := propose(s.Catalog(), i, now)
	if !ok {
		return nil
	}
	cur, err := tx.Proposal(ctx, e.Name)
	switch {
	case err == nil && cur.Hypothesis == e.Hypothesis && cur.Target == e.Target:
		return nil
	case err != nil && !errs.Is(err, errs.NotFound):
		return err
	}
	if err := tx.SaveProposal(ctx, e); err != nil {
		return err
	}
	f := event.New(KindProposed, now, event.System, e.Name, fmt.Sprintf("experiment %s is proposed: %s", e.Name, e.Hypothesis), Proposed{e})
	f.Service, f.Group = e.Target, string(e.Group)
	return tx.Append(ctx, f)
}

func ignoreNotFound(err error) error {
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}
