package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"nightkeeper/internal/kit/event"
)

// Append adds a fact; it gets its number when the closure has returned.
func (t *Tx) Append(_ context.Context, e event.Event) error {
	t.events = append(t.events, e)
	t.news.fact(e.Kind)
	return nil
}

func (t *Tx) flushEvents(ctx context.Context) error {
	if len(t.events) == 0 {
		return nil
	}
	last, err := t.next(ctx, "event", int64(len(t.events)))
	if err != nil {
		return err
	}
	seq := last - int64(len(t.events))
	for _, e := range t.events {
		seq++
		var data any
		if len(e.Data) > 0 {
			data = plainJSON(e.Data)
		}
		err := t.exec(ctx, "insert into events (seq, kind, at, actor, subject, grp, service, body, data) values ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
			seq, e.Kind, micros(e.At), e.Actor, e.Subject, e.Group, e.Service, e.Text, data)
		if err != nil {
			return fmt.Errorf("append %s: %w", e.Kind, err)
		}
	}
	return nil
}

// next raises a sequence by n and returns its value.
func (t *Tx) next(ctx context.Context, name string, n int64) (int64, error) {
	var v int64
	err := t.tx.QueryRowContext(ctx, `insert into sequences (name, value) values ($1, $2)
		on conflict (name) do update set value = sequences.value + excluded.value returning value`, name, n).Scan(&v)
	if err != nil {
		return 0, fmt.Errorf("sequence %s: %w", name, err)
	}
	return v, nil
}

// NextNumber returns the next number of a named sequence, starting at 1.
func (t *Tx) NextNumber(ctx context.Context, name string) (int64, error) { return t.next(ctx, name, 1) }

// Events reads the log.
func (t *Tx) Events(ctx context.Context, q event.Query) ([]event.Event, error) {
	where, args := []string{"seq > $1"}, []any{q.After}
	add := func(cond string, v any) {
		args = append(args, v)
		where = append(where, fmt.Sprintf(cond, len(args)))
	}
	if q.Group != "" {
		add("grp = $%d", q.Group)
	}
	if q.Subject != "" {
		add("subject = $%d", q.Subject)
	}
	if q.Group == "" && q.Subject == "" && !q.Synthetic {
		where = append(where, notSynthetic)
	}
	if len(q.Kinds) > 0 {
		marks := make([]string, len(q.Kinds))
		for i, k := range q.Kinds {
			args = append(args, k)
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		where = append(where, "kind in ("+strings.Join(marks, ",")+")")
	}
	order := "asc"
	if q.Last {
		order = "desc"
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 1000
	}
	rows, err := t.tx.QueryContext(ctx, fmt.Sprintf(
		"select seq, kind, at, actor, subject, grp, service, body, data from events where %s order by seq %s limit %d",
		strings.Join(where, " and "), order, limit), args...)
	if err != nil {
		return nil, sqlError(err)
	}
	defer rows.Close()
	var out []event.Event
	for rows.Next() {
		var e event.Event
		var at int64
		var data sql.NullString
		if err := rows.Scan(&e.Seq, &e.Kind, &at, &e.Actor, &e.Subject, &e.Group, &e.Service, &e.Text, &data); err != nil {
			return nil, err
		}
		e.At = fromMicros(at)
		if data.Valid {
			e.Data = []byte(data.String)
		}
		out = append(out, e)
	}
	if q.Last {
		slices.Reverse(out)
	}
	return out, sqlError(rows.Err())
}

// Events reads the log outside of a transaction of the caller.
func (db *DB) Events(ctx context.Context, q event.Query) (out []event.Event, err error) {
	err = db.View(ctx, func(t *Tx) error {
		out, err = t.Events(ctx, q)
		return err
	})
	return out, err
}

// Cursor returns how far a reader has come; 0 for one that never read.
func (t *Tx) Cursor(ctx context.Context, name string) (int64, error) {
	var seq int64
	err := t.tx.QueryRowContext(ctx, "select seq from cursors where name = $1", name).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return seq, err
}

// SaveCursor records how far a reader has come.
func (t *Tx) SaveCursor(ctx context.Context, name string, seq int64) error {
	return t.exec(ctx, "insert into cursors (name, seq) values ($1, $2) on conflict (name) do update set seq = excluded.seq", name, seq)
}
