package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"nightkeeper/internal/kit/errs"
)

// Account is somebody who can sign in.
type Account struct {
	Name     string
	Password string // encoded hash
	Role     string
	Created  time.Time
	Disabled time.Time // zero when it may sign in
	Seen     time.Time // when somebody was last signed in with it; zero: never
}

// Token lets a program in. Hash is the SHA-256 of its secret, in hex.
type Token struct {
	ID, Hash, Name, Account, Scope string
	Created, Used                  time.Time
}

// Accounts returns all accounts, by name.
func (t *Tx) Accounts(ctx context.Context) ([]Account, error) {
	rows, err := t.tx.QueryContext(ctx, "select name, password, role, created, disabled, seen from accounts order by name")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Account
	for rows.Next() {
		var a Account
		var created, disabled, seen int64
		if err := rows.Scan(&a.Name, &a.Password, &a.Role, &created, &disabled, &seen); err != nil {
			return nil, err
		}
		a.Created, a.Disabled, a.Seen = fromMicros(created), fromMicros(disabled), fromMicros(seen)
		out = append(out, a)
	}
	return out, rows.Err()
}

// SaveAccount writes an account.
func (t *Tx) SaveAccount(ctx context.Context, a Account) error {
	return t.exec(ctx, `insert into accounts (name, password, role, created, disabled) values ($1,$2,$3,$4,$5)
		on conflict (name) do update set password = excluded.password, role = excluded.role, disabled = excluded.disabled`,
		a.Name, a.Password, a.Role, micros(a.Created), micros(a.Disabled))
}

// SawAccount writes when somebody was signed in with an account.
func (t *Tx) SawAccount(ctx context.Context, name string, at time.Time) error {
	return t.exec(ctx, "update accounts set seen = $2 where name = $1", name, micros(at))
}

// Sessions returns how many sessions of each account have not expired.
func (t *Tx) Sessions(ctx context.Context, now time.Time) (map[string]int, error) {
	rows, err := t.tx.QueryContext(ctx, "select account, count(*) from sessions where expires > $1 group by account", micros(now))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			return nil, err
		}
		out[name] = n
	}
	return out, rows.Err()
}

// Account returns an account or an error with code not_found.
func (t *Tx) Account(ctx context.Context, name string) (a Account, err error) {
	var created, disabled, seen int64
	err = t.tx.QueryRowContext(ctx, "select name, password, role, created, disabled, seen from accounts where name = $1", name).
		Scan(&a.Name, &a.Password, &a.Role, &created, &disabled, &seen)
	if errors.Is(err, sql.ErrNoRows) {
		return a, errs.New(errs.NotFound, "there is no account %s", name)
	}
	a.Created, a.Disabled, a.Seen = fromMicros(created), fromMicros(disabled), fromMicros(seen)
	return a, err
}

// SaveSession writes a session under the hash of its secret.
func (t *Tx) SaveSession(ctx context.Context, hash, account string, expires time.Time) error {
	return t.exec(ctx, "insert into sessions (hash, account, expires) values ($1,$2,$3)", hash, account, micros(expires))
}

// Session returns the account of a session that has not expired, or an error with code not_found.
func (t *Tx) Session(ctx context.Context, hash string, now time.Time) (account string, err error) {
	err = t.tx.QueryRowContext(ctx, "select account from sessions where hash = $1 and expires > $2", hash, micros(now)).Scan(&account)
	if errors.Is(err, sql.ErrNoRows) {
		return "", errs.New(errs.NotFound, "the session is over")
	}
	return account, err
}

// DropSession removes a session.
func (t *Tx) DropSession(ctx context.Context, hash string) error {
	return t.exec(ctx, "delete from sessions where hash = $1", hash)
}

// TrimSessions removes the sessions that have expired.
func (t *Tx) TrimSessions(ctx context.Context, now time.Time) error {
	return t.exec(ctx, "delete from sessions where expires <= $1", micros(now))
}

// DropSessions removes all sessions of an account.
func (t *Tx) DropSessions(ctx context.Context, account string) error {
	return t.exec(ctx, "delete from sessions where account = $1", account)
}

// SaveLink writes the hash of a link with which somebody sets the password of an account. It is the only one: those from
// before are no longer good.
func (t *Tx) SaveLink(ctx context.Context, hash, account string, expires time.Time) error {
	if err := t.DropLinks(ctx, account); err != nil {
		return err
	}
	return t.exec(ctx, "insert into account_links (hash, account, expires) values ($1,$2,$3)", hash, account, micros(expires))
}

// Link returns the account of a link that has not expired, or an error with code not_found.
func (t *Tx) Link(ctx context.Context, hash string, now time.Time) (account string, err error) {
	err = t.tx.QueryRowContext(ctx, "select account from account_links where hash = $1 and expires > $2", hash, micros(now)).Scan(&account)
	if errors.Is(err, sql.ErrNoRows) {
		return "", errs.New(errs.NotFound, "the link has been used or has expired")
	}
	return account, err
}

// DropLinks removes the links of an account.
func (t *Tx) DropLinks(ctx context.Context, account string) error {
	return t.exec(ctx, "delete from account_links where account = $1", account)
}

// TrimLinks removes the links that have expired.
func (t *Tx) TrimLinks(ctx context.Context, now time.Time) error {
	return t.exec(ctx, "delete from account_links where expires <= $1", micros(now))
}

// Tokens returns all tokens, by name.
func (t *Tx) Tokens(ctx context.Context) ([]Token, error) {
	rows, err := t.tx.QueryContext(ctx, "select id, hash, name, account, scope, created, used from tokens order by name, id")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Token
	for rows.Next() {
		var k Token
		var created, used int64
		if err := rows.Scan(&k.ID, &k.Hash, &k.Name, &k.Account, &k.Scope, &created, &used); err != nil {
			return nil, err
		}
		k.Created, k.Used = fromMicros(created), fromMicros(used)
		out = append(out, k)
	}
	return out, rows.Err()
}

// SaveToken writes a token that was made.
func (t *Tx) SaveToken(ctx context.Context, k Token) error {
	return t.exec(ctx, "insert into tokens (id, hash, name, account, scope, created, used) values ($1,$2,$3,$4,$5,$6,$7)", k.ID, k.Hash, k.Name, k.Account, k.Scope, micros(k.Created), micros(k.Used))
}

// SawToken writes when a token was used; one that was dropped stays dropped.
func (t *Tx) SawToken(ctx context.Context, id string, at time.Time) error {
	return t.exec(ctx, "update tokens set used = $2 where id = $1", id, micros(at))
}

// TokenByHash returns a token or an error with code not_found.
func (t *Tx) TokenByHash(ctx context.Context, hash string) (k Token, err error) {
	var created, used int64
	err = t.tx.QueryRowContext(ctx, "select id, hash, name, account, scope, created, used from tokens where hash = $1", hash).
		Scan(&k.ID, &k.Hash, &k.Name, &k.Account, &k.Scope, &created, &used)
	if errors.Is(err, sql.ErrNoRows) {
		return k, errs.New(errs.NotFound, "there is no such token")
	}
	k.Created, k.Used = fromMicros(created), fromMicros(used)
	return k, err
}

// DropToken removes a token.
func (t *Tx) DropToken(ctx context.Context, id string) error {
	return t.exec(ctx, "delete from tokens where id = $1", id)
}

// SaveSecret replaces a value that Secret keeps.
func (t *Tx) SaveSecret(ctx context.Context, name, value string) error {
	return t.exec(ctx, "insert into secrets (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value", name, value)
}

// Secret returns a value that is made once and kept: fresh is stored when there is none yet.
func (db *DB) Secret(ctx context.Context, name, fresh string) (value string, err error) {
	err = db.Update(ctx, func(t *Tx) error {
		if err := t.exec(ctx, "insert into secrets (name, value) values ($1, $2) on conflict (name) do nothing", name, fresh); err != nil {
			return err
		}
		return t.tx.QueryRowContext(ctx, "select value from secrets where name = $1", name).Scan(&value)
	})
	return value, err
}
