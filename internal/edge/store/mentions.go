package store

import (
	"database/sql/driver"
	"strings"

	"modernc.org/sqlite"
)

// SQLite's own "like" takes several times as long to look through a document, and a search looks through 100,000.
func init() {
	sqlite.MustRegisterFunction("mentions", &sqlite.FunctionImpl{
		NArgs: 2, Deterministic: true, VolatileArgs: true,
		Scalar: func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			doc, _ := args[0].(string)
			piece, _ := args[1].(string)
			return mentions(doc, piece), nil
		},
	})
}

// mentions reports whether a piece, of ASCII alone, is in a document without regard to case.
func mentions(doc, piece string) bool {
	if piece == "" {
		return true
	}
	first := strings.ToLower(piece[:1]) + strings.ToUpper(piece[:1])
	for {
		at := strings.IndexAny(doc, first)
		if at < 0 || len(doc)-at < len(piece) {
			return false
		}
		if strings.EqualFold(doc[at:at+len(piece)], piece) {
			return true
		}
		doc = doc[at+1:]
	}
}
