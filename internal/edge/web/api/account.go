package api

import (
	"context"
	"net/http"
	"time"
)

// Account is somebody who can sign in.
type Account struct {
	Name     string    `json:"name"`
	Role     string    `json:"role"`
	Person   bool      `json:"person" doc:"whether the catalog has a person of this name, whom pages reach"`
	Password bool      `json:"password" doc:"whether a password has been set"`
	Created  time.Time `json:"created"`
	Disabled time.Time `json:"disabled,omitzero" required:"false" doc:"since when; none when it may sign in"`
	Seen     time.Time `json:"seen,omitzero" required:"false" doc:"when somebody was last signed in with it, to ten minutes; none: never"`
	Sessions int       `json:"sessions" doc:"browsers that are signed in; 0 in the answer to a change"`
}

// Invite is a link with which a person sets the password of an account, once.
type Invite struct {
	Account Account   `json:"account"`
	Link    string    `json:"link" doc:"shown this once"`
	Expires time.Time `json:"expires"`
}

// Accounts keeps who can sign in. Errors have the codes not_found for a name that does not exist, conflict for one that
// does or for the last admin, and invalid.
type Accounts interface {
	Accounts(ctx context.Context) ([]Account, error)
	Add(ctx context.Context, by, name, role string) (Invite, error)
	Invite(ctx context.Context, by, name string) (Invite, error)
	SetRole(ctx context.Context, by, name, role string) (Account, error)
	SetDisabled(ctx context.Context, by, name string, disabled bool) (Account, error)
	EndSessions(ctx context.Context, by, name string) (Account, error)
}

func (r *routes) accounts() {
	get(r, "/accounts", "Who can sign in, by name", "admin", func(ctx context.Context, _ *empty) ([]Account, error) {
		as, err := r.Accounts.Accounts(ctx)
		return orEmpty(as), err
	})
	call(r, http.MethodPost, "/accounts", "Make an account; its person sets the password with the link", "admin", func(ctx context.Context, in *struct {
		Body struct {
			Name string `json:"name" doc:"of the person in the catalog"`
			Role string `json:"role" doc:"admin, responder or viewer"`
		}
	}) (Invite, error) {
		return r.Accounts.Add(ctx, userOf(ctx).Name, in.Body.Name, in.Body.Role)
	})
	call(r, http.MethodPost, "/accounts/{name}/invite", "Make a fresh link for a forgotten password", "admin", func(ctx context.Context, in *NameIn) (Invite, error) {
		return r.Accounts.Invite(ctx, userOf(ctx).Name, in.Name)
	})
	call(r, http.MethodPut, "/accounts/{name}/role", "Change what an account may do", "admin", func(ctx context.Context, in *struct {
		NameIn
		Body struct {
			Role string `json:"role" doc:"admin, responder or viewer"`
		}
	}) (Account, error) {
		return r.Accounts.SetRole(ctx, userOf(ctx).Name, in.Name, in.Body.Role)
	})
	call(r, http.MethodPost, "/accounts/{name}/disable", "End the sessions, links and tokens of an account", "admin", func(ctx context.Context, in *NameIn) (Account, error) {
		return r.Accounts.SetDisabled(ctx, userOf(ctx).Name, in.Name, true)
	})
	call(r, http.MethodPost, "/accounts/{name}/end-sessions", "Sign an account out everywhere; its password stays good", "admin", func(ctx context.Context, in *NameIn) (Account, error) {
		return r.Accounts.EndSessions(ctx, userOf(ctx).Name, in.Name)
	})
	call(r, http.MethodPost, "/accounts/{name}/enable", "Let a disabled account in again", "admin", func(ctx context.Context, in *NameIn) (Account, error) {
		return r.Accounts.SetDisabled(ctx, userOf(ctx).Name, in.Name, false)
	})
}
