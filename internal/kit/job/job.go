package job

import (
	"context"
	"encoding/json"
	"time"
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
