package store

import (
	"context"
	"fmt"
	"math"
)

// Queued returns how many updates wait for the writer.
func (db *DB) Queued() int { return len(db.queue) }

// Limit bounds how large an SQLite database may become, as a full disk does; 0 is no bound.
func Limit(ctx context.Context, db *DB, pages int) error {
	if pages == 0 {
		pages = math.MaxInt32
	}
	return db.Update(ctx, func(tx *Tx) error {
		_, err := tx.tx.ExecContext(ctx, fmt.Sprintf("pragma max_page_count = %d", pages))
		return err
	})
}

// Waiting returns how many jobs of a kind are not done.
func Waiting(ctx context.Context, t *Tx, kind string) (n int, err error) {
	err = t.tx.QueryRowContext(ctx, "select count(*) from jobs where kind = $1", kind).Scan(&n)
	return n, err
}

// LastAlertsQuery is what LastAlerts asks.
const LastAlertsQuery = lastAlerts

// InhibitingQuery is what Inhibiting asks.
const InhibitingQuery = inhibiting

// Plan returns how the database would answer a query.
func (t *Tx) Plan(ctx context.Context, query string) (plan []string, err error) {
	explain := "explain "
	if t.db.dialect.name == "sqlite" {
		explain = "explain query plan "
	}
	rows, err := t.tx.QueryContext(ctx, explain+query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		cols, err := rows.Columns()
		if err != nil {
			return nil, err
		}
		vals := make([]any, len(cols))
		for i := range vals {
			vals[i] = new(any)
		}
		if err := rows.Scan(vals...); err != nil {
			return nil, err
		}
		plan = append(plan, fmt.Sprint(*vals[len(vals)-1].(*any)))
	}
	return plan, rows.Err()
}
