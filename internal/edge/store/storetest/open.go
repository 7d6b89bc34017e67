package storetest

import (
	"context"
	"database/sql"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/id"
)

// Env is the environment variable with the address of a PostgreSQL server for tests.
const Env = "NIGHTKEEPER_TEST_POSTGRES"

// Database is one of the two databases: its name, and what makes a fresh one and returns where it is.
type Database struct {
	Name string
	DSN  func(t testing.TB) string
}

// Databases returns both.
func Databases() []Database {
	return []Database{{"SQLite", SQLite}, {"PostgreSQL", Postgres}}
}

// SQLite returns the path of a fresh SQLite database.
func SQLite(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "nightkeeper.db")
}

// Postgres returns the address of a fresh schema on PostgreSQL, which is dropped at the end of the test; a database for
// each test would cost a second. Without a server the test is skipped, except in CI, where it fails.
func Postgres(t testing.TB) string {
	t.Helper()
	base := os.Getenv(Env)
	if base == "" {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not set: in CI the PostgreSQL tests must run", Env)
		}
		t.Skipf("no PostgreSQL: set %s to the address of a server", Env)
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%s: %v", Env, err)
	}
	admin := SQL(t, base)
	name := id.New("nktest", time.Now())
	if _, err := admin.ExecContext(t.Context(), "create schema "+name); err != nil {
		t.Fatalf("create a schema on PostgreSQL: %v", err)
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), "drop schema "+name+" cascade"); err != nil {
			t.Errorf("drop schema %s: %v", name, err)
		}
	})
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// SQL returns a plain connection to a PostgreSQL database, for what the store has no method for.
func SQL(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// Open opens the store at dsn and closes it at the end of the test.
func Open(t testing.TB, dsn string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Patience is how long a condition is waited for before it counts as never coming true.
const Patience = 30 * time.Second

// Quiet is a log that nobody reads.
var Quiet = slog.New(slog.DiscardHandler)
