package store

import (
	"context"

	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/loop/respond"
)

// Remediate returns the store as remediate sees it.
func (db *DB) Remediate() remediate.Store { return remediateStore{db} }

type remediateStore struct{ db *DB }

func (s remediateStore) View(ctx context.Context, fn func(remediate.Tx) error) error {
	return s.db.View(ctx, func(t *Tx) error { return fn(t) })
}

func (s remediateStore) Update(ctx context.Context, fn func(remediate.Tx) error) error {
	return s.db.Update(ctx, func(t *Tx) error { return fn(t) })
}

// Run returns a run.
func (t *Tx) Run(ctx context.Context, id remediate.RunID) (remediate.Run, error) {
	return one[remediate.Run](ctx, t, "run", "select doc from runs where id = $1", string(id))
}

// Runs returns the newest runs, those of an incident when it is set.
func (t *Tx) Runs(ctx context.Context, incident respond.ID, limit int) ([]remediate.Run, error) {
	return many[remediate.Run](ctx, t, "select doc from runs where ($1 = '' or incident = $1) order by started_at desc, id desc limit $2", string(incident), limit)
}

// SaveRun writes a run.
func (t *Tx) SaveRun(ctx context.Context, r remediate.Run) error {
	d, err := doc(r)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into runs (id, incident, state, started_at, doc) values ($1,$2,$3,$4,$5)
		on conflict (id) do update set state = excluded.state, doc = excluded.doc`,
		string(r.ID), string(r.Incident), string(r.State), micros(r.StartedAt), d)
}

// Journal returns the entries of a run in order.
func (t *Tx) Journal(ctx context.Context, run remediate.RunID) ([]script.Entry, error) {
	rows, err := many[entryDoc](ctx, t, "select doc from run_entries where run = $1 order by seq", string(run))
	out := make([]script.Entry, len(rows))
	for i, r := range rows {
		out[i] = r.Entry
		out[i].Args = []byte(r.Args)
		if r.Result != "" {
			out[i].Result = []byte(r.Result)
		}
	}
	return out, err
}

// entryDoc is an entry with its arguments and its result as text: their encoding is canonical, and jsonb would rewrite
// 1e21 as a whole number, which a script could tell apart.
type entryDoc struct {
	script.Entry
	Args   string `json:"args"`
	Result string `json:"result,omitempty"`
}

// SaveEntry stores an entry under its number.
func (t *Tx) SaveEntry(ctx context.Context, run remediate.RunID, e script.Entry) error {
	d, err := doc(entryDoc{e, string(e.Args), string(e.Result)})
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into run_entries (run, seq, doc) values ($1,$2,$3) on conflict (run, seq) do update set doc = excluded.doc`,
		string(run), e.Seq, d)
}

// Approval returns an approval.
func (t *Tx) Approval(ctx context.Context, run remediate.RunID, seq int) (remediate.Approval, error) {
	return one[remediate.Approval](ctx, t, "approval", "select doc from approvals where run = $1 and seq = $2", string(run), seq)
}

// Approvals returns those of a run, or all pending ones when run is empty.
func (t *Tx) Approvals(ctx context.Context, run remediate.RunID) ([]remediate.Approval, error) {
	return many[remediate.Approval](ctx, t, `select doc from approvals where ($1 <> '' and run = $1) or ($1 = '' and state = $2) order by asked_at, run, seq`,
		string(run), string(remediate.Pending))
}

// SaveApproval writes an approval.
func (t *Tx) SaveApproval(ctx context.Context, a remediate.Approval) error {
	d, err := doc(a)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into approvals (run, seq, state, asked_at, doc) values ($1,$2,$3,$4,$5)
		on conflict (run, seq) do update set state = excluded.state, doc = excluded.doc`,
		string(a.Run), a.Seq, string(a.State), micros(a.AskedAt), d)
}
