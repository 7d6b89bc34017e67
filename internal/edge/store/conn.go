package store

import (
	"bytes"
	"context"
	"database/sql"
	"strings"
)

// conn is a transaction as statements see it. Text goes in as both databases can hold it.
type conn struct {
	tx    *sql.Tx
	batch context.Context // set when others' changes are in it too: a caller who leaves must not break it off, which is what drivers do
	again *statements     // of the batch; nil: each statement is read anew
}

// statements are those of one transaction that were run before: SQLite takes as long to read a statement as to run it. What
// is run twice is prepared, and the transaction closes it when it ends.
type statements struct{ seen map[string]*sql.Stmt }

func newStatements() *statements { return &statements{map[string]*sql.Stmt{}} }

// prepared returns a statement that is run again, nil for one that is run for the first time.
func (s *statements) prepared(ctx context.Context, tx *sql.Tx, query string) (*sql.Stmt, error) {
	if s == nil {
		return nil, nil
	}
	st, ok := s.seen[query]
	if !ok {
		s.seen[query] = nil
		return nil, nil
	}
	if st == nil {
		var err error
		if st, err = tx.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		s.seen[query] = st
	}
	return st, nil
}

func (c conn) ctx(ctx context.Context) context.Context {
	if c.batch != nil {
		return c.batch
	}
	return ctx
}

// ExecContext runs a statement.
func (c conn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := c.again.prepared(c.ctx(ctx), c.tx, query)
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
	return c.tx.QueryContext(c.ctx(ctx), query, plain(args)...)
}

// QueryRowContext runs a query for one row.
func (c conn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return c.tx.QueryRowContext(c.ctx(ctx), query, plain(args)...)
}

// plain replaces what PostgreSQL refuses in text: the byte 0 and what is not UTF-8. Such text comes from log lines and
// error messages, and a page must not be lost for it.
func plain(args []any) []any {
	for i, a := range args {
		if s, ok := a.(string); ok {
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
