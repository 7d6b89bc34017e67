package app

import (
	"context"

	"nightkeeper/internal/edge/auth"
	"nightkeeper/internal/edge/web/api"
)

// accountAPI is auth as the API sees it.
type accountAPI struct{ a *App }

func (x accountAPI) line(a auth.Account) api.Account {
	return api.Account{Name: a.Name, Role: a.Role, Person: x.a.Catalog().People[a.Name] != nil, Password: a.Password != "", Created: a.Created, Disabled: a.Disabled}
}

func (x accountAPI) invite(i auth.Invite, err error) (api.Invite, error) {
	if err != nil {
		return api.Invite{}, err
	}
	return api.Invite{Account: x.line(i.Account), Link: x.a.BaseURL() + "/welcome/" + i.Secret, Expires: i.Expires}, nil
}

func (x accountAPI) Accounts(ctx context.Context) (out []api.Account, err error) {
	as, err := x.a.auth.Accounts(ctx)
	for _, a := range as {
		out = append(out, x.line(a))
	}
	return out, err
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
