package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"nightkeeper/internal/loop/detect"
)

// Heartbeat returns a heartbeat.
func (t *Tx) Heartbeat(ctx context.Context, name string) (detect.Heartbeat, error) {
	return one[detect.Heartbeat](ctx, t, "heartbeat", "select doc from heartbeats where name = $1", name)
}

// Heartbeats returns all heartbeats, by name.
func (t *Tx) Heartbeats(ctx context.Context) ([]detect.Heartbeat, error) {
	return many[detect.Heartbeat](ctx, t, "select doc from heartbeats order by name")
}

// SaveHeartbeat writes a heartbeat.
func (t *Tx) SaveHeartbeat(ctx context.Context, h detect.Heartbeat) error {
	d, err := doc(h)
	if err != nil {
		return err
	}
	return t.exec(ctx, "insert into heartbeats (name, doc) values ($1, $2) on conflict (name) do update set doc = excluded.doc", h.Name, d)
}

// DropHeartbeat removes a heartbeat.
func (t *Tx) DropHeartbeat(ctx context.Context, name string) error {
	return t.exec(ctx, "delete from heartbeats where name = $1", name)
}

// Mark returns a time that was kept under a name; zero when none was.
func (t *Tx) Mark(ctx context.Context, name string) (time.Time, error) {
	var at int64
	err := t.tx.QueryRowContext(ctx, "select at from marks where name = $1", name).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return fromMicros(at), sqlError(err)
}

// DropMark forgets the time of a name; one that is not known is no error.
func (t *Tx) DropMark(ctx context.Context, name string) error {
	return t.exec(ctx, "delete from marks where name = $1", name)
}

// SaveMark keeps a time under a name.
func (t *Tx) SaveMark(ctx context.Context, name string, at time.Time) error {
	return t.exec(ctx, "insert into marks (name, at) values ($1, $2) on conflict (name) do update set at = excluded.at", name, micros(at))
}
