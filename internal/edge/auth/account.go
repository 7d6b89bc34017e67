package auth

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
)

// Kinds of facts about accounts.
const (
	KindAdded    = "auth.added"    // an account was made
	KindInvited  = "auth.invited"  // a link to set its password was made
	KindEntered  = "auth.entered"  // somebody set its password with the link
	KindPromoted = "auth.promoted" // its role was changed
	KindDisabled = "auth.disabled"
	KindEnabled  = "auth.enabled"
	KindEnded    = "auth.ended"   // every session of an account was ended
	KindIssued   = "auth.issued"  // an API token was made
	KindRevoked  = "auth.revoked" // an API token was ended
)

// inviteLength is how long a link to set a password is good.
const inviteLength = 24 * time.Hour

// Lengths of a password that somebody chooses.
const (
	minPassword = 12
	maxPassword = 200
)

var accountName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)

// Invite is the secret of a link with which a person sets the password of an account, once.
type Invite struct {
	Account Account
	Secret  string
	Expires time.Time
}

// Accounts returns all accounts, by name.
func (s *Service) Accounts(ctx context.Context) ([]Account, error) { return s.store.Accounts(ctx) }

// Add makes an account without a password, and a link to set it. A name that is taken is an error with code conflict.
func (s *Service) Add(ctx context.Context, by, name, role string) (Invite, error) {
	if !accountName.MatchString(name) || name == event.System {
		return Invite{}, errs.New(errs.Invalid, "%q cannot be the name of an account; write the name of a person in the catalog: small letters, digits, and . _ - between them", name)
	}
	if err := checkRole(role); err != nil {
		return Invite{}, err
	}
	now := s.now()
	inv := newInvite(Account{Name: name, Role: role, Created: now}, now)
	return inv, s.store.Update(ctx, func(tx Tx) error {
		if _, err := tx.Account(ctx, name); !errs.Is(err, errs.NotFound) {
			if err == nil {
				err = errs.New(errs.Conflict, "there is an account %s already", name)
			}
			return err
		}
		if err := tx.SaveAccount(ctx, inv.Account); err != nil {
			return err
		}
		if err := tx.SaveLink(ctx, Hash(inv.Secret), name, inv.Expires); err != nil {
			return err
		}
		return tx.Append(ctx, fact(KindAdded, now, by, inv.Account, "%s made the account %s with the role %s", by, name, role))
	})
}

// Invite makes a fresh link for an account, for somebody who forgot the password. The password of before is good until the
// link is used.
func (s *Service) Invite(ctx context.Context, by, name string) (inv Invite, err error) {
	now := s.now()
	err = s.store.Update(ctx, func(tx Tx) error {
		a, err := tx.Account(ctx, name)
		if err != nil {
			return err
		}
		if !a.Disabled.IsZero() {
			return errs.New(errs.Conflict, "the account %s is disabled", name)
		}
		inv = newInvite(a, now)
		if err := tx.SaveLink(ctx, Hash(inv.Secret), name, inv.Expires); err != nil {
			return err
		}
		return tx.Append(ctx, fact(KindInvited, now, by, a, "%s made a link to set the password of %s", by, name))
	})
	return inv, err
}

// Invited returns whose link it is, or an error with code not_found.
func (s *Service) Invited(ctx context.Context, secret string) (name string, err error) {
	return s.store.Link(ctx, Hash(secret), s.now())
}

// SetPassword sets the password of the account that a link is for, uses the link up, and ends every session from before.
func (s *Service) SetPassword(ctx context.Context, secret, password string) (name string, err error) {
	if len(password) < minPassword || len(password) > maxPassword {
		return "", errs.New(errs.Invalid, "a password has at least %d characters and at most %d", minPassword, maxPassword)
	}
	if _, err := s.Invited(ctx, secret); err != nil { // before it costs a hash
		return "", err
	}
	enc, err := s.encode(ctx, password)
	if err != nil {
		return "", err
	}
	now := s.now()
	return name, s.store.Update(ctx, func(tx Tx) error {
		if name, err = tx.Link(ctx, Hash(secret), now); err != nil {
			return err
		}
		a, err := tx.Account(ctx, name)
		if err != nil {
			return err
		}
		a.Password = enc
		if err := tx.SaveAccount(ctx, a); err != nil {
			return err
		}
		if err := tx.DropLinks(ctx, name); err != nil {
			return err
		}
		if err := tx.DropSessions(ctx, name); err != nil {
			return err
		}
		return tx.Append(ctx, fact(KindEntered, now, name, a, "%s set a password", name))
	})
}

// SetRole changes what an account may do. The last admin stays one.
func (s *Service) SetRole(ctx context.Context, by, name, role string) (Account, error) {
	if err := checkRole(role); err != nil {
		return Account{}, err
	}
	return s.change(ctx, name, func(a *Account, now time.Time) (event.Event, bool) {
		same := a.Role == role
		a.Role = role
		return fact(KindPromoted, now, by, *a, "%s gave %s the role %s", by, name, role), !same
	})
}

// SetDisabled ends every session, link and token of an account, or lets it in again. The last admin stays.
func (s *Service) SetDisabled(ctx context.Context, by, name string, disabled bool) (Account, error) {
	return s.change(ctx, name, func(a *Account, now time.Time) (event.Event, bool) {
		if disabled == !a.Disabled.IsZero() {
			return event.Event{}, false
		}
		if disabled {
			a.Disabled = now
			return fact(KindDisabled, now, by, *a, "%s disabled the account %s", by, name), true
		}
		a.Disabled = time.Time{}
		return fact(KindEnabled, now, by, *a, "%s enabled the account %s", by, name), true
	})
}

// Sessions returns how many sessions each account has.
func (s *Service) Sessions(ctx context.Context) (map[string]int, error) {
	return s.store.Sessions(ctx, s.now())
}

// EndSessions signs an account out everywhere; its password and its tokens stay good.
func (s *Service) EndSessions(ctx context.Context, by, name string) (a Account, err error) {
	now := s.now()
	err = s.store.Update(ctx, func(tx Tx) error {
		if a, err = tx.Account(ctx, name); err != nil {
			return err
		}
		if err := tx.DropSessions(ctx, name); err != nil {
			return err
		}
		return tx.Append(ctx, fact(KindEnded, now, by, a, "%s ended every session of %s", by, name))
	})
	return a, err
}

// change writes what decide makes of an account; false is no change.
func (s *Service) change(ctx context.Context, name string, decide func(a *Account, now time.Time) (event.Event, bool)) (a Account, err error) {
	now := s.now()
	err = s.store.Update(ctx, func(tx Tx) error {
		if a, err = tx.Account(ctx, name); err != nil {
			return err
		}
		e, changed := decide(&a, now)
		if !changed {
			return nil
		}
		if err := tx.SaveAccount(ctx, a); err != nil {
			return err
		}
		all, err := tx.Accounts(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(all, func(x Account) bool { return x.Role == Admin && x.Disabled.IsZero() && x.Password != "" }) {
			return errs.New(errs.Conflict, "%s is the last admin who can sign in: make another one first", name)
		}
		if !a.Disabled.IsZero() {
			if err := tx.DropSessions(ctx, name); err != nil {
				return err
			}
			if err := tx.DropLinks(ctx, name); err != nil {
				return err
			}
		}
		return tx.Append(ctx, e)
	})
	return a, err
}

func newInvite(a Account, now time.Time) Invite { return Invite{a, id.Secret(), now.Add(inviteLength)} }

func checkRole(role string) error {
	if role != Admin && role != Responder && role != Viewer {
		return errs.New(errs.Invalid, "%q is not a role; the roles are admin, responder and viewer", role)
	}
	return nil
}

func fact(kind string, now time.Time, by string, a Account, format string, args ...any) event.Event {
	return event.New(kind, now, by, a.Name, fmt.Sprintf(format, args...), map[string]string{"account": a.Name, "role": a.Role})
}
