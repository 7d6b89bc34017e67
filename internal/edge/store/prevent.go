package store

import (
	"context"
	"time"

	"nightkeeper/internal/loop/prevent"
)

// Prevent returns the store as prevent sees it.
func (db *DB) Prevent() prevent.Store { return preventStore{db} }

type preventStore struct{ db *DB }

func (s preventStore) View(ctx context.Context, fn func(prevent.Tx) error) error {
	return s.db.View(ctx, func(t *Tx) error { return fn(t) })
}

func (s preventStore) Update(ctx context.Context, fn func(prevent.Tx) error) error {
	return s.db.Update(ctx, func(t *Tx) error { return fn(t) })
}

// Proposal returns a proposed experiment.
func (t *Tx) Proposal(ctx context.Context, name string) (prevent.Experiment, error) {
	return one[prevent.Experiment](ctx, t, "experiment", "select doc from experiments where name = $1", name)
}

// Proposals returns the proposed experiments, the newest first.
func (t *Tx) Proposals(ctx context.Context) ([]prevent.Experiment, error) {
	return many[prevent.Experiment](ctx, t, "select doc from experiments order by proposed_at desc, name desc limit 1000")
}

// SaveProposal writes a proposed experiment.
func (t *Tx) SaveProposal(ctx context.Context, e prevent.Experiment) error {
	e.Items, e.Last = nil, nil
	d, err := doc(e)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into experiments (name, incident, proposed_at, doc) values ($1,$2,$3,$4)
		on conflict (name) do update set proposed_at = excluded.proposed_at, doc = excluded.doc`,
		e.Name, string(e.Incident), micros(e.ProposedAt), d)
}

// ExperimentRun returns a run of an experiment.
func (t *Tx) ExperimentRun(ctx context.Context, id prevent.RunID) (prevent.Run, error) {
	return one[prevent.Run](ctx, t, "experiment run", "select doc from experiment_runs where id = $1", string(id))
}

// ExperimentRuns returns the newest runs, those of an experiment when it is set.
func (t *Tx) ExperimentRuns(ctx context.Context, experiment string, limit int) ([]prevent.Run, error) {
	return many[prevent.Run](ctx, t, "select doc from experiment_runs where ($1 = '' or experiment = $1) order by planned_at desc, id desc limit $2", experiment, limit)
}

// ActiveRuns returns the runs of experiments that are not over.
func (t *Tx) ActiveRuns(ctx context.Context) ([]prevent.Run, error) {
	return many[prevent.Run](ctx, t, "select doc from experiment_runs where active = 1 order by planned_at, id")
}

// SaveExperimentRun writes a run; the database refuses a second one that is not over.
func (t *Tx) SaveExperimentRun(ctx context.Context, r prevent.Run) error {
	d, err := doc(r)
	if err != nil {
		return err
	}
	active := 1
	if r.State.Over() {
		active = 0
	}
	return t.exec(ctx, `insert into experiment_runs (id, experiment, active, planned_at, doc) values ($1,$2,$3,$4,$5)
		on conflict (id) do update set active = excluded.active, doc = excluded.doc`,
		string(r.ID), r.Experiment.Name, active, micros(r.PlannedAt), d)
}

// Freezes returns the newest freezes, only those that hold when active is set.
func (t *Tx) Freezes(ctx context.Context, active bool, limit int) ([]prevent.Freeze, error) {
	only := 0
	if active {
		only = 1
	}
	return many[prevent.Freeze](ctx, t, "select doc from freezes where ($1 = 0 or thawed_at = 0) order by since desc, id desc limit $2", only, limit)
}

// FreezeOf returns the freeze that holds for a service.
func (t *Tx) FreezeOf(ctx context.Context, service string) (prevent.Freeze, error) {
	return one[prevent.Freeze](ctx, t, "freeze", "select doc from freezes where service = $1 and thawed_at = 0", service)
}

// SaveFreeze writes a freeze.
func (t *Tx) SaveFreeze(ctx context.Context, f prevent.Freeze) error {
	d, err := doc(f)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into freezes (id, service, thawed_at, since, doc) values ($1,$2,$3,$4,$5)
		on conflict (id) do update set thawed_at = excluded.thawed_at, doc = excluded.doc`,
		f.ID, f.Service, micros(f.ThawedAt), micros(f.Since), d)
}

// Ran reports whether an image of a service ran before.
func (t *Tx) Ran(ctx context.Context, service, image string) (bool, error) {
	var n int
	err := t.tx.QueryRowContext(ctx, "select count(*) from ran_images where service = $1 and image = $2", service, image).Scan(&n)
	return n > 0, sqlError(err)
}

// SaveRan remembers that an image of a service runs.
func (t *Tx) SaveRan(ctx context.Context, service, image string, now time.Time) error {
	return t.exec(ctx, "insert into ran_images (service, image, seen_at) values ($1,$2,$3) on conflict (service, image) do nothing", service, image, micros(now))
}
