package apptest

import (
	"path/filepath"
	"time"

	"nightkeeper/internal/edge/auth"
	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/id"
)

// Token makes a token with scopes, straight in the database of the running program, and returns its secret.
func (w *World) Token(scope string) string {
	w.T.Helper()
	db, err := store.Open(w.T.Context(), filepath.Join(w.Data, "nightkeeper.db"))
	if err != nil {
		w.T.Fatal(err)
	}
	defer db.Close()
	secret := id.Secret()
	err = db.Update(w.T.Context(), func(tx *store.Tx) error {
		return tx.SaveToken(w.T.Context(), store.Token{ID: id.New("tok", time.Now()), Hash: auth.Hash(secret), Name: scope, Account: "admin", Scope: scope})
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return secret
}
