package browser

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"nightkeeper/internal/edge/web/ui"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
)

// accounts are amira the admin and vera the viewer; the password is the name backwards.
type accounts struct {
	mu       sync.Mutex
	sessions map[string]ui.User
	tokens   []ui.TokenInfo
}

var users = map[string]ui.Role{"amira": ui.Admin, "tomas": ui.Responder, "vera": ui.Viewer}

func backwards(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func (a *accounts) SignIn(_ context.Context, name, password, _ string) (string, time.Time, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if users[name] == "" || password != backwards(name) {
		return "", time.Time{}, errs.New(errs.Denied, "name and password do not belong together")
	}
	secret := fmt.Sprintf("%s-%d", name, len(a.sessions))
	a.sessions[secret] = ui.User{Name: name, Role: users[name]}
	return secret, time.Now().Add(time.Hour), nil
}

func (a *accounts) SignOut(_ context.Context, secret string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.sessions, secret)
	return nil
}

func (a *accounts) Who(_ context.Context, secret string) (ui.User, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if u, ok := a.sessions[secret]; ok {
		return u, nil
	}
	return ui.User{}, errs.New(errs.NotFound, "the session is over")
}

func (a *accounts) CreateToken(_ context.Context, by ui.User, name, scope string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens = append(a.tokens, ui.TokenInfo{ID: fmt.Sprint(len(a.tokens) + 1), Name: name, Account: by.Name, Scope: scope, Created: time.Now()})
	return "nk_secret", nil
}

func (a *accounts) Tokens(context.Context) ([]ui.TokenInfo, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.tokens), nil
}

func (a *accounts) senders(context.Context) (out []detect.Token, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range a.tokens {
		if t.Scope == "intake" {
			out = append(out, detect.Token{Name: t.Name, Made: t.Created, Used: t.Used})
		}
	}
	return out, nil
}

func (a *accounts) DropToken(_ context.Context, _, id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens = slices.DeleteFunc(a.tokens, func(k ui.TokenInfo) bool { return k.ID == id })
	return nil
}

// kept is who can sign in, as the pages see it.
type kept struct {
	mu   sync.Mutex
	list []ui.Account
}

func (k *kept) Accounts(context.Context) ([]ui.Account, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Concat([]ui.Account{{Name: "amira", Role: ui.Admin, Person: true, Password: true, Seen: time.Now(), Sessions: 2},
		{Name: "vera", Role: ui.Viewer, Password: true, Disabled: time.Now()}}, k.list), nil
}

func (k *kept) Add(_ context.Context, _, name, role string) (ui.Invite, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.list = append(k.list, ui.Account{Name: name, Role: role})
	return ui.Invite{Name: name, Link: "http://nightkeeper.example/welcome/" + strings.Repeat("0123456789", 4), Expires: time.Now().Add(time.Hour)}, nil
}

func (k *kept) Invite(_ context.Context, _, name string) (ui.Invite, error) {
	return ui.Invite{}, errs.New(errs.NotFound, "there is no account %s", name)
}

func (k *kept) SetRole(context.Context, string, string, string) error   { return nil }
func (k *kept) SetDisabled(context.Context, string, string, bool) error { return nil }
func (k *kept) EndSessions(context.Context, string, string) error       { return nil }
