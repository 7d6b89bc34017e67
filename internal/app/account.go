package app

import (
	"context"

	"nightkeeper/internal/edge/auth"
	"nightkeeper/internal/edge/web/api"
	"nightkeeper/internal/edge/web/ui"
)

// accountAPI is auth as the API sees it.
type accountAPI struct{ a *App }

func (x accountAPI) line(a auth.Account) api.Account {
	return api.Account{Name: a.Name, Role: a.Role, Person: x.a.Catalog().People[a.Name] != nil, Password: a.Password != "", Created: a.Created, Disabled: a.Disabled, Seen: a.Seen}
}

func (x accountAPI) invite(i auth.Invite, err error) (api.Invite, error) {
	if err != nil {
		return api.Invite{}, err
	}
	return api.Invite{Account: x.line(i.Account), Link: x.a.BaseURL() + "/welcome/" + i.Secret, Expires: i.Expires}, nil
}

func (x accountAPI) Accounts(ctx context.Context) (out []api.Account, err error) {
	as, err := x.a.auth.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	sessions, err := x.a.auth.Sessions(ctx)
	for _, a := range as {
		line := x.line(a)
		line.Sessions = sessions[a.Name]
		out = append(out, line)
	}
	return out, err
}

func (x accountAPI) EndSessions(ctx context.Context, by, name string) (api.Account, error) {
	a, err := x.a.auth.EndSessions(ctx, by, name)
	return x.line(a), err
}

func (x accountAPI) Add(ctx context.Context, by, name, role string) (api.Invite, error) {
	return x.invite(x.a.auth.Add(ctx, by, name, role))
}

func (x accountAPI) Invite(ctx context.Context, by, name string) (api.Invite, error) {
	return x.invite(x.a.auth.Invite(ctx, by, name))
}

func (x accountAPI) SetRole(ctx context.Context, by, name, role string) (api.Account, error) {
	a, err := x.a.auth.SetRole(ctx, by, name, role)
	return x.line(a), err
}

func (x accountAPI) SetDisabled(ctx context.Context, by, name string, disabled bool) (api.Account, error) {
	a, err := x.a.auth.SetDisabled(ctx, by, name, disabled)
	return x.line(a), err
}

// accountPages is auth as the pages see it; it answers what the API does.
type accountPages struct{ accountAPI }

func (x accountPages) Accounts(ctx context.Context) (out []ui.Account, err error) {
	as, err := x.accountAPI.Accounts(ctx)
	for _, a := range as {
		out = append(out, ui.Account(a))
	}
	return out, err
}

func (x accountPages) Add(ctx context.Context, by, name, role string) (ui.Invite, error) {
	i, err := x.accountAPI.Add(ctx, by, name, role)
	return ui.Invite{Name: i.Account.Name, Link: i.Link, Expires: i.Expires}, err
}

func (x accountPages) Invite(ctx context.Context, by, name string) (ui.Invite, error) {
	i, err := x.accountAPI.Invite(ctx, by, name)
	return ui.Invite{Name: i.Account.Name, Link: i.Link, Expires: i.Expires}, err
}

func (x accountPages) SetRole(ctx context.Context, by, name, role string) error {
	_, err := x.accountAPI.SetRole(ctx, by, name, role)
	return err
}

func (x accountPages) SetDisabled(ctx context.Context, by, name string, disabled bool) error {
	_, err := x.accountAPI.SetDisabled(ctx, by, name, disabled)
	return err
}

func (x accountPages) EndSessions(ctx context.Context, by, name string) error {
	_, err := x.accountAPI.EndSessions(ctx, by, name)
	return err
}
