package store

import (
	"bytes"
	"context"
	"database/sql"
	"strings"
	"unicode/utf8"
)

// conn is a transaction as statements see it. Text goes in as both databases can hold it.
type conn struct {
	tx    *sql.Tx
	batch context.Context // set when others' changes are in it too: a caller who leaves must not break it off, which is what drivers do
	again *statements     // of the connection; nil: the driver remembers statements by itself
}

// statements are those that a connection ran before: SQLite takes as long to read a statement as to run it. What is run
// twice is prepared and kept.
type statements struct {
	conn *sql.Conn
	seen map[string]*sql.Stmt
}

// maxStatements bounds what is kept. Some statements have as many marks as there are values.
const maxStatements = 500

// prepared returns a statement that is run again, nil for one that is run for the first time.
func (s *statements) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if s == nil {
		return nil, nil
	}
	st, ok := s.seen[query]
	if !ok {
		if len(s.seen) == maxStatements {
			s.forget()
		}
		s.seen[query] = nil
		return nil, nil
	}
	if st == nil {
		var err error
		if st, err = s.conn.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		s.seen[query] = st
	}
	return st, nil
}

func (s *statements) forget() {
	for _, st := range s.seen {
		if st != nil {
			_ = st.Close() // nothing is lost with a statement
		}
	}
	clear(s.seen)
}

// begin starts a transaction of the writer. SQLite has one connection for it, which is kept with its statements.
func (db *DB) begin(ctx context.Context) (c conn, err error) {
	if !db.dialect.prepare {
		c.tx, err = db.write.BeginTx(ctx, nil)
		return c, err
	}
	if db.again == nil {
		one, err := db.write.Conn(ctx)
		if err != nil {
			return conn{}, err
		}
		db.again = &statements{conn: one, seen: map[string]*sql.Stmt{}}
	}
	if c.tx, err = db.again.conn.BeginTx(ctx, nil); err != nil {
		db.leave() // the next one gets a new connection
	}
	c.again = db.again
	return c, err
}

// leave gives the connection of the writer back.
func (db *DB) leave() {
	if db.again != nil {
		db.again.forget()
		_ = db.again.conn.Close() // it only goes back to the pool
		db.again = nil
	}
}

func (c conn) ctx(ctx context.Context) context.Context {
	if c.batch != nil {
		return c.batch
	}
	return ctx
}

// ExecContext runs a statement.
func (c conn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := c.again.prepared(c.ctx(ctx), query)
	switch {
	case err != nil:
		return nil, err
	case st != nil:
		return st.ExecContext(c.ctx(ctx), plain(args)...)
	}
	return c.tx.ExecContext(c.ctx(ctx), query, plain(args)...)
}

// QueryContext runs a query.
func (c conn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := c.again.prepared(c.ctx(ctx), query)
	switch {
	case err != nil:
		return nil, err
	case st != nil:
		return st.QueryContext(c.ctx(ctx), plain(args)...)
	}
	return c.tx.QueryContext(c.ctx(ctx), query, plain(args)...)
}

// QueryRowContext runs a query for one row.
func (c conn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if st, err := c.again.prepared(c.ctx(ctx), query); err == nil && st != nil {
		return st.QueryRowContext(c.ctx(ctx), plain(args)...)
	}
	return c.tx.QueryRowContext(c.ctx(ctx), query, plain(args)...)
}

// plain replaces what PostgreSQL refuses in text: the byte 0 and what is not UTF-8. Such text comes from log lines and
// error messages, and a page must not be lost for it.
func plain(args []any) []any {
	for i, a := range args {
		if s, ok := a.(string); ok {
			if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
				continue
			}
			args[i] = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
	return args
}

// plainJSON does the same to encoded JSON, in which the byte 0 is written as an escape.
func plainJSON(b []byte) string {
	const nul, replacement = `\u0000`, `\ufffd`
	if !bytes.Contains(b, []byte(nul)) {
		return string(b)
	}
	var out strings.Builder
	for i := 0; i < len(b); {
		switch {
		case b[i] != '\\':
			out.WriteByte(b[i])
			i++
		case bytes.HasPrefix(b[i:], []byte(nul)):
			out.WriteString(replacement)
			i += len(nul)
		default: // another escape: what follows the backslash belongs to it
			out.Write(b[i:min(i+2, len(b))])
			i += 2
		}
	}
	return out.String()
}
