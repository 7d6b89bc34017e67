package store

import (
	"context"
	"time"

	"nightkeeper/internal/loop/learn"
	"nightkeeper/internal/loop/respond"
)

// Learn returns the store as learn sees it.
func (db *DB) Learn() learn.Store { return learnStore{db} }

type learnStore struct{ db *DB }

func (s learnStore) View(ctx context.Context, fn func(learn.Tx) error) error {
	return s.db.View(ctx, func(t *Tx) error { return fn(t) })
}

func (s learnStore) Update(ctx context.Context, fn func(learn.Tx) error) error {
	return s.db.Update(ctx, func(t *Tx) error { return fn(t) })
}

// Postmortem returns a postmortem without its items.
func (t *Tx) Postmortem(ctx context.Context, id learn.ID) (learn.Postmortem, error) {
	return one[learn.Postmortem](ctx, t, "postmortem", "select doc from postmortems where id = $1", string(id))
}

// Postmortems returns the newest postmortems without their items.
func (t *Tx) Postmortems(ctx context.Context, limit int) ([]learn.Postmortem, error) {
	return many[learn.Postmortem](ctx, t, "select doc from postmortems order by resolved_at desc, id desc limit $1", limit)
}

// SavePostmortem writes a postmortem; its items are rows of their own.
func (t *Tx) SavePostmortem(ctx context.Context, p learn.Postmortem) error {
	p.Items = nil
	d, err := doc(p)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into postmortems (id, incident, state, resolved_at, doc) values ($1,$2,$3,$4,$5)
		on conflict (id) do update set state = excluded.state, resolved_at = excluded.resolved_at, doc = excluded.doc`,
		string(p.ID), string(p.Incident), string(p.State), micros(p.ResolvedAt), d)
}

// Item returns an action item.
func (t *Tx) Item(ctx context.Context, id learn.ItemID) (learn.ActionItem, error) {
	return one[learn.ActionItem](ctx, t, "action item", "select doc from action_items where id = $1", string(id))
}

// Items returns action items of a postmortem, or of all when it is empty, by due time.
func (t *Tx) Items(ctx context.Context, postmortem learn.ID, open bool, limit int) ([]learn.ActionItem, error) {
	only := ""
	if open {
		only = string(learn.Open)
	}
	return many[learn.ActionItem](ctx, t, `select doc from action_items where ($1 = '' or postmortem = $1) and ($2 = '' or state = $2)
		order by due_at, id limit $3`, string(postmortem), only, limit)
}

// SaveItem writes an action item.
func (t *Tx) SaveItem(ctx context.Context, a learn.ActionItem) error {
	d, err := doc(a)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into action_items (id, postmortem, state, due_at, doc) values ($1,$2,$3,$4,$5)
		on conflict (id) do update set state = excluded.state, due_at = excluded.due_at, doc = excluded.doc`,
		string(a.ID), string(a.Postmortem), string(a.State), micros(a.DueAt), d)
}

// Proof returns the newest pass of an experiment that began after a time.
func (t *Tx) Proof(ctx context.Context, experiment string, after time.Time) (learn.Proof, error) {
	return one[learn.Proof](ctx, t, "proof", "select doc from proofs where experiment = $1 and at > $2 order by at desc, run desc limit 1", experiment, micros(after))
}

// SaveProof writes a proof.
func (t *Tx) SaveProof(ctx context.Context, p learn.Proof) error {
	d, err := doc(p)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into proofs (run, experiment, at, doc) values ($1,$2,$3,$4)
		on conflict (run) do update set at = excluded.at, doc = excluded.doc`, p.Run, p.Experiment, micros(p.At), d)
}

// IncidentsSince returns the incidents opened in [from, to), the oldest first.
func (t *Tx) IncidentsSince(ctx context.Context, from, to time.Time) ([]respond.Incident, error) {
	return many[respond.Incident](ctx, t, "select doc from incidents where opened_at >= $1 and opened_at < $2 order by opened_at, id limit 10000", micros(from), micros(to))
}
