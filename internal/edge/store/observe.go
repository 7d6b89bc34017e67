package store

import (
	"context"
	"time"

	"nightkeeper/internal/loop/observe"
)

// SaveDeploy records a deploy; the same id twice is one deploy.
func (t *Tx) SaveDeploy(ctx context.Context, d observe.Deploy) error {
	b, err := doc(d)
	if err != nil {
		return err
	}
	return t.exec(ctx, "insert into deploys (id, service, at, doc) values ($1,$2,$3,$4) on conflict (id) do update set doc = excluded.doc", d.ID, d.Service, micros(d.At), b)
}

// Deploys returns the deploys since a time, the newest first.
func (db *DB) Deploys(ctx context.Context, since time.Time) (out []observe.Deploy, err error) {
	err = db.View(ctx, func(t *Tx) error {
		out, err = many[observe.Deploy](ctx, t, "select doc from deploys where at >= $1 order by at desc, id desc limit 1000", micros(since))
		return err
	})
	return out, err
}
