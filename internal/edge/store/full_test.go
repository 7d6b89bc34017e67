package store_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
)

// What the database has no room for is refused with the reason, and taken when there is room.
func TestFullDatabaseSaysSo(t *testing.T) {
	ctx := t.Context()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "nightkeeper.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	long := strings.Repeat("x", 64<<10)
	write := func() error {
		return db.Update(ctx, func(tx *store.Tx) error {
			return tx.Append(ctx, event.New("test.happened", time.Now(), event.System, "it", long, nil))
		})
	}
	if err := store.Limit(ctx, db, 1); err != nil { // as large as it is
		t.Fatal(err)
	}
	for range 100 {
		if err = write(); err != nil {
			break
		}
	}
	if errs.CodeOf(err) != errs.Unavailable || errs.Message(err) != "the disk of the database is full" {
		t.Errorf("%v", err)
	}
	if err := db.View(ctx, func(tx *store.Tx) error { _, err := tx.Events(ctx, event.Query{Limit: 1}); return err }); err != nil {
		t.Errorf("it cannot be read: %v", err)
	}
	if err := store.Limit(ctx, db, 0); err != nil {
		t.Fatal(err)
	}
	if err := write(); err != nil {
		t.Errorf("with room: %v", err)
	}
}
