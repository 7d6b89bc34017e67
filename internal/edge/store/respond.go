package store

import (
	"context"

	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/respond"
)

// Respond returns the store as respond sees it.
func (db *DB) Respond() respond.Store { return respondStore{db} }

type respondStore struct{ db *DB }

func (s respondStore) View(ctx context.Context, fn func(respond.Tx) error) error {
	return s.db.View(ctx, func(t *Tx) error { return fn(t) })
}

func (s respondStore) Update(ctx context.Context, fn func(respond.Tx) error) error {
	return s.db.Update(ctx, func(t *Tx) error { return fn(t) })
}

// Incident returns an incident.
func (t *Tx) Incident(ctx context.Context, id respond.ID) (respond.Incident, error) {
	return one[respond.Incident](ctx, t, "incident", "select doc from incidents where id = $1", string(id))
}

// IncidentOf returns the incident of a group.
func (t *Tx) IncidentOf(ctx context.Context, g detect.GroupID) (respond.Incident, error) {
	return one[respond.Incident](ctx, t, "incident", "select doc from incidents where grp = $1", string(g))
}

// Incidents returns the newest incidents.
func (t *Tx) Incidents(ctx context.Context, open bool, limit int) ([]respond.Incident, error) {
	only := ""
	if open {
		only = string(respond.Resolved)
	}
	return many[respond.Incident](ctx, t, "select doc from incidents where ($1 = '' or status <> $1) order by opened_at desc, id desc limit $2", only, limit)
}

// SaveIncident writes an incident.
func (t *Tx) SaveIncident(ctx context.Context, i respond.Incident) error {
	d, err := doc(i)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into incidents (id, grp, status, opened_at, doc) values ($1,$2,$3,$4,$5)
		on conflict (id) do update set status = excluded.status, doc = excluded.doc`,
		string(i.ID), string(i.Group), string(i.Status), micros(i.OpenedAt), d)
}

// Handoff returns a handoff.
func (t *Tx) Handoff(ctx context.Context, id respond.HandoffID) (respond.Handoff, error) {
	return one[respond.Handoff](ctx, t, "handoff", "select doc from handoffs where id = $1", string(id))
}

// Handoffs returns the newest handoffs.
func (t *Tx) Handoffs(ctx context.Context, incident respond.ID, limit int) ([]respond.Handoff, error) {
	return many[respond.Handoff](ctx, t, "select doc from handoffs where ($1 = '' or incident = $1) order by begun_at desc, id desc limit $2", string(incident), limit)
}

// SaveHandoff writes a handoff.
func (t *Tx) SaveHandoff(ctx context.Context, h respond.Handoff) error {
	d, err := doc(h)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into handoffs (id, incident, begun_at, doc) values ($1,$2,$3,$4)
		on conflict (id) do update set doc = excluded.doc`, string(h.ID), string(h.Incident), micros(h.BegunAt), d)
}
