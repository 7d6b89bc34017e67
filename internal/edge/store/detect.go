package store

import (
	"context"
	"fmt"

	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
)

// Detect returns the store as detect sees it.
func (db *DB) Detect() detect.Store { return detectStore{db} }

type detectStore struct{ db *DB }

func (s detectStore) View(ctx context.Context, fn func(detect.Tx) error) error {
	return s.db.View(ctx, func(t *Tx) error { return fn(t) })
}

func (s detectStore) Update(ctx context.Context, fn func(detect.Tx) error) error {
	return s.db.Update(ctx, func(t *Tx) error { return fn(t) })
}

// Alert returns an alert.
func (t *Tx) Alert(ctx context.Context, id detect.AlertID) (detect.Alert, error) {
	return one[detect.Alert](ctx, t, "alert", "select doc from alerts where id = $1", string(id))
}

// Alerts returns alerts of a group, or of all groups, the oldest first.
func (t *Tx) Alerts(ctx context.Context, group detect.GroupID, firing bool) ([]detect.Alert, error) {
	state := ""
	if firing {
		state = string(detect.Firing)
	}
	return many[detect.Alert](ctx, t, `select doc from (select doc, fired_at, id from alerts where ($1 = '' or grp = $1) and ($2 = '' or state = $2)
		order by fired_at desc, id desc limit 5000) as newest order by fired_at, id`, string(group), state)
}

// lastAlerts steps from one SLO to the next in the index: it is asked every second, and alerts are kept for ever.
const lastAlerts = `with recursive names (slo) as (
		select min(slo) from alerts
		union all
		select (select min(slo) from alerts where alerts.slo > names.slo) from names where names.slo is not null
	)
	select (select doc from alerts where alerts.slo = names.slo order by fired_at desc, id desc limit 1) from names where names.slo is not null`

// LastAlerts returns the newest alert of every SLO.
func (t *Tx) LastAlerts(ctx context.Context) ([]detect.Alert, error) {
	return many[detect.Alert](ctx, t, lastAlerts)
}

// SaveAlert writes an alert.
func (t *Tx) SaveAlert(ctx context.Context, a detect.Alert) error {
	d, err := doc(a)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into alerts (id, slo, grp, state, fired_at, doc) values ($1,$2,$3,$4,$5,$6)
		on conflict (id) do update set state = excluded.state, doc = excluded.doc`,
		string(a.ID), a.SLO, string(a.Group), string(a.State), micros(a.FiredAt), d)
}

// OpenGroups returns the groups that are not closed, the newest first.
func (t *Tx) OpenGroups(ctx context.Context) ([]detect.Group, error) {
	return many[detect.Group](ctx, t, "select doc from alert_groups where closed = 0 order by opened_at desc, id desc")
}

// SaveGroup writes a group.
func (t *Tx) SaveGroup(ctx context.Context, g detect.Group, closed bool) error {
	d, err := doc(g)
	if err != nil {
		return err
	}
	flag := 0
	if closed {
		flag = 1
	}
	return t.exec(ctx, `insert into alert_groups (id, opened_at, closed, doc) values ($1,$2,$3,$4)
		on conflict (id) do update set closed = excluded.closed, doc = excluded.doc`, string(g.ID), micros(g.OpenedAt), flag, d)
}

// SaveBuckets writes whole counts of ledger buckets.
func (t *Tx) SaveBuckets(ctx context.Context, objective string, bs []slo.Bucket) error {
	for _, b := range bs {
		err := t.exec(ctx, `insert into ledger (slo, resolution, bucket, good, total) values ($1,$2,$3,$4,$5)
			on conflict (slo, resolution, bucket) do update set good = excluded.good, total = excluded.total`,
			objective, b.Resolution, b.Number, b.Good, b.Total)
		if err != nil {
			return fmt.Errorf("ledger of %s: %w", objective, err)
		}
	}
	return nil
}

// Buckets calls fn with every stored bucket.
func (t *Tx) Buckets(ctx context.Context, fn func(objective string, b slo.Bucket)) error {
	rows, err := t.tx.QueryContext(ctx, "select slo, resolution, bucket, good, total from ledger order by resolution, bucket")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var b slo.Bucket
		if err := rows.Scan(&name, &b.Resolution, &b.Number, &b.Good, &b.Total); err != nil {
			return err
		}
		fn(name, b)
	}
	return rows.Err()
}

// DropBuckets removes buckets of a resolution older than the given number.
func (t *Tx) DropBuckets(ctx context.Context, resolution int, before int64) error {
	return t.exec(ctx, "delete from ledger where resolution = $1 and bucket < $2", resolution, before)
}
