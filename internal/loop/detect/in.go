package detect

import (
	"context"
	"time"

	"nightkeeper/internal/kit/job"
)

// Kinds of jobs that detect runs.
const (
	jobBeat  = "detect.heartbeat" // a sign of life is too late
	jobAgain = "detect.again"     // a person said that a group is over while its alerts fired
)

// Timers returns the timers of detect.
func (s *Service) Timers() job.Timers[Tx] {
	return job.Timers[Tx]{
		jobAgain: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			x, err := job.Decode[again](j)
			if err != nil {
				return err
			}
			return s.again(ctx, tx, GroupID(j.Key), x, now)
		},
		jobBeat: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error { return s.late(ctx, tx, j.Key, now) },
	}
}
