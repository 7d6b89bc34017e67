package app

import (
	"context"
	"errors"
	"time"

	httpaction "nightkeeper/internal/edge/action/http"
	"nightkeeper/internal/edge/auth"
	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/remediate"
)

// follow turns a phase's handlers into the store's: the store's transaction is every phase's.
func follow[T any](in event.Handlers[T]) store.Handlers {
	out := store.Handlers{}
	for kind, h := range in {
		out[kind] = func(ctx context.Context, tx *store.Tx, e event.Event, now time.Time) error {
			return h(ctx, any(tx).(T), e, now)
		}
	}
	return out
}

// people returns handlers that leave out what only tries the way from an alert to a person: that is no incident.
func people(in store.Handlers) store.Handlers {
	out := store.Handlers{}
	for kind, h := range in {
		out[kind] = func(ctx context.Context, tx *store.Tx, e event.Event, now time.Time) error {
			if detect.GroupID(e.Group).Synthetic() {
				return nil
			}
			return h(ctx, tx, e, now)
		}
	}
	return out
}

// timers adds a phase's timers to the store's.
func timers[T any](all store.Timers, in job.Timers[T]) {
	for kind, h := range in {
		all[kind] = func(ctx context.Context, tx *store.Tx, j job.Job, now time.Time) error {
			return h(ctx, any(tx).(T), j, now)
		}
	}
}

// scriptHTTP makes the requests of runbooks through the guarded action.
type scriptHTTP struct{ action *httpaction.Action }

func (s scriptHTTP) Do(ctx context.Context, r remediate.Request) (remediate.Response, error) {
	resp, err := s.action.Do(ctx, httpaction.Request{Method: r.Method, URL: r.URL, Headers: r.Headers, Body: r.Body, Key: r.Key})
	if errors.Is(err, httpaction.ErrNoAnswer) {
		return remediate.Response{}, errors.Join(remediate.ErrNoAnswer, err)
	}
	return remediate.Response{Status: resp.Status, Body: resp.Body}, err
}

// accounts keeps accounts, sessions and tokens in the store.
type accounts struct{ db *store.DB }

func (a accounts) Accounts(ctx context.Context) (out []auth.Account, err error) {
	err = a.db.View(ctx, func(t *store.Tx) error {
		as, err := t.Accounts(ctx)
		for _, x := range as {
			out = append(out, auth.Account(x))
		}
		return err
	})
	return out, err
}

func (a accounts) Account(ctx context.Context, name string) (out auth.Account, err error) {
	err = a.db.View(ctx, func(t *store.Tx) error {
		x, err := t.Account(ctx, name)
		out = auth.Account(x)
		return err
	})
	return out, err
}

func (a accounts) SaveAccount(ctx context.Context, x auth.Account) error {
	return a.db.Update(ctx, func(t *store.Tx) error { return t.SaveAccount(ctx, store.Account(x)) })
}

func (a accounts) SawAccount(ctx context.Context, name string, at time.Time) error {
	return a.db.Update(ctx, func(t *store.Tx) error { return t.SawAccount(ctx, name, at) })
}

func (a accounts) Sessions(ctx context.Context, now time.Time) (out map[string]int, err error) {
	err = a.db.View(ctx, func(t *store.Tx) error {
		out, err = t.Sessions(ctx, now)
		return err
	})
	return out, err
}

func (a accounts) Session(ctx context.Context, hash string, now time.Time) (account string, err error) {
	err = a.db.View(ctx, func(t *store.Tx) error {
		account, err = t.Session(ctx, hash, now)
		return err
	})
	return account, err
}

func (a accounts) SaveSession(ctx context.Context, hash, account string, expires time.Time) error {
	return a.db.Update(ctx, func(t *store.Tx) error { return t.SaveSession(ctx, hash, account, expires) })
}

func (a accounts) DropSession(ctx context.Context, hash string) error {
	return a.db.Update(ctx, func(t *store.Tx) error { return t.DropSession(ctx, hash) })
}

func (a accounts) Trim(ctx context.Context, now time.Time) error {
	return a.db.Update(ctx, func(t *store.Tx) error { return errors.Join(t.TrimSessions(ctx, now), t.TrimLinks(ctx, now)) })
}

func (a accounts) Link(ctx context.Context, hash string, now time.Time) (account string, err error) {
	err = a.db.View(ctx, func(t *store.Tx) error {
		account, err = t.Link(ctx, hash, now)
		return err
	})
	return account, err
}

func (a accounts) Update(ctx context.Context, fn func(tx auth.Tx) error) error {
	return a.db.Update(ctx, func(t *store.Tx) error { return fn(accountTx{t}) })
}

// accountTx is the store's transaction as auth sees it.
type accountTx struct{ *store.Tx }

func (t accountTx) Accounts(ctx context.Context) (out []auth.Account, err error) {
	as, err := t.Tx.Accounts(ctx)
	for _, x := range as {
		out = append(out, auth.Account(x))
	}
	return out, err
}

func (t accountTx) Account(ctx context.Context, name string) (auth.Account, error) {
	x, err := t.Tx.Account(ctx, name)
	return auth.Account(x), err
}

func (t accountTx) SaveAccount(ctx context.Context, x auth.Account) error {
	return t.Tx.SaveAccount(ctx, store.Account(x))
}

func (a accounts) Tokens(ctx context.Context) (out []auth.Token, err error) {
	err = a.db.View(ctx, func(t *store.Tx) error {
		out, err = accountTx{t}.Tokens(ctx)
		return err
	})
	return out, err
}

func (t accountTx) Tokens(ctx context.Context) (out []auth.Token, err error) {
	ts, err := t.Tx.Tokens(ctx)
	for _, x := range ts {
		out = append(out, auth.Token(x))
	}
	return out, err
}

func (t accountTx) SaveToken(ctx context.Context, x auth.Token) error {
	return t.Tx.SaveToken(ctx, store.Token(x))
}

func (a accounts) TokenByHash(ctx context.Context, hash string) (out auth.Token, err error) {
	err = a.db.View(ctx, func(t *store.Tx) error {
		x, err := t.TokenByHash(ctx, hash)
		out = auth.Token(x)
		return err
	})
	return out, err
}

func (a accounts) SawToken(ctx context.Context, id string, at time.Time) error {
	return a.db.Update(ctx, func(t *store.Tx) error { return t.SawToken(ctx, id, at) })
}
