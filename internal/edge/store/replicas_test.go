package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/edge/store/storetest"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
)

var t0 = time.Date(2026, 11, 27, 2, 14, 10, 0, time.UTC)

// pair is two replicas on one PostgreSQL database.
func pair(t *testing.T) (a, b *store.DB) {
	t.Helper()
	dsn := storetest.Postgres(t)
	return storetest.Open(t, dsn), storetest.Open(t, dsn)
}

// eventually waits for what another replica does; there is no signal for that.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), storetest.Patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, storetest.Patience)
		}
	}
}

// background runs fn until the end of the test or until stop is called.
func background(t *testing.T, fn func(ctx context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := fn(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("background part: %v", err)
			}
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func update(t *testing.T, db *store.DB, fn func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), func(tx *store.Tx) error { return fn(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

func seqs(t *testing.T, db *store.DB, q event.Query) []int64 {
	t.Helper()
	es, err := db.Events(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var out []int64
	for _, e := range es {
		out = append(out, e.Seq)
	}
	return out
}

func TestReaderWithACursorMissesNothingWhenReplicasWrite(t *testing.T) {
	a, b := pair(t)
	const writers, each = 6, 40
	var wg sync.WaitGroup
	for i := range writers {
		db := []*store.DB{a, b}[i%2]
		wg.Go(func() {
			for n := range each {
				err := db.Update(t.Context(), func(tx *store.Tx) error {
					// Some take long between writing and committing: their facts must not appear behind the reader.
					for range (n % 4) * 5 {
						if _, err := tx.Accounts(t.Context()); err != nil {
							return err
						}
					}
					if n%7 == 6 {
						_ = tx.Append(t.Context(), event.Event{Kind: "undone", At: t0})
						return errUndone
					}
					return tx.Append(t.Context(), event.Event{Kind: "k", At: t0, Subject: fmt.Sprint(i, "/", n)})
				})
				if err != nil && !errors.Is(err, errUndone) {
					t.Error(err)
				}
			}
		})
	}
	want := 0
	for n := range each {
		if n%7 != 6 {
			want += writers
		}
	}
	var after int64
	eventually(t, "everything is read", func() bool {
		for _, seq := range seqs(t, b, event.Query{After: after, Limit: 5}) {
			if seq != after+1 {
				t.Errorf("fact %d after %d", seq, after)
			}
			after = seq
		}
		return after == int64(want)
	})
	wg.Wait()
}

var errUndone = errors.New("undone")

func TestReplicasFireTimersAndHandleFactsOnce(t *testing.T) {
	a, b := pair(t)
	const n = 30
	now := func() time.Time { return t0 }
	timers := store.Timers{"t": func(ctx context.Context, tx *store.Tx, j job.Job, _ time.Time) error {
		return tx.Append(ctx, event.Event{Kind: "fired", At: t0, Subject: j.Key})
	}}
	handlers := store.Handlers{"fired": func(ctx context.Context, tx *store.Tx, e event.Event, _ time.Time) error {
		return tx.Append(ctx, event.Event{Kind: "handled", At: t0, Subject: e.Subject})
	}}
	for _, db := range []*store.DB{a, b} {
		background(t, func(ctx context.Context) error { return db.RunTimers(ctx, timers, now, storetest.Quiet) })
		background(t, func(ctx context.Context) error { return db.Follow(ctx, "f", handlers, now, storetest.Quiet) })
	}
	for i := range n {
		update(t, a, func(ctx context.Context, tx *store.Tx) error {
			return tx.Enqueue(ctx, job.New("t", fmt.Sprint(i), t0, nil))
		})
	}
	handled := func() map[string]int {
		es, err := b.Events(t.Context(), event.Query{Kinds: []string{"handled"}})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]int{}
		for _, e := range es {
			out[e.Subject]++
		}
		return out
	}
	eventually(t, "everything is handled", func() bool { return len(handled()) == n })
	for key, times := range handled() {
		if times != 1 {
			t.Errorf("timer %s was handled %d times", key, times)
		}
	}
}

func TestReplicasDoATaskOnceAndTakeOverFromTheDead(t *testing.T) {
	a, b := pair(t)
	var offset atomic.Int64 // the clock of both replicas
	now := func() time.Time { return t0.Add(time.Duration(offset.Load())) }
	var done sync.Map
	tasks := job.Tasks{"k": func(_ context.Context, j job.Job) error {
		if _, twice := done.LoadOrStore(j.Key, true); twice {
			t.Errorf("task %s was done twice", j.Key)
		}
		return nil
	}}
	// A third replica takes one and dies.
	update(t, a, func(ctx context.Context, tx *store.Tx) error { return tx.Enqueue(ctx, job.New("k", "lost", t0, nil)) })
	update(t, a, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Claim(ctx, []string{"k"}, t0, t0.Add(15*time.Second), 1)
		return err
	})
	for _, db := range []*store.DB{a, b} {
		background(t, func(ctx context.Context) error { return db.RunTasks(ctx, tasks, 3, now, storetest.Quiet) })
	}
	for i := range 20 {
		update(t, a, func(ctx context.Context, tx *store.Tx) error {
			return tx.Enqueue(ctx, job.New("k", fmt.Sprint(i), t0, nil))
		})
	}
	count := func() int {
		n := 0
		done.Range(func(any, any) bool { n++; return true })
		return n
	}
	eventually(t, "twenty tasks, written down too", func() bool {
		waiting := 0
		err := a.View(t.Context(), func(tx *store.Tx) (err error) { waiting, err = store.Waiting(t.Context(), tx, "k"); return err })
		return err == nil && waiting == 1 && count() == 20
	})
	if _, early := done.Load("lost"); early {
		t.Error("a task was taken from a replica that may be alive")
	}
	offset.Store(int64(16 * time.Second))
	eventually(t, "the lost task", func() bool { return count() == 21 })
}

func TestReplicasStartTogether(t *testing.T) {
	dsn := storetest.Postgres(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			db, err := store.Open(t.Context(), dsn)
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestSecretIsTheSameForReplicasThatStartTogether(t *testing.T) {
	a, b := pair(t)
	got := make([]string, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			var err error
			if got[i], err = []*store.DB{a, b}[i%2].Secret(t.Context(), "key", fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range got {
		if s != got[0] {
			t.Errorf("secrets differ: %v", got)
		}
	}
}

// A caller that gives up in the middle of a statement must not break the transaction that others' changes are in.
func TestCallerThatLeavesDoesNotBreakTheOthersInItsBatch(t *testing.T) {
	dsn := storetest.Postgres(t)
	db := storetest.Open(t, dsn)
	update(t, db, func(ctx context.Context, tx *store.Tx) error {
		return tx.SaveAccount(ctx, store.Account{Name: "locked"})
	})
	raw := storetest.SQL(t, dsn)
	blocker, err := raw.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := blocker.Exec("update accounts set role = 'x' where name = 'locked'"); err != nil {
		t.Fatal(err)
	}

	var wg sync.WaitGroup
	begun, let := make(chan struct{}), make(chan struct{})
	wg.Go(func() {
		_ = db.Update(t.Context(), func(*store.Tx) error { close(begun); <-let; return nil })
	})
	<-begun // the writer is busy: what comes now is one batch
	ctx, leave := context.WithCancel(t.Context())
	var left, stayed error
	wg.Go(func() {
		left = db.Update(ctx, func(tx *store.Tx) error { return tx.SaveAccount(ctx, store.Account{Name: "locked", Role: "y"}) })
	})
	eventually(t, "one waits", func() bool { return db.Queued() == 1 })
	wg.Go(func() {
		stayed = db.Update(t.Context(), func(tx *store.Tx) error { return tx.SaveAccount(t.Context(), store.Account{Name: "other"}) })
	})
	eventually(t, "two wait", func() bool { return db.Queued() == 2 })
	close(let)
	eventually(t, "the statement waits for the lock", func() bool {
		var n int
		err := raw.QueryRow("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like 'insert into accounts%'").Scan(&n)
		return err == nil && n > 0
	})
	leave()
	if err := blocker.Rollback(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if stayed != nil {
		t.Errorf("the one who stayed got %v", stayed)
	}
	if left != nil {
		t.Errorf("the one who left got %v, though its change was done", left)
	}
}

// columns returns every column of every table and every index, as the database itself describes them.
func columns(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.ToLower(s))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func TestBothDatabasesHaveTheSameSchema(t *testing.T) {
	dsn := storetest.Postgres(t)
	storetest.Open(t, dsn)
	pg := storetest.SQL(t, dsn)
	path := storetest.SQLite(t)
	storetest.Open(t, path)
	lite, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	defer lite.Close()

	got := columns(t, lite, `select m.name || '.' || p.name || ' ' || p.type from sqlite_master m, pragma_table_info(m.name) p
		where m.type = 'table' and m.name not like 'sqlite_%' and m.name not like 'goose%'`)
	want := columns(t, pg, `select table_name || '.' || column_name || ' ' || data_type from information_schema.columns
		where table_schema = current_schema() and table_name not like 'goose%'`)
	if !slices.Equal(got, want) {
		t.Errorf("columns differ:\nSQLite     %v\nPostgreSQL %v", got, want)
	}
	if len(got) < 50 {
		t.Errorf("only %d columns were compared", len(got))
	}

	lines := func(list []string) map[string]bool {
		out := map[string]bool{}
		for _, s := range list {
			out[s] = true
		}
		return out
	}
	gotIndex := lines(columns(t, lite, `select name from sqlite_master where type = 'index' and name not like 'sqlite_%' and tbl_name not like 'goose%'`))
	wantIndex := lines(columns(t, pg, `select indexname from pg_indexes where schemaname = current_schema() and tablename not like 'goose%'
		and indexname not like '%_pkey' and indexname not like '%_key'`))
	delete(gotIndex, "jobs_key") // named like a constraint of PostgreSQL, and checked by the conflict tests
	if !maps.Equal(gotIndex, wantIndex) {
		t.Errorf("indexes differ:\nSQLite     %v\nPostgreSQL %v", gotIndex, wantIndex)
	}
}
