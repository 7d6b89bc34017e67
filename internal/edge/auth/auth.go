// Package auth says who somebody is: local accounts with argon2id passwords, sessions, and API tokens of which only the
// hash is kept. It decides nothing about incidents; what a role or a scope may do is one table here.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
)

// User is somebody who is signed in, or a program with a token.
type User struct {
	Name  string
	Role  string   // admin, responder or viewer
	Scope []string // of a token; empty for a person
	Token string   // name of the token; empty for a person
}

// Roles in order of what they may do.
const (
	Admin     = "admin"
	Responder = "responder"
	Viewer    = "viewer"
)

// Scopes of tokens.
const (
	Read    = "read"    // look
	Respond = "respond" // acknowledge, note, approve, run
	Gate    = "gate"    // ask the gate, report deploys
	Intake  = "intake"  // send telemetry
	All     = "admin"   // everything
)

// May reports whether a user may do what the scope names.
func (u User) May(scope string) bool {
	if len(u.Scope) > 0 {
		for _, s := range u.Scope {
			if s == All || s == scope || (scope == Read && (s == Respond || s == Gate)) {
				return true
			}
		}
		return false
	}
	switch u.Role {
	case Admin:
		return true
	case Responder:
		return scope != All
	}
	return scope == Read
}

// Account is a local account. Password is an encoded argon2id hash.
type Account struct {
	Name, Password, Role string
	Created              time.Time
	Disabled             time.Time // zero when it may sign in
	Seen                 time.Time // when somebody was last signed in with it, to seenEvery; zero: never
}

// Token is an API token; the secret itself is not kept.
type Token struct {
	ID, Hash, Name, Account, Scope string
	Created, Used                  time.Time
}

// Store keeps accounts, sessions and tokens. Every lookup of something absent is an error with code not_found.
type Store interface {
	Accounts(ctx context.Context) ([]Account, error)
	Account(ctx context.Context, name string) (Account, error)
	SaveAccount(ctx context.Context, a Account) error
	// SawAccount writes when somebody was signed in with an account.
	SawAccount(ctx context.Context, name string, at time.Time) error
	// Sessions returns how many sessions of each account have not expired.
	Sessions(ctx context.Context, now time.Time) (map[string]int, error)
	Session(ctx context.Context, hash string, now time.Time) (account string, err error)
	SaveSession(ctx context.Context, hash, account string, expires time.Time) error
	DropSession(ctx context.Context, hash string) error
	// Trim removes what has expired.
	Trim(ctx context.Context, now time.Time) error
	Tokens(ctx context.Context) ([]Token, error)
	TokenByHash(ctx context.Context, hash string) (Token, error)
	// SawToken writes when a token was used; one that was dropped meanwhile stays dropped.
	SawToken(ctx context.Context, id string, at time.Time) error
	// Link returns the account of a link to set its password that is still good.
	Link(ctx context.Context, hash string, now time.Time) (account string, err error)
	// Update runs fn in one transaction.
	Update(ctx context.Context, fn func(tx Tx) error) error
}

// Tx changes accounts, with the fact that says so.
type Tx interface {
	event.Appender
	Accounts(ctx context.Context) ([]Account, error)
	Account(ctx context.Context, name string) (Account, error)
	SaveAccount(ctx context.Context, a Account) error
	DropSessions(ctx context.Context, account string) error
	SaveLink(ctx context.Context, hash, account string, expires time.Time) error
	Link(ctx context.Context, hash string, now time.Time) (account string, err error)
	DropLinks(ctx context.Context, account string) error
	Tokens(ctx context.Context) ([]Token, error)
	SaveToken(ctx context.Context, t Token) error
	DropToken(ctx context.Context, id string) error
}

// Service signs people in. It is safe for concurrent use.
type Service struct {
	store Store
	now   func() time.Time
	log   *slog.Logger
	hash  chan struct{} // at most two password hashes at a time: each takes 19 MiB
	guard guard
}

// New returns a service.
func New(store Store, now func() time.Time, log *slog.Logger) *Service {
	return &Service{store: store, now: now, log: log, hash: make(chan struct{}, 2), guard: newGuard()}
}

// sessionLength is how long a sign-in lasts.
const sessionLength = 14 * 24 * time.Hour

// seenEvery is how exactly it is known when somebody was here last.
const seenEvery = 10 * time.Minute

// Any reports whether there is an account.
func (s *Service) Any(ctx context.Context) (bool, error) {
	as, err := s.store.Accounts(ctx)
	return len(as) > 0, err
}

// First makes the first account when there is none, with the given password or a fresh one, which is returned. made is
// false when accounts exist already.
func (s *Service) First(ctx context.Context, name, password string) (secret string, made bool, err error) {
	as, err := s.store.Accounts(ctx)
	if err != nil || len(as) > 0 {
		return "", false, err
	}
	if password == "" {
		password = id.Secret()[:20]
	}
	enc, err := s.encode(ctx, password)
	if err != nil {
		return "", false, err
	}
	return password, true, s.store.SaveAccount(ctx, Account{Name: name, Password: enc, Role: Admin, Created: s.now()})
}

// SignIn checks a password and returns the secret of a session.
func (s *Service) SignIn(ctx context.Context, name, password, remote string) (string, time.Time, error) {
	now := s.now()
	t, ok := s.guard.try(name, remote, now)
	if !ok {
		return "", time.Time{}, errs.New(errs.Denied, "too many failed sign-ins; try again in five minutes")
	}
	if err := pause(ctx, t.delay); err != nil {
		return "", time.Time{}, err
	}
	a, err := s.store.Account(ctx, name)
	if err != nil && !errs.Is(err, errs.NotFound) {
		s.guard.forgive(t)
		return "", time.Time{}, err
	}
	ok, err = s.verify(ctx, a.Password, password)
	if err != nil {
		s.guard.forgive(t)
		return "", time.Time{}, err
	}
	if ok = ok && a.Disabled.IsZero(); ok {
		s.guard.welcome(t)
	} else {
		s.log.Warn("sign-in refused", "account", name, "remote", remote)
		return "", time.Time{}, errs.New(errs.Denied, "name or password is wrong")
	}
	secret, expires := id.Secret(), now.Add(sessionLength)
	return secret, expires, s.store.SaveSession(ctx, Hash(secret), a.Name, expires)
}

// SignOut ends a session.
func (s *Service) SignOut(ctx context.Context, secret string) error {
	return s.store.DropSession(ctx, Hash(secret))
}

// Trim removes what has expired and would only take space: browsers that never come back do not sign out.
func (s *Service) Trim(ctx context.Context) error { return s.store.Trim(ctx, s.now()) }

// Who returns who a session belongs to, or an error with code denied.
func (s *Service) Who(ctx context.Context, secret string) (User, error) {
	name, err := s.store.Session(ctx, Hash(secret), s.now())
	if errs.Is(err, errs.NotFound) {
		return User{}, errs.New(errs.Denied, "please sign in")
	}
	if err != nil {
		return User{}, err
	}
	a, err := s.store.Account(ctx, name)
	if err != nil || !a.Disabled.IsZero() {
		return User{}, errs.New(errs.Denied, "please sign in")
	}
	if now := s.now(); now.Sub(a.Seen) > seenEvery {
		// Who is signed in must not depend on whether this can be written.
		if err := s.store.SawAccount(ctx, a.Name, now); err != nil {
			s.log.Warn("note who was seen", "account", a.Name, "error", err)
		}
	}
	return User{Name: a.Name, Role: a.Role}, nil
}

// Bearer returns who a token belongs to, or an error with code denied.
func (s *Service) Bearer(ctx context.Context, secret string) (User, error) {
	t, err := s.store.TokenByHash(ctx, Hash(secret))
	if errs.Is(err, errs.NotFound) {
		return User{}, errs.New(errs.Denied, "the token is not valid")
	}
	if err != nil {
		return User{}, err
	}
	if a, err := s.store.Account(ctx, t.Account); errs.Is(err, errs.NotFound) || (err == nil && !a.Disabled.IsZero()) {
		return User{}, errs.New(errs.Denied, "the account %s, which made this token, is disabled", t.Account)
	} else if err != nil {
		return User{}, err
	}
	if now := s.now(); now.Sub(t.Used) > time.Hour {
		// When a token was used last is for people who tidy up: a database that cannot be written locks nobody out for it.
		if err := s.store.SawToken(ctx, t.ID, now); err != nil {
			s.log.Warn("last use of a token not written", "token", t.Name, "error", err)
		}
	}
	return User{Name: t.Account, Scope: strings.Fields(t.Scope), Token: t.Name}, nil
}

// CreateToken makes a token with space-separated scopes and returns its secret, which is shown once.
func (s *Service) CreateToken(ctx context.Context, by User, name, scope string) (string, error) {
	for _, sc := range strings.Fields(scope) {
		switch sc {
		case Read, Respond, Gate, Intake, All:
		default:
			return "", errs.New(errs.Invalid, "%q is not a scope; the scopes are read, respond, gate, intake and admin", sc)
		}
		if !by.May(sc) {
			return "", errs.New(errs.Denied, "you may not give away the scope %s", sc)
		}
	}
	if strings.TrimSpace(name) == "" || strings.TrimSpace(scope) == "" {
		return "", errs.New(errs.Invalid, "a token has a name and at least one scope")
	}
	secret, now := "nk_"+id.Secret(), s.now()
	t := Token{ID: id.New("tok", now), Hash: Hash(secret), Name: name, Account: by.Name, Scope: scope, Created: now}
	err := s.store.Update(ctx, func(tx Tx) error {
		if err := tx.SaveToken(ctx, t); err != nil {
			return err
		}
		return tx.Append(ctx, tokenFact(KindIssued, now, by.Name, t, "made"))
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// Tokens returns all tokens, without secrets.
func (s *Service) Tokens(ctx context.Context) ([]Token, error) { return s.store.Tokens(ctx) }

// DropToken ends a token; one that does not exist is no error.
func (s *Service) DropToken(ctx context.Context, by, tokenID string) error {
	now := s.now()
	return s.store.Update(ctx, func(tx Tx) error {
		all, err := tx.Tokens(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(t Token) bool { return t.ID == tokenID })
		if i < 0 {
			return nil
		}
		if err := tx.DropToken(ctx, tokenID); err != nil {
			return err
		}
		return tx.Append(ctx, tokenFact(KindRevoked, now, by, all[i], "ended"))
	})
}

func tokenFact(kind string, now time.Time, by string, t Token, did string) event.Event {
	return event.New(kind, now, by, t.ID, fmt.Sprintf("%s %s the API token %q of %s with the scope %s", by, did, t.Name, t.Account, t.Scope),
		map[string]string{"token": t.Name, "account": t.Account, "scope": t.Scope})
}

// Hash returns the SHA-256 of a secret of 256 random bits, in hex: what is kept of sessions and tokens.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Parameters of argon2id as OWASP recommends them: 19 MiB, two passes, one lane.
const (
	argonMemory = 19 * 1024
	argonTime   = 2
	argonLanes  = 1
)

func (s *Service) encode(ctx context.Context, password string) (string, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("salt: %w", err)
	}
	key, err := s.derive(ctx, password, salt)
	if err != nil {
		return "", err
	}
	return base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(key), nil
}

func (s *Service) derive(ctx context.Context, password string, salt []byte) ([]byte, error) {
	select {
	case s.hash <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.hash }()
	return argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, 32), nil
}

// verify takes as long for an account that does not exist as for a wrong password.
func (s *Service) verify(ctx context.Context, encoded, password string) (bool, error) {
	saltText, keyText, _ := strings.Cut(encoded, "$")
	salt, err1 := base64.RawStdEncoding.DecodeString(saltText)
	want, err2 := base64.RawStdEncoding.DecodeString(keyText)
	got, err := s.derive(ctx, password, salt)
	if err != nil {
		return false, err
	}
	return err1 == nil && err2 == nil && len(want) == len(got) && subtle.ConstantTimeCompare(got, want) == 1, nil
}
