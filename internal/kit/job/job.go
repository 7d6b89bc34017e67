package job

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"nightkeeper/internal/kit/errs"
)

// Job is one piece of due work. Kind and Key together are unique: enqueuing the same pair again moves the due time and
// replaces the arguments.
type Job struct {
	ID       string
	Kind     string // "page.escalate"
	Key      string // id of the thing the job is about
	DueAt    time.Time
	Args     json.RawMessage
	Attempts int
}

// New returns a job with its arguments encoded. Arguments that cannot be encoded are a bug of ours and panic.
func New(kind, key string, due time.Time, args any) Job {
	j := Job{Kind: kind, Key: key, DueAt: due}
	if args != nil {
		b, err := json.Marshal(args)
		if err != nil {
			panic("job: encode " + kind + ": " + err.Error())
		}
		j.Args = b
	}
	return j
}

// Decode reads the arguments of a job.
func Decode[T any](j Job) (T, error) {
	var v T
	if len(j.Args) == 0 {
		return v, nil
	}
	err := json.Unmarshal(j.Args, &v)
	return v, err
}

// Enqueuer adds and removes jobs in the transaction of its owner.
type Enqueuer interface {
	Enqueue(ctx context.Context, j Job) error
	Cancel(ctx context.Context, kind, key string) error
}

// Timer runs inside the transaction that removes the job. It changes our own state only.
type Timer[T any] func(ctx context.Context, tx T, j Job, now time.Time) error

// Timers maps kinds to timers.
type Timers[T any] map[string]Timer[T]

// Task reaches outside. An error makes it due again after a back-off; see Backoff.
type Task func(ctx context.Context, j Job) error

// Tasks maps kinds to tasks.
type Tasks map[string]Task

// MaxAttempts is how often a task is tried before it is set aside as stuck, where people can see it.
const MaxAttempts = 12

// Backoff returns how long a task waits after its nth failed attempt: 1 s, 2 s, 4 s … at most 5 minutes.
func Backoff(attempts int) time.Duration {
	d := time.Second << min(max(attempts-1, 0), 9)
	return min(d, 5*time.Minute)
}

// SetBack returns by how much due work comes nearer when a clock that noted one time says now another: a clock that goes back
// by more than a minute would make everything wait that much longer. A clock that goes forward makes timers fire early, once.
func SetBack(noted, now time.Time) time.Duration {
	if gap := noted.Sub(now); gap > time.Minute {
		return gap
	}
	return 0
}

// later is not a failure: it is not the time of the task yet.
type later struct {
	at  time.Time
	why string
}

func (l later) Error() string { return "not before " + l.at.UTC().Format(time.RFC3339) + ": " + l.why }

// Later returns what a task answers when it has to wait for its turn: it is due again at the given time, and this was no
// attempt.
func Later(at time.Time, why string) error { return later{at, why} }

// Next returns when a task that answered err is due again after its nth attempt, and whether that attempt counts. A wait
// that the other side asked for is kept.
func Next(err error, attempts int, now time.Time) (due time.Time, counts bool) {
	var l later
	if errors.As(err, &l) {
		return l.at, false
	}
	return now.Add(max(Backoff(attempts), errs.WaitOf(err))), true
}
