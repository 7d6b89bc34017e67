package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/kit/job"
)

// Enqueue adds a job, or moves the one with the same kind and key. A job that is being worked on is replaced, and its
// worker's end does not remove the new one.
func (t *Tx) Enqueue(ctx context.Context, j job.Job) error {
	t.news.job(j.Kind, micros(j.DueAt))
	var args any
	if len(j.Args) > 0 {
		args = plainJSON(j.Args)
	}
	err := t.exec(ctx, `insert into jobs (id, kind, key, due_at, args, attempts, lease_until, stuck, error) values ($1,$2,$3,$4,$5,0,0,0,'')
		on conflict (kind, key) do update set id = excluded.id, due_at = excluded.due_at, args = excluded.args, attempts = 0, lease_until = 0, stuck = 0, error = '', failed_at = 0`,
		id.New("job", j.DueAt), j.Kind, j.Key, micros(j.DueAt), args)
	if err != nil {
		return fmt.Errorf("enqueue %s %s: %w", j.Kind, j.Key, err)
	}
	return nil
}

// Cancel removes a job; one that does not exist is no error.
func (t *Tx) Cancel(ctx context.Context, kind, key string) error {
	return t.exec(ctx, "delete from jobs where kind = $1 and key = $2", kind, key)
}

const jobColumns = "id, kind, key, due_at, args, attempts"

func scanJobs(rows *sql.Rows) ([]job.Job, error) {
	defer rows.Close()
	var out []job.Job
	for rows.Next() {
		var j job.Job
		var due int64
		var args sql.NullString
		if err := rows.Scan(&j.ID, &j.Kind, &j.Key, &due, &args, &j.Attempts); err != nil {
			return nil, err
		}
		j.DueAt = fromMicros(due)
		if args.Valid {
			j.Args = []byte(args.String)
		}
		out = append(out, j)
	}
	return out, rows.Err()
}

func kindList(kinds []string, args []any) (string, []any) {
	marks := make([]string, len(kinds))
	for i, k := range kinds {
		args = append(args, k)
		marks[i] = fmt.Sprintf("$%d", len(args))
	}
	return strings.Join(marks, ","), args
}

// Take removes and returns the job that has been due longest among the kinds, or an error with code not_found.
func (t *Tx) Take(ctx context.Context, kinds []string, now time.Time) (job.Job, error) {
	list, args := kindList(kinds, []any{micros(now)})
	rows, err := t.tx.QueryContext(ctx, `delete from jobs where id in (select id from jobs where due_at <= $1 and stuck = 0 and kind in (`+list+`)
		order by due_at limit 1`+t.db.dialect.skip+`) returning `+jobColumns, args...)
	if err != nil {
		return job.Job{}, err
	}
	jobs, err := scanJobs(rows)
	if err != nil {
		return job.Job{}, err
	}
	if len(jobs) == 0 {
		return job.Job{}, errs.New(errs.NotFound, "nothing is due")
	}
	return jobs[0], nil
}

// Claim leases due jobs of the kinds until the given time and returns them, the longest due first. Each claim gives a job
// another id: a worker that lost its lease can no longer say how the job ended.
func (t *Tx) Claim(ctx context.Context, kinds []string, now, until time.Time, limit int) ([]job.Job, error) {
	list, args := kindList(kinds, []any{micros(now), micros(until)})
	rows, err := t.tx.QueryContext(ctx, fmt.Sprintf(`update jobs set lease_until = $2, id = id || '.' where id in (select id from jobs
		where due_at <= $1 and lease_until <= $1 and stuck = 0 and kind in (%s) order by due_at limit %d%s) returning %s`,
		list, limit, t.db.dialect.skip, jobColumns), args...)
	if err != nil {
		return nil, err
	}
	jobs, err := scanJobs(rows)
	slices.SortFunc(jobs, func(a, b job.Job) int { return a.DueAt.Compare(b.DueAt) }) // returning has no order
	return jobs, err
}

// Renew moves the lease of a job that is being worked on.
func (t *Tx) Renew(ctx context.Context, jobID string, until time.Time) error {
	return t.exec(ctx, "update jobs set lease_until = $2 where id = $1", jobID, micros(until))
}

// Done removes a finished job; one that was replaced meanwhile stays.
func (t *Tx) Done(ctx context.Context, jobID string) error {
	return t.exec(ctx, "delete from jobs where id = $1", jobID)
}

// Retry gives a failed job back, due again at the given time; stuck sets it aside for people to see.
func (t *Tx) Retry(ctx context.Context, jobID string, now, due time.Time, stuck bool, reason string) error {
	aside := 0
	if stuck {
		aside = 1
	}
	return t.exec(ctx, `update jobs set lease_until = 0, attempts = attempts + 1, due_at = $2, stuck = $3, error = $4,
		failed_at = case when failed_at = 0 then $5 else failed_at end where id = $1`, jobID, micros(due), aside, reason, micros(now))
}

// Postpone gives a job back that has to wait for its turn, due again at the given time; that was no attempt.
func (t *Tx) Postpone(ctx context.Context, jobID string, due time.Time, reason string) error {
	return t.exec(ctx, "update jobs set lease_until = 0, due_at = $2, error = $3 where id = $1", jobID, micros(due), reason)
}

// Unlease frees every lease: right after a start, when no other process works on this database.
func (t *Tx) Unlease(ctx context.Context) error {
	return t.exec(ctx, "update jobs set lease_until = 0 where lease_until > 0")
}

// NextDue returns when the next job of the kinds is due, and its kind; the zero time when there is none. It looks at the
// first job of each kind, however many there are.
func (t *Tx) NextDue(ctx context.Context, kinds []string) (kind string, due time.Time, err error) {
	list, args := kindList(kinds, nil)
	var at int64
	err = t.tx.QueryRowContext(ctx, `with kinds (kind) as (values (`+strings.ReplaceAll(list, ",", "),(")+`))
		select kind, due from (
			select kind, (select due_at from jobs where jobs.kind = kinds.kind and stuck = 0 and lease_until = 0 order by due_at limit 1) as due from kinds
			union all
			select kind, case when lease_until > due_at then lease_until else due_at end from jobs where stuck = 0 and lease_until > 0 and kind in (select kind from kinds)
		) as firsts where due is not null order by due, kind limit 1`, args...).Scan(&kind, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return "", time.Time{}, nil
	}
	return kind, fromMicros(at), err
}

// StuckJob is a job that fails: Since its first failure; Aside when it was given up, or is a fact that was set aside.
type StuckJob struct {
	job.Job
	Error string
	Since time.Time
	Aside bool
}

// Stuck returns the jobs that were given up, and the facts that were set aside.
func (t *Tx) Stuck(ctx context.Context) ([]StuckJob, error) { return t.stuckJobs(ctx, "stuck = 1") }

// Failing returns what Stuck does, and the jobs that failed at least so many times and are tried again.
func (t *Tx) Failing(ctx context.Context, times int) ([]StuckJob, error) {
	return t.stuckJobs(ctx, "stuck = 1 or attempts >= $1", times)
}

func (t *Tx) stuckJobs(ctx context.Context, where string, args ...any) ([]StuckJob, error) {
	rows, err := t.tx.QueryContext(ctx, "select id, kind, key, due_at, args, attempts, error, failed_at, stuck from jobs where "+where+" order by due_at, id limit 1000", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []StuckJob
	for rows.Next() {
		var s StuckJob
		var due, since int64
		var stuck int
		var args sql.NullString
		if err := rows.Scan(&s.ID, &s.Kind, &s.Key, &due, &args, &s.Attempts, &s.Error, &since, &stuck); err != nil {
			return nil, err
		}
		if args.Valid {
			s.Args = []byte(args.String)
		}
		s.DueAt, s.Since, s.Aside = fromMicros(due), fromMicros(since), stuck == 1
		out = append(out, s)
	}
	return out, rows.Err()
}

// Revive gives the jobs that were given up another chance: what kept them from succeeding may have been mended. Facts that
// were set aside have their own; see RetryAside.
func (t *Tx) Revive(ctx context.Context, now time.Time) error {
	t.news.all = true
	return t.exec(ctx, "update jobs set stuck = 0, attempts = 0, due_at = $1 where stuck = 1 and substr(kind, 1, 7) <> 'follow.'", micros(now))
}

// Lease takes or renews a named lease for the holder and returns its fencing token; ok is false when somebody else has it.
func (t *Tx) Lease(ctx context.Context, name, holder string, now, until time.Time) (token int64, ok bool, err error) {
	err = t.tx.QueryRowContext(ctx, `insert into leases (name, holder, token, expires_at) values ($1, $2, 1, $3)
		on conflict (name) do update set holder = excluded.holder, expires_at = excluded.expires_at,
		token = case when leases.holder = excluded.holder then leases.token else leases.token + 1 end
		where leases.holder = excluded.holder or leases.expires_at < $4 returning token`, name, holder, micros(until), micros(now)).Scan(&token)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return token, err == nil, err
}
