package detect

import (
	"context"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/job"
)

// Kinds of jobs that detect runs.
const (
	jobBeat   = "detect.heartbeat" // a sign of life is too late
	jobSettle = "detect.settle"    // a person ended what a group is about
)

// Timers returns the timers of detect.
func (s *Service) Timers() job.Timers[Tx] {
	return job.Timers[Tx]{
		jobSettle: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			x, err := job.Decode[Settle](j)
			if err != nil {
				return err
			}
			return s.settle(ctx, tx, x.Group, now)
		},
		jobBeat: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error { return s.late(ctx, tx, j.Key, now) },
	}
}

// Settle is the order to take a group for calm though some of its alerts may fire: a person said that it is over, and its
// page and incident have ended. People are told of the next alert that joins it. A later phase enqueues the order in its own
// transaction.
type Settle struct {
	Group GroupID `json:"group"`
}

// SettleJob returns the order as a job that is due at once.
func SettleJob(x Settle, now time.Time) job.Job { return job.New(jobSettle, string(x.Group), now, x) }

// settle marks the group and says nothing: an alert that came after the person's word may have people told by now.
func (s *Service) settle(ctx context.Context, tx Tx, id GroupID, now time.Time) error {
	g, err := tx.Group(ctx, id)
	if errs.Is(err, errs.NotFound) || (err == nil && !g.QuietAt.IsZero()) {
		return nil // a call has no group of alerts
	}
	if err != nil {
		return err
	}
	g.QuietAt = now
	return tx.SaveGroup(ctx, g, false)
}
