package detect

import (
	"context"
	"time"

	"nightkeeper/internal/kit/job"
)

// Kinds of jobs that detect runs.
const jobBeat = "detect.heartbeat" // a sign of life is too late

// Timers returns the timers of detect.
func (s *Service) Timers() job.Timers[Tx] {
	return job.Timers[Tx]{
		jobBeat: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error { return s.late(ctx, tx, j.Key, now) },
	}
}
