package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
)

// Tx is one transaction. It is the transaction of every phase at once; each phase sees its own side of it.
type Tx struct {
	db     *DB
	tx     conn
	events []event.Event // appended when the closure has returned
	news   news          // for the loops of this process
}

// update is a closure that waits for the writer.
type update struct {
	ctx  context.Context
	fn   func(*Tx) error
	done chan error
	err  error
}

// batchLimit is how long one transaction may take before it is given up.
const batchLimit = 20 * time.Second

// maxBatch bounds how many closures share one commit.
const maxBatch = 256

// Update runs fn in a transaction. What fn wrote is durable when Update returns nil, and gone otherwise. fn may be run
// again and must have no effect outside the transaction.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	u := &update{ctx: ctx, fn: fn, done: make(chan error, 1)}
	select {
	case db.queue <- u:
	case <-ctx.Done():
		return ctx.Err()
	case <-db.stop:
		return errs.New(errs.Unavailable, "the store is closed")
	}
	// The writer always answers, so that a caller never leaves without knowing whether its change is durable.
	select {
	case err := <-u.done:
		return err
	case <-db.done:
		select {
		case err := <-u.done:
			return err
		default:
			return errs.New(errs.Unavailable, "the store is closed")
		}
	}
}

// View runs fn on a consistent snapshot.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	opts := &sql.TxOptions{ReadOnly: true}
	if db.dialect.name == "postgres" {
		opts.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.read.BeginTx(ctx, opts)
	if err != nil {
		return unavailable(err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	return gone(fn(&Tx{db: db, tx: conn{tx: tx}}))
}

// gone gives an error of a connection that broke in the middle the code that says so.
func gone(err error) error {
	if err != nil && errs.CodeOf(err) == errs.Internal && isAway(err) {
		return away(err, "the database cannot do it at the moment")
	}
	return err
}

func unavailable(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return away(err, "the database does not answer")
}

// away says what is wrong with the database, as far as it is known.
func away(err error, otherwise string) error {
	if isFull(err) {
		return errs.Wrap(err, errs.Unavailable, "the disk of the database is full")
	}
	return errs.Wrap(err, errs.Unavailable, "%s", otherwise)
}

// writer runs closures until the store is closed.
func (db *DB) writer() {
	defer close(db.done)
	defer db.leave()
	for {
		select {
		case u := <-db.queue:
			db.commit(db.gather(u))
		case <-db.stop:
			return
		}
	}
}

func (db *DB) gather(first *update) []*update {
	batch := []*update{first}
	for len(batch) < maxBatch {
		select {
		case u := <-db.queue:
			batch = append(batch, u)
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch in one transaction and answers everybody.
func (db *DB) commit(batch []*update) {
	n, err := db.runBatch(batch)
	for _, u := range batch {
		if err != nil {
			u.done <- err
		} else {
			u.done <- u.err
		}
	}
	if err == nil && !n.none() {
		db.bells.tell(n)
		db.wake.Broadcast()
	}
}

func (db *DB) runBatch(batch []*update) (n news, err error) {
	// The batch is not cancelled by one caller: the others' changes are in it. A database that does not answer must not
	// hold everybody for ever.
	ctx, cancel := context.WithTimeout(context.Background(), batchLimit)
	defer cancel()
	c, err := db.begin(ctx)
	if err != nil {
		return news{}, unavailable(err)
	}
	c.batch = ctx
	tx := c.tx
	defer func() { _ = tx.Rollback() }() // no effect after a commit
	if db.dialect.writeLock != "" {
		if _, err := tx.ExecContext(ctx, db.dialect.writeLock); err != nil {
			return news{}, unavailable(err)
		}
	}
	for _, u := range batch {
		if u.err = u.ctx.Err(); u.err != nil {
			continue
		}
		if len(batch) == 1 { // the transaction is all its own: it needs nothing to go back to
			t := &Tx{db: db, tx: c}
			if u.err = gone(t.run(ctx, u.fn)); u.err != nil {
				return news{}, nil
			}
			n = t.news
			break
		}
		if _, err := c.ExecContext(ctx, "savepoint one"); err != nil {
			return news{}, unavailable(err)
		}
		t := &Tx{db: db, tx: c}
		if u.err = gone(t.run(ctx, u.fn)); u.err != nil {
			if _, err := c.ExecContext(ctx, "rollback to savepoint one"); err != nil {
				if errs.Is(u.err, errs.Unavailable) {
					err = u.err // a database in trouble has ended the transaction by itself, and this is why
				}
				return news{}, unavailable(err)
			}
		} else {
			n.add(t.news)
		}
		if _, err := c.ExecContext(ctx, "release savepoint one"); err != nil {
			return news{}, unavailable(err)
		}
	}
	if err := tx.Commit(); err != nil {
		return news{}, unavailable(err)
	}
	return n, nil
}

// run calls fn and writes the facts it appended.
func (t *Tx) run(ctx context.Context, fn func(*Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	if err := fn(t); err != nil {
		return err
	}
	return t.flushEvents(ctx)
}

func (t *Tx) exec(ctx context.Context, query string, args ...any) error {
	_, err := t.tx.ExecContext(ctx, query, args...)
	return sqlError(err)
}

func sqlError(err error) error {
	switch {
	case err == nil:
		return nil
	case isConflict(err):
		return errs.Wrap(err, errs.Conflict, "somebody else changed the same thing")
	case isAway(err):
		return away(err, "the database cannot do it at the moment")
	}
	return err
}

// doc encodes a value for a jsonb column.
func doc(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode %T: %w", v, err)
	}
	return plainJSON(b), nil
}

// into decodes a jsonb column.
type into struct{ v any }

// Scan reads what either driver gives for jsonb.
func (d into) Scan(src any) error {
	switch s := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(s), d.v)
	case []byte:
		return json.Unmarshal(s, d.v)
	}
	return fmt.Errorf("a document column holds %T", src)
}

// one reads the doc column of a single row; what is its name in the not-found error.
func one[T any](ctx context.Context, t *Tx, what, query string, args ...any) (v T, err error) {
	err = t.tx.QueryRowContext(ctx, query, args...).Scan(into{&v})
	if errors.Is(err, sql.ErrNoRows) {
		return v, errs.New(errs.NotFound, "there is no such %s", what)
	}
	return v, sqlError(err)
}

// many reads the doc column of all rows.
func many[T any](ctx context.Context, t *Tx, query string, args ...any) ([]T, error) {
	rows, err := t.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, sqlError(err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var v T
		if err := rows.Scan(into{&v}); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, sqlError(rows.Err())
}

// signal wakes everybody who waits for the next commit.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

func newSignal() *signal { return &signal{ch: make(chan struct{})} }

// C returns a channel that is closed by the next Broadcast.
func (s *signal) C() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ch
}

// Broadcast wakes everybody.
func (s *signal) Broadcast() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.ch)
	s.ch = make(chan struct{})
}

// Changed returns a channel that is closed after the next commit of this process that appended a fact or enqueued a job.
func (db *DB) Changed() <-chan struct{} { return db.wake.C() }
