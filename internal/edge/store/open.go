package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"nightkeeper/internal/kit/errs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// dialect is everything in which the two databases differ.
type dialect struct {
	name      string
	goose     goose.Dialect
	writeLock string // statement that makes this transaction the only writer; empty when there is only one connection
	skip      string // appended to a select that claims rows
	mentions  string // condition that a document has a piece of ASCII text in it, without regard to case
	prepare   bool   // whether statements that are run again are prepared; pgx does so itself

	poll time.Duration // how long a worker sleeps at most: what other replicas did is noticed by then
}

var (
	sqliteDialect   = dialect{name: "sqlite", goose: goose.DialectSQLite3, mentions: "mentions(doc, $%d)", prepare: true, poll: time.Second}
	postgresDialect = dialect{name: "postgres", goose: goose.DialectPostgres, writeLock: "select pg_advisory_xact_lock(7274496)", skip: " for update skip locked", poll: 250 * time.Millisecond, mentions: "doc::text ilike '%%' || $%d || '%%'"}
)

// DB is an open store. It is safe for concurrent use.
type DB struct {
	dialect dialect
	write   *sql.DB
	read    *sql.DB
	again   *statements // of SQLite's connection that writes; only the writer touches it

	queue  chan *update
	stop   chan struct{}
	done   chan struct{}
	closed sync.Once
	wake   *signal // told after each commit
	bells  bells
	outage outage
}

// Open opens the store at dsn: a postgres:// URL, or the path of an SQLite file. It applies the migrations that are
// missing and fails with code unavailable when the database cannot be reached.
func Open(ctx context.Context, dsn string) (*DB, error) {
	db := &DB{queue: make(chan *update, 1024), stop: make(chan struct{}), done: make(chan struct{}), wake: newSignal()}
	var err error
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		err = db.openPostgres(dsn)
	} else {
		err = db.openSQLite(dsn)
	}
	if err != nil {
		return nil, err
	}
	if err := db.migrate(ctx); err != nil {
		db.write.Close()
		db.read.Close()
		return nil, err
	}
	go db.writer()
	return db, nil
}

func (db *DB) openPostgres(dsn string) (err error) {
	db.dialect = postgresDialect
	if db.write, err = sql.Open("pgx", dsn); err != nil {
		return errs.Wrap(err, errs.Invalid, "the database URL cannot be read; write postgres://user:password@host/database")
	}
	db.write.SetMaxOpenConns(2)
	if db.read, err = sql.Open("pgx", dsn); err != nil {
		return errs.Wrap(err, errs.Invalid, "the database URL cannot be read; write postgres://user:password@host/database")
	}
	db.read.SetMaxOpenConns(8)
	return nil
}

func (db *DB) openSQLite(path string) (err error) {
	db.dialect = sqliteDialect
	abs, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("path of the database: %w", err)
	}
	base := "file:" + (&url.URL{Path: abs}).EscapedPath() +
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_dqs=0"
	// What a rollback needs stays in memory, and the log is moved into the file every 32 MB: pages that change all the time
	// are moved once.
	if db.write, err = sql.Open("sqlite", base+"&_txlock=immediate&_pragma=cache_size(-16000)&_pragma=temp_store(2)&_pragma=wal_autocheckpoint(8000)"); err != nil {
		return errs.Wrap(err, errs.Unavailable, "the database file %s cannot be opened", abs)
	}
	db.write.SetMaxOpenConns(1)
	if db.read, err = sql.Open("sqlite", base+"&_pragma=query_only(1)"); err != nil {
		return errs.Wrap(err, errs.Unavailable, "the database file %s cannot be opened", abs)
	}
	db.read.SetMaxOpenConns(4)
	return nil
}

func (db *DB) migrate(ctx context.Context) error {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("embedded migrations: %w", err)
	}
	var opts []goose.ProviderOption
	if db.dialect.goose == goose.DialectPostgres {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return fmt.Errorf("migration lock: %w", err)
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(db.dialect.goose, db.write, sub, opts...)
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return errs.Wrap(err, errs.Unavailable, "the database cannot be brought up to date (%s)", db.dialect.name)
	}
	return nil
}

// Close stops the writer after what it has begun and closes the database. It may be called twice.
func (db *DB) Close() error {
	var err error
	db.closed.Do(func() {
		close(db.stop)
		<-db.done
		err = errors.Join(db.write.Close(), db.read.Close())
	})
	return err
}

// Dialect returns "sqlite" or "postgres".
func (db *DB) Dialect() string { return db.dialect.name }

// isAway reports whether the database itself is in trouble: no space, no disk, locked for too long.
func isAway(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code[:min(2, len(pg.Code))] {
		case "08", "53", "57", "58": // connection, resources, shutdown, disk
			return true
		}
		return false
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, net.ErrClosed) {
		return true
	}
	var sq *sqlite.Error
	if !errors.As(err, &sq) {
		return false
	}
	switch sq.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM:
		return true
	}
	return false
}

// isFull reports whether there is no room for the database.
func isFull(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "53100"
	}
	var sq *sqlite.Error
	return errors.As(err, &sq) && sq.Code()&0xff == sqlite3.SQLITE_FULL
}

// isConflict reports whether a unique constraint refused a row.
func isConflict(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505"
	}
	var sq *sqlite.Error
	if errors.As(err, &sq) {
		return sq.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || sq.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return false
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
